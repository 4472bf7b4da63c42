/* SPDX-License-Identifier: MIT */
/* Async-signal-safe: used in the host's signal handlers. */
#include "abi/fiber.h"

#include <signal.h>
#include <ucontext.h>

void sffi__machine_land(void *context, struct fiber_registers *registers, fiber_event event)
{
	enum { TRAP_FLAG = 1 << 8, DIRECTION_FLAG = 1 << 10, ALIGNMENT_CHECK = 1 << 18 };
	greg_t *saved = ((ucontext_t *)context)->uc_mcontext.gregs;

	saved[REG_RIP] = (greg_t)(uintptr_t)sffi__fiber_land;
	saved[REG_RSP] = (greg_t)registers->host_sp;
	saved[REG_RDI] = (greg_t)(uintptr_t)registers;
	saved[REG_RSI] = (greg_t)event;
	saved[REG_EFL] &= ~(greg_t)(TRAP_FLAG | DIRECTION_FLAG | ALIGNMENT_CHECK);
}
