/* SPDX-License-Identifier: MIT */
/* saved.h, for x86-64: rbx, rbp, r12 to r15. */
	.section .rodata
	.globl	saved_count
	.type	saved_count, @object
	.size	saved_count, 4
	.balign	4
saved_count:
	.long	6

	.macro	save
	.cfi_startproc
	.irp	register, rbx, rbp, r12, r13, r14, r15
	push	%\register
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset \register, 0
	.endr
	sub	$24, %rsp
	.cfi_adjust_cfa_offset 24
	.endm

	.macro	restore
	add	$24, %rsp
	.cfi_adjust_cfa_offset -24
	.irp	register, r15, r14, r13, r12, rbp, rbx
	pop	%\register
	.cfi_adjust_cfa_offset -8
	.cfi_restore \register
	.endr
	ret
	.cfi_endproc
	.endm

	.text
	.globl	saved_call
	.type	saved_call, @function
saved_call:
	save
	mov	%rcx, (%rsp)
	mov	%rsp, 48(%rcx)
	mov	(%rdx), %rbx
	mov	8(%rdx), %rbp
	mov	16(%rdx), %r12
	mov	24(%rdx), %r13
	mov	32(%rdx), %r14
	mov	40(%rdx), %r15
	mov	%rdi, %rax
	mov	%rsi, %rcx
	mov	(%rcx), %rdi
	mov	8(%rcx), %rsi
	mov	16(%rcx), %rdx
	call	*%rax
	mov	(%rsp), %rcx
	mov	%rbx, (%rcx)
	mov	%rbp, 8(%rcx)
	mov	%r12, 16(%rcx)
	mov	%r13, 24(%rcx)
	mov	%r14, 32(%rcx)
	mov	%r15, 40(%rcx)
	mov	%rsp, 56(%rcx)
	restore
	.size	saved_call, . - saved_call

	.globl	saved_callee
	.type	saved_callee, @function
saved_callee:
	save
	mov	%rdi, %rax
	mov	%rsi, %rdi
	.irp	register, rbx, rbp, r12, r13, r14, r15
	mov	%rsp, %\register
	not	%\register
	.endr
	call	*%rax
	restore
	.size	saved_callee, . - saved_callee

	.globl	saved_spoil
	.type	saved_spoil, @function
saved_spoil:
	pushq	$0x5f80 /* rounds up */
	ldmxcsr	(%rsp)
	pushq	$0x0b7f
	fldcw	(%rsp)
	.rept	8
	fld1
	.endr
	std
	.irp	register, rbx, rbp, r12, r13, r14, r15
	mov	%rsp, %\register
	not	%\register
	.endr
	mov	$16, %esp
	push	%rax
	hlt
	.size	saved_spoil, . - saved_spoil

	.globl	saved_modes
	.type	saved_modes, @function
saved_modes:
	push	$0
	stmxcsr	(%rsp)
	pop	%rax
	and	$-64, %eax /* but for mxcsr's sticky bits */
	push	$0
	fnstcw	(%rsp)
	pop	%rdx
	shl	$32, %rdx
	or	%rdx, %rax
	pushf
	pop	%rdx
	and	$0x400, %edx /* the direction flag */
	shl	$48, %rdx
	or	%rdx, %rax
	ret
	.size	saved_modes, . - saved_modes

	.section .note.GNU-stack, "", @progbits
