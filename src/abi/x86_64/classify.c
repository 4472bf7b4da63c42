/* SPDX-License-Identifier: MIT */
/*
 * The System V psABI for AMD64, section 3.2.3 "Parameter Passing", Classification: each
 * eightbyte of a type gets a class, those of the members merged.
 *
 * Where gcc and clang do not agree on a type, a call would be wrong with one of them:
 * such a type is told apart here and refused by plan.c.
 */
#include "abi/x86_64/class.h"

#include <stddef.h>

_Static_assert(offsetof(struct call_frame, stack_words) == FRAME_STACK_WORDS, "enter.S");
_Static_assert(offsetof(struct call_frame, vector_count) == FRAME_VECTOR_COUNT, "enter.S");
_Static_assert(offsetof(struct call_frame, wide_result) == FRAME_WIDE_RESULT, "enter.S");
_Static_assert(offsetof(struct call_frame, stack_alignment) == FRAME_STACK_ALIGNMENT, "enter.S");
_Static_assert(offsetof(struct call_frame, stack_near) == FRAME_STACK_NEAR, "enter.S");
_Static_assert(offsetof(struct call_frame, target) == FRAME_TARGET, "enter.S");
_Static_assert(offsetof(struct call_frame, integer) == FRAME_INTEGER, "enter.S");
_Static_assert(offsetof(struct call_frame, stack) == FRAME_STACK, "enter.S");
_Static_assert(offsetof(struct call_frame, vector) == FRAME_VECTOR, "enter.S");
_Static_assert((sizeof(struct call_frame) - FRAME_HEAD) % FRAME_STEP == 0, "abi_frame_copy");
_Static_assert(offsetof(struct call_result, integer) == RESULT_INTEGER, "enter.S");
_Static_assert(offsetof(struct call_result, vector) == RESULT_VECTOR, "enter.S");
_Static_assert(offsetof(struct call_result, x87) == RESULT_X87, "enter.S");
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
_Static_assert(offsetof(struct fiber_registers, wide_result) == FIBER_WIDE_RESULT, "fiber.S");
_Static_assert(offsetof(struct upcall_registers, integer) == UPCALL_INTEGER, "upcall.S");
_Static_assert(offsetof(struct upcall_registers, stack) == UPCALL_STACK, "upcall.S");
_Static_assert(offsetof(struct upcall_registers, vector) == UPCALL_VECTOR, "upcall.S");
_Static_assert(sizeof(struct upcall_registers) == UPCALL_SIZE, "upcall.S");
_Static_assert(UPCALL_STACK - UPCALL_INTEGER == FRAME_STACK - FRAME_INTEGER, "abi_move");
_Static_assert(UPCALL_VECTOR - UPCALL_INTEGER == FRAME_VECTOR - FRAME_INTEGER, "abi_move");

/* Unions can share parts, so that a short text makes a type of very many members. */
enum { STEPS_MAX = 10000 };

struct search {
	unsigned steps;
	const char *dispute;
	bool has_unnamed_bits;
	bool is_misplaced; /* a member of a packed struct, not as its type is aligned */
};

static bool classify_at(struct search *, const struct type *, size_t offset, uint8_t word[2]);

/* Rule 4, in its order. */
static uint8_t merge(uint8_t a, uint8_t b)
{
	if (a == b)
		return a;
	if (a == CLASS_NONE || b == CLASS_NONE)
		return a == CLASS_NONE ? b : a;
	if (a == CLASS_MEMORY || b == CLASS_MEMORY)
		return CLASS_MEMORY;
	if (a == CLASS_INTEGER || b == CLASS_INTEGER)
		return CLASS_INTEGER;
	if (a >= CLASS_X87 || b >= CLASS_X87)
		return CLASS_MEMORY;
	return CLASS_SSE;
}

static void merge_range(uint8_t word[2], size_t first_byte, size_t last_byte, uint8_t class)
{
	for (size_t i = first_byte / 8; i <= last_byte / 8 && i < 2; i++)
		word[i] = merge(word[i], class);
}

/* false: it contains unaligned fields, so all of it has class MEMORY. */
static bool is_aligned(struct search *search, const struct type *type, size_t offset, size_t natural)
{
	if (offset % natural == 0)
		return true;
	/* A typedef with `aligned`: gcc goes by the machine's type, clang by the typedef. */
	if (offset % type->alignment == 0)
		search->dispute = "a member's typedef has less alignment than its type needs";
	return false;
}

static bool classify_float(struct search *search, const struct type *type, size_t offset,
			   uint8_t word[2])
{
	size_t size = type->kind == TYPE_COMPLEX ? type->size / 2 : type->size;

	if (!is_aligned(search, type, offset, size))
		return false;
	if (size <= 8) {
		merge_range(word, offset, offset + type->size - 1, CLASS_SSE);
	} else if (type->kind == TYPE_COMPLEX) {
		word[0] = merge(word[0], CLASS_COMPLEX_X87);
	} else {
		word[0] = merge(word[0], CLASS_X87);
		word[1] = merge(word[1], CLASS_X87UP);
	}
	return true;
}

