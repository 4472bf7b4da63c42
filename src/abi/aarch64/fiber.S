/* SPDX-License-Identifier: MIT */
/*
 * Between the host's stack and a callee's own, in one thread.
 *
 * The host's end: its callee-saved registers and fpcr are on its stack, and registers->host_sp
 * leads there; whoever comes back restores them and returns an event (enum fiber_event). What
 * the callee was doing then is dropped, or waits at callee_sp.
 */
#include "abi/fiber_events.h"
#include "abi/aarch64/regs.h"
#include "abi/aarch64/crossing.h"

/* x29 x30, x19 to x28, d8 to d15, fpcr. */
#define SAVED_FPCR 160
#define SAVED_SIZE 176

	.text

/* AAPCS64 6.1.1 and 6.1.2. */
.macro push_saved
	stp	x29, x30, [sp, #-SAVED_SIZE]!
	.cfi_def_cfa_offset SAVED_SIZE
	.cfi_offset x29, -176
	.cfi_offset x30, -168
	stp	x19, x20, [sp, #16]
	.cfi_offset x19, -160
	.cfi_offset x20, -152
	stp	x21, x22, [sp, #32]
	.cfi_offset x21, -144
	.cfi_offset x22, -136
	stp	x23, x24, [sp, #48]
	.cfi_offset x23, -128
	.cfi_offset x24, -120
	stp	x25, x26, [sp, #64]
	.cfi_offset x25, -112
	.cfi_offset x26, -104
	stp	x27, x28, [sp, #80]
	.cfi_offset x27, -96
	.cfi_offset x28, -88
	stp	d8, d9, [sp, #96]
	.cfi_offset d8, -80
	.cfi_offset d9, -72
	stp	d10, d11, [sp, #112]
	.cfi_offset d10, -64
	.cfi_offset d11, -56
	stp	d12, d13, [sp, #128]
	.cfi_offset d12, -48
	.cfi_offset d13, -40
	stp	d14, d15, [sp, #144]
	.cfi_offset d14, -32
	.cfi_offset d15, -24
.endm

/* And returns to where the link register then leads. */
.macro pop_saved
	ldp	x19, x20, [sp, #16]
	ldp	x21, x22, [sp, #32]
	ldp	x23, x24, [sp, #48]
	ldp	x25, x26, [sp, #64]
	ldp	x27, x28, [sp, #80]
	ldp	d8, d9, [sp, #96]
	ldp	d10, d11, [sp, #112]
	ldp	d12, d13, [sp, #128]
	ldp	d14, d15, [sp, #144]
	ldp	x29, x30, [sp], #SAVED_SIZE
	ret
.endm

/* In: x0, the fiber's registers. */
.macro host_waits
	push_saved
	mov	x29, sp
	.cfi_def_cfa_register x29
	mrs	x9, fpcr
	str	x9, [sp, #SAVED_FPCR]
	str	x29, [x0, #FIBER_HOST_SP]
	/* From here on a signal handler may land on it. */
	mov	w9, #1
	str	w9, [x0, #FIBER_ACTIVE]
.endm

/* In: x9, the fiber's registers; x0, the event. */
.macro host_goes_on
	str	wzr, [x9, #FIBER_ACTIVE]
	ldr	x10, [x9, #FIBER_HOST_SP]
	mov	sp, x10
	pop_saved
.endm

/* uint64_t sffi__fiber_enter(struct fiber_registers *, const struct call_frame *, void *top)
 *
 * Calls frame->target on the stack below `top`. x19 holds the registers across the call, and
 * x29 the host's frame, so that unwinders find their way. */
	.globl	sffi__fiber_enter
	.hidden	sffi__fiber_enter
	.type	sffi__fiber_enter, %function
sffi__fiber_enter:
	.cfi_startproc
	/* Exceptions and a thread's end are caught here (inside/unwound.c). */
	.cfi_personality 0x1b, sffi__fiber_personality
	hint	#34 /* bti c */
	host_waits
	mov	x19, x0
	mov	x9, x1
	mov	x12, x2
	frame_to_stack FIBER_EXPECTED_SP
	frame_to_registers
	blr	x16

	/* A longjmp to an earlier call's setjmp comes back with another stack pointer. */
	mov	x9, sp
	ldr	x10, [x19, #FIBER_EXPECTED_SP]
	cmp	x9, x10
	b.ne	.Lunwound
	ldr	x9, [x19, #FIBER_RESULT]
	result_from_registers
	mov	x9, x19
	mov	x0, #FIBER_RETURNED
	host_goes_on

.Lunwound:
	mov	x0, x19
	mov	x1, #FIBER_UNWOUND
	b	sffi__fiber_land

	/* Where the unwinder installs the context of a caught exception: x0 has it. */
	.globl	sffi__fiber_caught
	.hidden	sffi__fiber_caught
sffi__fiber_caught:
	hint	#36 /* bti j: the unwinder's br */
	str	x0, [x19, #FIBER_EXCEPTION]
	mov	x0, x19
	mov	x1, #FIBER_THREW
	b	sffi__fiber_land
	.cfi_endproc
	.size	sffi__fiber_enter, . - sffi__fiber_enter

/* uint64_t sffi__fiber_resume(struct fiber_registers *)
 *
 * Lets the callee go on that sffi__fiber_leave made wait. */
	.globl	sffi__fiber_resume
	.hidden	sffi__fiber_resume
	.type	sffi__fiber_resume, %function
sffi__fiber_resume:
	.cfi_startproc
	hint	#34
	host_waits
	ldr	x10, [x0, #FIBER_CALLEE_SP]
	mov	sp, x10
	.cfi_def_cfa sp, SAVED_SIZE
	pop_saved
	.cfi_endproc
	.size	sffi__fiber_resume, . - sffi__fiber_resume

/* void sffi__fiber_leave(struct fiber_registers *, uint64_t event)
 *
 * On the callee's stack: the host goes on with the event. Returns when it resumes the callee. */
	.globl	sffi__fiber_leave
	.hidden	sffi__fiber_leave
	.type	sffi__fiber_leave, %function
sffi__fiber_leave:
	.cfi_startproc
	hint	#34
	push_saved
	mov	x10, sp
	str	x10, [x0, #FIBER_CALLEE_SP]
	mov	x9, x0
	mov	x0, x1
	host_goes_on
	.cfi_endproc
	.size	sffi__fiber_leave, . - sffi__fiber_leave

/* _Noreturn void sffi__fiber_land(struct fiber_registers *, uint64_t event)
 *
 * From anywhere, with the CPU in any state: the host goes on with the event, the callee's frames
 * are dropped. */
	.globl	sffi__fiber_land
	.hidden	sffi__fiber_land
	.type	sffi__fiber_land, %function
sffi__fiber_land:
	.cfi_startproc
	.cfi_undefined x30
	hint	#34
	mov	x9, x0
	mov	x0, x1
	ldr	x10, [x9, #FIBER_HOST_SP]
	ldr	x11, [x10, #SAVED_FPCR]
	msr	fpcr, x11
	host_goes_on
	.cfi_endproc
	.size	sffi__fiber_land, . - sffi__fiber_land

	.section .note.GNU-stack, "", %progbits
