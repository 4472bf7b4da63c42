/* SPDX-License-Identifier: MIT */
/*
 * Between the host's stack and a callee's own, in one thread.
 *
 * The host's end: its callee-saved registers, mxcsr and the x87 control word are on its stack,
 * and registers->host_sp leads there; whoever comes back restores them and returns an event
 * (enum fiber_event). What the callee was doing then is dropped, or waits at callee_sp.
 */
#include "abi/fiber_events.h"
#include "abi/x86_64/regs.h"
#include "abi/x86_64/crossing.h"

	.text

/* In: rdi, the fiber's registers. */
.macro host_waits
	push	%rbp
	.cfi_def_cfa_offset 16
	.cfi_offset %rbp, -16
	mov	%rsp, %rbp
	.cfi_def_cfa_register %rbp
	push	%rbx
	.cfi_offset %rbx, -24
	push	%r12
	.cfi_offset %r12, -32
	push	%r13
	.cfi_offset %r13, -40
	push	%r14
	.cfi_offset %r14, -48
	push	%r15
	.cfi_offset %r15, -56
	sub	$8, %rsp
	stmxcsr	(%rsp)
	fnstcw	4(%rsp)
	mov	%rsp, FIBER_HOST_SP(%rdi)
	/* From here on a signal handler may land on it. */
	movl	$1, FIBER_ACTIVE(%rdi)
.endm

/* In: rdi, the fiber's registers; eax, the event. */
.macro host_goes_on
	movl	$0, FIBER_ACTIVE(%rdi)
	mov	FIBER_HOST_SP(%rdi), %rsp
	add	$8, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	ret
.endm

/* uint64_t sffi__fiber_enter(struct fiber_registers *, const struct call_frame *, void *top)
 *
 * Calls frame->target on the stack below `top`. rbx holds the registers across the call, and
 * rbp the host's frame, so that unwinders find their way. */
	.globl	sffi__fiber_enter
	.hidden	sffi__fiber_enter
	.type	sffi__fiber_enter, @function
sffi__fiber_enter:
	.cfi_startproc
	/* Exceptions and a thread's end are caught here (inside/unwound.c). */
	.cfi_personality 0x1b, sffi__fiber_personality
	host_waits
	mov	%rdi, %rbx
	mov	%rsi, %r11
	mov	%rdx, %rsp
	movzbl	FRAME_WIDE_RESULT(%r11), %eax
	mov	%eax, FIBER_WIDE_RESULT(%rbx)
	frame_to_stack FIBER_EXPECTED_SP(%rbx)
	frame_to_registers
	call	*FRAME_TARGET(%r11)

	mov	%rbx, %rdi
	/* A longjmp to an earlier call's setjmp comes back with another stack pointer. */
	cmp	%rsp, FIBER_EXPECTED_SP(%rdi)
	jne	.Lunwound
	mov	FIBER_RESULT(%rdi), %r11
	result_from_registers FIBER_WIDE_RESULT(%rdi)
	cld
	xor	%eax, %eax
	host_goes_on

.Lunwound:
	mov	$FIBER_UNWOUND, %esi
	jmp	sffi__fiber_land

	/* Where the unwinder installs the context of a caught exception: rax has it. */
	.globl	sffi__fiber_caught
	.hidden	sffi__fiber_caught
sffi__fiber_caught:
	mov	%rbx, %rdi
	mov	%rax, FIBER_EXCEPTION(%rdi)
	mov	$FIBER_THREW, %esi
	jmp	sffi__fiber_land
	.cfi_endproc
	.size	sffi__fiber_enter, . - sffi__fiber_enter

/* uint64_t sffi__fiber_resume(struct fiber_registers *)
 *
 * Lets the callee go on that sffi__fiber_leave made wait. */
	.globl	sffi__fiber_resume
	.hidden	sffi__fiber_resume
	.type	sffi__fiber_resume, @function
sffi__fiber_resume:
	.cfi_startproc
	host_waits
	mov	FIBER_CALLEE_SP(%rdi), %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	.cfi_def_cfa %rsp, 8
	.cfi_restore %rbp
	ret
	.cfi_endproc
	.size	sffi__fiber_resume, . - sffi__fiber_resume

/* void sffi__fiber_leave(struct fiber_registers *, uint64_t event)
 *
 * On the callee's stack: the host goes on with the event. Returns when it resumes the callee. */
	.globl	sffi__fiber_leave
	.hidden	sffi__fiber_leave
	.type	sffi__fiber_leave, @function
sffi__fiber_leave:
	.cfi_startproc
	push	%rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, FIBER_CALLEE_SP(%rdi)
	mov	%esi, %eax
	host_goes_on
	.cfi_endproc
	.size	sffi__fiber_leave, . - sffi__fiber_leave

/* _Noreturn void sffi__fiber_land(struct fiber_registers *, uint64_t event)
 *
 * From anywhere, with the CPU in any state: the host goes on with the event, the callee's frames
 * are dropped. */
	.globl	sffi__fiber_land
	.hidden	sffi__fiber_land
	.type	sffi__fiber_land, @function
sffi__fiber_land:
	.cfi_startproc
	.cfi_undefined %rip
	mov	FIBER_HOST_SP(%rdi), %rsp
	cld
	emms
	ldmxcsr	(%rsp)
	fldcw	4(%rsp)
	mov	%esi, %eax
	host_goes_on
	.cfi_endproc
	.size	sffi__fiber_land, . - sffi__fiber_land

	.section .note.GNU-stack, "", @progbits
