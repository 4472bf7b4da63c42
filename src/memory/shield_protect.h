/* SPDX-License-Identifier: MIT */
/* What the two ways by mprotect share. */
#ifndef SFFI_SHIELD_PROTECT_H
#define SFFI_SHIELD_PROTECT_H

#include "memory/shield_ops.h"

/* chunk: what is opened at once for a thread of the host that stores, a power of two. */
sffi_status sffi__protect_open(uintptr_t chunk);
void sffi__protect_close(void);
bool sffi__protect_cover(const struct spans *all, const struct spans *pieces);
void sffi__protect_uncover(const struct spans *all, const struct spans *pieces);
bool sffi__protect_raise(uintptr_t low, uintptr_t high);
void sffi__protect_lower(void);
void sffi__protect_suspend(struct shield_state *);
bool sffi__protect_resume(const struct shield_state *);
bool sffi__protect_repair(int signal, siginfo_t *, void *context);
void sffi__protect_before_fork(void);
void sffi__protect_after_fork(bool in_child);

/* ---- between its files: shield_protect.c, shield_openings.c --------------------- */

/* Around whatever changes protections. Signals are blocked meanwhile: a handler of the host may
 * store, and would wait for its own thread. */
uint64_t sffi__protect_lock(void);
void sffi__protect_unlock(uint64_t mask);
/* shut: nobody can write; else as the owner had it. What is no longer mapped is left out. False:
 * the process has no room for the mappings that this makes. */
bool sffi__protect_range(const struct span *, uintptr_t low, uintptr_t high, bool shut);
/* Of the set in force, under the lock. */
const struct span *sffi__protect_find(uintptr_t address);
/* Somebody runs a callee, so that everything is shut that is not opened. Under the lock. */
bool sffi__protect_is_shut(void);

/* The place is opened for a thread of the host, whose context is given: for its next instruction
 * only, or if it stores all the time, for a millisecond. in_callee: it is a signal handler that
 * has interrupted a callee of this thread. Under the lock. */
void sffi__openings_open(const struct span *, uintptr_t address, void *context, bool in_callee);
/* The instruction is done. False: the trap is none of ours. */
bool sffi__openings_stepped(void *context);
/* All is open, or all shut: none is left. Under the lock. */
void sffi__openings_forget(void);
sffi_status sffi__openings_start(uintptr_t chunk);
void sffi__openings_stop(void);
/* In a fork's child, where the keeper is not. */
void sffi__openings_in_child(void);

#endif
