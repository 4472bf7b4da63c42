/* SPDX-License-Identifier: MIT */
/* AAPCS64, appendix B "Variable argument lists": what va_arg does, for types that only run
 * time knows. Most values stay where the caller's registers were saved. */
#include "abi/aarch64/class.h"

struct cursor {
	char *stack, *integers_end, *vectors_end;
	int integer, vector; /* from the ends: negative while there are registers */
	char *block;
};

static char *from_stack(size_t size, size_t alignment, struct cursor *cursor)
{
	char *at = (char *)(((uintptr_t)cursor->stack + alignment - 1) & ~(alignment - 1));

	cursor->stack = at + ((size + 7) & ~(size_t)7);
	return at;
}

/* NULL: they are used up, now or by this. */
static char *next_registers(char *end, int *offset, int size)
{
	char *at = end + *offset;

	if (*offset >= 0)
		return NULL;
	*offset += size;
	return *offset > 0 ? NULL : at;
}

static char *next_integer(struct cursor *cursor)
{
	char *at = next_registers(cursor->integers_end, &cursor->integer, 8);

	return at ? at : from_stack(8, 8, cursor);
}

static char *next_vector(struct cursor *cursor)
{
	char *at = next_registers(cursor->vectors_end, &cursor->vector, 16);

	return at ? at : from_stack(8, 8, cursor);
}

/* C11 6.5.2.2: a float came as a double. */
static char *from_double(const struct abi_argument *argument, struct cursor *cursor)
{
	char *to = cursor->block + argument->image;

	*(float *)to = (float)*(double *)next_vector(cursor);
	return to;
}

/* Those of a homogeneous aggregate have sixteen bytes each. */
static char *from_vectors(const struct abi_argument *argument, struct cursor *cursor)
{
	struct abi_class class = argument->class;
	char *from = next_registers(cursor->vectors_end, &cursor->vector, class.count * 16);
	char *to = cursor->block + argument->image;

	if (!from)
		return from_stack(argument->size, argument->alignment, cursor);
	for (size_t i = 0; i < class.count; i++)
		memcpy(to + i * class.element, from + i * 16, class.element);
	return to;
}

static char *from_integers(const struct abi_argument *argument, struct cursor *cursor)
{
	char *at;

	if (argument->alignment == 16)
		cursor->integer = (cursor->integer + 15) & -16;
	at = next_registers(cursor->integers_end, &cursor->integer, argument->class.count * 8);
	return at ? at : from_stack(argument->size, argument->alignment, cursor);
}

static char *take(const struct abi_argument *argument, struct cursor *cursor)
{
	switch (argument->source) {
	case ABI_FROM_INTEGER:
		return next_integer(cursor);
	case ABI_FROM_VECTOR:
		return next_vector(cursor);
	case ABI_FROM_DOUBLE:
		return from_double(argument, cursor);
	case ABI_FROM_REGISTERS:
		return argument->class.kind == CLASS_VECTOR ? from_vectors(argument, cursor)
							    : from_integers(argument, cursor);
	default:
		if (argument->class.kind == CLASS_NONE)
			return cursor->block;
		return *(char **)next_integer(cursor);
	}
}

void sffi__abi_take(const struct abi_plan *plan, va_list *list, char *block, void **addresses)
{
	struct cursor cursor = { list->__stack,	  list->__gr_top,  list->__vr_top,
				 list->__gr_offs, list->__vr_offs, block };

	for (size_t i = 0; i < plan->count; i++)
		addresses[i] = take(&plan->arguments[i], &cursor);
}
