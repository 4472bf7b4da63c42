/* SPDX-License-Identifier: MIT */
/*
 * The System V psABI for AMD64, section 3.2.3 "Parameter Passing", Passing and Returning of
 * Values: the classified eightbytes of each argument get rdi rsi rdx rcx r8 r9, xmm0 to
 * xmm7, or stack words, and the result's rax rdx, xmm0 xmm1, st0 st1, or memory.
 */
#include "abi/x86_64/class.h"

#include "abi/build.h"
#include "error.h"

#include <stddef.h>

enum { INTEGER_REGISTERS = 6, VECTOR_REGISTERS = 8 };

static uint32_t integer_place(struct abi_plan *plan)
{
	return (uint32_t)(plan->integer_count++ * sizeof(uint64_t));
}

static uint32_t vector_place(struct abi_plan *plan)
{
	return (uint32_t)(FRAME_VECTOR - FRAME_INTEGER + plan->vector_count++ * sizeof(uint64_t));
}

/* All eightbytes of an argument go to registers, or none. */
static bool fits_registers(const struct abi_plan *plan, struct abi_class class)
{
	struct class_registers needed = class_registers(class);

	return !class_is_memory(class) &&
	       plan->integer_count + needed.integers <= INTEGER_REGISTERS &&
	       plan->vector_count + needed.vectors <= VECTOR_REGISTERS;
}

static void to_registers(struct abi_build *build, const struct type *type, struct abi_class class)
{
	for (size_t i = 0; i < 2 && i * 8 < type->size; i++) {
		if (class.word[i] == CLASS_NONE)
			continue;
		abi_build_piece(build, type, (uint32_t)i * 8, ABI_FRAME,
				class.word[i] == CLASS_INTEGER ? integer_place(build->plan)
							       : vector_place(build->plan));
	}
}

/* Natural alignment of a type on the stack, eight bytes at least. `aligned` on a typedef does
 * not count, with gcc nor clang; on a struct or a member it does, beyond 16 too. */
static size_t stack_alignment(const struct type *type)
{
	size_t alignment = type->kind == TYPE_STRUCT || type->kind == TYPE_UNION
				   ? type->natural_alignment
				   : type->kind == TYPE_COMPLEX ? type->size / 2 : type->size;

	return alignment < 8 ? 8 : alignment;
}

/* How a va_list has it: a `buffer` is an sffi_buffer there, which goes to memory. */
static void note_argument(struct abi_build *build, const struct type *type, struct abi_class class)
{
	struct abi_argument *argument = &build->plan->arguments[build->parameter];
	bool is_float = type->kind == TYPE_FLOAT && type->size == sizeof(float);

	argument->class = class;
	/* What has no size takes no place, and moves nothing behind it. */
	argument->alignment = type->size ? (uint16_t)stack_alignment(type) : 8;
	if (type->kind == TYPE_BUFFER || class_is_memory(class) || !type->size)
		argument->source = ABI_FROM_STACK;
	else if (type->size > 8)
		argument->source = ABI_FROM_REGISTERS;
	else if (class.word[0] == CLASS_INTEGER)
		argument->source = ABI_FROM_INTEGER;
	else
		argument->source = is_float ? ABI_FROM_DOUBLE : ABI_FROM_VECTOR;
}

static sffi_status pass(struct abi_build *build, const struct type *type)
{
	const char *dispute = NULL;
	struct abi_class class;

	if (!abi_build_check(build, type))
		return SFFI_ETYPE;
	class = sffi__abi_classify(type, &dispute);
	if (!type->size && build->is_promoted && stack_alignment(type) > 8)
		dispute = "it is empty and over-aligned, which gcc's va_arg does not take as it is passed";
	if (dispute)
		return abi_build_refuse(build, type, dispute);
	note_argument(build, type, class);
	if (!type->size)
		return SFFI_OK;
	if (fits_registers(build->plan, class))
		to_registers(build, type, class);
	else
		abi_build_stack(build, type, stack_alignment(type));
	return SFFI_OK;
}

/* ---- results ---------------------------------------------------------------------------- */

static void add_result(struct abi_plan *plan, enum abi_kind kind, size_t to, size_t offset,
		       size_t size)
{
	plan->results[plan->result_count++] = (struct abi_move){
		.kind = (uint8_t)kind, .to = (uint32_t)to, .offset = (uint32_t)offset,
		.size = (uint32_t)size,
	};
}

static void result_in_x87(struct abi_plan *plan, size_t count)
{
	for (size_t i = 0; i < count; i++)
		add_result(plan, ABI_BYTES, RESULT_X87 + i * 16, i * 16, 16);
	plan->wide_result = (uint8_t)count;
}

static void result_in_registers(struct abi_plan *plan, struct abi_class class)
{
	const struct type *type = plan->result;
	size_t integers = 0, vectors = 0;

	for (size_t i = 0; i < 2 && i * 8 < type->size; i++) {
		size_t size = abi_piece_size(type, i * 8), to;

		if (class.word[i] == CLASS_NONE)
			continue;
		to = class.word[i] == CLASS_INTEGER ? RESULT_INTEGER + 8 * integers++
						    : RESULT_VECTOR + 8 * vectors++;
		add_result(plan, abi_piece_kind(type, size), to, i * 8, size);
	}
}

static sffi_status pass_result(struct abi_build *build, const struct type *type)
{
	struct abi_plan *plan = build->plan;
	const char *dispute = NULL;
	struct abi_class class;

	if (type->kind == TYPE_VOID)
		return SFFI_OK;
	if (!abi_build_check(build, type))
		return SFFI_ETYPE;
	class = sffi__abi_classify(type, &dispute);
	if (dispute)
		return abi_build_refuse(build, type, dispute);
	if (!type->size)
		return SFFI_OK;
	if (class.word[0] == CLASS_X87)
		result_in_x87(plan, 1);
	else if (class.word[0] == CLASS_COMPLEX_X87)
		result_in_x87(plan, 2);
	else if (!class_is_memory(class))
		result_in_registers(plan, class);
	else
		abi_build_result_in_memory(build, integer_place(plan));
	return SFFI_OK;
}

const struct abi_convention sffi__convention = { pass, pass_result };
