/* SPDX-License-Identifier: MIT */
/* Several calls in one crossing: their frames lie side by side in the scratch, the worker
 * works through them, the host reads all results at once. */
#include "mode/isolated_upcall.h"

#include "error.h"
#include "mode/mirror.h"
#include "os/os.h"

#include <stdlib.h>
#include <string.h>

struct batch {
	sffi_batch *calls;
	size_t count;
	struct lane *lane;
	bool marshalled;
	struct marshal *marshals; /* one each if any call needs it */
	size_t marshalled_count;
	/* In the scratch. */
	char *frames, *results;
	/* As close together as the calls of this batch allow: what is carried between the CPUs
	 * is cache lines. */
	size_t frame_size, result_size;
	int32_t *errors;
	uint64_t *progress;
	char *memory; /* a block for each call that needs one: sffi__call_memory */
};

static size_t memory_size(const sffi_batch *call)
{
	return (sffi__call_memory_size(call->function->plan) + 63) & ~(size_t)63;
}

static size_t memories_size(const struct batch *batch)
{
	size_t size = 0;

	for (size_t i = 0; i < batch->count; i++)
		size += memory_size(&batch->calls[i]);
	return size;
}

static void measure(struct batch *batch)
{
	batch->frame_size = FRAME_HEAD;
	batch->result_size = RESULT_HEAD;
	for (size_t i = 0; i < batch->count; i++) {
		const struct abi_plan *plan = batch->calls[i].function->plan;

		if (plan->frame_size > batch->frame_size)
			batch->frame_size = plan->frame_size;
		if (plan->wide_result)
			batch->result_size = sizeof(struct call_result);
	}
	batch->frame_size = (abi_frame_copied(batch->frame_size) + 63) & ~(size_t)63;
}

static sffi_status lay_out(struct batch *batch)
{
	size_t frames = batch->count * batch->frame_size;
	size_t results = (batch->count * batch->result_size + 63) & ~(size_t)63;
	size_t errors = (batch->count * sizeof *batch->errors + 63) & ~(size_t)63;
	size_t size = frames + results + errors + 64 + memories_size(batch);
	char *at = sffi__workspace_scratch(&batch->lane->work, size);

	if (!at)
		return sffi__fail(SFFI_ENOMEM, "the arena has no room for a batch of %zu calls",
				  batch->count);
	batch->frames = at;
	batch->results = at + frames;
	batch->errors = (void *)(at + frames + results);
	batch->progress = (void *)(at + frames + results + errors);
	batch->memory = (at + frames + results + errors + 64);
	batch->lane->work.scratch_used = (size + 63) & ~(size_t)63;
	return SFFI_OK;
}

/* A result that was left in memory is read where the call's block was laid out. */
static sffi_status prepare_one(struct batch *batch, size_t i, struct call_memory memory)
{
	sffi_batch *call = &batch->calls[i];
	struct call_frame frame;
	const void *marshalled[ABI_ARGUMENTS_MAX];
	const void *const *images = (const void *const *)call->arguments;
	uint64_t values[ABI_ARGUMENTS_MAX];
	sffi_status status = sffi__isolated_address(batch->lane, call->function, &frame.target);

	if (status)
		return status;
	if (!call->function->marshal->is_plain) {
		status = sffi__marshal_in(&batch->marshals[i], &batch->lane->work, call->function,
					  call->arguments, values, marshalled);
		batch->marshalled_count = i + 1;
		images = marshalled;
		if (!status && batch->marshals[i].has_callbacks)
			status = sffi__isolated_make_thunks(batch->lane);
	}
	if (status)
		return status;
	sffi__abi_load(call->function->plan, images, &frame, memory.stack, memory.memory);
	abi_frame_copy(call->function->plan, (void *)(batch->frames + i * batch->frame_size), &frame);
	return SFFI_OK;
}

static sffi_status resolve_all(struct batch *batch)
{
	uint64_t address;
	sffi_status status = SFFI_OK;

	for (size_t i = 0; i < batch->count && !status; i++) {
		status = sffi__isolated_address(batch->lane, batch->calls[i].function, &address);
		if (status)
			batch->calls[i].status = status;
	}
	return status;
}

static sffi_status prepare(struct batch *batch)
{
	char *memory;
	sffi_status status = resolve_all(batch);

	measure(batch);
	if (!status)
		status = lay_out(batch);
	if (status)
		return status;
	memory = batch->memory;
	for (size_t i = 0; i < batch->count && !status; i++) {
		status = prepare_one(batch, i,
				     sffi__call_memory(batch->calls[i].function->plan, memory));
		memory += memory_size(&batch->calls[i]);
		if (status)
			batch->calls[i].status = status;
	}
	return status;
}

