/* SPDX-License-Identifier: MIT */
/*
 * The host's handlers for faults of callees in its own process. A fault of a callee that runs
 * on a fiber ends its call (FIBER_FAULTED); every other one is the host's own, and goes to the
 * handler that the host has, whether it installed that before or after: see handlers.h.
 */
#ifndef SFFI_GUARD_H
#define SFFI_GUARD_H

#include "inside/fiber.h"

#include <signal.h>

/* Installs the handlers, once a process, and proves by one deliberate fault that they work.
 * SFFI_ENOTSUP: they do not, and why. */
sffi_status sffi__guard_open(void);
/* What the calling thread needs for faults of its callees: an alternate stack, and the faults'
 * signals not blocked. SFFI_ENOMEM, SFFI_ESYSTEM. */
sffi_status sffi__guard_thread(void);
/* A library has been loaded: takes the place back that its constructors, or what it called,
 * have taken, and sees to its later calls of sigaction. */
void sffi__guard_check(void);

/* Asked in the handler before anything else. True: it was put right, the instruction is to be
 * executed again. context: the ucontext_t. Async-signal-safe. */
typedef bool guard_repair(int signal, siginfo_t *, void *context);
/* At most a few, each once a process, before any call needs it. */
void sffi__guard_add_repair(guard_repair *);

/* ---- between guard.c and handlers.c ------------------------------------------------------ */

/* Whether the signal's handler is ours: what others install for it is kept for them. */
bool sffi__guard_owns(int signal);
/* As sigaction(2), for such a signal: for the host's own faults. */
int sffi__guard_sigaction(int signal, const struct sigaction *, struct sigaction *former);

#endif
