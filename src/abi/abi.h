/* SPDX-License-Identifier: MIT */
/*
 * How a CPU passes arguments: the part of SafeFFI that a new CPU writes anew.
 *
 * A declaration is classified once into a plan (argument i goes to this register or that
 * stack word). A call loads the argument values into a call_frame as the plan says;
 * sffi__enter takes a call_frame to the registers and calls. What lives in abi/<cpu>/:
 * classify.c, enter.S, and regs.h with struct call_frame, struct call_result,
 * struct enter_guard and struct machine_registers.
 */
#ifndef SFFI_ABI_H
#define SFFI_ABI_H

#include "safeffi.h"
#include "type/type.h"

#include <stdint.h>
#include <string.h>

#if defined __x86_64__
#include "abi/x86_64/regs.h"
#elif defined __aarch64__
#include "abi/aarch64/regs.h"
#else
#error "SafeFFI knows x86-64 and aarch64; a port writes src/abi/<cpu>/"
#endif

enum { ABI_ARGUMENTS_MAX = 1024 };

enum abi_place { ABI_INTEGER_REGISTER, ABI_VECTOR_REGISTER, ABI_STACK };

struct abi_slot {
	uint8_t place;  /* enum abi_place */
	uint16_t index; /* of the register, or of the eight byte stack word */
};

struct abi_plan {
	size_t count;
	size_t stack_words;
	size_t integer_count;   /* integer registers used */
	size_t vector_count;    /* vector registers used: what %al says to a variadic callee */
	enum abi_place result_place;
	const struct type *result;
	struct abi_slot slots[];
};

/* Classifies a function type; free() the plan. SFFI_ENOTSUP: it needs something that this
 * version does not pass; SFFI_ENOMEM. */
sffi_status sffi__abi_plan(const struct function_type *, struct abi_plan **);

/* Writes a frame, that was loaded elsewhere, where the callee's thread may be spinning on
 * its first cache line: at once, and no more than the call needs. */
static inline void abi_frame_copy(const struct abi_plan *plan, struct call_frame *to,
				  const struct call_frame *from)
{
	memcpy(to, from, FRAME_HEAD);
	if (plan->integer_count > FRAME_HEAD_INTEGERS || plan->vector_count || plan->stack_words)
		memcpy((char *)to + FRAME_HEAD, (const char *)from + FRAME_HEAD,
		       sizeof *to - FRAME_HEAD);
}

/* Puts the values, widened to 64 bits as sffi__abi_widen does, into the frame; stack words
 * go to `stack`, which has room for plan->stack_words. */
void sffi__abi_load(const struct abi_plan *, const uint64_t *values, struct call_frame *,
		    uint64_t *stack);

/* The result as a 64-bit word, to be stored with sffi__abi_narrow. */
uint64_t sffi__abi_result(const struct abi_plan *, const struct call_result *);

/* Reads a scalar of the type at the address, sign or zero extended; a float's or double's
 * bits unextended. */
uint64_t sffi__abi_widen(const struct type *, const void *address);
/* Stores the low bytes of the word as a scalar of the type. */
void sffi__abi_narrow(const struct type *, uint64_t word, void *address);

/* Calls frame->target (enter.S). Stores the result at *guard->result. */
void sffi__enter(const struct call_frame *, struct enter_guard *);

/* Leaves the current stack for good and runs the function, which must not return, on the
 * one below `top` (enter.S). */
_Noreturn void sffi__switch_stack(void *top, void (*function)(void *), void *argument);

#endif
