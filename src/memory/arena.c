/* SPDX-License-Identifier: MIT */
#include "memory/arena.h"

#include "error.h"
#include "memory/zone.h"
#include "os/os.h"
#include "worker/own.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096, GRAIN = 64, REMOVE_FROM = 1 << 20 };

/* Blocks cover the whole arena, sorted by address; two free ones never touch. */
struct block {
	size_t offset, size;
	bool used;
};

struct arena {
	int range, fd;
	char *low;
	size_t size, fresh; /* nothing from `fresh` on was ever given out */
	pthread_mutex_t lock;
	struct block *blocks;
	size_t count, capacity;
	size_t hint; /* no free block before this index is worth a look */
};

/* A big sparse file: memory is taken as it is touched. A host with a limit on its address
 * space gets a smaller one. */
static int map(struct arena *arena)
{
	enum { LEAST = 64 << 20 };
	void *mapped = NULL;

	for (arena->size = ARENA_RANGE; arena->size >= LEAST; arena->size /= 2) {
		arena->fd = sffi__own_note(sffi__os_memfd("safeffi-arena", arena->size));
		if (arena->fd < 0)
			return arena->fd;
		mapped = sffi__os_map((void *)arena_range_low((unsigned)arena->range), arena->size,
				      PROT_READ | PROT_WRITE,
				      MAP_SHARED | MAP_NORESERVE | MAP_FIXED_NOREPLACE, arena->fd);
		if (!sffi__os_failed(mapped)) {
			arena->low = mapped;
			return 0;
		}
		sffi__own_close(arena->fd);
	}
	return sffi__os_failed(mapped);
}

sffi_status sffi__arena_new(struct arena **result, sffi_domain *domain)
{
	struct arena *arena = calloc(1, sizeof *arena);
	int error;

	if (!arena)
		return sffi__fail(SFFI_ENOMEM, "out of memory for an arena");
	arena->range = sffi__arena_range_take(domain);
	if (arena->range < 0) {
		free(arena);
		return sffi__fail(SFFI_ENOMEM, "%d domains are open, which is the most; close one",
				  ARENAS_MAX);
	}
	arena->capacity = 64;
	arena->blocks = malloc(arena->capacity * sizeof *arena->blocks);
	error = arena->blocks ? map(arena) : -ENOMEM;
	if (error) {
		sffi__arena_range_release((unsigned)arena->range);
		free(arena->blocks);
		free(arena);
		return sffi__fail_system(error, "map an arena");
	}
	arena->blocks[0] = (struct block){ 0, arena->size, false };
	arena->count = 1;
	pthread_mutex_init(&arena->lock, NULL);
	*result = arena;
	return SFFI_OK;
}

void sffi__arena_free(struct arena *arena)
{
	if (!arena)
		return;
	sffi__os_unmap(arena->low, arena->size);
	sffi__own_close(arena->fd);
	sffi__arena_range_release((unsigned)arena->range);
	free(arena->blocks);
	free(arena);
}

int sffi__arena_fd(struct arena *arena)
{
	return sffi__own_regain(&arena->fd) ? arena->fd : -1;
}

uintptr_t sffi__arena_low(const struct arena *arena)
{
	return (uintptr_t)arena->low;
}

size_t sffi__arena_size(const struct arena *arena)
{
	return arena->size;
}

size_t sffi__arena_used(struct arena *arena)
{
	size_t used;

	pthread_mutex_lock(&arena->lock);
	used = arena->fresh;
	pthread_mutex_unlock(&arena->lock);
	return used;
}

/* Makes room for two more blocks. */
static bool reserve(struct arena *arena)
{
	struct block *grown;

	if (arena->count + 2 <= arena->capacity)
		return true;
	grown = realloc(arena->blocks, arena->capacity * 2 * sizeof *grown);
	if (!grown)
		return false;
	arena->blocks = grown;
	arena->capacity *= 2;
	return true;
}

static void insert(struct arena *arena, size_t index, struct block block)
{
	memmove(arena->blocks + index + 1, arena->blocks + index,
		(arena->count - index) * sizeof *arena->blocks);
	arena->blocks[index] = block;
	arena->count++;
}

