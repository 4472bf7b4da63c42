/* SPDX-License-Identifier: MIT */
/*
 * What callees do to their process that the host is to know of: the functions of the C library for
 * it are called through ours (os/rebind.h), which note what was done in the control memory. They
 * do all that the real ones do.
 */
#ifndef SFFI_INTERPOSE_H
#define SFFI_INTERPOSE_H

#include "os/rebind.h"
#include "worker/worker.h"

#include <stdbool.h>
#include <unistd.h>

/* In all objects that are there by now: before a worker has orders, and after each loading. */
void sffi__interpose(void);
/* After an unloading by ourselves: what is left was there before. */
void sffi__interpose_unloaded(void);
/* What is to be called in place of a function that was looked up by its name. */
void *sffi__interposed(const char *name, void *function);

/* ---- for the functions themselves ---------------------------------------------------------- */

/* Whether this is the worker, and no child of the callee's. Children that it made by vfork have
 * its memory. */
static inline bool interpose_applies(void)
{
	return sffi__worker.control && worker_is_self() && getpid() == sffi__worker.pid;
}

static inline void interpose_note(enum worker_change change)
{
	atomic_fetch_or(&sffi__worker.control->changed, (uint32_t)change);
}

/* User, groups, root: of every worker. Limits, priority, processors: of those that share. */
extern const struct replacement sffi__identity_functions[], sffi__limit_functions[];
extern const size_t sffi__identity_function_count, sffi__limit_function_count;
/* Descriptors, opened and closed: of those that share them. */
extern const struct replacement sffi__descriptor_functions[];
extern const size_t sffi__descriptor_function_count;

#endif
