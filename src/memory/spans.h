/* SPDX-License-Identifier: MIT */
/* Ranges of addresses in ascending order, each with the protection that its owner gave it. A set
 * is made anew for every change, so that a signal handler can go on with the one that it has. */
#ifndef SFFI_SPANS_H
#define SFFI_SPANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
	uintptr_t low, high;
	int protection; /* as for mmap */
};

struct spans {
	size_t count;
	struct span list[];
};

/* The span that has the address, or NULL. */
const struct span *sffi__spans_find(const struct spans *, uintptr_t address);
/* Both together, which have nothing in common; NULL: out of memory. */
struct spans *sffi__spans_join(const struct spans *, const struct spans *);
/* What is inside the range, or (inside false) outside of it; NULL: out of memory. */
struct spans *sffi__spans_part(const struct spans *, uintptr_t low, uintptr_t high, bool inside);
/* What this process has mapped in the range, can write, and is not in `known`; NULL: out of
 * memory, or /proc is not there. */
struct spans *sffi__spans_writable(uintptr_t low, uintptr_t high, const struct spans *known);

#endif
