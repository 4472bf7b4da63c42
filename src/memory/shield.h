/* SPDX-License-Identifier: MIT */
/*
 * The regions of sffi_region_add, write-protected while a callee runs in this process.
 *
 * There are three ways, of which the best one that the machine has is taken, once per process:
 * - memory protection keys: the regions have a key, and the thread that runs a callee gives up
 *   its right to write by it. Nobody else is concerned, system calls included.
 * - mprotect, of memory that lies in huge pages, and as it is. That concerns every thread.
 *   What host threads store meanwhile faults, and the handler opens the place for that one
 *   instruction (shield_protect.c).
 */
#ifndef SFFI_SHIELD_H
#define SFFI_SHIELD_H

#include "safeffi.h"

#include <signal.h>

/* For every domain that uses it; sffi__shield_repair must be among the guard's repairers.
 * SFFI_ENOTSUP, SFFI_ESYSTEM, SFFI_ENOMEM. */
sffi_status sffi__shield_open(void);
void sffi__shield_close(void);
/* "memory protection keys": how it is done in this process; NULL: it is not open. */
const char *sffi__shield_mechanism(void);

/* This thread is about to run a callee, on the stack [low, high); and it runs code of the host
 * again. Either may be said twice. False: some of the memory cannot be shut, since the process has
 * as many mappings as it may have (vm.max_map_count); nothing is shut for this thread then. */
bool sffi__shield_raise(uintptr_t low, uintptr_t high);
void sffi__shield_lower(void);
/* Code of the host runs in between where a callee is: on its stack, or on a thread that it has
 * made; and goes back to it. */
struct shield_state {
	bool is_raised;
	uintptr_t host, low, high;
};
void sffi__shield_suspend(struct shield_state *);
bool sffi__shield_resume(const struct shield_state *);

/* In a signal handler: true if the fault was the shield's doing and has been put right. */
bool sffi__shield_repair(int signal, siginfo_t *, void *context);

/* For region.c, under its lock: a region has come, or a range has gone. SFFI_ENOMEM, SFFI_ESYSTEM:
 * it is not covered. */
sffi_status sffi__shield_cover(uintptr_t low, uintptr_t high);
void sffi__shield_uncover(uintptr_t low, uintptr_t high);
/* Whether all of the range is covered, and was writable when it came: so the host can write there,
 * whatever the kernel says at the moment. The regions' lock is held. */
bool sffi__shield_covers(uintptr_t low, uintptr_t high);

/* Around a fork of the host's: a child must find the lock open, and its memory writable. */
void sffi__shield_before_fork(void);
void sffi__shield_after_fork(bool in_child);

#endif
