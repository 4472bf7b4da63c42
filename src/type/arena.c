/* SPDX-License-Identifier: MIT */
#include "type/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SMALLEST_CHUNK 1024
#define LARGEST_CHUNK 65536

struct arena_chunk {
	struct arena_chunk *earlier;
	size_t used, size;
	char bytes[];
};

static struct arena_chunk *chunk_new(struct arena *arena, size_t size)
{
	struct arena_chunk *chunk;
	size_t capacity = arena->newest ? 2 * arena->newest->size : SMALLEST_CHUNK;

	if (capacity > LARGEST_CHUNK)
		capacity = LARGEST_CHUNK;
	if (capacity < size)
		capacity = size;
	chunk = malloc(sizeof *chunk + capacity);
	if (!chunk)
		return NULL;
	chunk->earlier = arena->newest;
	chunk->used = 0;
	chunk->size = capacity;
	arena->newest = chunk;
	return chunk;
}

void *sffi__arena_alloc(struct arena *arena, size_t size)
{
	struct arena_chunk *chunk = arena->newest;
	void *block;

	if (size > SIZE_MAX / 4)
		return NULL;
	size = (size + 7) & ~(size_t)7;
	if (!chunk || chunk->size - chunk->used < size)
		chunk = chunk_new(arena, size);
	if (!chunk)
		return NULL;
	block = chunk->bytes + chunk->used;
	chunk->used += size;
	return memset(block, 0, size);
}

struct arena_mark sffi__arena_mark(const struct arena *arena)
{
	struct arena_mark mark = { arena->newest, arena->newest ? arena->newest->used : 0 };

	return mark;
}

void sffi__arena_release(struct arena *arena, struct arena_mark mark)
{
	while (arena->newest != mark.newest) {
		struct arena_chunk *chunk = arena->newest;

		arena->newest = chunk->earlier;
		free(chunk);
	}
	if (arena->newest)
		arena->newest->used = mark.used;
}

void sffi__arena_free(struct arena *arena)
{
	struct arena_mark empty = { NULL, 0 };

	sffi__arena_release(arena, empty);
}
