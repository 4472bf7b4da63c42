/* SPDX-License-Identifier: MIT */
#include "memory.h"

#include "host.h"
#include "machine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const size_t ARENA_SIZE = (size_t)1 << 30;
static const size_t HEAP_SIZE = (size_t)256 << 20;

static struct host host;

static bool open_host(void)
{
	sffi_status status = sffi_init();

	if (status != SFFI_OK)
		return host_cannot("sffi_init", status);
	return host_open(&host, NULL);
}

/* ---- a gibibyte in the arena ------------------------------------------- */

typedef uint64_t sum_function(const uint64_t *words, size_t count);

static uint64_t *words;
static size_t word_count;
static uint64_t right_sum;
static sum_function *sum_here;

/* The host fills the block and adds it up, so that its own pages are in place; the first
 * call does the same for the worker. */
static bool make_block(void)
{
	void *block = NULL;
	sffi_status status = sffi_alloc(host.domain, &block, ARENA_SIZE);

	if (status != SFFI_OK)
		return host_cannot("sffi_alloc of 1 GiB", status);
	words = block;
	word_count = ARENA_SIZE / sizeof(words[0]);
	for (size_t i = 0; i < word_count; i++)
		words[i] = i * i;
	sum_here = (sum_function *)callee_symbol("sum");
	if (!sum_here)
		return false;
	right_sum = sum_here(words, word_count);
	return true;
}

static double op_sum(unsigned count)
{
	uint64_t start, result;
	double total = 0;
	sffi_status status;

	for (unsigned i = 0; i < count; i++) {
		result = 0;
		start = now_ns();
		status = sffi_call(host.sum, &result, words, word_count);
		total += (double)(now_ns() - start);
		if (status != SFFI_OK || result != right_sum)
			return host_failed("sum of 1 GiB", status);
	}
	return total / count;
}

static double op_sum_here(unsigned count)
{
	uint64_t start, result;
	double total = 0;

	for (unsigned i = 0; i < count; i++) {
		start = now_ns();
		result = sum_here(words, word_count);
		total += (double)(now_ns() - start);
		if (result != right_sum)
			return failed("the sum in process was wrong");
	}
	return total / count;
}

static bool set_up_arena(void)
{
	return pin_self(machine.host) && open_host() && make_block() && !isnan(op_sum(1));
}

/* ---- what an idle worker costs ----------------------------------------- */

static char *heap;

static void write_heap(char byte)
{
	memset(heap, byte, HEAP_SIZE);
	__asm__ volatile("" : : "r"(heap) : "memory");
}

/* The heap is there when the worker is made. */
static bool set_up_idle(void)
{
	sffi_status status;

	if (!pin_self(machine.host))
		return cannot("cannot pin the host");
	status = sffi_init();
	if (status != SFFI_OK)
		return host_cannot("sffi_init", status);
	heap = malloc(HEAP_SIZE);
	if (!heap)
		return cannot("there are not 256 MiB of memory here");
	write_heap(1);
	return host_open(&host, NULL);
}

static double op_private_before(unsigned count)
{
	long kib;

	(void)count;
	pause_ms(20);
	kib = private_memory_kib(sffi_domain_pid(host.domain));
	return kib >= 0 ? (double)kib : failed("cannot read the worker's smaps_rollup");
}

static double op_private(unsigned count)
{
	static char byte = 1;

	write_heap(++byte);
	return op_private_before(count);
}

/* ---- the agents -------------------------------------------------------- */

static const struct operation arena_operations[] = {
	{ "sum", op_sum },
	{ "sum-here", op_sum_here },
	{ NULL, NULL },
};

static const struct operation idle_operations[] = {
	{ "private", op_private },
	{ "private-before", op_private_before },
	{ NULL, NULL },
};

const struct agent_kind memory_arena = {
	.set_up = set_up_arena,
	.operations = arena_operations,
};

const struct agent_kind memory_idle = {
	.set_up = set_up_idle,
	.operations = idle_operations,
};
