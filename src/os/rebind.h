/* SPDX-License-Identifier: MIT */
/*
 * Functions of the C library that others are to call in another way: the places through which
 * the loaded objects call them (the entries of their global offset tables: gABI, Procedure
 * Linkage Table; and pointers in their data that have the address from the beginning) are led to
 * replacements. A call costs nothing by that. What calls the kernel
 * itself, or the C library from within, is not led anywhere.
 */
#ifndef SFFI_REBIND_H
#define SFFI_REBIND_H

#include <stdbool.h>
#include <stddef.h>

struct rebinding {
	const struct replacement {
		const char *name;
		void *function;
		void *real; /* which the function calls; or NULL: not for sffi__rebind_symbols */
	} *replacements;
	size_t count;
	size_t seen;                 /* objects that were rebound; 0: none yet */
	unsigned long long unloaded; /* when it was so */
};

/* In all objects that were loaded since the last time, but for those that are exempt. Not
 * async-signal-safe. */
void sffi__rebind(struct rebinding *);
/* In what is loaded from now on, before its constructors run, and for dlsym. Once; this library must
 * be bound already (ld's -z now). Where another object's function stands in front of the real one, or
 * the memory cannot be made writable, it does nothing. Not async-signal-safe. */
void sffi__rebind_symbols(const struct rebinding *);
/* Some of them have been unloaded, and nothing was loaded since the last time. Without this word
 * all are gone through again. */
void sffi__rebind_unloaded(struct rebinding *);
/* The replacement of that name, or NULL. */
void *sffi__rebinding_function(const struct rebinding *, const char *name);
/* Whether the object has or calls the real functions: the C library, the loader, this library, a
 * sanitizer. */
bool sffi__rebind_is_exempt(const char *path);
/* Whether it is code of such an object. */
bool sffi__rebind_is_real(const void *function);

#endif
