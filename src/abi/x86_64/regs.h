/* SPDX-License-Identifier: MIT */
/* The registers of x86-64 that a call and a fault report know. enter.S includes this for
 * the offsets; classify.c proves them. */
#ifndef SFFI_ABI_X86_64_REGS_H
#define SFFI_ABI_X86_64_REGS_H

#define FRAME_STACK_WORDS 0
#define FRAME_VECTOR_COUNT 4
#define FRAME_TARGET 8
#define FRAME_INTEGER 16
#define FRAME_STACK 64
#define FRAME_VECTOR 72
/* What a call with few integer arguments needs: one cache line with the lane's words. */
#define FRAME_HEAD 56
#define FRAME_HEAD_INTEGERS 5
#define RESULT_INTEGER 0
#define RESULT_VECTOR 16
#define GUARD_RESULT 0
#define GUARD_EXPECTED_SP 8
#define GUARD_SKEW 16

#ifndef __ASSEMBLER__

#include <stdint.h>

/* One call at machine level. The order keeps a call with up to five integer arguments in
 * the cache line that also carries the lane's post word (lane/slot.h). */
struct call_frame {
	uint32_t stack_words;
	uint32_t vector_count;
	uint64_t target;
	uint64_t integer[6]; /* rdi rsi rdx rcx r8 r9 */
	uint64_t stack;      /* address of the stack words */
	uint64_t vector[8];  /* the low halves of xmm0 to xmm7 */
};

struct call_result {
	uint64_t integer[2]; /* rax rdx */
	uint64_t vector[2];  /* xmm0 xmm1 */
};

/* The worker thread's private part of a call. After the call the stack pointer must be
 * expected_sp. A longjmp to an earlier call's setjmp, which comes back through that
 * call's return address, is told by it: skew moves every call's stack. */
struct enter_guard {
	struct call_result *result;
	uint64_t expected_sp;
	uint64_t skew; /* bytes, a multiple of 16 */
};

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

/* Names in the same order, for reports. */
extern const char *const sffi__register_names[REGISTER_COUNT];

/* What a signal handler learns from its third argument, a ucontext_t (sigaction(2)). Async
 * signal safe. */
struct machine_trap {
	_Bool is_write, is_execute; /* of a page fault */
	_Bool address_known;        /* false: a general protection fault, whose si_addr is 0 */
};
void sffi__machine_registers(const void *context, struct machine_registers *);
struct machine_trap sffi__machine_trap(const void *context, int signal);

/* A hint to the CPU that this is a spin loop; a tick counter for its length. */
static inline void cpu_relax(void)
{
	__builtin_ia32_pause();
}

#endif
#endif
