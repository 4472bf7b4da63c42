/* SPDX-License-Identifier: MIT */
/*
 * void sffi__enter(const struct call_frame *frame, struct enter_guard *guard)
 *
 * From a frame to the callee and back. Runs on the calling thread's own stack: the stack
 * words are copied, since a callee may fork, and a shared stack would then be two
 * processes' (the callee owns its argument words: AAPCS64 6.8.2).
 *
 * x19 holds the guard across the call: callee-saved, and the same for all calls of a
 * thread, so that it is right even after a longjmp to a stale setjmp.
 */
#include "abi/aarch64/regs.h"
#include "abi/aarch64/crossing.h"

	.text
	.globl	sffi__enter
	.hidden	sffi__enter
	.type	sffi__enter, %function
sffi__enter:
	.cfi_startproc
	/* An exception or a thread's end that comes up to here is a fault of its own kind:
	 * the unwinder asks this routine (fault/handler.c). */
	.cfi_personality 0x1b, sffi__personality
	hint	#34 /* bti c */
	stp	x29, x30, [sp, #-32]!
	.cfi_def_cfa_offset 32
	.cfi_offset x29, -32
	.cfi_offset x30, -24
	mov	x29, sp
	.cfi_def_cfa_register x29
	str	x19, [sp, #16]
	.cfi_offset x19, -16
	mov	x19, x1
	str	x29, [x19, #GUARD_FRAME]
	stp	x20, x21, [x19, #GUARD_SAVED+0]
	stp	x22, x23, [x19, #GUARD_SAVED+16]
	stp	x24, x25, [x19, #GUARD_SAVED+32]
	stp	x26, x27, [x19, #GUARD_SAVED+48]
	str	x28, [x19, #GUARD_SAVED+64]
	stp	d8, d9, [x19, #GUARD_SAVED+72]
	stp	d10, d11, [x19, #GUARD_SAVED+88]
	stp	d12, d13, [x19, #GUARD_SAVED+104]
	stp	d14, d15, [x19, #GUARD_SAVED+120]

	mov	x9, x0
	ldrb	w10, [x9, #FRAME_WIDE_RESULT]
	str	x10, [x19, #GUARD_WIDE_RESULT]
	ldr	x10, [x19, #GUARD_SKEW]
	mov	x12, sp
	sub	x12, x12, x10
	frame_to_stack GUARD_EXPECTED_SP
	frame_to_registers
	blr	x16

	mov	x9, sp
	ldr	x10, [x19, #GUARD_EXPECTED_SP]
	cmp	x9, x10
	b.ne	.Lunwound
	ldr	x9, [x19, #GUARD_RESULT]
	result_from_registers
	.cfi_remember_state
	ldr	x19, [x29, #16]
	mov	sp, x29
	.cfi_def_cfa_register sp
	ldp	x29, x30, [sp], #32
	.cfi_def_cfa_offset 0
	.cfi_restore x19
	.cfi_restore x29
	.cfi_restore x30
	ret

	/* Somebody's longjmp came back here on another call's stack. Nothing on this stack
	 * can be trusted any more: report, never return. */
.Lunwound:
	.cfi_restore_state
	mov	x0, x19
	and	x9, x9, #-16
	mov	sp, x9
	bl	sffi__enter_unwound
	brk	#1
	.cfi_endproc
	.size	sffi__enter, . - sffi__enter

/*
 * _Noreturn void sffi__enter_abandon(struct enter_guard *guard)
 *
 * Ends the call of the guard from below: returns from its sffi__enter, whose callee's frames
 * are dropped as by a longjmp. The result is what it was before.
 */
	.globl	sffi__enter_abandon
	.hidden	sffi__enter_abandon
	.type	sffi__enter_abandon, %function
sffi__enter_abandon:
	.cfi_startproc
	.cfi_undefined x30
	hint	#34
	ldp	x20, x21, [x0, #GUARD_SAVED+0]
	ldp	x22, x23, [x0, #GUARD_SAVED+16]
	ldp	x24, x25, [x0, #GUARD_SAVED+32]
	ldp	x26, x27, [x0, #GUARD_SAVED+48]
	ldr	x28, [x0, #GUARD_SAVED+64]
	ldp	d8, d9, [x0, #GUARD_SAVED+72]
	ldp	d10, d11, [x0, #GUARD_SAVED+88]
	ldp	d12, d13, [x0, #GUARD_SAVED+104]
	ldp	d14, d15, [x0, #GUARD_SAVED+120]
	ldr	x29, [x0, #GUARD_FRAME]
	ldr	x19, [x29, #16]
	mov	sp, x29
	ldp	x29, x30, [sp], #32
	ret
	.cfi_endproc
	.size	sffi__enter_abandon, . - sffi__enter_abandon

/* _Noreturn void sffi__switch_stack(void *top, void (*function)(void *), void *argument) */
	.globl	sffi__switch_stack
	.hidden	sffi__switch_stack
	.type	sffi__switch_stack, %function
sffi__switch_stack:
	.cfi_startproc
	.cfi_undefined x30 /* the outermost frame */
	hint	#34
	and	x0, x0, #-16
	mov	sp, x0
	mov	x29, #0
	mov	x30, #0
	mov	x0, x2
	blr	x1
	brk	#1
	.cfi_endproc
	.size	sffi__switch_stack, . - sffi__switch_stack

	.section .note.GNU-stack, "", %progbits
