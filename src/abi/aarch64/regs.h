/* SPDX-License-Identifier: MIT */
/* The registers of aarch64 that a call and a fault report know. The assembly includes this for
 * the offsets; classify.c proves them. */
#ifndef SFFI_ABI_AARCH64_REGS_H
#define SFFI_ABI_AARCH64_REGS_H

#define FRAME_STACK_WORDS 0
#define FRAME_VECTOR_COUNT 4
#define FRAME_WIDE_RESULT 5
#define FRAME_STACK_ALIGNMENT 6
#define FRAME_STACK_NEAR 7
#define FRAME_TARGET 8
#define FRAME_INTEGER 16
#define FRAME_INDIRECT 80
#define FRAME_STACK 88
#define FRAME_VECTOR 96
/* What a call with few integer arguments needs: one cache line with the lane's words. */
#define FRAME_HEAD 56
#define FRAME_HEAD_INTEGERS 5
#define FRAME_STEP 64
#define VECTOR_SIZE 16
#define RESULT_INTEGER 0
#define RESULT_VECTOR 16
#define RESULT_WIDE 80
#define RESULT_SIZE 88
/* What nearly all results need: one cache line with the lane's words. */
#define RESULT_HEAD 48
#define GUARD_RESULT 0
#define GUARD_EXPECTED_SP 8
#define GUARD_SKEW 16
#define GUARD_WIDE_RESULT 24
#define GUARD_FRAME 32
#define GUARD_SAVED 40
#define UPCALL_INTEGER 0
#define UPCALL_INDIRECT 64
#define UPCALL_STACK 72
#define UPCALL_VECTOR 80
#define UPCALL_SIZE 208
#define FIBER_HOST_SP 0
#define FIBER_CALLEE_SP 8
#define FIBER_EXPECTED_SP 16
#define FIBER_RESULT 24
#define FIBER_EXCEPTION 32
#define FIBER_ACTIVE 40

#ifndef __ASSEMBLER__

#include <stdint.h>

/* One call at machine level. The order keeps a call with up to five integer arguments in
 * the cache line that also carries the lane's post word (lane/slot.h). */
struct call_frame {
	uint32_t stack_words;
	uint8_t vector_count;    /* vector registers used */
	uint8_t wide_result;     /* the result is also in v2 and v3 */
	uint8_t stack_alignment; /* of the first stack word: log2 of the bytes, at least 4 */
	uint8_t stack_near;      /* where the stack words are: in the frame, at this word; 0: at `stack` */
	uint64_t target;
	uint64_t integer[8];   /* x0 to x7 */
	uint64_t indirect;     /* x8: where a large result goes */
	uint64_t stack;        /* address of the stack words */
	uint64_t vector[8][2]; /* v0 to v7 */
	/* Stack words begin after the last vector register that is used: what follows the
	 * first cache line is then on its way before the callee's thread asks for it. */
	uint64_t near[19];
};

struct call_result {
	uint64_t integer[2];   /* x0 x1 */
	uint64_t vector[4][2]; /* v0 to v3; the latter two beyond the reply's first cache line */
	uint64_t wide;
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
	uint64_t frame;       /* x29 in sffi__enter */
	uint64_t saved[17];   /* x20 to x28, d8 to d15 */
};

/* A stack of the callee's in this process, for fiber.S. */
struct fiber_registers {
	uint64_t host_sp;     /* where the host waits while the callee runs */
	uint64_t callee_sp;   /* where the callee waits while the host serves its upcall */
	uint64_t expected_sp; /* as in struct enter_guard */
	struct call_result *result;
	void *exception;      /* that left the callee (FIBER_THREW) */
	uint32_t active;      /* the callee runs: the host's end is there to land on */
};

/* What the callee passed to a host function, as the thunk's entry found it (upcall.S).
 * The order from `integer` on is that of struct call_frame: abi_move's offsets serve both. */
struct upcall_registers {
	uint64_t integer[8];
	uint64_t indirect; /* x8 */
	uint64_t stack;    /* address of the stack arguments */
	uint64_t vector[8][2];
};

enum { ABI_THUNK_SIZE = 32 };

/* How a type is passed: enum class in class.h. */
struct abi_class {
	uint8_t kind, count; /* registers */
	uint8_t element;     /* bytes in each vector register */
	uint8_t alignment;   /* 8 or 16 */
};

/* In DWARF's order (DWARF for the Arm 64-bit Architecture, 4.1): x0 to x30, sp, and the pc
 * at a fault. */
enum {
	REGISTER_X0,
	REGISTER_X29 = 29,
	REGISTER_X30,
	REGISTER_STACK,
	REGISTER_PROGRAM,
	REGISTER_COUNT
};

struct machine_registers {
	uint64_t value[REGISTER_COUNT];
	uint64_t flags;
};

#define REGISTER_PC REGISTER_PROGRAM
#define REGISTER_SP REGISTER_STACK

/* Names in the same order, for reports. */
extern const char *const sffi__register_names[REGISTER_COUNT];

/* What a signal handler learns from its third argument, a ucontext_t (sigaction(2)). Async
 * signal safe. */
struct machine_trap {
	_Bool is_write, is_execute; /* of a page fault */
	_Bool address_known;
};
void sffi__machine_registers(const void *context, struct machine_registers *);
struct machine_trap sffi__machine_trap(const void *context, int signal);
/* Of a system call that a filter trapped: its arguments, and what it is to return. */
void sffi__machine_call(const void *context, uint64_t arguments[6]);
void sffi__machine_return(void *context, long value);

/* A hint to the CPU that this is a spin loop. */
static inline void cpu_relax(void)
{
	__asm__ volatile("yield" ::: "memory");
}

#endif
#endif
