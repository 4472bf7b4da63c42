/* SPDX-License-Identifier: MIT */
/* System V psABI for AMD64, 3.5.7 "Variable Argument Lists": what va_arg does, for types that
 * only run time knows. Most values stay where the caller's registers were saved. */
#include "abi/x86_64/class.h"

enum { SAVED_INTEGERS = 6 * 8, SAVED_VECTORS = SAVED_INTEGERS + 8 * 16 };

struct cursor {
	char *saved, *overflow;
	size_t integer, vector; /* offsets in saved */
	char *block;
};

/* Step 7; over-aligned types as gcc and clang have it. */
static char *from_stack(const struct abi_argument *argument, struct cursor *cursor)
{
	size_t alignment = argument->alignment;
	char *at = (char *)(((uintptr_t)cursor->overflow + alignment - 1) & ~(alignment - 1));

	cursor->overflow = at + ((argument->size + 7) & ~7u);
	return at;
}

static inline char *next_word(struct cursor *cursor)
{
	char *at = cursor->overflow;

	cursor->overflow += 8;
	return at;
}

static inline char *next_integer(struct cursor *cursor)
{
	char *at = cursor->saved + cursor->integer;

	if (cursor->integer == SAVED_INTEGERS)
		return next_word(cursor);
	cursor->integer += 8;
	return at;
}

static inline char *next_vector(struct cursor *cursor)
{
	char *at = cursor->saved + cursor->vector;

	if (cursor->vector == SAVED_VECTORS)
		return next_word(cursor);
	cursor->vector += 16;
	return at;
}

/* C11 6.5.2.2: a float came as a double. */
static char *from_double(const struct abi_argument *argument, struct cursor *cursor)
{
	char *to = cursor->block + argument->image;

	*(float *)to = (float)*(double *)next_vector(cursor);
	return to;
}

/* Steps 1 to 3: all of it in registers, or nothing; two registers do not lie together. */
static char *from_registers(const struct abi_argument *argument, struct cursor *cursor)
{
	struct class_registers needed = class_registers(argument->class);
	char *to = cursor->block + argument->image;

	if (cursor->integer + needed.integers * 8 > SAVED_INTEGERS ||
	    cursor->vector + needed.vectors * 16 > SAVED_VECTORS)
		return from_stack(argument, cursor);
	for (size_t i = 0; i * 8 < argument->size; i++) {
		size_t left = argument->size - i * 8;

		if (argument->class.word[i] != CLASS_NONE)
			memcpy(to + i * 8, argument->class.word[i] == CLASS_INTEGER ? next_integer(cursor)
									       : next_vector(cursor),
			       left < 8 ? left : 8);
	}
	return to;
}

void sffi__abi_take(const struct abi_plan *plan, va_list *list, char *block, void **addresses)
{
	struct cursor cursor = { (*list)->reg_save_area, (*list)->overflow_arg_area,
				 (*list)->gp_offset, (*list)->fp_offset, block };

	for (size_t i = 0; i < plan->count; i++) {
		const struct abi_argument *argument = &plan->arguments[i];

		switch (argument->source) {
		case ABI_FROM_INTEGER:
			addresses[i] = next_integer(&cursor);
			break;
		case ABI_FROM_VECTOR:
			addresses[i] = next_vector(&cursor);
			break;
		case ABI_FROM_DOUBLE:
			addresses[i] = from_double(argument, &cursor);
			break;
		case ABI_FROM_REGISTERS:
			addresses[i] = from_registers(argument, &cursor);
			break;
		default:
			addresses[i] = from_stack(argument, &cursor);
		}
	}
}
