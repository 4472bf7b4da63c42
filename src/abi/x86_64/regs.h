/* SPDX-License-Identifier: MIT */
/* The registers of x86-64 that a call and a fault report know. enter.S includes this for
 * the offsets; classify.c proves them. */
#ifndef SFFI_ABI_X86_64_REGS_H
#define SFFI_ABI_X86_64_REGS_H

#define FRAME_STACK_WORDS 0
#define FRAME_VECTOR_COUNT 4
#define FRAME_WIDE_RESULT 5
#define FRAME_STACK_ALIGNMENT 6
#define FRAME_STACK_NEAR 7
#define FRAME_TARGET 8
#define FRAME_INTEGER 16
#define FRAME_STACK 64
#define FRAME_VECTOR 72
/* What a call with few integer arguments needs: one cache line with the lane's words. */
#define FRAME_HEAD 56
#define FRAME_HEAD_INTEGERS 5
#define FRAME_STEP 64
#define VECTOR_SIZE 8
#define RESULT_INTEGER 0
#define RESULT_VECTOR 16
#define RESULT_X87 48
#define RESULT_WIDE 80
#define RESULT_SIZE 88
/* What nearly all results need: one cache line with the lane's words. */
#define RESULT_HEAD 32
#define GUARD_RESULT 0
#define GUARD_EXPECTED_SP 8
#define GUARD_SKEW 16
#define GUARD_WIDE_RESULT 24
#define GUARD_FRAME 32
#define GUARD_SAVED 40
#define UPCALL_INTEGER 0
#define UPCALL_STACK 48
#define UPCALL_VECTOR 56
#define UPCALL_SIZE 120
#define FIBER_HOST_SP 0
#define FIBER_CALLEE_SP 8
#define FIBER_EXPECTED_SP 16
#define FIBER_RESULT 24
#define FIBER_EXCEPTION 32
#define FIBER_ACTIVE 40
#define FIBER_WIDE_RESULT 44

#ifndef __ASSEMBLER__

#include <stdint.h>

/* One call at machine level. The order keeps a call with up to five integer arguments in
 * the cache line that also carries the lane's post word (lane/slot.h). */
struct call_frame {
	uint32_t stack_words;
	uint8_t vector_count;     /* vector registers used: what %al tells a variadic callee */
	uint8_t wide_result;      /* values in st0, st1: 0 to 2 */
	uint8_t stack_alignment;  /* of the first stack word: log2 of the bytes, at least 4 */
	uint8_t stack_near;       /* where the stack words are: in the frame, at this word; 0: at `stack` */
	uint64_t target;
	uint64_t integer[6]; /* rdi rsi rdx rcx r8 r9 */
	uint64_t stack;      /* address of the stack words */
	uint64_t vector[8];  /* the low halves of xmm0 to xmm7 */
	/* Stack words begin after the last vector register that is used: what follows the
	 * first cache line is then on its way before the callee's thread asks for it. */
	uint64_t near[14];
};

struct call_result {
	uint64_t integer[2]; /* rax rdx */
	uint64_t vector[2];  /* the low halves of xmm0 xmm1 */
	/* Beyond the reply's first cache line (lane/slot.h). */
	uint64_t unused[2];
	unsigned char x87[2][16]; /* st0 st1, ten bytes each */
	uint64_t wide;            /* an upcall's result: how many of them are to be loaded */
};

/* The worker thread's private part of a call. After the call the stack pointer must be
 * expected_sp. A longjmp to an earlier call's setjmp, which comes back through that
 * call's return address, is told by it: skew moves every call's stack. */
struct enter_guard {
	struct call_result *result;
	uint64_t expected_sp;
	uint64_t skew;        /* bytes, a multiple of 16 */
	uint64_t wide_result; /* the frame's, for after the call */
	/* For sffi__enter_abandon: what the callee's frames would restore. */
	uint64_t frame;       /* rbp in sffi__enter */
	uint64_t saved[4];    /* r12 r13 r14 r15 */
};

/* A stack of the callee's in this process, for fiber.S. */
struct fiber_registers {
	uint64_t host_sp;     /* where the host waits while the callee runs */
	uint64_t callee_sp;   /* where the callee waits while the host serves its upcall */
	uint64_t expected_sp; /* as in struct enter_guard */
	struct call_result *result;
	void *exception;      /* that left the callee (FIBER_THREW) */
	uint32_t active;      /* the callee runs: the host's end is there to land on */
	uint32_t wide_result;
};

/* What the callee passed to a host function, as the thunk's entry found it (upcall.S).
 * The order from `integer` on is that of struct call_frame: abi_move's offsets serve both. */
struct upcall_registers {
	uint64_t integer[6]; /* rdi, which is also the result's address, rsi rdx rcx r8 r9 */
	uint64_t stack;      /* address of the stack arguments */
	uint64_t vector[8];  /* the low halves of xmm0 to xmm7 */
};

enum { ABI_THUNK_SIZE = 16 };

/* How a type is passed: the class of each of its eightbytes (enum class in classify.c). */
struct abi_class {
	uint8_t word[2];
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
/* Of a system call that a filter trapped: its arguments, and what it is to return. */
void sffi__machine_call(const void *context, uint64_t arguments[6]);
void sffi__machine_return(void *context, long value);

/* A hint to the CPU that this is a spin loop; a tick counter for its length. */
static inline void cpu_relax(void)
{
	__builtin_ia32_pause();
}

#endif
#endif
