/* SPDX-License-Identifier: MIT */
/*
 * Ending a callee that does not return: at its time-out, or cancelled by another thread. The
 * thread is sent a signal, whose handler lands on the host's end of the fiber.
 */
#ifndef SFFI_INTERRUPT_H
#define SFFI_INTERRUPT_H

#include "inside/fiber.h"

enum fiber_interrupt { INTERRUPT_NONE, INTERRUPT_TIMEOUT, INTERRUPT_CANCEL };

/* What a program needs for it, once (guard.c). SFFI_ESYSTEM. */
sffi_status sffi__interrupt_open(void);
void sffi__interrupt_watch_forks(void);
/* The callee that this thread is about to run on the fiber is interrupted then (0: only if it is
 * cancelled); to be disarmed when it has given way. SFFI_ESYSTEM: there is no timer to be had. */
sffi_status sffi__interrupt_arm(struct fiber *, uint64_t deadline_ns);
void sffi__interrupt_disarm(struct fiber *);
/* From any thread. The callee that runs is interrupted, or else the next one, until that is
 * forgotten. Without an armed interrupt before, fiber->is_canceled is all that tells. */
void sffi__interrupt_cancel(struct fiber *);
void sffi__interrupt_forget_cancel(struct fiber *);
void sffi__interrupt_end(struct fiber *);

/* In a handler of guard.c: whether the running fiber is to be interrupted, and why. */
enum fiber_interrupt sffi__interrupt_wanted(struct fiber *);

#endif
