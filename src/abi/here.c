/* SPDX-License-Identifier: MIT */
/* A call in this process, by the same plan and trampoline as in a worker. */
#include "abi/abi.h"

#include <stdlib.h>

enum { FEW_BYTES = 256 };

/* Stack words, then the plan's memory, in one block. */
static size_t block_size(const struct abi_plan *plan)
{
	size_t stack = plan->stack_near ? 0 : plan->stack_words * sizeof(uint64_t);

	return stack + plan->memory_size + plan->memory_alignment;
}

static char *memory_in(const struct abi_plan *plan, char *block)
{
	uintptr_t at = (uintptr_t)block + (plan->stack_near ? 0 : plan->stack_words * sizeof(uint64_t));
	uintptr_t alignment = plan->memory_alignment ? plan->memory_alignment : 1;

	return (char *)((at + alignment - 1) & ~(alignment - 1));
}

bool sffi__abi_call_here(const struct abi_plan *plan, void *function, const void *const *images,
			 void *result)
{
	_Alignas(64) char few[FEW_BYTES];
	size_t size = block_size(plan);
	char *block = size <= FEW_BYTES ? few : malloc(size), *memory;
	struct call_result reply;
	struct enter_guard guard = { .result = &reply };
	struct call_frame frame;

	if (!block)
		return false;
	memory = memory_in(plan, block);
	frame.target = (uintptr_t)function;
	sffi__abi_load(plan, images, &frame, (uint64_t *)block, memory);
	sffi__enter(&frame, &guard);
	if (result && plan->result->size) {
		if (plan->result_in_memory)
			memcpy(result, memory, plan->result->size);
		else
			sffi__abi_result(plan, &reply, result);
	}
	if (block != few)
		free(block);
	return true;
}