static void delete(struct arena *arena, size_t index)
{
	arena->count--;
	memmove(arena->blocks + index, arena->blocks + index + 1,
		(arena->count - index) * sizeof *arena->blocks);
}

/* Takes [offset, offset + size) out of the free block. */
static size_t carve(struct arena *arena, size_t index, size_t offset, size_t size)
{
	struct block *block = &arena->blocks[index];
	size_t before = offset - block->offset, after = block->size - before - size;

	*block = (struct block){ offset, size, true };
	if (after)
		insert(arena, index + 1, (struct block){ offset + size, after, false });
	if (before)
		insert(arena, index++, (struct block){ offset - before, before, false });
	return index;
}

static void clear(struct arena *arena, const struct block *block)
{
	size_t end = block->offset + block->size;

	if (block->offset < arena->fresh) {
		/* Whole pages of a large block go back to the system. */
		if (block->size < REMOVE_FROM ||
		    sffi__os_advise(arena->low + block->offset, block->size, MADV_REMOVE))
			memset(arena->low + block->offset, 0, block->size);
	}
	if (end > arena->fresh)
		arena->fresh = end;
}

void *sffi__arena_take(struct arena *arena, size_t size, bool zeroed)
{
	size_t grain = size >= PAGE ? PAGE : GRAIN;
	char *address = NULL;

	if (size > arena->size)
		return NULL;
	size = size ? (size + grain - 1) & ~(grain - 1) : GRAIN;
	pthread_mutex_lock(&arena->lock);
	for (size_t i = arena->hint; i < arena->count && reserve(arena); i++) {
		struct block *block = &arena->blocks[i];
		size_t offset = (block->offset + grain - 1) & ~(grain - 1);

		if (block->used || offset + size > block->offset + block->size)
			continue;
		i = carve(arena, i, offset, size);
		if (zeroed)
			clear(arena, &arena->blocks[i]);
		else if (offset + size > arena->fresh)
			arena->fresh = offset + size;
		if (arena->hint == i)
			arena->hint = i + 1;
		address = arena->low + offset;
		break;
	}
	pthread_mutex_unlock(&arena->lock);
	return address;
}

/* The block that has the offset: binary search. */
static size_t find(const struct arena *arena, size_t offset)
{
	size_t low = 0, high = arena->count;

	while (high - low > 1) {
		size_t middle = (low + high) / 2;

		if (arena->blocks[middle].offset <= offset)
			low = middle;
		else
			high = middle;
	}
	return low;
}

bool sffi__arena_give(struct arena *arena, void *address)
{
	size_t offset = (uintptr_t)address - (uintptr_t)arena->low, i;
	bool found = false;

	pthread_mutex_lock(&arena->lock);
	i = find(arena, offset);
	if (offset < arena->size && arena->blocks[i].used && arena->blocks[i].offset == offset) {
		found = true;
		arena->blocks[i].used = false;
		if (i + 1 < arena->count && !arena->blocks[i + 1].used) {
			arena->blocks[i].size += arena->blocks[i + 1].size;
			delete (arena, i + 1);
		}
		if (i && !arena->blocks[i - 1].used) {
			arena->blocks[i - 1].size += arena->blocks[i].size;
			delete (arena, i--);
		}
		if (i < arena->hint)
			arena->hint = i;
	}
	pthread_mutex_unlock(&arena->lock);
	return found;
}

bool sffi__arena_find(struct arena *arena, const void *address, uintptr_t *low, size_t *size)
{
	size_t offset = (uintptr_t)address - (uintptr_t)arena->low, i;
	bool found;

	pthread_mutex_lock(&arena->lock);
	i = find(arena, offset);
	found = offset < arena->size && arena->blocks[i].used;
	if (found) {
		size_t first = arena->blocks[i].offset & ~(size_t)(PAGE - 1);
		size_t end = arena->blocks[i].offset + arena->blocks[i].size;

		*low = (uintptr_t)arena->low + first;
		*size = ((end + PAGE - 1) & ~(size_t)(PAGE - 1)) - first;
	}
	pthread_mutex_unlock(&arena->lock);
	return found;
}
