/* SPDX-License-Identifier: MIT */
/* A domain's arena: memory at the same address in host and workers. What is in use is kept
 * in private memory of the host; the callee can garble blocks, not the allocator. */
#ifndef SFFI_ARENA_H
#define SFFI_ARENA_H

#include "safeffi.h"

struct arena;

sffi_status sffi__arena_new(struct arena **, sffi_domain *);
void sffi__arena_free(struct arena *);
int sffi__arena_fd(struct arena *);
uintptr_t sffi__arena_low(const struct arena *);
size_t sffi__arena_size(const struct arena *);
/* Nothing beyond was ever given out. */
size_t sffi__arena_used(struct arena *);

/* Blocks are aligned to 64 bytes, from 4096 bytes on to whole pages. NULL: full. */
void *sffi__arena_take(struct arena *, size_t size, bool zeroed);
/* False: not the start of a block. */
bool sffi__arena_give(struct arena *, void *address);
/* The block in use that has the address, in whole pages; false: none. */
bool sffi__arena_find(struct arena *, const void *address, uintptr_t *low, size_t *size);

#endif
