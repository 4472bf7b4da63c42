/* SPDX-License-Identifier: MIT */
/*
 * A mode is one ops table. api.c has checked the handles, the domain is open; every
 * operation may be called by any thread and takes the domain's lock where it needs it.
 */
#ifndef SFFI_MODE_H
#define SFFI_MODE_H

#include "mode/steps.h"
#include "safeffi.h"

struct inside_ops;

struct mode_ops {
	sffi_mode mode;
	const char *name;
	sffi_status (*open)(sffi_domain *);
	void (*close)(sffi_domain *);
	sffi_status (*restart)(sffi_domain *);
	pid_t (*pid)(sffi_domain *);
	/* See sffi_domain_mechanism; or NULL. */
	const char *(*mechanism)(sffi_domain *);
	sffi_status (*load)(sffi_library *);
	void (*unload)(sffi_library *);
	/* The last handle that could lead to it is gone; or NULL. */
	void (*let_go)(sffi_library *);
	/* The domain's list of libraries is another one. */
	void (*libraries_changed)(sffi_domain *);
	/* Finds the function's address, so that a name that is not there is told early. */
	sffi_status (*resolve)(sffi_function *);
	sffi_status (*call)(sffi_function *, void *result, void *const *arguments);
	sffi_status (*batch)(sffi_batch *, size_t count);
	sffi_status (*global)(sffi_library *, const char *name, void **address);
	sffi_status (*read)(sffi_domain *, void *to, uintptr_t from, size_t size);
	sffi_status (*write)(sffi_domain *, uintptr_t to, const void *from, size_t size);
	/* The domain has another callback: its address may reach the callee in ways that no
	 * declaration shows, as a `void *` or in memory of the arena. */
	void (*callback_made)(sffi_domain *);
	const struct step_ops *steps;
	const struct inside_ops *inside; /* of a mode in the host's own process; else NULL */
	sffi_status (*lend)(sffi_domain *to, sffi_domain *from, uintptr_t low, size_t size);
};

extern const struct mode_ops sffi__direct, sffi__guarded, sffi__shielded, sffi__rehearsed,
	sffi__isolated;

/* The table of a mode. SFFI_EINVAL: there is none of that name; SFFI_ENOTSUP: this version
 * does not offer it. */
sffi_status sffi__mode(sffi_mode, const struct mode_ops **);

#endif
