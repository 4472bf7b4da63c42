/* SPDX-License-Identifier: MIT */
/*
 * AAPCS64, 6.8.2 "Parameter passing rules", stage C, and 6.9 "Result return": x0 to x7 (as
 * NGRN counts them), v0 to v7 (NSRN), then the stack (NSAA). Linux passes what follows a
 * `...` by the same rules.
 */
#include "abi/aarch64/class.h"

#include "abi/build.h"
#include "error.h"

enum { INTEGER_REGISTERS = 8, VECTOR_REGISTERS = 8 };

static uint32_t integer_place(struct abi_plan *plan)
{
	return (uint32_t)(plan->integer_count++ * sizeof(uint64_t));
}

static uint32_t vector_place(struct abi_plan *plan)
{
	return (uint32_t)(FRAME_VECTOR - FRAME_INTEGER + plan->vector_count++ * VECTOR_SIZE);
}

static enum abi_kind element_kind(size_t size)
{
	return size == 4 ? ABI_FLOAT : size == 8 ? ABI_WORD : ABI_BYTES;
}

/* C.1 to C.6. Once one does not fit, no later one does. */
static void pass_vectors(struct abi_build *build, const struct type *type, struct abi_class class)
{
	struct abi_plan *plan = build->plan;

	if (plan->vector_count + class.count > VECTOR_REGISTERS) {
		plan->vector_count = VECTOR_REGISTERS;
		abi_build_stack(build, type, class.alignment);
		return;
	}
	if (type->kind == TYPE_FLOAT && type->size <= 8) {
		abi_build_piece(build, type, 0, ABI_FRAME, vector_place(plan));
		return;
	}
	for (uint32_t i = 0; i < class.count; i++)
		abi_build_move(build, (struct abi_move){ .kind = (uint8_t)element_kind(class.element),
							 .place = ABI_FRAME,
							 .to = vector_place(plan),
							 .offset = i * class.element,
							 .size = class.element });
}

/* C.9 to C.17. */
static void pass_integers(struct abi_build *build, const struct type *type, struct abi_class class)
{
	struct abi_plan *plan = build->plan;

	if (class.alignment == 16)
		plan->integer_count = (plan->integer_count + 1) & ~1;
	if (plan->integer_count + class.count > INTEGER_REGISTERS) {
		plan->integer_count = INTEGER_REGISTERS;
		abi_build_stack(build, type, class.alignment);
		return;
	}
	for (uint32_t i = 0; i < class.count; i++)
		abi_build_piece(build, type, i * 8, ABI_FRAME, integer_place(plan));
}

/* B.4: a copy, whose address is the argument. */
static void pass_reference(struct abi_build *build, const struct type *type)
{
	if (build->plan->integer_count < INTEGER_REGISTERS)
		abi_build_reference(build, type, ABI_FRAME, integer_place(build->plan));
	else
		abi_build_reference(build, type, ABI_STACK, abi_build_stack_room(build, 8, 8));
}

/* How a va_list has it: a `buffer` is an sffi_buffer there, larger than 16 bytes. */
static void note_argument(struct abi_build *build, const struct type *type, struct abi_class class)
{
	struct abi_argument *argument = &build->plan->arguments[build->parameter];

	if (type->kind == TYPE_BUFFER)
		class.kind = CLASS_REFERENCE;
	argument->class = class;
	argument->alignment = class.alignment;
	if (class.kind == CLASS_REFERENCE || class.kind == CLASS_NONE)
		argument->source = ABI_FROM_STACK;
	else if (class.kind == CLASS_INTEGER && class.count == 1 && class.alignment == 8)
		argument->source = ABI_FROM_INTEGER;
	else if (type->kind == TYPE_FLOAT && type->size <= 8)
		argument->source = type->size == sizeof(float) ? ABI_FROM_DOUBLE : ABI_FROM_VECTOR;
	else
		argument->source = ABI_FROM_REGISTERS;
}

static sffi_status pass(struct abi_build *build, const struct type *type)
{
	const char *dispute;
	struct abi_class class;

	if (!abi_build_check(build, type))
		return SFFI_ETYPE;
	class = sffi__abi_classify(type, &dispute);
	if (dispute)
		return abi_build_refuse(build, type, dispute);
	note_argument(build, type, class);
	switch (class.kind) {
	case CLASS_VECTOR:
		pass_vectors(build, type, class);
		break;
	case CLASS_INTEGER:
		pass_integers(build, type, class);
		break;
	case CLASS_REFERENCE:
		pass_reference(build, type);
		break;
	default:
		break;
	}
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

static sffi_status pass_result(struct abi_build *build, const struct type *type)
{
	struct abi_plan *plan = build->plan;
	const char *dispute;
	struct abi_class class;

	if (type->kind == TYPE_VOID)
		return SFFI_OK;
	if (!abi_build_check(build, type))
		return SFFI_ETYPE;
	class = sffi__abi_classify(type, &dispute);
	if (dispute)
		return abi_build_refuse(build, type, dispute);
	if (class.kind == CLASS_REFERENCE)
		abi_build_result_in_memory(build, FRAME_INDIRECT - FRAME_INTEGER);
	for (size_t i = 0; class.kind == CLASS_VECTOR && i < class.count; i++)
		add_result(plan, element_kind(class.element), RESULT_VECTOR + i * VECTOR_SIZE,
			   i * class.element, class.element);
	for (size_t i = 0; class.kind == CLASS_INTEGER && i < class.count; i++) {
		size_t size = abi_piece_size(type, i * 8);

		add_result(plan, abi_piece_kind(type, size), RESULT_INTEGER + i * 8, i * 8, size);
	}
	plan->wide_result = class.kind == CLASS_VECTOR && class.count > 2;
	return SFFI_OK;
}

const struct abi_convention sffi__convention = { pass, pass_result };
