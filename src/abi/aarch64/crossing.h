/* SPDX-License-Identifier: MIT */
/* What enter.S and fiber.S have in common: from a frame to the callee's stack and registers,
 * and from there to a result. */

/* Makes room for the frame's stack words below x12, aligned, stores that address at x19 +
 * `expected`, and makes it the stack pointer. The callee owns its argument words (AAPCS64
 * 6.8.2): they are copied. In: x9, the frame. Changes x11 to x14. */
.macro frame_to_stack expected:req
	/* The frame's further cache lines, which the host may just have written, all at once. */
	prfm	pldl1keep, [x9, #64]
	prfm	pldl1keep, [x9, #128]
	prfm	pldl1keep, [x9, #192]
	prfm	pldl1keep, [x9, #256]
	ldr	w11, [x9, #FRAME_STACK_WORDS]
	sub	x12, x12, x11, lsl #3
	ldrb	w13, [x9, #FRAME_STACK_ALIGNMENT]
	mov	x14, #-1
	lsl	x14, x14, x13
	and	x12, x12, x14
	mov	sp, x12
	str	x12, [x19, #\expected]
	cbz	w11, .Lloaded\@
	ldrb	w13, [x9, #FRAME_STACK_NEAR]
	add	x14, x9, x13, lsl #3
	cbnz	w13, .Lword\@
	ldr	x14, [x9, #FRAME_STACK]
.Lword\@:
	ldr	x13, [x14], #8
	str	x13, [x12], #8
	subs	w11, w11, #1
	b.ne	.Lword\@
.Lloaded\@:
.endm

/* In: x9, the frame. x16 gets its target. */
.macro frame_to_registers
	ldrb	w10, [x9, #FRAME_VECTOR_COUNT]
	cbz	w10, .Lintegers\@
	ldp	q0, q1, [x9, #FRAME_VECTOR+0]
	ldp	q2, q3, [x9, #FRAME_VECTOR+32]
	ldp	q4, q5, [x9, #FRAME_VECTOR+64]
	ldp	q6, q7, [x9, #FRAME_VECTOR+96]
.Lintegers\@:
	ldp	x0, x1, [x9, #FRAME_INTEGER+0]
	ldp	x2, x3, [x9, #FRAME_INTEGER+16]
	ldp	x4, x5, [x9, #FRAME_INTEGER+32]
	ldp	x6, x7, [x9, #FRAME_INTEGER+48]
	ldr	x8, [x9, #FRAME_INDIRECT]
	ldr	x16, [x9, #FRAME_TARGET]
.endm

/* In: x9, the result. */
.macro result_from_registers
	stp	x0, x1, [x9, #RESULT_INTEGER]
	stp	q0, q1, [x9, #RESULT_VECTOR+0]
	stp	q2, q3, [x9, #RESULT_VECTOR+32]
.endm
