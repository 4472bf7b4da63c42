/* SPDX-License-Identifier: MIT */
/* The registers of x86-64 that a call and a fault report know. */
#ifndef SFFI_ABI_X86_64_REGS_H
#define SFFI_ABI_X86_64_REGS_H

#include <stdint.h>

/* In DWARF's order (System V psABI for AMD64, figure 3.36): number i is DWARF register i,
 * the last one is the return address column, at a fault the pc. */
enum {
	REGISTER_RAX, REGISTER_RDX, REGISTER_RCX, REGISTER_RBX,
	REGISTER_RSI, REGISTER_RDI, REGISTER_RBP, REGISTER_RSP,
	REGISTER_R8, REGISTER_R9, REGISTER_R10, REGISTER_R11,
	REGISTER_R12, REGISTER_R13, REGISTER_R14, REGISTER_R15,
	REGISTER_RIP,
	REGISTER_COUNT
};

struct machine_registers {
	uint64_t value[REGISTER_COUNT];
	uint64_t flags;
};

#define REGISTER_PC REGISTER_RIP
#define REGISTER_SP REGISTER_RSP

/* Names in the same order, for reports; sffi__register_names in classify.c. */
extern const char *const sffi__register_names[REGISTER_COUNT];

#endif
