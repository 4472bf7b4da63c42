/* SPDX-License-Identifier: MIT */
/*
 * The worker's address space: everything but the zone is taken, so that the kernel has no
 * other place for new memory. See memory/zone.h for why.
 */
#include "worker/worker.h"

#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { GAPS_MAX = 4096, LINE_MAX_LENGTH = 8192 };

/* The end of what mmap gives without a hint, x86-64 and aarch64: 47 and 48 bits; taking
 * the lower bound everywhere leaves nothing out, since the zones lie below both. */
#define SPACE_END 0x7ffffffff000ul

/* One gap. Where another mapping has come in between, it is nobody's any more. */
static int fill(uintptr_t low, uintptr_t high)
{
	void *mapped = sffi__os_map((void *)low, high - low, PROT_NONE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE,
				    -1);
	int error = sffi__os_failed(mapped);

	return error == -EEXIST || error == -EPERM ? 0 : error;
}

struct reader {
	int fd;
	size_t have, used;
	char text[LINE_MAX_LENGTH];
};

/* The next line's address range of /proc/self/maps, read without the allocator. */
static bool next_range(struct reader *reader, uintptr_t *low, uintptr_t *high)
{
	char *line, *end;

	for (;;) {
		line = reader->text + reader->used;
		end = memchr(line, '\n', reader->have - reader->used);
		if (end)
			break;
		memmove(reader->text, line, reader->have - reader->used);
		reader->have -= reader->used;
		reader->used = 0;
		if (reader->have == sizeof reader->text)
			return false;
		ssize_t got = read(reader->fd, reader->text + reader->have,
				   sizeof reader->text - reader->have);
		if (got <= 0)
			return false;
		reader->have += (size_t)got;
	}
	*end = '\0';
	*low = strtoul(line, &line, 16);
	*high = strtoul(line + 1, NULL, 16);
	reader->used = (size_t)(end + 1 - reader->text);
	return true;
}

int sffi__address_space_fill(void)
{
	static struct { uintptr_t low, high; } gaps[GAPS_MAX];
	struct reader reader = { .fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC) };
	uintptr_t previous = 0x10000, low, high; /* vm.mmap_min_addr is at most that by default */
	size_t count = 0;
	int error = 0;

	if (reader.fd < 0)
		return -errno;
	while (next_range(&reader, &low, &high) && low < SPACE_END) {
		if (low > previous && count < GAPS_MAX) {
			gaps[count].low = previous;
			gaps[count++].high = low;
		}
		if (high > previous)
			previous = high;
	}
	close(reader.fd);
	if (previous < SPACE_END && count < GAPS_MAX) {
		gaps[count].low = previous;
		gaps[count++].high = SPACE_END;
	}
	for (size_t i = 0; i < count && !error; i++)
		error = fill(gaps[i].low, gaps[i].high);
	return error;
}

/* AddressSanitizer brings an allocator of its own, which ends the program when it has no
 * more memory. */
extern void __asan_init(void) __attribute__((weak));

/* A compiler may leave out a malloc whose block nobody looks at. */
static void take_all(size_t size)
{
	void *volatile block;

	do
		block = malloc(size);
	while (block);
}

/* With the address space full, the allocator can only give what it has already. */
void sffi__heap_use_up(void)
{
	enum { LARGEST = 1 << 20, SMALL = 1024, STEP = 16 };
	size_t size;

	if (__asan_init)
		return;
	for (size = LARGEST; size > SMALL; size -= size / 8)
		take_all(size);
	for (; size >= STEP; size -= STEP)
		take_all(size);
	take_all(1);
}
