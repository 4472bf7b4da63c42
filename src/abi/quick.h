/* SPDX-License-Identifier: MIT */
/*
 * The same as sffi__abi_load and sffi__abi_result for what most functions are: scalars of up to
 * eight bytes, all in registers. In this process loading a frame is most of a call; what the
 * general way decides for every move is decided here once, in the plan.
 */
#ifndef SFFI_QUICK_H
#define SFFI_QUICK_H

#include "abi/abi.h"

/* Types of any kind may lie there. */
typedef uint64_t __attribute__((may_alias)) abi_u64;
typedef uint32_t __attribute__((may_alias)) abi_u32;
typedef uint16_t __attribute__((may_alias)) abi_u16;

static inline uint64_t abi_quick_word(const struct abi_quick *quick, const void *from)
{
	uint64_t word;

	if (quick->size == 8)
		return *(const abi_u64 *)from;
	if (quick->size == 4)
		word = *(const abi_u32 *)from;
	else if (quick->is_bool)
		return *(const uint8_t *)from != 0;
	else
		word = quick->size == 2 ? *(const abi_u16 *)from : *(const uint8_t *)from;
	/* Extends the sign, if it has one. */
	return (word ^ quick->sign) - quick->sign;
}

/* All of the frame but its target. */
static inline void abi_quick_load(const struct abi_plan *plan, void *const *arguments,
				  struct call_frame *frame)
{
	const struct abi_quick *quick = plan->quick, *end = quick + plan->quick_count;
	/* Of the frame as a whole: floating point is beyond `integer`. */
	uint64_t *words = (uint64_t *)frame + FRAME_INTEGER / sizeof(uint64_t);

	memcpy(frame, &plan->frame_start, sizeof plan->frame_start);
	for (; quick < end; quick++)
		words[quick->to] = abi_quick_word(quick, arguments[quick->parameter]);
}

static inline void abi_quick_result(const struct abi_plan *plan, const struct call_result *reply,
				    void *result)
{
	const struct abi_quick *quick = &plan->quick_result;
	uint64_t word = ((const uint64_t *)reply)[quick->to];

	if (quick->size == 4)
		*(abi_u32 *)result = (uint32_t)word;
	else if (quick->size == 8)
		*(abi_u64 *)result = word;
	else if (quick->size == 1)
		*(uint8_t *)result = quick->is_bool ? (word & 0xff) != 0 : (uint8_t)word;
	else if (quick->size)
		*(abi_u16 *)result = (uint16_t)word;
}

#endif
