/* SPDX-License-Identifier: MIT */
/*
 * Faults after which this process cannot go on as before: in the allocator, the loader or a
 * stream, whose locks then stay held and whose state may be damaged. From then on no callee is
 * called in this process any more, and nothing of SafeFFI's that allocates runs on its behalf.
 */
#ifndef SFFI_POISON_H
#define SFFI_POISON_H

#include "inside/fiber.h"

/* Finds out where the functions with locks lie, once. */
sffi_status sffi__poison_open(void);
/* Whether the callee was in one of them. Async-signal-safe; may itself fault. */
bool sffi__poison_judge(const struct fiber *, const struct fault_record *);
/* It was: takes over the fault, which is not freed any more. */
void sffi__poison(const sffi_fault *);
extern _Atomic(const sffi_fault *) sffi__poison_fault;
static inline bool is_poisoned(void)
{
	return atomic_load_explicit(&sffi__poison_fault, memory_order_relaxed);
}
/* Then: SFFI_EPOISONED with a sentence, and a fault of its own kind as this thread's last. */
sffi_status sffi__poison_refuse(void);

#endif
