/* SPDX-License-Identifier: MIT */
/*
 * A mode is one ops table. api.c has checked the handles, the domain is open; every
 * operation may be called by any thread and takes the domain's lock where it needs it.
 */
#ifndef SFFI_MODE_H
#define SFFI_MODE_H

#include "safeffi.h"

struct mode_ops {
	sffi_mode mode;
	const char *name;
	sffi_status (*open)(sffi_domain *);
	void (*close)(sffi_domain *);
	sffi_status (*restart)(sffi_domain *);
	pid_t (*pid)(sffi_domain *);
	sffi_status (*load)(sffi_library *);
	void (*unload)(sffi_library *);
	/* Finds the function's address, so that a name that is not there is told early. */
	sffi_status (*resolve)(sffi_function *);
	sffi_status (*call)(sffi_function *, void *result, void *const *arguments);
	sffi_status (*batch)(sffi_batch *, size_t count);
	sffi_status (*global)(sffi_library *, const char *name, void **address);
	sffi_status (*read)(sffi_domain *, void *to, uintptr_t from, size_t size);
	sffi_status (*write)(sffi_domain *, uintptr_t to, const void *from, size_t size);
	sffi_status (*lend)(sffi_domain *to, sffi_domain *from, uintptr_t low, size_t size);
};

extern const struct mode_ops sffi__isolated;

/* The table of a mode. SFFI_EINVAL: there is none of that name; SFFI_ENOTSUP: this version
 * does not offer it. */
sffi_status sffi__mode(sffi_mode, const struct mode_ops **);

#endif
