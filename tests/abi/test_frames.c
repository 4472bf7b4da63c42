/* SPDX-License-Identifier: MIT */
/*
 * usage: test-frames LIBRARY...
 *
 * Calls every function of generated libraries in this process: read by SafeFFI's reader,
 * classified, loaded into a frame, entered; has every one call back through a thunk; takes
 * every list of arguments from a va_list; and lets libffi do the same, where it can.
 */
#include "abi/abi.h"
#include "abi/quick.h"
#include "load.h"
#include "third.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

struct run {
	struct abi_library *library;
	struct scope *scope;
	unsigned calls, quick_calls, upcalls, takes, thirds, refused, skipped;
};

/* What the thunk's entry and the taker have to know. */
static struct {
	struct abi_library *library;
	struct abi_plan *plan;
	unsigned number;
} current;

static struct image *images;
static char *memory;
static uint64_t *stack;
static unsigned failures;

static void fail(const struct run *run, unsigned number, const char *what)
{
	if (failures++ < 10)
		fprintf(stderr, "%s: %s\n  %s\n", run->library->cases[number].name, what,
			run->library->cases[number].declaration);
}

/* enter.S leads there when a callee unwinds, which none does here. */
void sffi__enter_unwound(struct enter_guard *guard);
void sffi__personality(void);

void sffi__enter_unwound(struct enter_guard *guard)
{
	(void)guard;
	abort();
}

void sffi__personality(void)
{
	abort();
}

/* ---- calls ------------------------------------------------------------------------------ */

static bool result_is_right(const struct run *run, unsigned number, const void *result)
{
	unsigned byte;

	return !run->library->cases[number].result.size ||
	       abi_is_value(run->library, number, ABI_CASE_RESULT, result, &byte);
}

static void check_callee(struct run *run, unsigned number, const char *what)
{
	char text[400];

	if (!run->library->failures)
		return;
	snprintf(text, sizeof text, "%s: %s", what, run->library->message);
	fail(run, number, text);
	run->library->failures = 0;
}

static void call(struct run *run, unsigned number, const struct abi_plan *plan)
{
	static struct image result;
	const struct abi_case *one = &run->library->cases[number];
	void *arguments[ABI_CASE_ARGUMENTS_MAX];
	struct call_result registers;
	struct enter_guard guard = { .result = &registers };
	struct call_frame frame = { .target = (uintptr_t)one->callee };

	make_arguments(run->library, number, images, arguments);
	memset(&registers, 0x5a, sizeof registers);
	memset(&result, 0xa5, sizeof result);
	sffi__abi_load(plan, (const void *const *)arguments, &frame, stack, memory);
	sffi__enter(&frame, &guard);
	if (plan->result_in_memory)
		memcpy(result.bytes, memory, plan->result->size);
	else
		sffi__abi_result(plan, &registers, result.bytes);
	check_callee(run, number, "call");
	if (!result_is_right(run, number, result.bytes))
		fail(run, number, "call: another result");
	/* What follows the value is not the call's. */
	if (result.bytes[plan->result->size] != (char)0xa5)
		fail(run, number, "call: more than the result was written");
	run->calls++;
}

/* The same by the short way, where there is one. */
static void quick_call(struct run *run, unsigned number, const struct abi_plan *plan)
{
	static struct image result;
	void *arguments[ABI_CASE_ARGUMENTS_MAX];
	struct call_result registers;
	struct enter_guard guard = { .result = &registers };
	struct call_frame frame;

	if (!plan->is_quick)
		return;
	make_arguments(run->library, number, images, arguments);
	memset(&frame, 0x5a, sizeof frame);
	memset(&registers, 0x5a, sizeof registers);
	memset(&result, 0xa5, sizeof result);
	frame.target = (uintptr_t)run->library->cases[number].callee;
	abi_quick_load(plan, arguments, &frame);
	sffi__enter(&frame, &guard);
	abi_quick_result(plan, &registers, result.bytes);
	check_callee(run, number, "quick call");
	if (!result_is_right(run, number, result.bytes))
		fail(run, number, "quick call: another result");
	if (result.bytes[plan->result->size] != (char)0xa5)
		fail(run, number, "quick call: more than the result was written");
	run->quick_calls++;
}

/* ---- upcalls ---------------------------------------------------------------------------- */

void sffi__upcall(uint64_t index, struct upcall_registers *live, struct call_result *result)
{
	static struct image value;
	const struct abi_plan *plan = current.plan;
	struct upcall_registers registers = *live;
	void *arguments[ABI_CASE_ARGUMENTS_MAX];
	struct run run = { .library = current.library };
	unsigned byte;

	if (index != current.number)
		fail(&run, current.number, "upcall: another thunk's index");
	memcpy(stack, (void *)registers.stack, plan->stack_words * sizeof *stack);
	for (size_t i = 0; i < plan->count; i++)
		arguments[i] = memset(images[i].bytes, 0x5a, plan->arguments[i].size);
	for (size_t i = 0; i < plan->reference_count; i++) {
		struct abi_reference reference = sffi__abi_reference(plan, &registers, stack, i);

		memcpy(arguments[reference.parameter], (void *)reference.address, reference.size);
	}
	sffi__abi_unload(plan, &registers, stack, arguments);
	for (unsigned i = 0; i < plan->count; i++)
		if (!abi_is_value(current.library, current.number, i, arguments[i], &byte))
			fail(&run, current.number, "upcall: another argument");
	abi_fill(current.library, current.number, ABI_CASE_RESULT, value.bytes);
	if (plan->result_in_memory)
		memcpy((void *)sffi__abi_result_address(plan, &registers), value.bytes,
		       plan->result->size);
	sffi__abi_result_store(plan, &registers, value.bytes, result);
}

