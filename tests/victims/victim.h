/* SPDX-License-Identifier: MIT */
/* What the victims share. They know nothing of SafeFFI: each is a library as bad as some real
 * ones, and declares its functions nowhere, as if it came without a header. */
#ifndef VICTIM_H
#define VICTIM_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#ifdef __clang__
#pragma GCC diagnostic ignored "-Winfinite-recursion"
#endif

#include <stdint.h>

/* A pointer that the compiler knows nothing about, and so must use as it is told. */
static inline void *launder(uintptr_t address)
{
	volatile uintptr_t hidden = address;

	return (void *)hidden;
}

#endif
