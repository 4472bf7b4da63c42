/* SPDX-License-Identifier: MIT */
/* One call in the host's own process, on a fiber. */
#include "mode/inside_call.h"

#include "abi/quick.h"
#include "error.h"
#include "fault/tell.h"
#include "inside/capture.h"
#include "inside/guard.h"
#include "inside/interrupt.h"
#include "inside/poison.h"
#include "inside/unwound.h"
#include "memory/result.h"
#include "os/os.h"

#include <stdlib.h>
#include <string.h>

/* ---- before --------------------------------------------------------------------------- */

static sffi_status check(const struct inside_call *call)
{
	const sffi_domain *domain = call->fiber->work.domain;
	sffi_status status;

	if (domain->ops->inside->is_guarded) {
		if (is_poisoned())
			return sffi__poison_refuse();
		status = sffi__guard_thread();
		if (status)
			return status;
	}
	if (domain->stopped)
		return sffi__fail(SFFI_ECLOSED, "the domain stopped after a fault, as its options ask "
						"(SFFI_ON_FAULT_STOP); sffi_domain_restart starts it again");
	return sffi__fiber_prepare(call->fiber);
}

/* Stack words that do not fit the frame, then the plan's memory. */
static sffi_status memory_in(struct inside_call *call)
{
	const struct abi_plan *plan = call->function->plan;
	size_t stack = plan->stack_near ? 0 : plan->stack_words * sizeof(uint64_t);
	size_t size = stack + plan->memory_size;
	uintptr_t at;

	call->block = call->few;
	if (size && size + plan->memory_alignment > sizeof call->few)
		call->block = malloc(size + plan->memory_alignment);
	if (!call->block)
		return sffi__fail(SFFI_ENOMEM, "out of memory for the arguments of %s",
				  call->function->name);
	at = (uintptr_t)call->block + stack;
	call->memory = (char *)((at + plan->memory_alignment - 1) & ~(uintptr_t)(plan->memory_alignment - 1));
	return SFFI_OK;
}

static sffi_status marshal_in(struct inside_call *call)
{
	size_t count = call->function->type->count;
	const void **images = call->few_images;
	uint64_t *values = call->few_values;
	sffi_status status;

	if (count > INSIDE_FEW) {
		call->many = malloc(count * (sizeof *values + sizeof *images));
		if (!call->many)
			return sffi__fail(SFFI_ENOMEM, "out of memory for the arguments of %s",
					  call->function->name);
		values = call->many;
		images = (const void **)(values + count);
	}
	call->marshalled = true;
	call->images = images;
	status = sffi__marshal_in(&call->marshal, &call->fiber->work, call->function, call->arguments,
				  values, images);
	if (!status && call->marshal.has_callbacks)
		status = sffi__inside_make_thunks(call->fiber->work.domain);
	return status;
}

/* With one_thread. */
static sffi_status take_turn(struct inside_call *call)
{
	sffi_domain *domain = call->fiber->work.domain;

	if (!domain->options.one_thread)
		return SFFI_OK;
	if (call->waits_for_turn)
		pthread_mutex_lock(&domain->inside->turn);
	else if (pthread_mutex_trylock(&domain->inside->turn))
		return sffi__fail(SFFI_EINVAL, "another thread is in a call of this domain (one_thread); "
					       "finish that first");
	call->keeps_turn = true;
	return SFFI_OK;
}

sffi_status sffi__inside_begin(struct inside_call *call, bool marshals)
{
	struct workspace *work = &call->fiber->work;
	sffi_status status;

	call->is_begun = true;
	call->marshalled = call->keeps_turn = false;
	call->many = NULL;
	call->block = call->few;
	call->doing = NULL;
	call->ended = SFFI_OK;
	call->images = (const void *const *)call->arguments;
	call->waits_at = call->fiber->registers.callee_sp;
	call->scratch_base = work->depth ? work->scratch_used : 0;
	work->scratch_used = call->scratch_base;
	status = check(call);
	if (!status)
		status = inside_address(call->function, &call->frame.target);
	if (!status)
		status = memory_in(call);
	if (!status && marshals && !call->function->marshal->is_plain)
		status = marshal_in(call);
	if (!status)
		status = take_turn(call);
	if (status)
		return status;
	sffi__abi_load(call->function->plan, call->images, &call->frame, (uint64_t *)call->block,
		       call->memory);
	return SFFI_OK;
}

