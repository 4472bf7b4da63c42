/* SPDX-License-Identifier: MIT */
/* Reading a ucontext_t: used in the worker's signal handler. */
#include "abi/abi.h"

#include <signal.h>
#include <ucontext.h>

const char *const sffi__register_names[REGISTER_COUNT] = {
	"rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8",
	"r9",  "r10", "r11", "r12", "r13", "r14", "r15", "rip",
};

void sffi__machine_registers(const void *context, struct machine_registers *registers)
{
	static const unsigned char from[REGISTER_COUNT] = {
		REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP, REG_RSP, REG_R8,
		REG_R9,	 REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP,
	};
	const greg_t *saved = ((const ucontext_t *)context)->uc_mcontext.gregs;

	for (int i = 0; i < REGISTER_COUNT; i++)
		registers->value[i] = (uint64_t)saved[from[i]];
	registers->flags = (uint64_t)saved[REG_EFL];
}

struct machine_trap sffi__machine_trap(const void *context, int signal)
{
	enum { TRAP_GENERAL_PROTECTION = 13, TRAP_PAGE_FAULT = 14 };
	enum { ERROR_WRITE = 1 << 1, ERROR_FETCH = 1 << 4 }; /* Intel SDM vol. 3, 4.7 */
	const greg_t *saved = ((const ucontext_t *)context)->uc_mcontext.gregs;
	struct machine_trap trap = { .address_known = true };

	if (signal != SIGSEGV && signal != SIGBUS)
		return trap;
	trap.address_known = saved[REG_TRAPNO] != TRAP_GENERAL_PROTECTION;
	if (saved[REG_TRAPNO] == TRAP_PAGE_FAULT) {
		trap.is_write = saved[REG_ERR] & ERROR_WRITE;
		trap.is_execute = saved[REG_ERR] & ERROR_FETCH;
	}
	return trap;
}

void sffi__machine_call(const void *context, uint64_t arguments[6])
{
	static const unsigned char from[6] = { REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8, REG_R9 };
	const greg_t *saved = ((const ucontext_t *)context)->uc_mcontext.gregs;

	for (int i = 0; i < 6; i++)
		arguments[i] = (uint64_t)saved[from[i]];
}

void sffi__machine_return(void *context, long value)
{
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RAX] = value;
}
