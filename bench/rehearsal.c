/* SPDX-License-Identifier: MIT */
#include "rehearsal.h"

#include "host.h"
#include "machine.h"

#include <string.h>
#include <sys/mman.h>

enum { PAGES = 10 };
static const size_t HEAP_SIZE = 1 << 30, STRIDE = (1 << 30) / PAGES / 4096 * 4096;

static struct host host;
static sffi_function *touch_apart;
static uint8_t *heap;

static bool set_up(void)
{
	sffi_options options;
	sffi_status status;

	if (!pin_self(machine.host))
		return cannot("cannot pin the host");
	heap = mmap(NULL, HEAP_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (heap == MAP_FAILED)
		return cannot("there is no memory for a heap of 1 GiB");
	memset(heap, 1, HEAP_SIZE);
	status = sffi_region_add(heap, HEAP_SIZE);
	if (status != SFFI_OK)
		return host_cannot("sffi_region_add", status);
	sffi_options_init(&options);
	options.mode = SFFI_REHEARSED;
	if (!host_open(&host, &options))
		return false;
	/* The address as a number: the heap is not given to the callee, it just knows it. */
	status = sffi_library_declare(host.library, "int touch_apart(uintptr_t bytes, size_t stride, int times);");
	if (status == SFFI_OK)
		status = sffi_function_get(&touch_apart, host.library, "touch_apart");
	return status == SFFI_OK || host_cannot("touch_apart", status);
}

static bool was_seen(void)
{
	const sffi_rehearsal *rehearsal = sffi_last_rehearsal();
	sffi_rehearsal_write write;
	int found = 0;

	for (size_t i = 0; rehearsal && sffi_rehearsal_get_write(rehearsal, i, &write); i++)
		found += write.is_region && write.size == 1;
	return found == PAGES;
}

static double op_call(unsigned count)
{
	uintptr_t address = (uintptr_t)heap;
	int times = PAGES, result = 0;
	void *arguments[] = { &address, &(size_t){ STRIDE }, &times };
	uint64_t start = now_ns();

	for (unsigned i = 0; i < count; i++) {
		sffi_status status = sffi_call_array(touch_apart, &result, arguments);

		if (status != SFFI_OK || result != PAGES)
			return host_failed("touch_apart", status);
		if (!was_seen())
			return failed("the rehearsal did not see what was written");
	}
	return (double)(now_ns() - start) / count;
}

static const struct operation operations[] = {
	{ "call", op_call },
	{ NULL, NULL },
};

const struct agent_kind rehearsal_big_host = { .set_up = set_up, .operations = operations };
