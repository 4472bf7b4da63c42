/* SPDX-License-Identifier: MIT */
#include "type/pool.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SMALLEST_CHUNK 1024
#define LARGEST_CHUNK 65536

struct pool_chunk {
	struct pool_chunk *earlier;
	size_t used, size;
	char bytes[];
};

static struct pool_chunk *chunk_new(struct pool *pool, size_t size)
{
	struct pool_chunk *chunk;
	size_t capacity = pool->newest ? 2 * pool->newest->size : SMALLEST_CHUNK;

	if (capacity > LARGEST_CHUNK)
		capacity = LARGEST_CHUNK;
	if (capacity < size)
		capacity = size;
	chunk = malloc(sizeof *chunk + capacity);
	if (!chunk)
		return NULL;
	chunk->earlier = pool->newest;
	chunk->used = 0;
	chunk->size = capacity;
	pool->newest = chunk;
	return chunk;
}

void *sffi__pool_alloc(struct pool *pool, size_t size)
{
	struct pool_chunk *chunk = pool->newest;
	void *block;

	if (size > SIZE_MAX / 4)
		return NULL;
	size = (size + 7) & ~(size_t)7;
	if (!chunk || chunk->size - chunk->used < size)
		chunk = chunk_new(pool, size);
	if (!chunk)
		return NULL;
	block = chunk->bytes + chunk->used;
	chunk->used += size;
	return memset(block, 0, size);
}

struct pool_mark sffi__pool_mark(const struct pool *pool)
{
	struct pool_mark mark = { pool->newest, pool->newest ? pool->newest->used : 0 };

	return mark;
}

void sffi__pool_release(struct pool *pool, struct pool_mark mark)
{
	while (pool->newest != mark.newest) {
		struct pool_chunk *chunk = pool->newest;

		pool->newest = chunk->earlier;
		free(chunk);
	}
	if (pool->newest)
		pool->newest->used = mark.used;
}

void sffi__pool_free(struct pool *pool)
{
	struct pool_mark empty = { NULL, 0 };

	sffi__pool_release(pool, empty);
}
