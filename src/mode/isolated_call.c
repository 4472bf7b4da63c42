/* SPDX-License-Identifier: MIT */
/* One call in a worker, from the arguments to the result. */
#include "mode/isolated_call.h"
#include "mode/isolated_upcall.h"

#include "error.h"
#include "mode/mirror.h"
#include "memory/result.h"
#include "os/os.h"

#include <stdlib.h>
#include <string.h>

/* ---- memory that both sides see ------------------------------------------------------- */

static size_t rounded_up(size_t size, size_t alignment)
{
	return (size + alignment - 1) & ~(alignment - 1);
}

static size_t far_stack_size(const struct abi_plan *plan)
{
	return plan->stack_near ? 0 : plan->stack_words * sizeof(uint64_t);
}

size_t sffi__call_memory_size(const struct abi_plan *plan)
{
	if (!far_stack_size(plan) && !plan->memory_size)
		return 0;
	return rounded_up(far_stack_size(plan), plan->memory_alignment) +
	       rounded_up(plan->memory_size, 64) + plan->memory_alignment;
}

struct call_memory sffi__call_memory(const struct abi_plan *plan, char *block)
{
	uintptr_t memory = rounded_up((uintptr_t)block + far_stack_size(plan), plan->memory_alignment);

	return (struct call_memory){ (uint64_t *)block, (char *)memory };
}

/* The slot has room for nearly all calls; the scratch for the rest. A nested call finds both
 * in use. */
static sffi_status memory_in(struct call *call)
{
	const struct abi_plan *plan = call->function->plan;
	struct lane *lane = call->lane;
	size_t size = sffi__call_memory_size(plan);
	char *block = (char *)lane->slot->stack;

	call->own_memory = NULL;
	call->scratch_base = lane->work.depth ? lane->work.scratch_used : 0;
	lane->work.scratch_used = call->scratch_base;
	if (size && (lane->work.depth || call->keeps_memory)) {
		block = call->own_memory = sffi__arena_take(lane->work.domain->arena, size, false);
	} else if (size > LANE_STACK_WORDS * sizeof(uint64_t)) {
		block = sffi__workspace_scratch(&lane->work, size);
		lane->work.scratch_used = rounded_up(size, 64);
	}
	if (!block)
		return sffi__fail(SFFI_ENOMEM, "the arena has no room for the arguments of %s",
				  call->function->name);
	call->memory = sffi__call_memory(plan, block);
	return SFFI_OK;
}

static void memory_out(const struct call *call)
{
	call->lane->work.scratch_used = call->scratch_base;
	if (call->own_memory)
		sffi__arena_give(call->lane->work.domain->arena, call->own_memory);
}

static sffi_status values_room(struct call *call)
{
	size_t count = call->function->type->count;

	call->many = NULL;
	call->values = call->few_values;
	call->marshalled_images = call->few_images;
	if (count <= CALL_FEW || call->function->marshal->is_plain)
		return SFFI_OK;
	call->many = malloc(count * (sizeof *call->values + sizeof *call->marshalled_images));
	if (!call->many)
		return sffi__fail(SFFI_ENOMEM, "out of memory for the arguments of %s",
				  call->function->name);
	call->values = call->many;
	call->marshalled_images = (const void **)(call->values + count);
	return SFFI_OK;
}

static sffi_status values_in(struct call *call)
{
	sffi_status status = memory_in(call);

	if (!status)
		status = values_room(call);
	call->marshalled = !call->function->marshal->is_plain && !status;
	call->images = (const void *const *)call->arguments;
	if (!call->marshalled)
		return status;
	call->images = call->marshalled_images;
	status = sffi__marshal_in(&call->marshal, &call->lane->work, call->function, call->arguments,
				  call->values, call->marshalled_images);
	return status || !call->marshal.has_callbacks ? status : sffi__isolated_make_thunks(call->lane);
}

/* ---- the call ------------------------------------------------------------------------------ */

struct fault_scene sffi__call_scene(const struct call *call)
{
	return (struct fault_scene){ .lane = call->lane,
				     .function = call->function,
				     .arguments = call->arguments,
				     .marshal = call->marshalled ? &call->marshal : NULL,
				     .timeout_ms = call->timeout_ms };
}

void sffi__call_load(struct call *call)
{
	struct call_frame frame;

	frame.target = call->address;
	sffi__abi_load(call->function->plan, call->images, &frame, call->memory.stack,
		       call->memory.memory);
	abi_frame_copy(call->function->plan, lane_frame(call->lane), &frame);
}

void sffi__call_take_reply(struct call *call)
{
	const struct lane_reply *reply = &call->lane->slot->reply;

	abi_result_copy(&call->reply, &reply->result, call->function->plan->wide_result);
	call->error = reply->error;
}

static enum lane_outcome cross(struct call *call)
{
	struct lane *lane = call->lane;
	enum lane_outcome outcome;

	sffi__isolated_turn_begin(lane);
	sffi__call_load(call);
	outcome = sffi__isolated_converse(lane, LANE_CALL, sffi__deadline(call->timeout_ms));
	if (outcome == LANE_DONE)
		sffi__call_take_reply(call);
	sffi__isolated_turn_end(lane);
	return outcome;
}

