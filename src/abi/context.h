/* SPDX-License-Identifier: MIT */
/*
 * The context of a signal, beyond its registers: what a handler of this process looks at and
 * changes. Every function is async-signal-safe; what a CPU does not have is false or 0.
 */
#ifndef SFFI_ABI_CONTEXT_H
#define SFFI_ABI_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

/* Whether the code that was interrupted is itself a signal handler: one on the alternate
 * stack, or one on the stack from `low`, above its guard page, to `high`. */
bool sffi__context_in_handler(const void *context, uintptr_t low, uintptr_t high);

/* Makes the interrupted code go on for one instruction only, then SIGTRAP (TRAP_TRACE). */
bool sffi__context_step(void *context);
bool sffi__context_is_stepping(const void *context);
void sffi__context_end_step(void *context);
/* Whether the signal is blocked in the interrupted code. */
bool sffi__context_blocks(const void *context, int signal);

/* ---- memory protection keys: what a thread may do with the memory of each ---------- */

enum key_access {
	KEY_FREE,
	KEY_READ, /* reading only */
	KEY_NONE  /* what a signal handler, or a thread older than the key, begins with */
};

/* Whether the functions below do anything on this CPU. */
bool sffi__keys_known(void);
/* Of this thread. */
void sffi__key_allow(int key, enum key_access);
enum key_access sffi__key_allowed(int key);
/* Of the interrupted code. False: not to be found in the context. */
bool sffi__context_key(const void *context, int key, enum key_access *);
bool sffi__context_key_allow(void *context, int key, enum key_access);

#endif
