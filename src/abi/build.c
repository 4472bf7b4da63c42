/* SPDX-License-Identifier: MIT */
#include "abi/build.h"

#include "error.h"

#include <stdlib.h>

/* No type that a CPU passes in registers takes more of them. */
enum { MOVES_EACH = 8, STEPS_MAX = 10000 };

static bool is_record(const struct type *type)
{
	return type->kind == TYPE_STRUCT || type->kind == TYPE_UNION;
}

static uint64_t rounded_up(uint64_t at, uint64_t alignment)
{
	return (at + alignment - 1) & ~(alignment - 1);
}

/* ---- refusing ---------------------------------------------------------------------------- */

sffi_status abi_build_refuse(const struct abi_build *build, const struct type *type, const char *why)
{
	char text[160], where[48];

	sffi__type_print(type, text, sizeof text);
	if (build->parameter == ABI_RESULT)
		snprintf(where, sizeof where, "the result");
	else
		snprintf(where, sizeof where, "parameter %zu", build->parameter + 1);
	return sffi__fail(SFFI_ETYPE, "%s, of the type '%s', cannot be passed by value: %s", where, text,
			  why);
}

/* Whether anything in it has a name and a size. Types share parts; where they are too many to
 * look at all, nothing was found that has. */
static bool has_data(const struct type *type, unsigned *steps)
{
	if (type->kind == TYPE_ARRAY)
		return type->size && has_data(type->target, steps);
	if (!is_record(type))
		return true;
	for (size_t i = 0; type->size && i < type->count && ++*steps < STEPS_MAX; i++)
		if (has_data(type->members[i].type, steps))
			return true;
	return false;
}

bool abi_build_check(const struct abi_build *build, const struct type *type)
{
	const char *why = NULL;
	unsigned steps = 0;

	if (type->kind == TYPE_BUFFER)
		return true;
	if (!type->is_complete)
		why = "its members are not declared";
	else if (is_record(type) && type->has_flexible_tail)
		why = "it ends with an array of unknown or no length, which would not travel";
	else if (type->size && !has_data(type, &steps))
		why = "it has nothing but unnamed bit-fields, which compilers pass or leave out";
	else if (type->size > ABI_STACK_MAX)
		why = "it is larger than 1 MiB; pass a pointer to it";
	else if (type->alignment > ABI_ALIGNMENT_MAX)
		why = "it is aligned to more than 32 KiB";
	if (why)
		abi_build_refuse(build, type, why);
	return !why;
}

static sffi_status check_sizes(const struct abi_build *build)
{
	if (build->stack_size > ABI_STACK_MAX || build->memory_size > ABI_STACK_MAX)
		return sffi__fail(SFFI_ETYPE, "the arguments take more than 1 MiB of stack; pass pointers "
					      "to the large ones");
	return SFFI_OK;
}

/* ---- moves ------------------------------------------------------------------------------- */

size_t abi_piece_size(const struct type *type, size_t offset)
{
	size_t left = type->size - offset;

	return left < 8 ? left : 8;
}

enum abi_kind abi_piece_kind(const struct type *type, size_t size)
{
	if (type->kind == TYPE_BOOL)
		return ABI_BOOL;
	if (size == 8)
		return ABI_WORD;
	if (type->kind == TYPE_FLOAT)
		return ABI_FLOAT;
	if (type->kind == TYPE_FD || (type->kind == TYPE_INTEGER && type->is_signed))
		return ABI_SIGNED;
	return size == 1 || size == 2 || size == 4 ? ABI_UNSIGNED : ABI_BYTES;
}

void abi_build_move(struct abi_build *build, struct abi_move move)
{
	move.parameter = (uint16_t)build->parameter;
	build->plan->moves[build->plan->move_count++] = move;
}

void abi_build_piece(struct abi_build *build, const struct type *type, uint32_t offset,
		     enum abi_place place, uint32_t to)
{
	size_t size = abi_piece_size(type, offset);
	enum abi_kind kind = abi_piece_kind(type, size);

