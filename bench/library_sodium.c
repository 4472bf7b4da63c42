/* SPDX-License-Identifier: MIT */
#include "libraries.h"

#include "job.h"

#include <dlfcn.h>
#include <math.h>
#include <string.h>

enum { HASH = 64 };
static const size_t SIZE = 100 * 1000 * 1000;

typedef int hash_function(uint8_t *, size_t, const uint8_t *, unsigned long long, const void *, size_t);

static struct job job;
static sffi_function *hash_there;
static const sffi_symbol symbols[] = { { &hash_there, "crypto_generichash" }, { 0 } };
static hash_function *hash_here;
static uint8_t *bytes, right[HASH];

static bool set_up(void)
{
	int (*init)(void);
	void *block = NULL, *here;

	if (!job_open(&job, "sodium", "sodium/sodium.ffi", symbols))
		return false;
	here = job_here("libsodium.so.23");
	if (!here)
		return false;
	if (sffi_alloc(job.domain, &block, SIZE) != SFFI_OK)
		return cannot("100 MB: %s", sffi_error());
	bytes = block;
	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = (uint8_t)(i * 31);
	hash_here = job_symbol(here, hash_function *, "crypto_generichash");
	/* It chooses the code for this CPU. */
	init = job_symbol(here, int (*)(void), "sodium_init");
	if (init() < 0)
		return cannot("sodium_init failed");
	hash_here(right, HASH, bytes, SIZE, NULL, 0);
	{
		sffi_function *init_there = NULL;
		int code = -1;

		if (sffi_function_get(&init_there, job.library, "sodium_init") != SFFI_OK ||
		    sffi_call(init_there, &code) != SFFI_OK || code < 0)
			return cannot("sodium_init: %s", sffi_error());
		sffi_function_release(&init_there);
	}
	return true;
}

static double op_isolated(unsigned count)
{
	uint64_t start = now_ns();
	uint8_t hash[HASH];
	int code = -1;

	for (unsigned i = 0; i < count; i++) {
		sffi_status status = sffi_call(hash_there, &code, hash, (size_t)HASH, bytes,
					       (unsigned long long)SIZE, NULL, (size_t)0);

		if (status || memcmp(hash, right, HASH) != 0)
			return host_failed("a hash", status);
	}
	return (double)(now_ns() - start) / count;
}

static double op_here(unsigned count)
{
	uint64_t start = now_ns();
	uint8_t hash[HASH];

	for (unsigned i = 0; i < count; i++)
		if (hash_here(hash, HASH, bytes, SIZE, NULL, 0) || memcmp(hash, right, HASH) != 0)
			return failed("a hash in process was wrong");
	return (double)(now_ns() - start) / count;
}

static const struct operation operations[] = {
	{ "isolated", op_isolated },
	{ "here", op_here },
	{ NULL, NULL },
};

const struct agent_kind library_sodium = { .set_up = set_up, .operations = operations };
