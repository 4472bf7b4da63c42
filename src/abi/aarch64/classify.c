/* SPDX-License-Identifier: MIT */
/* AAPCS64 5.9.5 "Homogeneous Aggregates" and 6.8.2, stage B: what kind of argument a type is. */
#include "abi/aarch64/class.h"

#include <stddef.h>

_Static_assert(offsetof(struct call_frame, stack_words) == FRAME_STACK_WORDS, "enter.S");
_Static_assert(offsetof(struct call_frame, vector_count) == FRAME_VECTOR_COUNT, "enter.S");
_Static_assert(offsetof(struct call_frame, wide_result) == FRAME_WIDE_RESULT, "enter.S");
_Static_assert(offsetof(struct call_frame, stack_alignment) == FRAME_STACK_ALIGNMENT, "enter.S");
_Static_assert(offsetof(struct call_frame, stack_near) == FRAME_STACK_NEAR, "enter.S");
_Static_assert(offsetof(struct call_frame, target) == FRAME_TARGET, "enter.S");
_Static_assert(offsetof(struct call_frame, integer) == FRAME_INTEGER, "enter.S");
_Static_assert(offsetof(struct call_frame, indirect) == FRAME_INDIRECT, "enter.S");
_Static_assert(offsetof(struct call_frame, stack) == FRAME_STACK, "enter.S");
_Static_assert(offsetof(struct call_frame, vector) == FRAME_VECTOR, "enter.S");
_Static_assert((sizeof(struct call_frame) - FRAME_HEAD) % FRAME_STEP == 0, "abi_frame_copy");
_Static_assert(offsetof(struct call_result, integer) == RESULT_INTEGER, "enter.S");
_Static_assert(offsetof(struct call_result, vector) == RESULT_VECTOR, "enter.S");
_Static_assert(offsetof(struct call_result, wide) == RESULT_WIDE, "upcall.S");
_Static_assert(sizeof(struct call_result) == RESULT_SIZE, "upcall.S");
_Static_assert(offsetof(struct enter_guard, result) == GUARD_RESULT, "enter.S");
_Static_assert(offsetof(struct enter_guard, expected_sp) == GUARD_EXPECTED_SP, "enter.S");
_Static_assert(offsetof(struct enter_guard, skew) == GUARD_SKEW, "enter.S");
_Static_assert(offsetof(struct enter_guard, frame) == GUARD_FRAME, "enter.S");
_Static_assert(offsetof(struct enter_guard, saved) == GUARD_SAVED, "enter.S");
_Static_assert(offsetof(struct enter_guard, wide_result) == GUARD_WIDE_RESULT, "enter.S");
_Static_assert(offsetof(struct fiber_registers, host_sp) == FIBER_HOST_SP, "fiber.S");
_Static_assert(offsetof(struct fiber_registers, callee_sp) == FIBER_CALLEE_SP, "fiber.S");
_Static_assert(offsetof(struct fiber_registers, expected_sp) == FIBER_EXPECTED_SP, "fiber.S");
_Static_assert(offsetof(struct fiber_registers, result) == FIBER_RESULT, "fiber.S");
_Static_assert(offsetof(struct fiber_registers, exception) == FIBER_EXCEPTION, "fiber.S");
_Static_assert(offsetof(struct fiber_registers, active) == FIBER_ACTIVE, "fiber.S");
_Static_assert(offsetof(struct upcall_registers, integer) == UPCALL_INTEGER, "upcall.S");
_Static_assert(offsetof(struct upcall_registers, indirect) == UPCALL_INDIRECT, "upcall.S");
_Static_assert(offsetof(struct upcall_registers, stack) == UPCALL_STACK, "upcall.S");
_Static_assert(offsetof(struct upcall_registers, vector) == UPCALL_VECTOR, "upcall.S");
_Static_assert(sizeof(struct upcall_registers) == UPCALL_SIZE, "upcall.S");
_Static_assert(UPCALL_INDIRECT - UPCALL_INTEGER == FRAME_INDIRECT - FRAME_INTEGER, "abi_move");
_Static_assert(UPCALL_STACK - UPCALL_INTEGER == FRAME_STACK - FRAME_INTEGER, "abi_move");
_Static_assert(UPCALL_VECTOR - UPCALL_INTEGER == FRAME_VECTOR - FRAME_INTEGER, "abi_move");

