/* SPDX-License-Identifier: MIT */
/* A way to shield memory is one table. */
#ifndef SFFI_SHIELD_OPS_H
#define SFFI_SHIELD_OPS_H

#include "memory/shield.h"
#include "memory/spans.h"
#include "os/os.h"

struct shield_ops {
	const char *name;
	/* What SAFEFFI_WITHOUT switches it off by; OS_FEATURE_COUNT: nothing. */
	enum os_feature feature;
	/* The machine has it: SFFI_OK, or the reason why not. */
	sffi_status (*open)(void);
	void (*close)(void);
	/* `all` is to be covered from now on, and lasts until the next change; `pieces` of it are new,
	 * or are no longer in it. One change at a time.
	 * False: the kernel has no room for that, and all is as it was. */
	bool (*cover)(const struct spans *all, const struct spans *pieces);
	void (*uncover)(const struct spans *all, const struct spans *pieces);
	bool (*raise)(uintptr_t low, uintptr_t high);
	void (*lower)(void);
	void (*suspend)(struct shield_state *);
	bool (*resume)(const struct shield_state *); /* it was raised */
	bool (*repair)(int signal, siginfo_t *, void *context);
	void (*before_fork)(void);
	void (*after_fork)(bool in_child);
};

extern const struct shield_ops sffi__shield_keys, sffi__shield_huge, sffi__shield_pages;

#endif