sffi_status sffi__inside_try(struct inside_call *call)
{
	const struct inside_ops *ops = call->fiber->work.domain->ops->inside;
	sffi_status status = ops->before_call ? ops->before_call(call) : SFFI_OK;

	if (status && call->fiber->work.domain->options.on_fault == SFFI_ON_FAULT_STOP &&
	    (status == SFFI_EFAULT || status == SFFI_ETIMEOUT))
		call->fiber->work.domain->stopped = true;
	return status;
}

/* ---- running ------------------------------------------------------------------------------ */

fiber_event sffi__inside_enter(struct inside_call *call)
{
	struct fiber *fiber = call->fiber;
	fiber_event event;

	if (!call->deadline_ns)
		return sffi__fiber_call(fiber, &call->frame, &call->reply);
	sffi__interrupt_arm(fiber, call->deadline_ns);
	event = sffi__fiber_call(fiber, &call->frame, &call->reply);
	sffi__interrupt_disarm(fiber);
	return event;
}

fiber_event sffi__inside_continue(struct inside_call *call, const struct fiber_waiting *waiting)
{
	fiber_event event;

	if (!call->deadline_ns)
		return sffi__fiber_continue(call->fiber, waiting);
	sffi__interrupt_arm(call->fiber, call->deadline_ns);
	event = sffi__fiber_continue(call->fiber, waiting);
	sffi__interrupt_disarm(call->fiber);
	return event;
}

/* ---- after ----------------------------------------------------------------------------------- */

static struct fault_scene scene_of(const struct inside_call *call)
{
	return (struct fault_scene){ .function = call->function,
				     .arguments = call->arguments,
				     .marshal = call->marshalled ? &call->marshal : NULL,
				     .doing = call->doing,
				     .timeout_ms = call->timeout_ms };
}

static sffi_status status_of(const sffi_fault *fault)
{
	switch (fault->kind) {
	case SFFI_FAULT_TIMEOUT:
		return SFFI_ETIMEOUT;
	case SFFI_FAULT_KILLED:
		return SFFI_ECANCELED;
	default:
		return SFFI_EFAULT;
	}
}

/* What an end without a return has left to be put right. */
static void clean_up(struct fiber *fiber, fiber_event event)
{
	if (event == FIBER_THREW)
		sffi__exception_end(fiber->registers.exception);
	if (event == FIBER_FAULTED && fiber->record.kind == SFFI_FAULT_EXIT)
		sffi__exit_watch();
	if (event == FIBER_UNWOUND)
		fiber->record = (struct fault_record){ .kind = SFFI_FAULT_UNWOUND };
	sffi__fiber_drop(fiber);
}

sffi_status sffi__inside_failed(struct inside_call *call, fiber_event event)
{
	struct fault_scene scene = scene_of(call);
	struct fiber *fiber = call->fiber;
	sffi_domain *domain = fiber->work.domain;
	const char *what = call->function ? call->function->name : call->doing;
	sffi_fault *fault;

	if (!fiber->poisons)
		clean_up(fiber, event);
	fault = sffi__inside_capture(fiber, event, &scene);
	sffi__set_last_fault(fault);
	if (domain->options.on_fault == SFFI_ON_FAULT_STOP)
		domain->stopped = true;
	if (!fault)
		return call->ended = sffi__fail(SFFI_EFAULT, "%s faulted, and there is no memory to tell "
							     "how", what);
	call->ended = status_of(fault);
	if (!fiber->poisons)
		return sffi__fault_tell(call->ended, fault, what);
	/* From here on nothing may be allocated, nor given back. */
	sffi__poison(fault);
	call->marshalled = false;
	call->many = NULL;
	call->block = call->few;
	return sffi__fail(call->ended, "%s", sffi_fault_get_summary(fault));
}

void sffi__inside_abandon(struct inside_call *call)
{
	sffi__fiber_drop(call->fiber);
	call->ended = SFFI_EUPCALL;
}

sffi_status sffi__inside_refused(struct inside_call *call, fiber_event event)
{
	const char *what = call->function ? call->function->name : call->doing;

	sffi__inside_abandon(call);
	if (event == FIBER_REFUSED)
		return sffi__fail(SFFI_EUPCALL, "%s: the handler of its upcall refused: %s", what,
				  call->fiber->work.refusal);
	return call->ended = sffi__fail(SFFI_ESYSTEM, "%s: the registered memory could not be shielded, so the callee "
					"did not go on: the process has as many mappings as it may have "
					"(vm.max_map_count)", what);
}

