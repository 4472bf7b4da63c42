/* SPDX-License-Identifier: MIT */
/* Memory that is freed all at once, or back to a mark. */
#ifndef SFFI_TYPE_POOL_H
#define SFFI_TYPE_POOL_H

#include <stddef.h>

struct pool_chunk;

struct pool {
	struct pool_chunk *newest; /* NULL: empty */
};

struct pool_mark {
	struct pool_chunk *newest;
	size_t used;
};

/* Zeroed and aligned to 8 bytes; NULL: out of memory. */
void *sffi__pool_alloc(struct pool *, size_t size);
struct pool_mark sffi__pool_mark(const struct pool *);
/* Frees what was allocated since the mark. */
void sffi__pool_release(struct pool *, struct pool_mark);
void sffi__pool_free(struct pool *);

#endif
