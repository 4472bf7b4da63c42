/* SPDX-License-Identifier: MIT */
/* Reading a ucontext_t: used in the worker's signal handler. */
#include "abi/abi.h"

#include <asm/sigcontext.h>
#include <signal.h>
#include <ucontext.h>

const char *const sffi__register_names[REGISTER_COUNT] = {
	"x0",  "x1",  "x2",  "x3",  "x4",  "x5",  "x6",  "x7",	"x8",  "x9",  "x10",
	"x11", "x12", "x13", "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21",
	"x22", "x23", "x24", "x25", "x26", "x27", "x28", "x29", "x30", "sp",  "pc",
};

void sffi__machine_registers(const void *context, struct machine_registers *registers)
{
	const mcontext_t *saved = &((const ucontext_t *)context)->uc_mcontext;

	for (int i = 0; i < REGISTER_STACK; i++)
		registers->value[i] = saved->regs[i];
	registers->value[REGISTER_SP] = saved->sp;
	registers->value[REGISTER_PC] = saved->pc;
	registers->flags = saved->pstate;
}

/* The syndrome is one of the records behind the registers, if the kernel has left it. */
static uint64_t syndrome(const mcontext_t *saved)
{
	const char *at = (const char *)saved->__reserved, *end = at + sizeof saved->__reserved;

	while (at + sizeof(struct esr_context) <= end) {
		const struct _aarch64_ctx *head = (const void *)at;

		if (head->magic == ESR_MAGIC)
			return ((const struct esr_context *)head)->esr;
		if (!head->magic || !head->size)
			break;
		at += head->size;
	}
	return 0;
}

struct machine_trap sffi__machine_trap(const void *context, int signal)
{
	/* Arm ARM, ESR_ELx: exception classes, and WnR of a data abort. */
	enum { INSTRUCTION_ABORT = 0x20, DATA_ABORT = 0x24, WRITE = 1 << 6 };
	uint64_t esr = syndrome(&((const ucontext_t *)context)->uc_mcontext);
	struct machine_trap trap = { .address_known = true };

	if (signal != SIGSEGV && signal != SIGBUS)
		return trap;
	trap.is_execute = (esr >> 26 & 0x3e) == INSTRUCTION_ABORT;
	trap.is_write = (esr >> 26 & 0x3e) == DATA_ABORT && esr & WRITE;
	return trap;
}

void sffi__machine_call(const void *context, uint64_t arguments[6])
{
	const mcontext_t *saved = &((const ucontext_t *)context)->uc_mcontext;

	for (int i = 0; i < 6; i++)
		arguments[i] = saved->regs[i];
}

void sffi__machine_return(void *context, long value)
{
	((ucontext_t *)context)->uc_mcontext.regs[0] = (uint64_t)value;
}
