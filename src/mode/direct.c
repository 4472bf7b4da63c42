/* SPDX-License-Identifier: MIT */
/* The mode `direct`: callees run as if the host had called them itself, on its stack and with
 * its memory. A fault ends the host. */
#include "mode/inside.h"

#include "abi/quick.h"
#include "error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What a call needs besides its frame: see abi/here.c. */
struct room {
	char *block;
	char *memory;
	_Alignas(64) char few[INSIDE_FEW_BYTES];
};

static bool make_room(struct room *room, const struct abi_plan *plan)
{
	size_t stack = plan->stack_near ? 0 : plan->stack_words * sizeof(uint64_t);
	size_t size = stack + plan->memory_size + plan->memory_alignment;
	uintptr_t at;

	room->block = size <= sizeof room->few ? room->few : malloc(size);
	at = (uintptr_t)room->block + stack;
	room->memory = (char *)((at + plan->memory_alignment - 1) & ~(uintptr_t)(plan->memory_alignment - 1));
	return room->block;
}

/* The call was ended from an upcall, or the domain was closed in one. */
static sffi_status ended(const sffi_function *function, sffi_status why)
{
	struct fiber *fiber = fiber_get(function->domain);
	sffi_fault *fault;

	if (!why)
		return sffi__fail(SFFI_ECLOSED, "the domain was closed during %s", function->name);
	if (why == SFFI_EUPCALL)
		return sffi__fail(why, "%s: the handler of its upcall refused: %s", function->name,
				  fiber ? fiber->work.refusal : "out of memory");
	if (why != SFFI_EFAULT) /* no memory: the sentence is there */
		return why;
	fault = sffi__fault_new();
	if (fault) {
		fault->kind = SFFI_FAULT_STALE_CALLBACK;
		fault->is_inside = true;
		sffi__fault_begin(fault, &(struct fault_scene){ .function = function });
	}
	sffi__set_last_fault(fault);
	return sffi__fail(why, "%s called a callback that was released", function->name);
}

static sffi_status run(sffi_function *function, void *result, const void *const *images,
		       uint64_t address)
{
	const struct abi_plan *plan = function->plan;
	struct call_result reply;
	struct direct_call call;
	struct call_frame frame;
	struct room room;

	if (!make_room(&room, plan))
		return sffi__fail(SFFI_ENOMEM, "out of memory for the arguments of %s", function->name);
	frame.target = address;
	sffi__abi_load(plan, images, &frame, (uint64_t *)room.block, room.memory);
	call.outer = sffi__direct_call_in_work;
	call.ended = SFFI_OK;
	call.domain = function->domain;
	call.guard.result = &reply;
	call.guard.skew = 0;
	sffi__direct_call_in_work = &call;
	errno = 0;
	sffi__enter(&frame, &call.guard);
	sffi__last_errno = errno;
	sffi__direct_call_in_work = call.outer;
	if (result && plan->result->size && !call.ended) {
		if (plan->result_in_memory)
			memcpy(result, room.memory, plan->result->size);
		else
			sffi__abi_result(plan, &reply, result);
	}
	if (room.block != room.few)
		free(room.block);
	return call.ended || function->domain->closed ? ended(function, call.ended) : SFFI_OK;
}

/* Most functions. */
static sffi_status run_quickly(sffi_function *function, void *result, void *const *arguments)
{
	struct call_result reply;
	struct direct_call call;
	struct call_frame frame;
	int *error = &errno;

	frame.target = atomic_load_explicit(&function->address, memory_order_relaxed);
	abi_quick_load(function->plan, arguments, &frame);
	call.outer = sffi__direct_call_in_work;
	call.domain = function->domain;
	call.ended = SFFI_OK;
	call.guard.result = &reply;
	call.guard.skew = 0;
	sffi__direct_call_in_work = &call;
	*error = 0;
	sffi__enter(&frame, &call.guard);
	sffi__last_errno = *error;
	sffi__direct_call_in_work = call.outer;
	if (call.ended || function->domain->closed)
		return ended(function, call.ended);
	if (result)
		abi_quick_result(function->plan, &reply, result);
	return SFFI_OK;
}

/* A time-out and the turn with one_thread are a fiber's affair. */
static __attribute__((noinline)) sffi_status run_slowly(sffi_function *function, void *result,
							void *const *arguments)
{
	sffi_status status;
	uint64_t address;

	if (call_timeout(function) || function->domain->options.one_thread)
		return sffi__inside_call(function, result, arguments);
	status = inside_address(function, &address);
	return status ? status : run(function, result, (const void *const *)arguments, address);
}

static sffi_status direct_call(sffi_function *function, void *result, void *const *arguments)
{
	bool is_quick = atomic_load_explicit(&function->is_quick, memory_order_relaxed) &&
			inside_has_address(function);

	return is_quick ? run_quickly(function, result, arguments)
			: run_slowly(function, result, arguments);
}

static const struct inside_ops inside = {
	.is_guarded = false,
};

const struct mode_ops sffi__direct = {
	.mode = SFFI_DIRECT,
	.name = "direct",
	INSIDE_OPERATIONS,
	.call = direct_call,
	.inside = &inside,
};
