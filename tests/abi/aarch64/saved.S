/* SPDX-License-Identifier: MIT */
/* saved.h, for aarch64: x19 to x29, d8 to d15. */
	.section .rodata
	.globl	saved_count
	.type	saved_count, %object
	.size	saved_count, 4
	.balign	4
saved_count:
	.word	19

	/* The array of registers at the address in a register. */
	.macro	each operation, pair, at
	\pair	x19, x20, [\at]
	\pair	x21, x22, [\at, #16]
	\pair	x23, x24, [\at, #32]
	\pair	x25, x26, [\at, #48]
	\pair	x27, x28, [\at, #64]
	\operation	x29, [\at, #80]
	\pair	d8, d9, [\at, #88]
	\pair	d10, d11, [\at, #104]
	\pair	d12, d13, [\at, #120]
	\pair	d14, d15, [\at, #136]
	.endm

	.macro	save
	sub	sp, sp, #176
	each	str, stp, sp
	str	x30, [sp, #152]
	.endm

	.macro	restore
	each	ldr, ldp, sp
	ldr	x30, [sp, #152]
	add	sp, sp, #176
	ret
	.endm

	.text
	.globl	saved_call
	.type	saved_call, %function
saved_call:
	save
	str	x3, [sp, #160]
	mov	x9, sp
	str	x9, [x3, #152]
	each	ldr, ldp, x2
	mov	x9, x0
	mov	x10, x1
	ldp	x0, x1, [x10]
	ldr	x2, [x10, #16]
	blr	x9
	ldr	x3, [sp, #160]
	each	str, stp, x3
	mov	x9, sp
	str	x9, [x3, #160]
	restore
	.size	saved_call, . - saved_call

	.globl	saved_callee
	.type	saved_callee, %function
saved_callee:
	save
	mov	x9, x0
	mov	x0, x1
	.irp	number, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29
	mvn	x\number, x30
	.endr
	.irp	number, 8, 9, 10, 11, 12, 13, 14, 15
	fmov	d\number, x19
	.endr
	blr	x9
	restore
	.size	saved_callee, . - saved_callee

	.globl	saved_spoil
	.type	saved_spoil, %function
saved_spoil:
	mov	x9, #(1 << 22 | 1 << 24) /* fpcr: rounds up, denormals are zero */
	msr	fpcr, x9
	.irp	number, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29
	mvn	x\number, x30
	.endr
	.irp	number, 8, 9, 10, 11, 12, 13, 14, 15
	fmov	d\number, x19
	.endr
	mov	x9, #16
	mov	sp, x9
	str	x0, [sp]
	brk	#1
	.size	saved_spoil, . - saved_spoil

	.globl	saved_modes
	.type	saved_modes, %function
saved_modes:
	mrs	x0, fpcr
	ret
	.size	saved_modes, . - saved_modes

	.section .note.GNU-stack, "", %progbits
