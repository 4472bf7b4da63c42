/* SPDX-License-Identifier: MIT */
/* In the clone, in its handler of SIGSYS. */
#ifndef SFFI_TRAP_H
#define SFFI_TRAP_H

#include <signal.h>
#include <stdbool.h>

/* Makes the call that was trapped, or ends the rehearsal. context: the ucontext_t. */
void sffi__trap_call(const siginfo_t *, void *context);
/* Whether the rehearsal itself cannot do without the signal. */
bool sffi__trap_needs(int signal);

#endif
