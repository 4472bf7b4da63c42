/* SPDX-License-Identifier: MIT */
/* The worker's side of a fault: everything here runs in signal handlers, at exit, or in the
 * middle of an unwinding, and never goes back to the callee. */
#ifndef SFFI_FAULT_HANDLER_H
#define SFFI_FAULT_HANDLER_H

#include <signal.h>

/* Installs the handlers; dispositions survive a clone, so the zygote does it once. */
void sffi__fault_handlers_install(void);
/* A signal that nobody handles becomes the fault of the callee; does not return. */
void sffi__fault_report(int signal, siginfo_t *, void *context);
/* The signals that are faults, to be unblocked in a worker. */
void sffi__fault_signals(sigset_t *);
/* Gives this thread its alternate stack. */
struct lane_thread;
void sffi__fault_thread_begin(struct lane_thread *);
/* Gives back the one that it had before. */
void sffi__fault_thread_end(struct lane_thread *);

/* The host asks the thread where it is, at a time-out. */
#define FAULT_SAMPLE_SIGNAL (SIGRTMAX - 1)

#endif