static sffi_status finish_one(struct batch *batch, size_t i, const char *memory)
{
	sffi_batch *call = &batch->calls[i];
	struct marshal *marshal = call->function->marshal->is_plain ? NULL : &batch->marshals[i];
	struct call_result result;

	abi_result_copy(&result, (void *)(batch->results + i * batch->result_size),
			call->function->plan->wide_result);
	call->error = batch->errors[i];
	sffi__last_errno = call->error;
	return sffi__isolated_finish(batch->lane, call->function, call->result, call->arguments, marshal,
				     &result, memory);
}

static sffi_status failed(struct batch *batch, enum lane_outcome outcome, size_t *done)
{
	uint64_t progress = *batch->progress;
	struct fault_scene scene = { .lane = batch->lane,
				     .timeout_ms = batch->lane->work.domain->options.timeout_ms };
	sffi_batch *call;

	/* The callee can have written anything there. */
	*done = progress < batch->count ? progress : 0;
	call = &batch->calls[*done];
	scene.function = call->function;
	scene.arguments = call->arguments;
	scene.marshal = call->function->marshal->is_plain ? NULL : &batch->marshals[*done];
	return call->status = sffi__isolated_failed(batch->lane, outcome, &scene);
}

static sffi_status cross(struct batch *batch)
{
	const uint64_t argument[6] = { (uintptr_t)batch->frames, (uintptr_t)batch->results,
				       (uintptr_t)batch->errors, batch->count,
				       (uintptr_t)batch->progress,
				       batch->frame_size | batch->result_size << 32 };
	size_t done = batch->count;
	char *memory = batch->memory;
	sffi_status status = SFFI_OK;
	enum lane_outcome outcome;

	*batch->progress = 0;
	sffi__isolated_turn_begin(batch->lane);
	memcpy(lane_frame(batch->lane)->integer, argument, sizeof argument);
	outcome = sffi__isolated_converse(batch->lane, LANE_BATCH,
					  sffi__deadline(batch->lane->work.domain->options.timeout_ms));
	sffi__isolated_turn_end(batch->lane);
	/* Results of the calls before a fault are good: read before the worker is replaced,
	 * whose successor does not use this memory. */
	if (outcome != LANE_DONE)
		status = failed(batch, outcome, &done);
	for (size_t i = 0; i < done; i++) {
		const struct abi_plan *plan = batch->calls[i].function->plan;
		sffi_status one = finish_one(batch, i, sffi__call_memory(plan, memory).memory);

		memory += memory_size(&batch->calls[i]);
		batch->calls[i].status = one;
		if (one && !status)
			status = one;
	}
	return status;
}

static sffi_status run(struct batch *batch)
{
	sffi_status status = sffi__worker_ready(batch->lane);

	if (!status && mirror_is_due(batch->lane))
		status = sffi__mirror(batch->lane);
	if (!status && batch->marshalled) {
		batch->marshals = calloc(batch->count, sizeof *batch->marshals);
		if (!batch->marshals)
			return sffi__fail(SFFI_ENOMEM, "out of memory for a batch of %zu calls",
					  batch->count);
	}
	if (!status)
		status = prepare(batch);
	if (!status)
		status = cross(batch);
	if (!status && mirror_back_is_due(batch->lane))
		status = batch->calls[batch->count - 1].status = sffi__mirror_back(batch->lane);
	for (size_t i = 0; i < batch->marshalled_count; i++)
		if (!batch->calls[i].function->marshal->is_plain)
			sffi__marshal_end(&batch->marshals[i]);
	free(batch->marshals);
	sffi__workspace_end_loans(&batch->lane->work);
	return status;
}

/* Descriptors are carried call by call. */
static sffi_status one_by_one(sffi_batch *calls, size_t count)
{
	sffi_status status = SFFI_OK;

	for (size_t i = 0; i < count && !status; i++) {
		status = sffi__isolated_call(calls[i].function, calls[i].result, calls[i].arguments);
		calls[i].status = status;
		calls[i].error = sffi_errno();
	}
	return status;
}

sffi_status sffi__isolated_batch(sffi_batch *calls, size_t count)
{
	struct batch batch = { .calls = calls, .count = count };

	/* What each call has changed is the host's before the next one. */
	if (calls[0].function->domain->options.share)
		return one_by_one(calls, count);
	for (size_t i = 0; i < count; i++) {
		const struct marshal_plan *plan = calls[i].function->marshal;

		if (plan->fd_count || plan->result == TRAVEL_FD || plan->result == TRAVEL_STRING)
			return one_by_one(calls, count);
		batch.marshalled |= !plan->is_plain;
	}
	batch.lane = sffi__lane_get(calls[0].function->domain);
	if (!batch.lane)
		return SFFI_ENOMEM;
	/* A call below has the scratch. */
	return batch.lane->work.depth ? one_by_one(calls, count) : run(&batch);
}
