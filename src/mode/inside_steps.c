/* SPDX-License-Identifier: MIT */
/*
 * Calls in steps in the host's own process: the callee runs on the thread's fiber while the
 * host asks for the next event, and waits there while the host answers its upcalls.
 */
#include "mode/steps.h"

#include "error.h"
#include "inside/interrupt.h"
#include "mode/inside_call.h"
#include "os/os.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

enum { FEW_ARGUMENT_BYTES = 256 };

struct thread {
	struct sffi_thread head;
	struct fiber *fiber;
	struct invocation *spare; /* of an earlier call: most calls are made after one another */
	int fd; /* always readable: it is the host that lets the callee run; -1: not asked for */
};

struct invocation {
	struct sffi_invocation head;
	struct guest *guest;          /* instead of a call: a thread of the library's own */
	bool is_entered;
	uint64_t upcall_since;        /* while the host answers, the callee's time stands still */
	void **arguments;             /* copies of the values: `few`, or allocated */
	struct inside_call call;
	struct upcall upcall;
	struct fiber_waiting waiting; /* the callee, in an upcall */
	struct fiber_upcall told;
	_Alignas(16) char few[FEW_ARGUMENT_BYTES];
};

static struct thread *thread_of(const sffi_invocation *invocation)
{
	return (struct thread *)invocation->thread;
}

static struct invocation *self_of(sffi_invocation *invocation)
{
	return (struct invocation *)invocation;
}

/* ---- threads ------------------------------------------------------------------------- */

static sffi_status thread_new(sffi_thread **result, sffi_domain *domain)
{
	struct thread *thread = calloc(1, sizeof *thread);
	struct fiber *fiber = thread ? sffi__fiber_new(domain) : NULL;

	if (!fiber) {
		free(thread);
		return sffi__fail(SFFI_ENOMEM, "out of memory for a thread");
	}
	thread->fiber = fiber;
	thread->fd = -1;
	*result = &thread->head;
	return SFFI_OK;
}

static void thread_free(sffi_thread *handle)
{
	struct thread *thread = (struct thread *)handle;

	sffi__os_close(thread->fd);
	sffi__fiber_free(thread->fiber);
	free(thread->spare);
	free(thread);
}

static sffi_status invocation_fd(sffi_invocation *invocation, int *fd)
{
	struct thread *thread = thread_of(invocation);

	if (thread->fd < 0)
		thread->fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	*fd = thread->fd;
	return *fd < 0 ? sffi__fail_system(errno, "make an eventfd") : SFFI_OK;
}

/* ---- starting ------------------------------------------------------------------------- */

static struct invocation *take_invocation(struct thread *thread)
{
	struct invocation *self = thread->spare ? thread->spare : malloc(sizeof *self);

	thread->spare = NULL;
	if (!self)
		return NULL;
	memset(self, 0, offsetof(struct sffi_invocation, sentence));
	self->guest = NULL;
	self->is_entered = false;
	self->upcall_since = 0;
	self->arguments = NULL;
	self->call.is_begun = self->call.waits_for_turn = false;
	self->upcall.work = NULL;
	return self;
}

static void give_invocation(struct thread *thread, struct invocation *self)
{
	if (self->arguments != (void **)self->few)
		free(self->arguments);
	if (thread->spare)
		free(self);
	else
		thread->spare = self;
}

static sffi_status begin(struct invocation *self, struct thread *thread, sffi_function *function,
			 void *const *arguments)
{
	sffi_status status = sffi__arguments_copy(function, arguments, self->few, sizeof self->few,
						  &self->arguments);

	if (status)
		return status;
	self->call.function = function;
	self->call.fiber = thread->fiber;
	self->call.arguments = self->arguments;
	self->call.timeout_ms = call_timeout(function);
	self->call.deadline_ns = 0;
	self->call.in_steps = true;
	return sffi__inside_begin(&self->call, true);
}

static sffi_status start(sffi_invocation **result, sffi_thread *handle, sffi_function *function,
			 void *const *arguments)
{
	struct thread *thread = (struct thread *)handle;
	struct invocation *self = take_invocation(thread);
	sffi_status status;

	if (!self)
		return sffi__fail(SFFI_ENOMEM, "out of memory for an invocation");
	status = begin(self, thread, function, arguments);
	if (status) {
		char sentence[1024];

		snprintf(sentence, sizeof sentence, "%s", sffi_error());
		sffi__inside_end(&self->call);
		give_invocation(thread, self);
		return sffi__fail(status, "%s", sentence);
	}
	*result = &self->head;
	return SFFI_OK;
}

/* ---- what comes --------------------------------------------------------------------------- */

static void failed(struct invocation *self, sffi_status status)
{
	self->head.state = INVOCATION_FAULTED;
	self->head.status = status;
	self->head.fault = sffi_fault_retain(sffi_last_fault());
	if (!self->head.fault)
		snprintf(self->head.sentence, sizeof self->head.sentence, "%s", sffi_error());
}

