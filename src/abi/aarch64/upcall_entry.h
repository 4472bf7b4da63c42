/* SPDX-License-Identifier: MIT */
/*
 * Where the thunks lead (thunk.c): void sffi__upcall_enter(callback index in w17), in a
 * worker, and void sffi__inside_upcall_enter, in the host's process.
 *
 * From the callee's call of a host function to sffi__upcall or sffi__inside_upcall, and back
 * with its result. The frame, from x29 down: result, registers.
 */
#include "abi/aarch64/regs.h"

#define FRAME_SIZE ((UPCALL_SIZE + RESULT_SIZE + 15) & -16)

	.text

.macro upcall_entry entry:req, target:req
	.globl	\entry
	.hidden	\entry
	.type	\entry, %function
\entry:
	.cfi_startproc
	hint	#36 /* bti j: the thunk's br */
	stp	x29, x30, [sp, #-16]!
	.cfi_def_cfa_offset 16
	.cfi_offset x29, -16
	.cfi_offset x30, -8
	mov	x29, sp
	.cfi_def_cfa_register x29
	sub	sp, sp, #FRAME_SIZE

	stp	x0, x1, [sp, #UPCALL_INTEGER+0]
	stp	x2, x3, [sp, #UPCALL_INTEGER+16]
	stp	x4, x5, [sp, #UPCALL_INTEGER+32]
	stp	x6, x7, [sp, #UPCALL_INTEGER+48]
	add	x9, x29, #16
	stp	x8, x9, [sp, #UPCALL_INDIRECT]
	stp	q0, q1, [sp, #UPCALL_VECTOR+0]
	stp	q2, q3, [sp, #UPCALL_VECTOR+32]
	stp	q4, q5, [sp, #UPCALL_VECTOR+64]
	stp	q6, q7, [sp, #UPCALL_VECTOR+96]

	mov	w0, w17
	mov	x1, sp
	add	x2, sp, #UPCALL_SIZE
	bl	\target

	ldp	x0, x1, [sp, #UPCALL_SIZE+RESULT_INTEGER]
	ldp	q0, q1, [sp, #UPCALL_SIZE+RESULT_VECTOR+0]
	ldp	q2, q3, [sp, #UPCALL_SIZE+RESULT_VECTOR+32]
	mov	sp, x29
	.cfi_def_cfa_register sp
	ldp	x29, x30, [sp], #16
	.cfi_def_cfa_offset 0
	.cfi_restore x29
	.cfi_restore x30
	ret
	.cfi_endproc
	.size	\entry, . - \entry
.endm
