/* SPDX-License-Identifier: MIT */
/* Async-signal-safe: used in the host's signal handlers. */
#include "abi/fiber.h"

#include <signal.h>
#include <ucontext.h>

void sffi__machine_land(void *context, struct fiber_registers *registers, fiber_event event)
{
	enum { BRANCH_TYPE = 3 << 10 }; /* PSTATE.BTYPE: a landing pad was expected, and missing */
	mcontext_t *saved = &((ucontext_t *)context)->uc_mcontext;

	saved->pc = (uintptr_t)sffi__fiber_land;
	saved->sp = registers->host_sp;
	saved->regs[0] = (uintptr_t)registers;
	saved->regs[1] = event;
	saved->pstate &= ~(uint64_t)BRANCH_TYPE;
}