/* Executable and never written again, at another address than it was written at. */
static char *map_thunks(unsigned count, size_t *each)
{
	static const size_t page = 4096;
	char scratch[4096];
	unsigned made = 0, pages;
	char *at;

	*each = sffi__abi_thunks_write(scratch, page, 0, (uintptr_t)sffi__upcall_enter);
	pages = count / (unsigned)*each + 1;
	at = mmap(NULL, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (unsigned i = 0; i < pages; i++) {
		sffi__abi_thunks_write(scratch, page, made, (uintptr_t)sffi__upcall_enter);
		memcpy(at + i * page, scratch, page);
		made += (unsigned)*each;
	}
	__builtin___clear_cache(at, at + pages * page);
	mprotect(at, pages * page, PROT_READ | PROT_EXEC);
	return at;
}

static void upcall(struct run *run, unsigned number)
{
	static char *thunks;
	static size_t each;
	const struct abi_case *one = &run->library->cases[number];

	if (!one->caller)
		return;
	if (!thunks)
		thunks = map_thunks(10000, &each);
	one->caller(thunks + number / each * 4096 + number % each * ABI_THUNK_SIZE);
	check_callee(run, number, "upcall");
	run->upcalls++;
}

/* ---- a va_list ---------------------------------------------------------------------------- */

static void take(void *context, void *nothing, ...)
{
	static _Alignas(64) char block[1 << 20];
	struct run *run = context;
	void *addresses[ABI_CASE_ARGUMENTS_MAX];
	unsigned byte;
	va_list list;

	va_start(list, nothing);
	sffi__abi_take(current.plan, &list, block, addresses);
	va_end(list);
	for (unsigned i = 0; i < current.plan->count; i++)
		if (!abi_is_value(run->library, current.number, i, addresses[i], &byte))
			fail(run, current.number, "va_list: another argument");
	run->takes++;
}

/* ---- all ------------------------------------------------------------------------------------ */

/* An __int128 itself on the stack, or one of which half is: see abi_library. */
static bool compiler_is_wrong(const struct run *run, unsigned number, const struct abi_plan *plan)
{
	if (!run->library->splits_int128 || !run->library->cases[number].has_int128)
		return false;
	for (size_t i = 0; i < plan->move_count; i++) {
		const struct type *type = plan->arguments[plan->moves[i].parameter].type;

		if (plan->moves[i].place == ABI_STACK && type->kind == TYPE_INTEGER && type->size == 16)
			return true;
	}
	return false;
}

static void run_case(struct run *run, unsigned number)
{
	const struct abi_case *one = &run->library->cases[number];
	const struct function_type *type;
	const char *name;
	struct abi_plan *plan;

	if (sffi__scope_declare_function(run->scope, one->declaration, &name, &type)) {
		fail(run, number, sffi_error());
		return;
	}
	if (sffi__abi_plan(type, &plan)) {
		if (is_fair_refusal(sffi_error()))
			run->refused++;
		else
			fail(run, number, sffi_error());
		return;
	}
	current.library = run->library;
	current.plan = plan;
	current.number = number;
	if (compiler_is_wrong(run, number, plan)) {
		run->skipped++;
	} else {
		call(run, number, plan);
		quick_call(run, number, plan);
		upcall(run, number);
		run->thirds += third_call(one->callee, type, plan, images, run->library, number);
		check_callee(run, number, "libffi");
	}
	if (!run->library->splits_int128 || !one->has_int128)
		one->taker(take, run);
	free(plan);
}

static void run_library(const char *path)
{
	struct run run = { .library = load_library(path), .scope = sffi__scope_new(NULL) };

	if (!run.scope || sffi__scope_declare(run.scope, run.library->types)) {
		fprintf(stderr, "%s: %s\n", path, sffi_error());
		exit(1);
	}
	for (unsigned i = 0; i < run.library->count; i++)
		run_case(&run, i);
	printf("%s: seed %#llx, %u signatures: %u calls, %u quick ones, %u upcalls, %u argument lists, %u by libffi, "
	       "%u refused, %u skipped, %u values checked in callees\n",
	       path, (unsigned long long)run.library->seed, run.library->count, run.calls, run.quick_calls,
	       run.upcalls, run.takes, run.thirds, run.refused, run.skipped, run.library->checks);
	if (run.refused > run.library->count / 4)
		fail(&run, 0, "more than a quarter of the signatures were refused");
	if (!run.quick_calls)
		fail(&run, 0, "no function was called the quick way");
	sffi__scope_free(run.scope);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	images = aligned_alloc(4096, ABI_CASE_ARGUMENTS_MAX * sizeof *images);
	memory = aligned_alloc(1 << 15, 1 << 21);
	stack = malloc(1 << 20);
	for (int i = 1; i < argc; i++)
		run_library(argv[i]);
	if (failures)
		printf("%u failures\n", failures);
	return failures || argc < 2;
}