static sffi_status overran(const struct inside_call *call, const struct fault_overrun *overrun)
{
	struct fault_scene scene = scene_of(call);
	sffi_fault *fault = sffi__fault_new();

	if (!fault)
		return sffi__fail(SFFI_EFAULT, "%s wrote outside a buffer", call->function->name);
	fault->kind = SFFI_FAULT_OVERRUN;
	fault->overrun = *overrun;
	fault->is_inside = true;
	fault->generation = call->fiber->work.domain->generation;
	sffi__fault_begin(fault, &scene);
	sffi__set_last_fault(fault);
	return sffi__fail(SFFI_EFAULT, "%s", sffi_fault_get_summary(fault));
}

sffi_status sffi__inside_finish(struct inside_call *call, void *result)
{
	const struct marshal *marshal = call->marshalled ? &call->marshal : NULL;
	struct answer answer = { &call->fiber->work, call->function, result, marshal, &call->reply,
				 call->memory };
	struct fault_overrun overrun;
	sffi_status status;

	sffi__last_errno = call->error;
	if (call->function->domain->closed)
		return sffi__fail(SFFI_ECLOSED, "the domain was closed during %s", call->function->name);
	if (marshal && sffi__marshal_overrun(marshal, &overrun))
		return overran(call, &overrun);
	status = sffi__result_out(&answer);
	if (!status && marshal)
		sffi__marshal_out(marshal);
	return status;
}

void sffi__inside_end(struct inside_call *call)
{
	struct workspace *work = &call->fiber->work;

	if (!call->is_begun)
		return;
	call->is_begun = false;
	if (call->keeps_turn)
		pthread_mutex_unlock(&work->domain->inside->turn);
	if (call->marshalled)
		sffi__marshal_end(&call->marshal);
	free(call->many);
	if (call->block != call->few)
		free(call->block);
	work->scratch_used = call->scratch_base;
	call->fiber->registers.callee_sp = call->waits_at;
	if (!is_poisoned())
		sffi__workspace_end_loans(work);
}

/* ---- run to the end ------------------------------------------------------------------------- */

/* The callee called a callback that was released. */
static fiber_event stale(struct inside_call *call)
{
	call->fiber->record = (struct fault_record){ .kind = SFFI_FAULT_STALE_CALLBACK };
	call->fiber->poisons = false;
	return FIBER_FAULTED;
}

static void extend(struct inside_call *call, uint64_t since)
{
	if (call->deadline_ns)
		call->deadline_ns += sffi__os_now_ns() - since;
}

static void serve(struct inside_call *call, fiber_event *event)
{
	struct fiber *fiber = call->fiber;
	const struct fiber_upcall told = fiber->upcall;
	struct fiber_waiting waiting = fiber_waits(fiber);
	uint64_t since = call->deadline_ns ? sffi__os_now_ns() : 0;
	struct upcall upcall;
	sffi_status status;

	fiber->work.depth++;
	status = sffi__upcall_take(&upcall, &fiber->work, (uint32_t)told.index, told.registers);
	if (status == SFFI_EFAULT) {
		*event = stale(call);
	} else {
		if (!status)
			sffi__upcall_run(&upcall);
		if (!status && !upcall.refused)
			status = sffi__upcall_result(&upcall, told.result);
		if (status)
			sffi__upcall_refuse(&upcall, sffi_error());
	}
	fiber->work.depth--;
	sffi__upcall_end(&upcall);
	if (status == SFFI_EFAULT)
		return;
	if (upcall.refused) {
		*event = FIBER_REFUSED;
		return;
	}
	extend(call, since);
	*event = sffi__inside_continue(call, &waiting);
}

fiber_event sffi__inside_serve(struct inside_call *call, fiber_event event)
{
	while (event == FIBER_UPCALLED)
		serve(call, &event);
	return event;
}


/* From what the callee gave way for to its end. */
static sffi_status go_on(struct inside_call *call, fiber_event event)
{
	event = sffi__inside_serve(call, event);
	if (event == FIBER_REFUSED || event == FIBER_UNSHIELDED)
		return sffi__inside_refused(call, event);
	if (event != FIBER_RETURNED)
		return sffi__inside_failed(call, event);
	call->error = call->fiber->error;
	return SFFI_OK;
}