static void leave_upcall(struct invocation *self)
{
	if (!self->upcall.work)
		return;
	self->upcall.work->depth--;
	sffi__upcall_end(&self->upcall);
	self->upcall.work = NULL;
}

static void refused(struct invocation *self, fiber_event event)
{
	sffi_status status = sffi__inside_refused(&self->call, event);

	sffi__set_last_fault(NULL);
	failed(self, status);
}

/* A callee that is in no thread's hands, or called what is no callback, ends like a fault. */
static void ended_by(struct invocation *self, sffi_fault_kind kind)
{
	struct fiber *fiber = thread_of(&self->head)->fiber;

	fiber->record = (struct fault_record){ .kind = kind };
	fiber->poisons = false;
	failed(self, sffi__inside_failed(&self->call, FIBER_FAULTED));
}

/* A plain function of the host has nobody else to call it. True: it was served here. */
static bool take_upcall(struct invocation *self)
{
	struct fiber *fiber = thread_of(&self->head)->fiber;
	sffi_status status;

	self->told = fiber->upcall;
	self->waiting = fiber_waits(fiber);
	self->upcall_since = self->call.deadline_ns ? sffi__os_now_ns() : 0;
	fiber->work.depth++;
	status = sffi__upcall_take(&self->upcall, &fiber->work, (uint32_t)self->told.index,
				   self->told.registers);
	if (!status && self->upcall.callback->handler) {
		self->head.state = INVOCATION_UPCALL;
		return false;
	}
	if (!status)
		sffi__upcall_run(&self->upcall);
	if (!status && !self->upcall.refused)
		status = sffi__upcall_result(&self->upcall, self->told.result);
	if (status && status != SFFI_EFAULT)
		sffi__upcall_refuse(&self->upcall, sffi_error());
	leave_upcall(self);
	if (status == SFFI_EFAULT)
		ended_by(self, SFFI_FAULT_STALE_CALLBACK);
	else if (status || self->upcall.refused)
		refused(self, FIBER_REFUSED);
	return true;
}

static fiber_event run(struct invocation *self)
{
	struct inside_call *call = &self->call;

	if (!self->is_entered) {
		self->is_entered = true;
		call->deadline_ns = sffi__deadline(call->timeout_ms);
		return sffi__inside_enter(call);
	}
	if (call->deadline_ns)
		call->deadline_ns += sffi__os_now_ns() - self->upcall_since;
	return sffi__inside_continue(call, &self->waiting);
}

/* Another thread has cancelled it, or may do so at any time from here on: what makes that
 * possible must be there before the look. */
static bool is_canceled(struct invocation *self)
{
	struct fiber *fiber = thread_of(&self->head)->fiber;

	return sffi__interrupt_arm(fiber, 0) || atomic_load(&self->head.canceled);
}

static void wait_for_event(sffi_invocation *invocation, int timeout_ms)
{
	struct invocation *self = self_of(invocation);
	struct fiber *fiber = thread_of(invocation)->fiber;
	sffi_status status;
	fiber_event event;

	/* The callee has this very thread until it gives way. */
	(void)timeout_ms;
	while (self->head.state == INVOCATION_RUNNING) {
		status = self->is_entered ? SFFI_OK : sffi__inside_try(&self->call);
		if (status) {
			failed(self, status);
			break;
		}
		if (is_canceled(self)) {
			ended_by(self, SFFI_FAULT_KILLED);
			break;
		}
		event = run(self);
		if (event == FIBER_UPCALLED) {
			if (!take_upcall(self))
				return;
		} else if (event == FIBER_REFUSED || event == FIBER_UNSHIELDED) {
			refused(self, event);
		} else if (event != FIBER_RETURNED) {
			failed(self, sffi__inside_failed(&self->call, event));
		} else {
			self->call.error = self->head.error = fiber->error;
			self->head.state = INVOCATION_RETURNED;
		}
	}
	if (self->head.state != INVOCATION_RUNNING && atomic_load(&fiber->is_canceled))
		sffi__interrupt_forget_cancel(fiber);
}

/* ---- upcalls --------------------------------------------------------------------------------- */

static void upcall(sffi_invocation *invocation, sffi_callback **callback, void *const **arguments)
{
	struct invocation *self = self_of(invocation);

	*callback = self->upcall.callback;
	*arguments = self->upcall.arguments;
}

/* A thread of the library's own goes on. */
static void answer_guest(struct invocation *self, bool has_result)
{
	struct call_result result;

	sffi__inside_answer_guest(self->guest, has_result && !sffi__upcall_result(&self->upcall, &result)
						       ? &result : NULL);
	self->guest = NULL;
	leave_upcall(self);
	self->head.state = INVOCATION_RETURNED;
}

