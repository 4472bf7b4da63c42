/* SPDX-License-Identifier: MIT */
/* What enter.S and fiber.S have in common: from a frame to the callee's stack and registers,
 * and from there to a result. */

/* Makes room for the frame's stack words below rsp, aligned, and stores rsp at `expected`. The
 * callee owns its argument words (psABI 3.2.2): they are copied. In: r11, the frame. Changes
 * rax rcx rdx rsi rdi rsp. */
.macro frame_to_stack expected:req
	mov	FRAME_STACK_WORDS(%r11), %edx
	test	%edx, %edx
	jnz	.Lwords\@
	and	$-16, %rsp
	mov	%rsp, \expected
	jmp	.Lloaded\@
.Lwords\@:
	/* The frame's further cache lines, which the host may just have written, all at once:
	 * out of the loop below the second one was only asked for when the first had come. */
	prefetcht0 FRAME_STACK(%r11)
	prefetcht0 FRAME_STACK+64(%r11)
	prefetcht0 FRAME_STACK+128(%r11)
	lea	(,%rdx,8), %rax
	sub	%rax, %rsp
	movzbl	FRAME_STACK_ALIGNMENT(%r11), %ecx
	mov	$-1, %rax
	shl	%cl, %rax
	and	%rax, %rsp
	mov	%rsp, \expected
	mov	%edx, %ecx
	movzbl	FRAME_STACK_NEAR(%r11), %eax
	lea	(%r11,%rax,8), %rsi
	test	%eax, %eax
	cmovz	FRAME_STACK(%r11), %rsi
	cmp	$64, %ecx
	ja	.Lmany\@
	/* `rep movs` takes its time to start, more than a few words are worth. */
	xor	%edx, %edx
.Lword\@:
	mov	(%rsi,%rdx,8), %rax
	mov	%rax, (%rsp,%rdx,8)
	inc	%edx
	cmp	%ecx, %edx
	jne	.Lword\@
	jmp	.Lloaded\@
.Lmany\@:
	mov	%rsp, %rdi
	rep movsq
.Lloaded\@:
.endm

/* In: r11, the frame. al says how many vector registers there are (psABI 3.5.7). */
.macro frame_to_registers
	movzbl	FRAME_VECTOR_COUNT(%r11), %eax
	test	%eax, %eax
	jz	.Lintegers\@
	movq	FRAME_VECTOR+0(%r11), %xmm0
	movq	FRAME_VECTOR+8(%r11), %xmm1
	movq	FRAME_VECTOR+16(%r11), %xmm2
	movq	FRAME_VECTOR+24(%r11), %xmm3
	movq	FRAME_VECTOR+32(%r11), %xmm4
	movq	FRAME_VECTOR+40(%r11), %xmm5
	movq	FRAME_VECTOR+48(%r11), %xmm6
	movq	FRAME_VECTOR+56(%r11), %xmm7
.Lintegers\@:
	mov	FRAME_INTEGER+0(%r11), %rdi
	mov	FRAME_INTEGER+8(%r11), %rsi
	mov	FRAME_INTEGER+16(%r11), %rdx
	mov	FRAME_INTEGER+24(%r11), %rcx
	mov	FRAME_INTEGER+32(%r11), %r8
	mov	FRAME_INTEGER+40(%r11), %r9
.endm

/* In: r11, the result; `wide`: how many values are in st0 (long double) and st1 (_Complex). */
.macro result_from_registers wide:req
	mov	%rax, RESULT_INTEGER+0(%r11)
	mov	%rdx, RESULT_INTEGER+8(%r11)
	movq	%xmm0, RESULT_VECTOR+0(%r11)
	movq	%xmm1, RESULT_VECTOR+8(%r11)
	cmpl	$0, \wide
	je	.Lstored\@
	fstpt	RESULT_X87+0(%r11)
	cmpl	$1, \wide
	je	.Lstored\@
	fstpt	RESULT_X87+16(%r11)
.Lstored\@:
.endm
