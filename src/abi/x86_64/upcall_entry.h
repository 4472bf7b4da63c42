/* SPDX-License-Identifier: MIT */
/*
 * Where the thunks lead (thunk.c): void sffi__upcall_enter(callback index in %r11d), in a
 * worker, and void sffi__inside_upcall_enter, in the host's process.
 *
 * From the callee's call of a host function to sffi__upcall or sffi__inside_upcall, and back
 * with its result. The frame, from rbp down: registers, result. rbp keeps it findable, for us
 * and for unwinders; nothing else of the callee's registers is touched.
 */
#include "abi/x86_64/regs.h"

#define FRAME_SIZE ((UPCALL_SIZE + RESULT_SIZE + 15) & -16)

	.text

.macro upcall_entry entry:req, target:req
	.globl	\entry
	.hidden	\entry
	.type	\entry, @function
\entry:
	.cfi_startproc
	push	%rbp
	.cfi_def_cfa_offset 16
	.cfi_offset %rbp, -16
	mov	%rsp, %rbp
	.cfi_def_cfa_register %rbp
	sub	$FRAME_SIZE, %rsp
	and	$-16, %rsp
	cld

	mov	%rdi, UPCALL_INTEGER+0(%rsp)
	mov	%rsi, UPCALL_INTEGER+8(%rsp)
	mov	%rdx, UPCALL_INTEGER+16(%rsp)
	mov	%rcx, UPCALL_INTEGER+24(%rsp)
	mov	%r8, UPCALL_INTEGER+32(%rsp)
	mov	%r9, UPCALL_INTEGER+40(%rsp)
	lea	16(%rbp), %rax
	mov	%rax, UPCALL_STACK(%rsp)
	movq	%xmm0, UPCALL_VECTOR+0(%rsp)
	movq	%xmm1, UPCALL_VECTOR+8(%rsp)
	movq	%xmm2, UPCALL_VECTOR+16(%rsp)
	movq	%xmm3, UPCALL_VECTOR+24(%rsp)
	movq	%xmm4, UPCALL_VECTOR+32(%rsp)
	movq	%xmm5, UPCALL_VECTOR+40(%rsp)
	movq	%xmm6, UPCALL_VECTOR+48(%rsp)
	movq	%xmm7, UPCALL_VECTOR+56(%rsp)

	movq	$0, UPCALL_SIZE+RESULT_WIDE(%rsp)
	mov	%r11d, %edi
	mov	%rsp, %rsi
	lea	UPCALL_SIZE(%rsp), %rdx
	call	\target

	mov	UPCALL_SIZE+RESULT_WIDE(%rsp), %rcx
	test	%rcx, %rcx
	jnz	.Lwide\@
.Lregisters\@:
	mov	UPCALL_SIZE+RESULT_INTEGER+0(%rsp), %rax
	mov	UPCALL_SIZE+RESULT_INTEGER+8(%rsp), %rdx
	movq	UPCALL_SIZE+RESULT_VECTOR+0(%rsp), %xmm0
	movq	UPCALL_SIZE+RESULT_VECTOR+8(%rsp), %xmm1
	.cfi_remember_state
	leave
	.cfi_def_cfa %rsp, 8
	.cfi_restore %rbp
	ret

	/* st1 first: what is loaded last is st0. */
.Lwide\@:
	.cfi_restore_state
	cmp	$1, %rcx
	je	.Lone\@
	fldt	UPCALL_SIZE+RESULT_X87+16(%rsp)
.Lone\@:
	fldt	UPCALL_SIZE+RESULT_X87+0(%rsp)
	jmp	.Lregisters\@
	.cfi_endproc
	.size	\entry, . - \entry
.endm