static sffi_status answer(sffi_invocation *invocation, const void *result, const char *refusal)
{
	struct invocation *self = self_of(invocation);
	size_t size = self->upcall.callback->plan->result->size;
	sffi_status status;

	if (!refusal && size && !result)
		return sffi__fail(SFFI_EINVAL, "the callback has a result; NULL was given for it");
	if (!refusal && size)
		memcpy(self->upcall.result, result, size);
	if (self->guest) {
		answer_guest(self, !refusal);
		return SFFI_OK;
	}
	if (refusal) {
		sffi__upcall_refuse(&self->upcall, refusal);
		leave_upcall(self);
		refused(self, FIBER_REFUSED);
		return SFFI_OK;
	}
	status = sffi__upcall_result(&self->upcall, self->told.result);
	if (status)
		return status;
	leave_upcall(self);
	self->head.state = INVOCATION_RUNNING;
	return SFFI_OK;
}

/* ---- the end ------------------------------------------------------------------------------------ */

static sffi_status finish(sffi_invocation *invocation, void *result, void *const *arguments)
{
	struct invocation *self = self_of(invocation);
	struct inside_call *call = &self->call;
	sffi_status status = SFFI_OK;

	if (!invocation->function)
		return SFFI_OK;
	if (call->marshalled && arguments)
		status = sffi__marshal_move(&call->marshal, arguments);
	else if (call->marshalled)
		sffi__marshal_keep(&call->marshal);
	if (!status)
		status = sffi__inside_finish(call, result);
	if (status == SFFI_EFAULT)
		invocation->fault = sffi_fault_retain(sffi_last_fault());
	return status;
}

static sffi_status cancel(sffi_invocation *invocation)
{
	struct invocation *self = self_of(invocation);

	if (atomic_exchange(&invocation->canceled, true))
		return SFFI_OK;
	if (self->guest)
		answer_guest(self, false);
	else
		sffi__interrupt_cancel(thread_of(invocation)->fiber);
	return SFFI_OK;
}

static void end(sffi_invocation *invocation)
{
	struct invocation *self = self_of(invocation);

	if (self->upcall.work) {
		leave_upcall(self);
		sffi__inside_abandon(&self->call);
	}
	if (invocation->function)
		sffi__inside_end(&self->call);
	sffi__interrupt_forget_cancel(thread_of(invocation)->fiber);
}

static void free_invocation(sffi_invocation *invocation)
{
	struct invocation *self = self_of(invocation);

	sffi_fault_release(&self->head.fault);
	give_invocation(thread_of(invocation), self);
}

/* ---- upcalls without a call ------------------------------------------------------------------------ */

static sffi_status domain_fd(sffi_domain *domain, int *fd)
{
	return sffi__inside_guests_fd(domain->inside, fd);
}

/* The guest's upcall as an invocation on a thread of its own; NULL: it was none, or a plain
 * function's, and was served. */
static sffi_invocation *guest_invocation(sffi_domain *domain, struct guest *guest)
{
	struct invocation *self = calloc(1, sizeof *self);
	sffi_thread *thread = NULL;
	sffi_status status = SFFI_ENOMEM;

	if (self && !sffi_thread_new(&thread, domain)) {
		struct fiber *fiber = ((struct thread *)thread)->fiber;

		self->head.thread = thread;
		thread->top = &self->head;
		self->guest = guest;
		fiber->work.depth++;
		status = sffi__upcall_take(&self->upcall, &fiber->work, guest->index, guest->registers);
	}
	if (!status && self->upcall.callback->handler) {
		self->head.state = INVOCATION_UPCALL;
		return &self->head;
	}
	if (!status)
		sffi__upcall_run(&self->upcall);
	if (self && self->head.thread) {
		sffi_invocation *none = &self->head;

		answer_guest(self, !status && !self->upcall.refused);
		sffi_invocation_release(&none);
	} else {
		sffi__inside_answer_guest(guest, NULL);
		free(self);
	}
	return NULL;
}

static sffi_status domain_next(sffi_domain *domain, int timeout_ms, sffi_invocation **result)
{
	enum { LOOK_MS = 1000 };
	uint64_t end = timeout_ms > 0 ? sffi__deadline((unsigned)timeout_ms) : 0, now;
	struct pollfd poller = { .events = POLLIN };
	sffi_status status = domain_fd(domain, &poller.fd);

	while (!status && !domain->closed) {
		struct guest *guest = sffi__inside_next_guest(domain->inside);

		if (guest)
			*result = guest_invocation(domain, guest);
		now = sffi__os_now_ns();
		if (*result || (!guest && (!timeout_ms || (end && now >= end))))
			break;
		/* The domain may be closed meanwhile. */
		if (!guest)
			poll(&poller, 1, end && (end - now) / 1000000 < LOOK_MS
						 ? (int)((end - now) / 1000000) + 1 : LOOK_MS);
	}
	return status;
}

const struct step_ops sffi__inside_steps = {
	.thread_new = thread_new,
	.thread_free = thread_free,
	.start = start,
	.wait = wait_for_event,
	.fd = invocation_fd,
	.upcall = upcall,
	.answer = answer,
	.finish = finish,
	.cancel = cancel,
	.end = end,
	.free = free_invocation,
	.domain_fd = domain_fd,
	.domain_next = domain_next,
};