/* Unions can share parts, so that a short text makes a type of very many members. */
enum { STEPS_MAX = 10000, NOT_HOMOGENEOUS = -1 };

struct search {
	unsigned steps;
	size_t element; /* bytes of the one floating-point type; 0: none seen */
	bool has_empty_array;
};

static long elements(struct search *, const struct type *);

static long leaf(struct search *search, size_t size, long count)
{
	if (search->element && search->element != size)
		return NOT_HOMOGENEOUS;
	search->element = size;
	return count;
}

static long elements_of_array(struct search *search, const struct type *type)
{
	long each;

	search->has_empty_array |= !type->count && type->target->size;
	each = elements(search, type->target);
	if (each <= 0)
		return each;
	return type->count <= 4 ? each * (long)type->count : NOT_HOMOGENEOUS;
}

/* Without padding, at every level. */
static long elements_of_record(struct search *search, const struct type *type)
{
	long count = 0;

	if (type->has_unnamed_bits)
		return NOT_HOMOGENEOUS;
	for (size_t i = 0; i < type->count; i++) {
		long one = type->members[i].bit_width ? NOT_HOMOGENEOUS
						      : elements(search, type->members[i].type);

		if (one < 0)
			return one;
		if (type->kind == TYPE_STRUCT)
			count += one;
		else if (one > count)
			count = one;
		if (count > 4)
			return NOT_HOMOGENEOUS;
	}
	return (size_t)count * search->element == type->size ? count : NOT_HOMOGENEOUS;
}

/* How many of search->element there are, or NOT_HOMOGENEOUS. */
static long elements(struct search *search, const struct type *type)
{
	if (++search->steps > STEPS_MAX)
		return NOT_HOMOGENEOUS;
	switch (type->kind) {
	case TYPE_FLOAT:
		return leaf(search, type->size, 1);
	case TYPE_COMPLEX:
		return leaf(search, type->size / 2, 2);
	case TYPE_ARRAY:
		return elements_of_array(search, type);
	case TYPE_STRUCT:
	case TYPE_UNION:
		return type->size ? elements_of_record(search, type) : 0;
	default:
		return NOT_HOMOGENEOUS;
	}
}

/* The natural alignment: of a struct, what its members ask for, but not what it asks for
 * itself; no more than 16 (6.8.2, stage B.5 and C.14). */
static uint8_t natural_alignment(const struct type *type)
{
	size_t alignment = type->kind == TYPE_STRUCT || type->kind == TYPE_UNION
				   ? type->member_alignment
				   : type->kind == TYPE_COMPLEX ? type->size / 2 : type->size;

	return alignment < 16 ? 8 : 16;
}

struct abi_class sffi__abi_classify(const struct type *type, const char **dispute)
{
	struct search search = { 0 };
	struct abi_class class = { .alignment = natural_alignment(type) };
	long count;

	*dispute = NULL;
	if (!type->size)
		return class;
	count = elements(&search, type);
	if (count > 0) {
		if (search.has_empty_array)
			*dispute = "it has an array of length zero, which counts for clang but not for gcc";
		class.kind = CLASS_VECTOR;
		class.count = (uint8_t)count;
		class.element = (uint8_t)search.element;
	} else if (type->size <= 16) {
		class.kind = CLASS_INTEGER;
		class.count = (uint8_t)((type->size + 7) / 8);
	} else {
		class.kind = CLASS_REFERENCE;
		class.count = 1;
		class.alignment = 8;
	}
	return class;
}
