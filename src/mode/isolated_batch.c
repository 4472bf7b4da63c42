/* SPDX-License-Identifier: MIT */
/* Several calls in one crossing: their frames lie side by side in the scratch, the worker
 * works through them, the host reads all results at once. */
#include "mode/isolated.h"

#include "error.h"
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
	struct call_frame *frames;
	struct call_result *results;
	int32_t *errors;
	uint64_t *progress;
	uint64_t *stack;
};

static size_t stack_words(const struct batch *batch)
{
	size_t words = 0;

	for (size_t i = 0; i < batch->count; i++)
		words += batch->calls[i].function->plan->stack_words;
	return words;
}

static sffi_status lay_out(struct batch *batch)
{
	size_t frames = batch->count * sizeof *batch->frames;
	size_t results = batch->count * sizeof *batch->results;
	size_t errors = (batch->count * sizeof *batch->errors + 63) & ~(size_t)63;
	size_t size = frames + results + errors + 64 + stack_words(batch) * 8 + 64;
	char *at = sffi__lane_scratch(batch->lane, size);

	if (!at)
		return sffi__fail(SFFI_ENOMEM, "the arena has no room for a batch of %zu calls",
				  batch->count);
	batch->frames = (void *)at;
	batch->results = (void *)(at + frames);
	batch->errors = (void *)(at + frames + results);
	batch->progress = (void *)(at + frames + results + errors);
	batch->stack = (void *)(at + frames + results + errors + 64);
	batch->lane->scratch_used = (size + 63) & ~(size_t)63;
	return SFFI_OK;
}

static sffi_status prepare_one(struct batch *batch, size_t i, uint64_t **stack)
{
	sffi_batch *call = &batch->calls[i];
	const struct function_type *type = call->function->type;
	struct call_frame *frame = &batch->frames[i];
	uint64_t values[ABI_ARGUMENTS_MAX];
	sffi_status status = sffi__isolated_address(batch->lane, call->function, &frame->target);

	if (status)
		return status;
	if (!call->function->marshal->is_plain) {
		status = sffi__marshal_in(&batch->marshals[i], batch->lane, call->function,
					  call->arguments, values);
		batch->marshalled_count = i + 1;
	} else {
		for (size_t n = 0; n < type->count; n++)
			values[n] = sffi__abi_widen(type->parameters[n].type, call->arguments[n]);
	}
	frame->stack = (uintptr_t)*stack;
	sffi__abi_load(call->function->plan, values, frame, *stack);
	*stack += call->function->plan->stack_words;
	return status;
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
	uint64_t *stack;
	sffi_status status = resolve_all(batch);

	if (!status)
		status = lay_out(batch);
	if (status)
		return status;
	stack = batch->stack;
	for (size_t i = 0; i < batch->count && !status; i++) {
		status = prepare_one(batch, i, &stack);
		if (status)
			batch->calls[i].status = status;
	}
	return status;
}

static sffi_status finish_one(struct batch *batch, size_t i)
{
	sffi_batch *call = &batch->calls[i];
	struct marshal *marshal = call->function->marshal->is_plain ? NULL : &batch->marshals[i];
	struct call_result result = batch->results[i];

	call->error = batch->errors[i];
	sffi__set_errno(call->error);
	return sffi__isolated_finish(batch->lane, call->function, call->result, call->arguments, marshal,
				     &result);
}

static sffi_status failed(struct batch *batch, enum lane_outcome outcome, size_t *done)
{
	uint64_t progress = *batch->progress;
	struct fault_scene scene = { .lane = batch->lane,
				     .timeout_ms = batch->lane->domain->options.timeout_ms };
	sffi_batch *call;

	/* The callee can have written anything there. */
	*done = progress < batch->count ? progress : 0;
	call = &batch->calls[*done];
	scene.function = call->function;
	scene.arguments = call->arguments;
	scene.marshal = call->function->marshal->is_plain ? NULL : &batch->marshals[*done];
	return call->status = sffi__worker_failed(batch->lane, outcome, &scene);
}

static sffi_status cross(struct batch *batch)
{
	const uint64_t argument[5] = { (uintptr_t)batch->frames, (uintptr_t)batch->results,
				       (uintptr_t)batch->errors, batch->count,
				       (uintptr_t)batch->progress };
	size_t done = batch->count;
	sffi_status status = SFFI_OK;
	enum lane_outcome outcome;

	*batch->progress = 0;
	sffi__isolated_turn_begin(batch->lane);
	memcpy(lane_frame(batch->lane)->integer, argument, sizeof argument);
	outcome = sffi__isolated_request(batch->lane, LANE_BATCH,
					 sffi__deadline(batch->lane->domain->options.timeout_ms));
	sffi__isolated_turn_end(batch->lane);
	/* Results of the calls before a fault are good: read before the worker is replaced,
	 * whose successor does not use this memory. */
	if (outcome != LANE_DONE)
		status = failed(batch, outcome, &done);
	for (size_t i = 0; i < done; i++) {
		sffi_status one = finish_one(batch, i);

		batch->calls[i].status = one;
		if (one && !status)
			status = one;
	}
	return status;
}

static sffi_status run(struct batch *batch)
{
	sffi_status status = sffi__worker_ready(batch->lane);

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
	for (size_t i = 0; i < batch->marshalled_count; i++)
		if (!batch->calls[i].function->marshal->is_plain)
			sffi__marshal_end(&batch->marshals[i]);
	free(batch->marshals);
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

	for (size_t i = 0; i < count; i++) {
		const struct marshal_plan *plan = calls[i].function->marshal;

		if (plan->fd_count || plan->result == TRAVEL_FD || plan->result == TRAVEL_STRING)
			return one_by_one(calls, count);
		batch.marshalled |= !plan->is_plain;
	}
	batch.lane = sffi__lane_get(calls[0].function->domain);
	return batch.lane ? run(&batch) : SFFI_ENOMEM;
}
