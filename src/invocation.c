/* SPDX-License-Identifier: MIT */
/* Calls in steps: checks the arguments and the order of things, delegates to the mode. */
#include "domain.h"
#include "error.h"
#include "mode/steps.h"

#include <string.h>

static const struct step_ops *ops(const sffi_invocation *invocation)
{
	return invocation->thread->domain->ops->steps;
}

/* ---- threads --------------------------------------------------------------------- */

static void let_go(sffi_thread *thread)
{
	sffi_domain *domain = thread->domain;

	if (atomic_fetch_sub(&thread->references, 1) > 1)
		return;
	domain->ops->steps->thread_free(thread);
	sffi__domain_release(domain);
}

sffi_status sffi_thread_new(sffi_thread **result, sffi_domain *domain)
{
	sffi_status status;

	if (!result || !domain)
		return sffi__fail(SFFI_EINVAL, "sffi_thread_new needs a place for the thread and a domain; "
					       "it got NULL");
	*result = NULL;
	status = sffi__domain_check(domain);
	if (status)
		return status;
	status = domain->ops->steps->thread_new(result, domain);
	if (status)
		return status;
	atomic_store(&(*result)->references, 1);
	(*result)->domain = domain;
	sffi__domain_retain(domain);
	return SFFI_OK;
}

void sffi_thread_release(sffi_thread **handle)
{
	sffi_thread *thread = handle ? *handle : NULL;

	if (!thread)
		return;
	*handle = NULL;
	let_go(thread);
}

/* ---- one call ---------------------------------------------------------------------- */

static sffi_status check_start(const sffi_thread *thread, const sffi_function *function,
			       void *const *arguments)
{
	sffi_status status = sffi__function_check(function, arguments);

	if (status)
		return status;
	if (function->domain != thread->domain)
		return sffi__fail(SFFI_EINVAL, "%s is of another domain than the thread it is to run on",
				  function->name);
	if (thread->top && thread->top->state != INVOCATION_UPCALL)
		return sffi__fail(SFFI_EINVAL, "the thread is in a call of %s; start another in its upcall, "
					       "or after it was finished, or on another thread",
				  thread->top->function ? thread->top->function->name : "a function");
	return SFFI_OK;
}

sffi_status sffi_start(sffi_invocation **result, sffi_thread *thread, sffi_function *function,
		       void *const *arguments)
{
	sffi_invocation *made = NULL;
	sffi_status status;

	if (!result || !thread)
		return sffi__fail(SFFI_EINVAL, "sffi_start needs a place for the invocation and a thread; it "
					       "got NULL");
	*result = NULL;
	status = check_start(thread, function, arguments);
	if (!status)
		status = thread->domain->ops->steps->start(&made, thread, function, arguments);
	if (status)
		return status;
	atomic_fetch_add(&thread->references, 1);
	atomic_fetch_add(&function->references, 1);
	made->thread = thread;
	made->function = function;
	made->outer = thread->top;
	thread->top = made;
	*result = made;
	return SFFI_OK;
}

static sffi_status check(const sffi_invocation *invocation, const char *what)
{
	if (!invocation)
		return sffi__fail(SFFI_EINVAL, "%s needs an invocation; it got NULL", what);
	if (invocation->state == INVOCATION_FINISHED)
		return sffi__fail(SFFI_EINVAL, "the invocation is finished already");
	if (invocation->thread->top != invocation)
		return sffi__fail(SFFI_EINVAL, "a call that was started in its upcall is to be finished first");
	return SFFI_OK;
}

sffi_status sffi_next(sffi_invocation *invocation, int timeout_ms, sffi_event *event)
{
	static const sffi_event events[] = {
		[INVOCATION_RUNNING] = SFFI_PENDING,
		[INVOCATION_UPCALL] = SFFI_UPCALL,
		[INVOCATION_RETURNED] = SFFI_RETURNED,
		[INVOCATION_FAULTED] = SFFI_FAULTED,
	};
	sffi_status status = check(invocation, "sffi_next");

	if (status)
		return status;
	if (!event)
		return sffi__fail(SFFI_EINVAL, "sffi_next needs a place for the event; it got NULL");
	if (invocation->state == INVOCATION_RUNNING)
		ops(invocation)->wait(invocation, timeout_ms);
	*event = events[invocation->state];
	return SFFI_OK;
}

int sffi_invocation_fd(sffi_invocation *invocation)
{
	int fd = -1;

	if (check(invocation, "sffi_invocation_fd") || ops(invocation)->fd(invocation, &fd))
		return -1;
	return fd;
}

sffi_thread *sffi_invocation_thread(const sffi_invocation *invocation)
{
	return invocation ? invocation->thread : NULL;
}

/* ---- upcalls ------------------------------------------------------------------------- */

