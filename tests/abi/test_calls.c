/* SPDX-License-Identifier: MIT */
/*
 * usage: test-abi-calls LIBRARY...
 *
 * Calls every function of generated libraries through the public interface, in a worker: by
 * sffi_call_array, by sffi_call where the library's own taker makes the call, and in batches.
 */
#include "load.h"
#include "safeffi.h"

#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 25 };

struct run {
	struct abi_library *library; /* in this process, for the values */
	sffi_domain *domain;
	sffi_library *remote;
	sffi_function *failure;
	unsigned calls, variadic, batched, refused, skipped;
};

static struct image *images; /* of BATCH calls */
static struct image results[BATCH];
static unsigned failures;

static void fail(const struct run *run, unsigned number, const char *what)
{
	if (failures++ < 10)
		fprintf(stderr, "%s: %s\n  %s\n", run->library->cases[number].name, what,
			run->library->cases[number].declaration);
}

static void must(sffi_status status)
{
	if (!status)
		return;
	fprintf(stderr, "%s: %s\n", sffi_status_name(status), sffi_error());
	exit(1);
}

static void check(const struct run *run, unsigned number, sffi_status status, const void *result,
		  const char *what)
{
	const char *message = NULL;
	char text[600];
	unsigned byte;

	snprintf(text, sizeof text, "%s: %s", what, status ? sffi_error() : "another result");
	if (status || (run->library->cases[number].result.size &&
		       !abi_is_value(run->library, number, ABI_CASE_RESULT, result, &byte)))
		fail(run, number, text);
	must(sffi_call(run->failure, &message));
	if (message) {
		snprintf(text, sizeof text, "%s: %s", what, message);
		fail(run, number, text);
	}
}

static sffi_function *get(struct run *run, unsigned number)
{
	sffi_function *function = NULL;
	const struct abi_case *one = &run->library->cases[number];

	if (run->library->splits_int128 && one->has_int128) {
		run->skipped++;
		return NULL;
	}
	if (!sffi_function_get(&function, run->remote, one->declaration))
		return function;
	if (is_fair_refusal(sffi_error()))
		run->refused++;
	else
		fail(run, number, sffi_error());
	return NULL;
}

static void call(struct run *run, unsigned number)
{
	const struct abi_case *one = &run->library->cases[number];
	void *arguments[ABI_CASE_ARGUMENTS_MAX];
	sffi_function *function = get(run, number);
	sffi_status status;

	if (!function)
		return;
	make_arguments(run->library, number, images, arguments);
	memset(results, 0xa5, sizeof *results);
	status = sffi_call_array(function, results[0].bytes, arguments);
	check(run, number, status, results[0].bytes, "sffi_call_array");
	if (results[0].bytes[one->result.size] != (char)0xa5)
		fail(run, number, "more than the result was written");
	run->calls++;
	/* The taker passes its context and then NULL, as sffi_call(function, NULL, ...). */
	one->taker((void *)sffi_call, function);
	check(run, number, SFFI_OK, results[0].bytes, "sffi_call");
	run->variadic++;
	sffi_function_release(&function);
}

static void call_batch(struct run *run, unsigned first)
{
	static void *arguments[BATCH][ABI_CASE_ARGUMENTS_MAX];
	sffi_batch batch[BATCH];
	unsigned numbers[BATCH], count = 0;

	for (unsigned i = first; i < run->library->count && i < first + BATCH; i++) {
		sffi_function *function = get(run, i);

		if (!function)
			continue;
		make_arguments(run->library, i, images + count * ABI_CASE_ARGUMENTS_MAX,
			       arguments[count]);
		numbers[count] = i;
		batch[count] = (sffi_batch){ .function = function, .result = results[count].bytes,
					     .arguments = arguments[count] };
		count++;
	}
	sffi_call_batch(batch, count);
	for (unsigned i = 0; i < count; i++) {
		check(run, numbers[i], batch[i].status, results[i].bytes, "batch");
		sffi_function_release(&batch[i].function);
		run->batched++;
	}
}

static void run_library(sffi_domain *domain, const char *path)
{
	struct run run = { .library = load_library(path), .domain = domain };

	must(sffi_library_open(&run.remote, domain, path));
	must(sffi_library_declare(run.remote, run.library->types));
	must(sffi_function_get(&run.failure, run.remote, "const char *abi_failure(void)"));
	for (unsigned i = 0; i < run.library->count; i++)
		call(&run, i);
	for (unsigned i = 0; i < run.library->count; i += BATCH)
		call_batch(&run, i);
	printf("%s: %u signatures: %u calls, %u with a va_list, %u in batches, %u refused, %u skipped\n",
	       path, run.library->count, run.calls, run.variadic, run.batched, run.refused / 2,
	       run.skipped / 2);
	if (run.refused / 2 > run.library->count / 4)
		fail(&run, 0, "more than a quarter of the signatures were refused");
	sffi_function_release(&run.failure);
	sffi_library_close(&run.remote);
}

int main(int argc, char **argv)
{
	sffi_domain *domain = NULL;

	setvbuf(stdout, NULL, _IOLBF, 0);
	images = aligned_alloc(4096, BATCH * ABI_CASE_ARGUMENTS_MAX * sizeof *images);
	must(sffi_init());
	must(sffi_domain_open(&domain, NULL));
	for (int i = 1; i < argc; i++)
		run_library(domain, argv[i]);
	sffi_domain_close(&domain);
	if (failures)
		printf("%u failures\n", failures);
	return failures || argc < 2;
}