	if (kind == ABI_FLOAT && build->is_promoted)
		kind = ABI_PROMOTE;
	abi_build_move(build, (struct abi_move){ .kind = (uint8_t)kind, .place = (uint8_t)place,
						 .to = to, .offset = offset, .size = (uint32_t)size });
}

uint32_t abi_build_stack_room(struct abi_build *build, size_t size, size_t alignment)
{
	uint64_t at = rounded_up(build->stack_size, alignment);

	while (alignment >> build->plan->stack_alignment > 1)
		build->plan->stack_alignment++;
	/* Too much of it is refused at the end: check_sizes. */
	build->stack_size = at + rounded_up(size, 8);
	return (uint32_t)at;
}

void abi_build_stack(struct abi_build *build, const struct type *type, size_t alignment)
{
	uint32_t at = abi_build_stack_room(build, type->size, alignment);

	if (type->size <= 8 && !is_record(type))
		abi_build_piece(build, type, 0, ABI_STACK, at);
	else
		abi_build_move(build, (struct abi_move){ .kind = ABI_BYTES, .place = ABI_STACK, .to = at,
							 .size = (uint32_t)type->size });
}

static uint32_t memory_room(struct abi_build *build, const struct type *type)
{
	uint64_t at = rounded_up(build->memory_size, type->alignment < 16 ? 16 : type->alignment);

	if (type->alignment > build->plan->memory_alignment)
		build->plan->memory_alignment = (uint32_t)type->alignment;
	build->memory_size = at + rounded_up(type->size, 8);
	return (uint32_t)at;
}

void abi_build_reference(struct abi_build *build, const struct type *type, enum abi_place place,
			 uint32_t to)
{
	uint32_t at = memory_room(build, type);

	build->plan->reference_count++;
	abi_build_move(build, (struct abi_move){ .kind = ABI_BYTES, .place = ABI_MEMORY, .to = at,
						 .size = (uint32_t)type->size });
	abi_build_move(build, (struct abi_move){ .kind = ABI_ADDRESS, .place = (uint8_t)place, .to = to,
						 .offset = at, .size = 8 });
}

void abi_build_result_in_memory(struct abi_build *build, uint32_t result_pointer)
{
	build->plan->result_in_memory = true;
	build->plan->result_pointer = result_pointer;
	memory_room(build, build->plan->result);
}

/* ---- the whole ----------------------------------------------------------------------------- */

/* What the caller holds of the parameter: of a buffer, the sffi_buffer. */
static sffi_status add_image(struct abi_plan *plan, size_t index, const struct type *type)
{
	bool is_buffer = type->kind == TYPE_BUFFER;
	size_t size = is_buffer ? sizeof(sffi_buffer) : type->size;
	size_t alignment = is_buffer ? _Alignof(sffi_buffer) : type->alignment;
	uint64_t at = rounded_up(plan->images_size, alignment < 8 ? 8 : alignment);

	plan->arguments[index].type = type;
	plan->arguments[index].image = (uint32_t)at;
	plan->arguments[index].size = (uint32_t)size;
	plan->images_size = at + size;
	if (alignment > plan->images_alignment)
		plan->images_alignment = alignment;
	if (plan->images_size <= 4 * (uint64_t)ABI_STACK_MAX)
		return SFFI_OK;
	return sffi__fail(SFFI_ETYPE, "the arguments take more than 4 MiB; pass pointers to the large ones");
}

static sffi_status place_all(struct abi_build *build, const struct function_type *function)
{
	sffi_status status;

	build->parameter = ABI_RESULT;
	status = sffi__convention.pass_result(build, function->result);
	for (size_t i = 0; i < function->count && !status; i++) {
		const struct type *type = function->parameters[i].type;

		build->parameter = i;
		build->is_promoted = i >= function->fixed_count;
		status = sffi__convention.pass(build, type);
		if (!status)
			status = add_image(build->plan, i, type);
	}
	return status ? status : check_sizes(build);
}

static struct abi_plan *new_plan(const struct function_type *function)
{
	size_t moves = function->count * MOVES_EACH * sizeof(struct abi_move);
	size_t arguments = function->count * sizeof(struct abi_argument);
	struct abi_plan *plan = calloc(1, sizeof *plan + moves + arguments);

