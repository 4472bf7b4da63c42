/* SPDX-License-Identifier: MIT */
/* Memory that is freed all at once, or back to a mark. */
#ifndef SFFI_TYPE_ARENA_H
#define SFFI_TYPE_ARENA_H

#include <stddef.h>

struct arena_chunk;

struct arena {
	struct arena_chunk *newest; /* NULL: empty */
};

struct arena_mark {
	struct arena_chunk *newest;
	size_t used;
};

/* Zeroed and aligned to 8 bytes; NULL: out of memory. */
void *sffi__arena_alloc(struct arena *, size_t size);
struct arena_mark sffi__arena_mark(const struct arena *);
/* Frees what was allocated since the mark. */
void sffi__arena_release(struct arena *, struct arena_mark);
void sffi__arena_free(struct arena *);

#endif