static sffi_status call_wholly(struct fiber *fiber, sffi_function *function, void *result,
			       void *const *arguments)
{
	struct inside_call call;
	sffi_status status;

	call.function = function;
	call.arguments = arguments;
	call.waits_for_turn = true;
	call.in_steps = false;
	call.fiber = fiber;
	call.timeout_ms = call_timeout(function);
	status = sffi__inside_begin(&call, function->domain->ops->inside->is_guarded);
	fiber->is_quick = !status && !function->domain->options.one_thread && !fiber->ops->before_call;
	if (!status)
		status = sffi__inside_try(&call);
	if (!status) {
		call.deadline_ns = sffi__deadline(call.timeout_ms);
		status = go_on(&call, sffi__inside_enter(&call));
	}
	if (!status)
		status = sffi__inside_finish(&call, result);
	sffi__inside_end(&call);
	return status;
}

/* Nothing to be marshalled, nor waited for; and the thread has called before. */
static inline bool is_quick(const sffi_function *function, const struct fiber *fiber)
{
	return atomic_load_explicit(&function->is_quick, memory_order_relaxed) && fiber->is_quick &&
	       !function->domain->stopped && !is_poisoned();
}

/* It has called back, or faulted: the rest goes the common way. */
static __attribute__((noinline)) sffi_status go_on_slowly(struct fiber *fiber, sffi_function *function,
							  void *result, void *const *arguments,
							  struct call_result *reply, uint64_t waits_at,
							  fiber_event event)
{
	struct inside_call call;
	sffi_status status;

	memset(&call, 0, offsetof(struct inside_call, few_values));
	call.fiber = fiber;
	call.function = function;
	call.arguments = arguments;
	call.is_begun = true;
	call.waits_at = waits_at;
	call.block = call.few;
	call.scratch_base = fiber->work.scratch_used;
	/* A callee that waits leaves its result at *reply in the end. */
	status = go_on(&call, event);
	if (!status) {
		call.reply = *reply;
		status = sffi__inside_finish(&call, result);
	}
	sffi__inside_end(&call);
	return status;
}

static sffi_status call_quickly(struct fiber *fiber, sffi_function *function, void *result,
				void *const *arguments)
{
	uint64_t waits_at = fiber->registers.callee_sp;
	struct call_result reply;
	struct call_frame frame;
	fiber_event event;
	sffi_status status = inside_address(function, &frame.target);

	if (status)
		return status;
	abi_quick_load(function->plan, arguments, &frame);
	event = sffi__fiber_call(fiber, &frame, &reply);
	if (event != FIBER_RETURNED)
		return go_on_slowly(fiber, function, result, arguments, &reply, waits_at, event);
	sffi__last_errno = fiber->error;
	if (result)
		abi_quick_result(function->plan, &reply, result);
	return SFFI_OK;
}

sffi_status sffi__inside_call(sffi_function *function, void *result, void *const *arguments)
{
	struct fiber *fiber = fiber_get(function->domain);

	if (!fiber)
		return SFFI_ENOMEM;
	return is_quick(function, fiber) ? call_quickly(fiber, function, result, arguments)
					 : call_wholly(fiber, function, result, arguments);
}

sffi_status sffi__inside_batch(sffi_batch *calls, size_t count)
{
	sffi_status status = SFFI_OK;

	for (size_t i = 0; i < count && !status; i++) {
		status = calls[i].function->domain->ops->call(calls[i].function, calls[i].result,
							      calls[i].arguments);
		calls[i].status = status;
		calls[i].error = sffi_errno();
	}
	return status;
}

/* ---- what is no call ---------------------------------------------------------------------------- */

sffi_status sffi__inside_do(sffi_domain *domain, void (*task)(void *), void *argument, const char *doing)
{
	struct inside_call call;
	sffi_status status;

	if (!domain->ops->inside->is_guarded) {
		task(argument);
		return SFFI_OK;
	}
	memset(&call, 0, offsetof(struct inside_call, few_values));
	call.fiber = fiber_get(domain);
	if (!call.fiber)
		return SFFI_ENOMEM;
	call.doing = doing;
	call.timeout_ms = domain->options.timeout_ms;
	call.deadline_ns = sffi__deadline(call.timeout_ms);
	call.waits_at = call.fiber->registers.callee_sp;
	call.frame.target = (uintptr_t)task;
	call.frame.stack_alignment = 4;
	call.frame.integer[0] = (uintptr_t)argument;
	status = check(&call);
	if (!status)
		status = go_on(&call, sffi__inside_enter(&call));
	call.fiber->registers.callee_sp = call.waits_at;
	return status;
}
