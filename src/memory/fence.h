/* SPDX-License-Identifier: MIT */
/* What lies before and behind every copy of an argument. From a seed of the call's own. */
#ifndef SFFI_FENCE_H
#define SFFI_FENCE_H

#include <stdint.h>
#include <string.h>

enum { FENCE = 64 };

/* No byte of it is text, 0 or 0xff: what overruns write most, and if it is one byte, is always seen. */
static inline uint64_t fence_word(uint64_t seed, int i)
{
	const uint64_t fixed = 0xc0c0c0c0c0c0c0c0u, high = 0x8080808080808080u;

	return ((seed + (uint64_t)i * 0x9e3779b97f4a7c15u) & ~fixed) | high;
}

static inline void fence_set(uint64_t seed, char *at)
{
	uint64_t *words = (uint64_t *)at;

	for (int i = 0; i < FENCE / 8; i++)
		words[i] = fence_word(seed, i);
}

/* A fence may begin anywhere after the data. */
static inline void fence_bytes(uint64_t seed, unsigned char bytes[FENCE])
{
	for (int i = 0; i < FENCE / 8; i++) {
		uint64_t word = fence_word(seed, i);

		memcpy(bytes + i * 8, &word, 8);
	}
}

#endif
