/* SPDX-License-Identifier: MIT */
/* Why a callee that runs on a fiber gives way to the host: enum fiber_event, for assembly too. */
#ifndef SFFI_FIBER_EVENTS_H
#define SFFI_FIBER_EVENTS_H

#define FIBER_RETURNED 0
#define FIBER_UPCALLED 1    /* it waits for the answer */
#define FIBER_FAULTED 2     /* a signal, or what ends a call like one: the fiber has a record */
#define FIBER_UNWOUND 3     /* a longjmp left it */
#define FIBER_THREW 4       /* an exception did */
#define FIBER_THREAD_EXIT 5 /* it ended its thread */
#define FIBER_REFUSED 6     /* a function of the host's that it called as its own refused */
#define FIBER_UNSHIELDED 7  /* it has not gone on: the host's memory could not be shut */

#endif
