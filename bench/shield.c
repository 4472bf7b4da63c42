/* SPDX-License-Identifier: MIT */
#include "shield.h"

#include "host.h"
#include "machine.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static const uintptr_t HUGE_PAGE = 2 << 20;

static struct host host;
static char *heap;
static size_t heap_size;

static bool make_heap(size_t size)
{
	char *map = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);

	if (map == MAP_FAILED)
		return cannot("there is no memory for a heap of %zu MiB", size >> 20);
	heap = (char *)(((uintptr_t)map + HUGE_PAGE - 1) & -HUGE_PAGE);
	heap_size = size;
	memset(heap, 1, size);
	return true;
}

static bool set_up(size_t size, const char *without, const char *mechanism)
{
	sffi_options options;
	sffi_status status;

	setenv("SAFEFFI_WITHOUT", without, 1);
	if (!pin_self(machine.host))
		return cannot("cannot pin the host");
	if (!make_heap(size))
		return false;
	status = sffi_region_add(heap, heap_size);
	if (status != SFFI_OK)
		return host_cannot("sffi_region_add", status);
	sffi_options_init(&options);
	options.mode = SFFI_SHIELDED;
	if (!host_open(&host, &options))
		return false;
	if (strcmp(sffi_domain_mechanism(host.domain), mechanism))
		return cannot("this machine shields by %s", sffi_domain_mechanism(host.domain));
	return true;
}

static bool set_up_huge(void)
{
	return set_up(64 << 20, "pkeys", "huge-page mprotect");
}

static bool set_up_pages(void)
{
	return set_up(1 << 20, "pkeys,hugepages", "page mprotect");
}

static double op_call(unsigned count)
{
	uint64_t start = now_ns();

	for (unsigned i = 0; i < count; i++)
		if (!host_call(&host))
			return failed("a call did not work: %s", sffi_error());
	return (double)(now_ns() - start) / count;
}

static double op_bare(unsigned count)
{
	uint64_t start = now_ns();

	for (unsigned i = 0; i < count; i++)
		if (mprotect(heap, heap_size, PROT_READ) ||
		    mprotect(heap, heap_size, PROT_READ | PROT_WRITE))
			return failed("mprotect of the heap failed");
	return (double)(now_ns() - start) / count;
}

static const struct operation operations[] = {
	{ "call", op_call },
	{ "bare", op_bare },
	{ NULL, NULL },
};

const struct agent_kind shield_huge = { .set_up = set_up_huge, .operations = operations };
const struct agent_kind shield_pages = { .set_up = set_up_pages, .operations = operations };
