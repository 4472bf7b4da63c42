/* SPDX-License-Identifier: MIT */
/* The mode `rehearsed`: as guarded, but every call is tried out in a copy of the host first, and
 * made only if it did no harm there. */
#include "mode/inside.h"

#include "error.h"
#include "inside/guard.h"
#include "os/os.h"
#include "rehearsal/rehearse.h"
#include "rehearsal/verdict.h"

#include <string.h>

static sffi_status open(sffi_domain *domain)
{
	sffi_status status = sffi__rehearsal_open();

	(void)domain;
	return status ? status : sffi__guard_open();
}

static void fill_overrun(struct stage *stage, const void *overrun)
{
	stage->overrun = *(const struct fault_overrun *)overrun;
}

static _Noreturn void end_faulted(const struct inside_call *call, fiber_event event)
{
	struct fault_record record = { .kind = SFFI_FAULT_UNWOUND, .tid = sffi__os_gettid() };

	if (event == FIBER_FAULTED)
		record = call->fiber->record;
	if (event == FIBER_THREAD_EXIT)
		record.kind = SFFI_FAULT_THREAD_EXIT;
	sffi__stage_fault(&record);
}

/* In the clone. */
static void perform(void *context)
{
	struct inside_call *call = context;
	struct fault_overrun overrun;
	fiber_event event;

	call->deadline_ns = 0; /* the host watches the time */
	event = sffi__inside_enter(call);
	if (event == FIBER_UPCALLED && call->in_steps)
		sffi__stage_end(STAGE_UPCALLED, NULL, NULL);
	event = sffi__inside_serve(call, event);
	if (event == FIBER_REFUSED)
		sffi__stage_end(STAGE_REFUSED, NULL, NULL);
	if (event != FIBER_RETURNED)
		end_faulted(call, event);
	if (call->marshalled && sffi__marshal_overrun(&call->marshal, &overrun))
		sffi__stage_end(STAGE_OVERRAN, fill_overrun, &overrun);
}

static sffi_status before_call(struct inside_call *call)
{
	struct fiber *fiber = call->fiber;
	struct rehearsal_plan plan = {
		.perform = perform,
		.context = call,
		.scene = { .function = call->function, .arguments = call->arguments,
			   .marshal = call->marshalled ? &call->marshal : NULL,
			   .timeout_ms = call->timeout_ms },
		.domain = fiber->work.domain,
		.stack_guard = (uintptr_t)fiber->mapping,
		.stack_low = fiber->low,
		.stack_high = fiber->high,
		.own_low = (uintptr_t)fiber,
		.own_high = (uintptr_t)(fiber + 1),
		.is_canceled = &fiber->is_canceled,
	};

	/* A handler that calls again, in a rehearsal: that is rehearsed already. */
	return sffi__rehearsal_is_here() ? SFFI_OK : sffi__rehearse(&plan);
}

static const struct inside_ops inside = {
	.is_guarded = true,
	.open = open,
	.before_call = before_call,
};

const struct mode_ops sffi__rehearsed = {
	.mode = SFFI_REHEARSED,
	.name = "rehearsed",
	INSIDE_OPERATIONS,
	.call = sffi__inside_call,
	.inside = &inside,
};
