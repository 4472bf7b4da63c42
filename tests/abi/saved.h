/* SPDX-License-Identifier: MIT */
/* The registers that a callee has to give back as they were: <cpu>/saved.S. */
#ifndef SFFI_TEST_SAVED_H
#define SFFI_TEST_SAVED_H

#include "abi/abi.h"

enum { SAVED_MAX = 32 };

/* How many registers there are. */
extern const uint32_t saved_count;

/* Calls the function with those three arguments and those registers as `before` says; stores
 * what they are then at `after`, and behind them the stack pointer before and after. */
uint64_t saved_call(uintptr_t function, const uint64_t *arguments, const uint64_t *before,
		    uint64_t *after);

/* A callee: fills all of them with something else, passes `value` to the function, and gives
 * back what they were before it returns the function's result. */
uint64_t saved_callee(uint64_t (*function)(uint64_t), uint64_t value);

/* A callee that leaves nothing as it was, stack pointer and rounding included, and faults. */
void saved_spoil(void);

/* Rounding and the like, and the direction flag. */
uint64_t saved_modes(void);

#endif
