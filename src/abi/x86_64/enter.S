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

	sub	GUARD_SKEW(%rbx), %rsp
	mov	FRAME_STACK_WORDS(%rdi), %ecx
	lea	(,%rcx,8), %rax
	sub	%rax, %rsp
	and	$-16, %rsp
	mov	%rsp, GUARD_EXPECTED_SP(%rbx)
	mov	%rdi, %r11
	test	%ecx, %ecx
	jz	.Lregisters
	mov	FRAME_STACK(%r11), %rsi
	mov	%rsp, %rdi
	rep movsq

.Lregisters:
	mov	FRAME_VECTOR_COUNT(%r11), %eax
	test	%eax, %eax
	jz	.Lintegers
	movq	FRAME_VECTOR+0(%r11), %xmm0
	movq	FRAME_VECTOR+8(%r11), %xmm1
	movq	FRAME_VECTOR+16(%r11), %xmm2
	movq	FRAME_VECTOR+24(%r11), %xmm3
	movq	FRAME_VECTOR+32(%r11), %xmm4
	movq	FRAME_VECTOR+40(%r11), %xmm5
	movq	FRAME_VECTOR+48(%r11), %xmm6
	movq	FRAME_VECTOR+56(%r11), %xmm7
.Lintegers:
	mov	FRAME_INTEGER+0(%r11), %rdi
	mov	FRAME_INTEGER+8(%r11), %rsi
	mov	FRAME_INTEGER+16(%r11), %rdx
	mov	FRAME_INTEGER+24(%r11), %rcx
	mov	FRAME_INTEGER+32(%r11), %r8
	mov	FRAME_INTEGER+40(%r11), %r9
	call	*FRAME_TARGET(%r11)

	cmp	%rsp, GUARD_EXPECTED_SP(%rbx)
	jne	.Lunwound
	mov	GUARD_RESULT(%rbx), %r11
	mov	%rax, RESULT_INTEGER+0(%r11)
	mov	%rdx, RESULT_INTEGER+8(%r11)
	movq	%xmm0, RESULT_VECTOR+0(%r11)
	movq	%xmm1, RESULT_VECTOR+8(%r11)
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
