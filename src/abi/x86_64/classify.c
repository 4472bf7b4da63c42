/* SPDX-License-Identifier: MIT */
/*
 * The System V psABI for AMD64, section 3.2.3 "Parameter Passing", for scalars: class
 * INTEGER goes to rdi rsi rdx rcx r8 r9, class SSE to xmm0 to xmm7, the rest to the stack,
 * eight bytes each. Aggregates by value, x87 and variadic calls have their place here and
 * are refused by name.
 */
#include "abi/abi.h"

#include "error.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(offsetof(struct call_frame, stack_words) == FRAME_STACK_WORDS, "enter.S");
_Static_assert(offsetof(struct call_frame, vector_count) == FRAME_VECTOR_COUNT, "enter.S");
_Static_assert(offsetof(struct call_frame, target) == FRAME_TARGET, "enter.S");
_Static_assert(offsetof(struct call_frame, integer) == FRAME_INTEGER, "enter.S");
_Static_assert(offsetof(struct call_frame, stack) == FRAME_STACK, "enter.S");
_Static_assert(offsetof(struct call_frame, vector) == FRAME_VECTOR, "enter.S");
_Static_assert(offsetof(struct call_result, integer) == RESULT_INTEGER, "enter.S");
_Static_assert(offsetof(struct call_result, vector) == RESULT_VECTOR, "enter.S");
_Static_assert(offsetof(struct enter_guard, result) == GUARD_RESULT, "enter.S");
_Static_assert(offsetof(struct enter_guard, expected_sp) == GUARD_EXPECTED_SP, "enter.S");
_Static_assert(offsetof(struct enter_guard, skew) == GUARD_SKEW, "enter.S");

enum { INTEGER_REGISTERS = 6, VECTOR_REGISTERS = 8 };

enum class { CLASS_INTEGER, CLASS_SSE, CLASS_NONE, CLASS_UNSUPPORTED };

static enum class classify(const struct type *type)
{
	switch (type->kind) {
	case TYPE_VOID:
		return CLASS_NONE;
	case TYPE_BOOL:
	case TYPE_POINTER:
	case TYPE_FD:
	case TYPE_BUFFER:
	case TYPE_TOKEN:
		return CLASS_INTEGER;
	case TYPE_INTEGER:
		return type->size <= 8 ? CLASS_INTEGER : CLASS_UNSUPPORTED;
	case TYPE_FLOAT:
		return type->size <= 8 ? CLASS_SSE : CLASS_UNSUPPORTED;
	default:
		return CLASS_UNSUPPORTED;
	}
}

static sffi_status refuse(const char *what, size_t number, const struct type *type)
{
	char text[128];
	char where[48];

	sffi__type_print(type, text, sizeof text);
	if (number)
		snprintf(where, sizeof where, "%s %zu", what, number);
	else
		snprintf(where, sizeof where, "%s", what);
	return sffi__fail(SFFI_ENOTSUP,
			  "%s of type '%s' is passed by value, which this version cannot do; pass a "
			  "pointer to it instead, through a function of the library that takes one",
			  where, text);
}

static void place(struct abi_plan *plan, size_t index, enum class class, size_t *integers)
{
	struct abi_slot *slot = &plan->slots[index];

	if (class == CLASS_INTEGER && *integers < INTEGER_REGISTERS)
		*slot = (struct abi_slot){ ABI_INTEGER_REGISTER, (uint16_t)(*integers)++ };
	else if (class == CLASS_SSE && plan->vector_count < VECTOR_REGISTERS)
		*slot = (struct abi_slot){ ABI_VECTOR_REGISTER, (uint16_t)plan->vector_count++ };
	else
		*slot = (struct abi_slot){ ABI_STACK, (uint16_t)plan->stack_words++ };
}

sffi_status sffi__abi_plan(const struct function_type *function, struct abi_plan **result)
{
	enum class class = classify(function->result);
	size_t integers = 0;
	struct abi_plan *plan;

	if (function->is_variadic)
		return sffi__fail(SFFI_ENOTSUP, "the function is variadic ('...'), which this version "
						"cannot call; declare it with the arguments of one call "
						"only if the library documents that as the same");
	if (function->count > ABI_ARGUMENTS_MAX)
		return sffi__fail(SFFI_ENOTSUP, "the function has %zu parameters, more than the %d that "
						"this version passes",
				  function->count, ABI_ARGUMENTS_MAX);
	if (class == CLASS_UNSUPPORTED)
		return refuse("the result", 0, function->result);
	plan = calloc(1, sizeof *plan + function->count * sizeof *plan->slots);
	if (!plan)
		return sffi__fail(SFFI_ENOMEM, "out of memory for the plan of a function");
	plan->count = function->count;
	plan->result = function->result;
	plan->result_place = class == CLASS_SSE ? ABI_VECTOR_REGISTER : ABI_INTEGER_REGISTER;
	for (size_t i = 0; i < function->count; i++) {
		class = classify(function->parameters[i].type);
		if (class != CLASS_INTEGER && class != CLASS_SSE) {
			free(plan);
			return refuse("parameter", i + 1, function->parameters[i].type);
		}
		place(plan, i, class, &integers);
	}
	plan->integer_count = integers;
	*result = plan;
	return SFFI_OK;
}

void sffi__abi_load(const struct abi_plan *plan, const uint64_t *values, struct call_frame *frame,
		    uint64_t *stack)
{
	for (size_t i = 0; i < plan->count; i++) {
		struct abi_slot slot = plan->slots[i];

		if (slot.place == ABI_INTEGER_REGISTER)
			frame->integer[slot.index] = values[i];
		else if (slot.place == ABI_VECTOR_REGISTER)
			frame->vector[slot.index] = values[i];
		else
			stack[slot.index] = values[i];
	}
	frame->stack_words = (uint32_t)plan->stack_words;
	frame->vector_count = (uint32_t)plan->vector_count;
}

uint64_t sffi__abi_result(const struct abi_plan *plan, const struct call_result *result)
{
	return plan->result_place == ABI_VECTOR_REGISTER ? result->vector[0] : result->integer[0];
}
