/* SPDX-License-Identifier: MIT */
/*
 * void sffi__enter(const struct call_frame *frame, struct enter_guard *guard)
 *
 * From a frame to the callee and back. Runs on the calling thread's own stack: the stack
 * words are copied, since a callee may fork, and a shared stack would then be two
 * processes' (the callee owns its argument words: psABI 3.2.2).
 *
 * rbx holds the guard across the call: callee-saved, and the same for all calls of a
 * thread, so that it is right even after a longjmp to a stale setjmp.
 */
#include "abi/x86_64/regs.h"
#include "abi/x86_64/crossing.h"

	.text
	.globl	sffi__enter
	.hidden	sffi__enter
	.type	sffi__enter, @function
sffi__enter:
	.cfi_startproc
	/* An exception or a thread's end that comes up to here is a fault of its own kind:
	 * the unwinder asks this routine (fault/handler.c). */
	.cfi_personality 0x1b, sffi__personality
	push	%rbp
	.cfi_def_cfa_offset 16
	.cfi_offset %rbp, -16
	mov	%rsp, %rbp
	.cfi_def_cfa_register %rbp
	push	%rbx
	.cfi_offset %rbx, -24
	mov	%rsi, %rbx
	mov	%rbp, GUARD_FRAME(%rbx)
	mov	%r12, GUARD_SAVED+0(%rbx)
	mov	%r13, GUARD_SAVED+8(%rbx)
	mov	%r14, GUARD_SAVED+16(%rbx)
	mov	%r15, GUARD_SAVED+24(%rbx)

	mov	%rdi, %r11
	sub	GUARD_SKEW(%rbx), %rsp
	movzbl	FRAME_WIDE_RESULT(%r11), %eax
	mov	%rax, GUARD_WIDE_RESULT(%rbx)
	frame_to_stack GUARD_EXPECTED_SP(%rbx)
	frame_to_registers
	call	*FRAME_TARGET(%r11)

	cmp	%rsp, GUARD_EXPECTED_SP(%rbx)
	jne	.Lunwound
	mov	GUARD_RESULT(%rbx), %r11
	result_from_registers GUARD_WIDE_RESULT(%rbx)
	cld
	mov	-8(%rbp), %rbx
	leave
	.cfi_remember_state
	.cfi_def_cfa %rsp, 8
	.cfi_restore %rbp
	.cfi_restore %rbx
	ret

	/* Somebody's longjmp came back here on another call's stack. Nothing on this stack
	 * can be trusted any more: report, never return. */
.Lunwound:
	.cfi_restore_state
	mov	%rbx, %rdi
	and	$-16, %rsp
	call	sffi__enter_unwound
	hlt
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
	.type	sffi__enter_abandon, @function
sffi__enter_abandon:
	.cfi_startproc
	.cfi_undefined %rip
	mov	GUARD_FRAME(%rdi), %rbp
	mov	GUARD_SAVED+0(%rdi), %r12
	mov	GUARD_SAVED+8(%rdi), %r13
	mov	GUARD_SAVED+16(%rdi), %r14
	mov	GUARD_SAVED+24(%rdi), %r15
	cld
	emms
	mov	-8(%rbp), %rbx
	leave
	ret
	.cfi_endproc
	.size	sffi__enter_abandon, . - sffi__enter_abandon

/* _Noreturn void sffi__switch_stack(void *top, void (*function)(void *), void *argument) */
	.globl	sffi__switch_stack
	.hidden	sffi__switch_stack
	.type	sffi__switch_stack, @function
sffi__switch_stack:
	.cfi_startproc
	.cfi_undefined %rip /* the outermost frame */
	mov	%rdi, %rsp
	and	$-16, %rsp
	xor	%ebp, %ebp
	mov	%rdx, %rdi
	call	*%rsi
	hlt
	.cfi_endproc
	.size	sffi__switch_stack, . - sffi__switch_stack

	.section .note.GNU-stack, "", @progbits