static sffi_status overran(const struct answer *answer, struct lane *lane, void *const *arguments,
			   const struct fault_overrun *overrun)
{
	struct fault_scene scene = { .lane = lane, .function = answer->function,
				     .arguments = arguments, .marshal = answer->marshal };
	sffi_fault *fault = sffi__fault_overrun(lane->peer, overrun, &scene);

	sffi__set_last_fault(fault);
	if (!fault)
		return sffi__fail(SFFI_EFAULT, "%s wrote outside a buffer", answer->function->name);
	return sffi__fail(SFFI_EFAULT, "%s", sffi_fault_get_summary(fault));
}

static sffi_status descriptor_out(const struct answer *answer, struct lane *lane)
{
	const struct abi_plan *plan = answer->function->plan;
	sffi_status status = SFFI_OK;
	uint64_t value = 0;
	int fd;

	sffi__abi_result(plan, answer->reply, &value);
	fd = (int)value;
	if (fd >= 0 && sffi__call_carries(lane))
		status = sffi__call_carry_out(lane, answer->function, &fd);
	if (!status && answer->result)
		sffi__abi_narrow(plan->result, (uint64_t)fd, answer->result);
	return status;
}

sffi_status sffi__isolated_finish(struct lane *lane, sffi_function *function, void *result,
				  void *const *arguments, const struct marshal *marshal,
				  const struct call_result *reply, const char *memory)
{
	struct answer answer = { &lane->work, function, result, marshal, reply, memory };
	struct fault_overrun overrun;
	sffi_status status;

	if (marshal && sffi__marshal_overrun(marshal, &overrun))
		return overran(&answer, lane, arguments, &overrun);
	status = function->plan->result->kind == TYPE_FD ? descriptor_out(&answer, lane)
							 : sffi__result_out(&answer);
	if (!status && marshal)
		sffi__marshal_out(marshal);
	return status;
}

sffi_status sffi__call_begin(struct call *call)
{
	sffi_status status = sffi__worker_ready(call->lane);

	call->is_begun = false;
	if (!status && mirror_is_due(call->lane))
		status = sffi__mirror(call->lane);
	if (!status)
		status = sffi__isolated_address(call->lane, call->function, &call->address);
	if (status)
		return status;
	call->is_begun = true;
	call->many = NULL;
	call->fd_count = 0;
	call->carried = NULL;
	status = values_in(call);
	if (!status && call->function->marshal->fd_count && sffi__call_carries(call->lane))
		status = sffi__call_carry_in(call);
	return status;
}

/* Before anything else is asked of the worker, which may be its end. */
static void note_given(struct call *call)
{
	struct peer *peer = call->lane->peer;

	if (peer->share & SFFI_SHARE_FILES)
		sffi__call_note_given(call, peer);
}

sffi_status sffi__call_finish(struct call *call, void *result)
{
	const struct peer *peer = call->lane->peer;
	sffi_status status;

	note_given(call);
	sffi__last_errno = call->error;
	status = sffi__isolated_finish(call->lane, call->function, result, call->arguments,
				       call->marshalled ? &call->marshal : NULL, &call->reply,
				       call->memory.memory);
	sffi__call_drop_carried(call);
	if (!status && call->lane->peer == peer && mirror_back_is_due(call->lane))
		status = sffi__mirror_back(call->lane);
	return status;
}

void sffi__call_end(struct call *call)
{
	if (!call->is_begun)
		return;
	call->is_begun = false;
	if (call->marshalled)
		sffi__marshal_end(&call->marshal);
	free(call->many);
	if (call->carried)
		sffi__arena_give(call->lane->work.domain->arena, call->carried);
	memory_out(call);
	sffi__workspace_end_loans(&call->lane->work);
}

/* Once; true: the worker was gone before it took the call up, so it may be made again. */
static bool attempt(struct call *call, sffi_status *status)
{
	enum lane_outcome outcome;
	struct fault_scene scene;
	bool again = false;

	*status = sffi__call_begin(call);
	if (!*status) {
		outcome = cross(call);
		if (outcome == LANE_DONE) {
			*status = sffi__call_finish(call, call->result);
		} else {
			again = (outcome == LANE_WORKER_DIED || outcome == LANE_ABANDONED) &&
				!call->lane->conversed && !sffi__lane_was_started(call->lane) &&
				!call->function->domain->closed;
			scene = sffi__call_scene(call);
			if (again)
				scene = (struct fault_scene){ 0 }; /* no call was in work */
			*status = sffi__isolated_failed(call->lane, outcome, &scene);
		}
	}
	sffi__call_end(call);
	return again;
}

sffi_status sffi__isolated_call(sffi_function *function, void *result, void *const *arguments)
{
	enum { ATTEMPTS = 3 };
	struct call call;
	sffi_status status = SFFI_OK;

	call.function = function;
	call.result = result;
	call.arguments = arguments;
	call.marshalled = call.keeps_memory = false;
	call.timeout_ms = call_timeout(function);
	call.lane = sffi__lane_get(function->domain);
	if (!call.lane)
		return SFFI_ENOMEM;
	if (atomic_load_explicit(&function->domain->chores_due, memory_order_relaxed))
		sffi__worker_chores(function->domain);
	for (int i = 0; i < ATTEMPTS && attempt(&call, &status); i++)
		;
	return status;
}