static bool classify_array(struct search *search, const struct type *type, size_t offset,
			   uint8_t word[2])
{
	for (size_t i = 0; i < type->count; i++) {
		if (classify_at(search, type->target, offset + i * type->target->size, word))
			continue;
		if (i)
			search->dispute = "only some elements of a packed array are aligned";
		return false;
	}
	return true;
}

/* gcc takes a union's bit-field for an integer as wide as it needs, which can be unaligned. */
static void check_union_bits(struct search *search, const struct member *member, size_t offset)
{
	size_t natural = 1;

	while (natural * 8 < member->bit_width)
		natural *= 2;
	if ((offset + member->offset) % natural)
		search->dispute = "the alignment of a union's bit-field counts for gcc but not for clang";
}

static bool classify_member(struct search *search, const struct type *record,
			    const struct member *member, size_t offset, uint8_t word[2])
{
	size_t first_bit = (offset + member->offset) * 8 + member->bit_offset;

	if (!member->bit_width)
		return classify_at(search, member->type, offset + member->offset, word);
	if (record->kind == TYPE_UNION)
		check_union_bits(search, member, offset);
	merge_range(word, first_bit / 8, (first_bit + member->bit_width - 1) / 8, CLASS_INTEGER);
	return true;
}

/* Rules 1 to 5 for a struct or union of at most two eightbytes. */
static bool classify_record(struct search *search, const struct type *type, size_t offset,
			    uint8_t word[2])
{
	uint8_t own[2] = { CLASS_NONE, CLASS_NONE };

	search->has_unnamed_bits |= type->has_unnamed_bits;
	for (size_t i = 0; i < type->count; i++)
		if (!classify_member(search, type, &type->members[i], offset, own))
			return false;
	/* Rule 5, the post-merger clean-up. */
	if (own[0] == CLASS_MEMORY || own[1] == CLASS_MEMORY ||
	    (own[1] == CLASS_X87UP && own[0] != CLASS_X87))
		return false;
	word[0] = merge(word[0], own[0]);
	word[1] = merge(word[1], own[1]);
	return true;
}

/* false: class MEMORY. As deep as the type, at most TYPE_DEPTH_MAX: not through pointers. */
static bool classify_at(struct search *search, const struct type *type, size_t offset,
			uint8_t word[2])
{
	if (++search->steps > STEPS_MAX)
		search->dispute = "it has too many members";
	if (search->dispute)
		return true;
	search->is_misplaced |= offset % type->alignment != 0;
	if (!type->size) {
		/* gcc counts an array of length zero, unless an eightbyte begins there. */
		if (offset % 8 && type->count)
			search->dispute = "it has a member without a size, which counts for gcc "
					  "but not for clang";
		else if (offset % 8 && type->kind == TYPE_ARRAY)
			search->dispute = "it has an array of length zero, which counts for gcc "
					  "but not for clang";
		return true;
	}
	switch (type->kind) {
	case TYPE_FLOAT:
	case TYPE_COMPLEX:
		return classify_float(search, type, offset, word);
	case TYPE_ARRAY:
		return classify_array(search, type, offset, word);
	case TYPE_STRUCT:
	case TYPE_UNION:
		return classify_record(search, type, offset, word);
	default:
		if (!is_aligned(search, type, offset, type->size))
			return false;
		merge_range(word, offset, offset + type->size - 1, CLASS_INTEGER);
		return true;
	}
}

struct abi_class sffi__abi_classify(const struct type *type, const char **dispute)
{
	struct search search = { 0 };
	struct abi_class class = { { CLASS_NONE, CLASS_NONE } };
	bool is_scalar = type->kind != TYPE_STRUCT && type->kind != TYPE_UNION;

	if (type->size > 16 && !is_scalar)
		return (struct abi_class){ { CLASS_MEMORY, CLASS_MEMORY } };
	if (!classify_at(&search, type, 0, class.word))
		class = (struct abi_class){ { CLASS_MEMORY, CLASS_MEMORY } };
	/* gcc looks at the scalars only. */
	if (search.is_misplaced && !class_is_memory(class) && !search.dispute)
		search.dispute = "the alignment of a packed member counts for clang but not for gcc";
	if (search.has_unnamed_bits && !search.dispute)
		for (size_t i = 0; i * 8 < type->size; i++)
			if (class.word[i] != CLASS_INTEGER)
				search.dispute = "its unnamed bit-fields count for gcc but not for clang";
	if (dispute)
		*dispute = search.dispute;
	return class;
}
