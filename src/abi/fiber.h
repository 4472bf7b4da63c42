/* SPDX-License-Identifier: MIT */
/* Between the host's stack and a callee's own: abi/<cpu>/fiber.S, where each is explained. */
#ifndef SFFI_ABI_FIBER_H
#define SFFI_ABI_FIBER_H

#include "abi/abi.h"
#include "abi/fiber_events.h"

/* One of FIBER_RETURNED and its like. */
typedef uint64_t fiber_event;

fiber_event sffi__fiber_enter(struct fiber_registers *, const struct call_frame *, void *top);
fiber_event sffi__fiber_resume(struct fiber_registers *);
void sffi__fiber_leave(struct fiber_registers *, fiber_event);
_Noreturn void sffi__fiber_land(struct fiber_registers *, fiber_event);
/* A place for the unwinder, inside of sffi__fiber_enter. */
void sffi__fiber_caught(void);

/* In a signal handler: what it was called for ends in sffi__fiber_land instead (machine.c).
 * Async-signal-safe. */
void sffi__machine_land(void *context, struct fiber_registers *, fiber_event);

#endif
