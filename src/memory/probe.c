/* SPDX-License-Identifier: MIT */
#include "memory/probe.h"

#include "memory/region.h"
#include "os/os.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

enum { PAGE = 4096, REMEMBERED = 8, USES = 1000 };

struct memory {
	uintptr_t low, high; /* whole pages */
	bool writable;
	unsigned uses;
};

static __thread struct memory remembered[REMEMBERED];
static __thread unsigned next;

static bool remembers(uintptr_t low, uintptr_t high, bool write)
{
	for (int i = 0; i < REMEMBERED; i++) {
		struct memory *memory = &remembered[i];

		if (low < memory->low || high > memory->high || (write && !memory->writable) ||
		    !memory->uses)
			continue;
		memory->uses--;
		return true;
	}
	return false;
}

/* One byte of every page, read and for writing written back by the kernel. */
static bool touch(uintptr_t low, uintptr_t high, bool write)
{
	pid_t self = getpid();
	char byte;

	for (uintptr_t page = low; page < high; page += PAGE) {
		if (sffi__os_read_memory(self, &byte, page, 1) != 1)
			return false;
		if (write && sffi__os_write_memory(self, page, &byte, 1) != 1)
			return false;
	}
	return true;
}

static bool ask(uintptr_t low, uintptr_t high, bool write)
{
	if (sffi__os_has(OS_MADV_POPULATE))
		return !sffi__os_advise((void *)low, high - low,
					write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
	return touch(low, high, write);
}

/* Page by page, since only some may be shut. */
static bool are_writable(uintptr_t low, uintptr_t high)
{
	for (uintptr_t page = low; page < high; page += PAGE)
		if (!sffi__region_is_shielded(page, PAGE) && !ask(page, page + PAGE, true))
			return false;
	return true;
}

static bool usable(const void *address, size_t size, bool write)
{
	uintptr_t low = (uintptr_t)address & ~(uintptr_t)(PAGE - 1);
	uintptr_t end = (uintptr_t)address + size, high;

	if (!size)
		return true;
	/* The lowest pages are never mapped; an end that wraps is none. */
	if (low < PAGE || end < (uintptr_t)address || end > (uintptr_t)-PAGE)
		return false;
	high = (end + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
	if (remembers(low, high, write))
		return true;
	/* Memory that another thread's callee is kept from is still the host's to write. */
	if (!ask(low, high, write) &&
	    !(write && ask(low, high, false) && are_writable(low, high)))
		return false;
	remembered[next++ % REMEMBERED] = (struct memory){ low, high, write, USES };
	return true;
}

bool sffi__host_readable(const void *address, size_t size)
{
	return usable(address, size, false);
}

bool sffi__host_writable(const void *address, size_t size)
{
	return usable(address, size, true);
}

ptrdiff_t sffi__host_string_length(const char *address)
{
	const char *at = address;

	for (;;) {
		size_t rest = PAGE - (uintptr_t)at % PAGE;
		const char *end;

		if (!sffi__host_readable(at, rest))
			return -1;
		end = memchr(at, '\0', rest);
		if (end)
			return end - address;
		at += rest;
	}
}

bool sffi__host_executable(const void *address)
{
	char *maps = sffi__os_read_file("/proc/self/maps");
	bool found = false;

	for (char *line = maps; line && *line && !found; line += *line == '\n') {
		unsigned long low, high;
		char permissions[5];

		if (sscanf(line, "%lx-%lx %4s", &low, &high, permissions) == 3)
			found = (uintptr_t)address >= low && (uintptr_t)address < high &&
				permissions[2] == 'x';
		line += strcspn(line, "\n");
	}
	free(maps);
	return found;
}