	if (!plan)
		return NULL;
	plan->result = function->result;
	plan->count = function->count;
	plan->stack_alignment = 4;
	plan->memory_alignment = 64; /* a cache line has one writer */
	plan->images_alignment = 16;
	plan->arguments = (void *)((char *)plan + sizeof *plan + moves);
	return plan;
}

/* What of the frame is used, and whether the stack words fit behind it. */
static void measure_frame(struct abi_plan *plan)
{
	size_t vectors_end = FRAME_VECTOR + plan->vector_count * VECTOR_SIZE;
	size_t stack_size = plan->stack_words * sizeof(uint64_t);

	plan->frame_size = FRAME_HEAD;
	if (plan->integer_count > FRAME_HEAD_INTEGERS || plan->stack_words ||
	    plan->result_pointer >= FRAME_HEAD - FRAME_INTEGER)
		plan->frame_size = FRAME_VECTOR;
	if (plan->vector_count)
		plan->frame_size = (uint16_t)vectors_end;
	if (plan->stack_words && vectors_end + stack_size <= sizeof(struct call_frame)) {
		plan->stack_near = (uint8_t)(vectors_end / sizeof(uint64_t));
		plan->frame_size = (uint16_t)(vectors_end + stack_size);
	}
}

/* ---- the quick way --------------------------------------------------------------------------- */

/* False: it is no scalar, or not the whole of one. */
static bool quick_move(const struct abi_move *move, struct abi_quick *quick)
{
	bool is_word = move->kind == ABI_WORD;

	if (!is_word && move->kind != ABI_BOOL && move->kind != ABI_SIGNED && move->kind != ABI_UNSIGNED &&
	    move->kind != ABI_FLOAT)
		return false;
	*quick = (struct abi_quick){ .parameter = (uint8_t)move->parameter,
				     .size = is_word ? 8 : (uint8_t)move->size,
				     .to = (uint8_t)(move->to / 8),
				     .is_bool = move->kind == ABI_BOOL };
	if (move->kind == ABI_SIGNED)
		quick->sign = UINT64_C(1) << (8 * move->size - 1);
	return !move->offset && move->to % 8 == 0;
}

static void note_frame_start(struct abi_plan *plan)
{
	struct call_frame frame = { .stack_words = plan->stack_words,
				    .vector_count = plan->vector_count,
				    .wide_result = plan->wide_result,
				    .stack_alignment = plan->stack_alignment,
				    .stack_near = plan->stack_near };

	_Static_assert(FRAME_TARGET == sizeof plan->frame_start, "a frame begins with what the plan knows");
	memcpy(&plan->frame_start, &frame, sizeof plan->frame_start);
}

static void find_quick_way(struct abi_plan *plan)
{
	note_frame_start(plan);
	if (plan->stack_words || plan->memory_size || plan->wide_result || plan->result_count > 1 ||
	    plan->move_count > ABI_QUICK_MAX)
		return;
	for (size_t i = 0; i < plan->move_count; i++)
		if (plan->moves[i].place != ABI_FRAME || !quick_move(&plan->moves[i], &plan->quick[i]))
			return;
	if (plan->result_count && !quick_move(&plan->results[0], &plan->quick_result))
		return;
	plan->quick_count = (uint8_t)plan->move_count;
	plan->is_quick = true;
}

sffi_status sffi__abi_plan(const struct function_type *function, struct abi_plan **result)
{
	struct abi_plan *plan;
	struct abi_build build = { 0 };
	sffi_status status;

	plan = new_plan(function);
	if (!plan)
		return sffi__fail(SFFI_ENOMEM, "out of memory for the plan of a function");
	build.plan = plan;
	status = place_all(&build, function);
	if (status) {
		free(plan);
		return status;
	}
	plan->stack_words = (uint32_t)(build.stack_size / 8);
	plan->memory_size = (uint32_t)build.memory_size;
	measure_frame(plan);
	find_quick_way(plan);
	*result = plan;
	return SFFI_OK;
}
