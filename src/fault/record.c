/* SPDX-License-Identifier: MIT */
/* Async-signal-safe: used by the handlers of workers (handler.c) and of the host
 * (inside/guard.c). */
#include "fault/record.h"

#include <signal.h>
#include <ucontext.h>

struct fault_record sffi__record_signal(int signal, const void *siginfo, const void *context)
{
	const siginfo_t *info = siginfo;
	struct machine_trap trap = sffi__machine_trap(context, signal);
	struct fault_record record = {
		.kind = SFFI_FAULT_SIGNAL,
		.signal = signal,
		.code = info->si_code,
		.address = (uintptr_t)info->si_addr,
		/* Sent by kill(2): the place of si_addr holds the sender. */
		.address_known = trap.address_known && info->si_code > 0 && info->si_code != SI_KERNEL,
		.is_write = trap.is_write,
		.is_execute = trap.is_execute,
		.has_registers = 1,
	};

	sffi__machine_registers(context, &record.registers);
	return record;
}

void sffi__record_here(struct fault_record *record)
{
	ucontext_t context;

	if (getcontext(&context))
		return;
	sffi__machine_registers(&context, &record->registers);
	record->has_registers = 1;
}
