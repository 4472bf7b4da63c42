/* SPDX-License-Identifier: MIT */
/*
 * What changes in the host's process is the callee's when its next call starts. Each lane
 * knows what it saw last, and looks again before every call; that is all that the hot path has
 * to do with it, and it reads memory of this thread and of the C library only.
 */
#ifndef SFFI_MIRROR_H
#define SFFI_MIRROR_H

#include "lane/lane.h"
#include "os/os.h"
#include "worker/host_state.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

extern char **environ;

/* setenv and its like store another pointer, also where the name was there before. */
static inline bool environment_is_other(const struct lane_watch *watch)
{
	return environ != watch->environ ||
	       (environ && memcmp(environ, watch->entries, watch->entries_size));
}

static inline bool locale_is_other(const struct lane_watch *watch)
{
	return sffi__locale_changes() != watch->locale_changes;
}

/* uselocale() of this thread's. Another one that has come to lie at the same address is not seen. */
static inline const void *thread_locale(void)
{
	locale_t now = uselocale((locale_t)0);

	return now == LC_GLOBAL_LOCALE ? NULL : (const void *)now;
}

/* What the host has printed and not written comes before what the callee prints. */
static inline bool output_waits(void)
{
	return stdout && stdout->_IO_write_ptr > stdout->_IO_write_base;
}

static inline bool mirror_is_due(const struct lane *lane)
{
	const struct lane_watch *watch = &lane->watch;

	return !watch->is_off &&
	       (lane->attachments != watch->attachments ||
	       atomic_load_explicit(&sffi__host_changes, memory_order_acquire) != watch->changes ||
	       output_waits() || environment_is_other(watch) || locale_is_other(watch) ||
	       thread_locale() != watch->thread_locale);
}

/* Tells the lane's worker, which must serve. SFFI_OK, or why the worker failed. */
sffi_status sffi__mirror(struct lane *);

/* After a call: one word of the worker's control page. */
static inline bool mirror_back_is_due(const struct lane *lane)
{
	return atomic_load_explicit(&lane->peer->control->changed, memory_order_acquire);
}

/* What a callee has changed becomes the host's, if its worker shares. SFFI_ENOTSUP, with a
 * sentence: it has changed what the host cannot follow. */
sffi_status sffi__mirror_back(struct lane *);

#endif
