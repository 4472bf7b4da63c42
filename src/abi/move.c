/* SPDX-License-Identifier: MIT */
/* Carries out a plan's moves, in both directions; the same on every little-endian CPU. */
#include "abi/abi.h"

#include <string.h>

static inline uint64_t read_signed(const void *from, size_t size)
{
	int8_t byte;
	int16_t half;
	int32_t word;

	switch (size) {
	case 1:
		memcpy(&byte, from, sizeof byte);
		return (uint64_t)byte;
	case 2:
		memcpy(&half, from, sizeof half);
		return (uint64_t)half;
	default:
		memcpy(&word, from, sizeof word);
		return (uint64_t)word;
	}
}

static inline uint64_t read_unsigned(const void *from, size_t size)
{
	uint8_t byte;
	uint16_t half;
	uint32_t word;

	switch (size) {
	case 1:
		memcpy(&byte, from, sizeof byte);
		return byte;
	case 2:
		memcpy(&half, from, sizeof half);
		return half;
	default:
		memcpy(&word, from, sizeof word);
		return word;
	}
}

static uint64_t promote(const void *from)
{
	float single;
	double real;
	uint64_t word;

	memcpy(&single, from, sizeof single);
	real = (double)single;
	memcpy(&word, &real, sizeof word);
	return word;
}

static void copy_bytes(char *to, const char *from, size_t size)
{
	static const uint64_t zero;

	if (size % sizeof zero)
		memcpy(to + size / sizeof zero * sizeof zero, &zero, sizeof zero);
	memcpy(to, from, size);
}

static inline void load(const struct abi_move *move, const char *from, char *to, const char *memory)
{
	uint64_t word;

	switch (move->kind) {
	case ABI_WORD:
		memcpy(&word, from, sizeof word);
		break;
	case ABI_SIGNED:
		word = read_signed(from, move->size);
		break;
	case ABI_UNSIGNED:
	case ABI_FLOAT:
		word = read_unsigned(from, move->size);
		break;
	case ABI_BOOL:
		word = *(const unsigned char *)from != 0;
		break;
	case ABI_PROMOTE:
		word = promote(from);
		break;
	case ABI_ADDRESS:
		word = (uintptr_t)memory + move->offset;
		break;
	default:
		copy_bytes(to, from, move->size);
		return;
	}
	memcpy(to, &word, sizeof word);
}

void sffi__abi_load(const struct abi_plan *plan, const void *const *images, struct call_frame *frame,
		    uint64_t *stack, char *memory)
{
	uint64_t *words = plan->stack_near ? (uint64_t *)frame + plan->stack_near : stack;
	char *const places[] = { (char *)frame->integer, (char *)words, memory };
	const struct abi_move *move = plan->moves, *end = move + plan->move_count;
	uint64_t address = (uintptr_t)memory;

	memcpy(frame, &plan->frame_start, sizeof plan->frame_start);
	frame->stack = (uintptr_t)stack;
	if (plan->result_in_memory)
		memcpy((char *)frame->integer + plan->result_pointer, &address, sizeof address);
	for (; move < end; move++) {
		const char *image = images[move->parameter];

		load(move, move->kind == ABI_ADDRESS ? NULL : image + move->offset,
		     places[move->place] + move->to, memory);
	}
}

/* ---- back ------------------------------------------------------------------------------ */

/* The low bytes of a little-endian word are where the word is. */
static void store(const struct abi_move *move, const char *from, char *to)
{
	double real;
	float single;

	switch (move->kind) {
	case ABI_BOOL:
		/* Only the low eight bits are defined (System V psABI for AMD64, 3.2.3). */
		*to = *from != 0;
		break;
	case ABI_PROMOTE:
		memcpy(&real, from, sizeof real);
		single = (float)real;
		memcpy(to, &single, sizeof single);
		break;
	default:
		memcpy(to, from, move->size);
	}
}

void sffi__abi_result(const struct abi_plan *plan, const struct call_result *result, void *image)
{
	for (size_t i = 0; i < plan->result_count; i++)
		store(&plan->results[i], (const char *)result + plan->results[i].to,
		      (char *)image + plan->results[i].offset);
}

static const char *source(const struct abi_move *move, const struct upcall_registers *registers,
			  const uint64_t *stack)
{
	return (move->place == ABI_FRAME ? (const char *)registers->integer : (const char *)stack) +
	       move->to;
}

void sffi__abi_unload(const struct abi_plan *plan, const struct upcall_registers *registers,
		      const uint64_t *stack, void *const *images)
{
	for (size_t i = 0; i < plan->move_count; i++) {
		const struct abi_move *move = &plan->moves[i];

		if (move->place != ABI_MEMORY && move->kind != ABI_ADDRESS)
			store(move, source(move, registers, stack),
			      (char *)images[move->parameter] + move->offset);
	}
}

struct abi_reference sffi__abi_reference(const struct abi_plan *plan,
					 const struct upcall_registers *registers,
					 const uint64_t *stack, size_t nth)
{
	struct abi_reference reference = { 0 };

	for (size_t i = 0; i < plan->move_count; i++) {
		const struct abi_move *move = &plan->moves[i];

		if (move->kind != ABI_ADDRESS || nth--)
			continue;
		reference.parameter = move->parameter;
		reference.size = plan->arguments[move->parameter].type->size;
		memcpy(&reference.address, source(move, registers, stack), sizeof reference.address);
		break;
	}
	return reference;
}

uint64_t sffi__abi_result_address(const struct abi_plan *plan,
				  const struct upcall_registers *registers)
{
	uint64_t address = 0;

	if (plan->result_in_memory)
		memcpy(&address, (const char *)registers->integer + plan->result_pointer,
		       sizeof address);
	return address;
}

void sffi__abi_result_store(const struct abi_plan *plan, const struct upcall_registers *registers,
			    const void *image, struct call_result *result)
{
	result->wide = plan->wide_result;
	/* x86-64 returns the address too; on aarch64 nobody looks at x0 then. */
	result->integer[0] = sffi__abi_result_address(plan, registers);
	for (size_t i = 0; i < plan->result_count; i++)
		load(&plan->results[i], (const char *)image + plan->results[i].offset,
		     (char *)result + plan->results[i].to, NULL);
}