static sffi_status check_upcall(const sffi_invocation *invocation, const char *what)
{
	sffi_status status = check(invocation, what);

	if (!status && invocation->state != INVOCATION_UPCALL)
		status = sffi__fail(SFFI_EINVAL, "%s: the invocation has no upcall now", what);
	return status;
}

sffi_status sffi_upcall_get(sffi_invocation *invocation, sffi_callback **callback,
			    void *const **arguments)
{
	sffi_callback *called;
	void *const *values;
	sffi_status status = check_upcall(invocation, "sffi_upcall_get");

	if (status)
		return status;
	ops(invocation)->upcall(invocation, &called, &values);
	if (callback)
		*callback = called;
	if (arguments)
		*arguments = values;
	return SFFI_OK;
}

sffi_status sffi_upcall_answer(sffi_invocation *invocation, const void *result)
{
	sffi_status status = check_upcall(invocation, "sffi_upcall_answer");

	return status ? status : ops(invocation)->answer(invocation, result, NULL);
}

sffi_status sffi_upcall_refuse(sffi_invocation *invocation, const char *reason)
{
	sffi_status status = check_upcall(invocation, "sffi_upcall_refuse");

	if (status)
		return status;
	return ops(invocation)->answer(invocation, NULL, reason ? reason : "no reason given");
}

/* ---- the end ---------------------------------------------------------------------------- */

static void leave_thread(sffi_invocation *invocation)
{
	/* In the order of a stack, whenever the handles are released. */
	ops(invocation)->end(invocation);
	invocation->state = INVOCATION_FINISHED;
	invocation->thread->top = invocation->outer;
	invocation->outer = NULL;
}

sffi_status sffi_finish(sffi_invocation *invocation, void *result, void *const *arguments)
{
	sffi_status status = check(invocation, "sffi_finish");

	if (status)
		return status;
	switch (invocation->state) {
	case INVOCATION_RETURNED:
		status = ops(invocation)->finish(invocation, result, arguments);
		/* With other addresses it may be tried again. */
		if (status == SFFI_EADDRESS && arguments)
			return status;
		break;
	case INVOCATION_FAULTED:
		status = invocation->status;
		if (status == SFFI_ECANCELED)
			sffi__fail(status, "the call of %s was cancelled", invocation->function->name);
		else
			sffi__fail(status, "%s", invocation->fault
							 ? sffi_fault_get_summary(invocation->fault)
							 : invocation->sentence);
		break;
	default:
		return sffi__fail(SFFI_EINVAL, "the callee has not returned yet; ask sffi_next");
	}
	leave_thread(invocation);
	return status;
}

int sffi_invocation_errno(sffi_invocation *invocation)
{
	return invocation ? invocation->error : 0;
}

const sffi_fault *sffi_invocation_fault(sffi_invocation *invocation)
{
	return invocation ? invocation->fault : NULL;
}

sffi_status sffi_cancel(sffi_invocation *invocation)
{
	if (!invocation)
		return sffi__fail(SFFI_EINVAL, "sffi_cancel needs an invocation; it got NULL");
	/* What is not in the worker any more must not cost it its life. */
	if (invocation->state != INVOCATION_RUNNING && invocation->state != INVOCATION_UPCALL)
		return SFFI_OK;
	return ops(invocation)->cancel(invocation);
}

void sffi_invocation_release(sffi_invocation **handle)
{
	sffi_invocation *invocation = handle ? *handle : NULL;
	sffi_function *function;
	sffi_thread *thread;

	if (!invocation)
		return;
	*handle = NULL;
	thread = invocation->thread;
	function = invocation->function;
	if (invocation->state == INVOCATION_RUNNING || invocation->state == INVOCATION_UPCALL)
		ops(invocation)->cancel(invocation);
	/* What was started in its upcalls ends with it; those handles stay to be released. */
	while (invocation->state != INVOCATION_FINISHED)
		leave_thread(thread->top);
	ops(invocation)->free(invocation);
	sffi_function_release(&function);
	let_go(thread);
}

/* ---- upcalls without a call --------------------------------------------------------------- */

int sffi_domain_fd(sffi_domain *domain)
{
	int fd = -1;

	if (!domain) {
		sffi__fail(SFFI_EINVAL, "sffi_domain_fd needs a domain; it got NULL");
		return -1;
	}
	if (sffi__domain_check(domain) || domain->ops->steps->domain_fd(domain, &fd))
		return -1;
	return fd;
}

sffi_status sffi_domain_next(sffi_domain *domain, int timeout_ms, sffi_invocation **upcall)
{
	sffi_status status;

	if (!domain || !upcall)
		return sffi__fail(SFFI_EINVAL, "sffi_domain_next needs a domain and a place for the upcall; it "
					       "got NULL");
	*upcall = NULL;
	status = sffi__domain_check(domain);
	return status ? status : domain->ops->steps->domain_next(domain, timeout_ms, upcall);
}
