/* SPDX-License-Identifier: MIT */
/*
 * A call that is ended from an upcall below it: the callee's frames are dropped, and all that
 * they would have given back, callee-saved registers and stack, is as it was before the call.
 */
#include "saved.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

/* What the upcalls are to do, outermost first. */
enum deed { ANSWER, ABANDON, NEST_THEN_ANSWER, NEST_THEN_ABANDON };

enum { UNTOUCHED = 0x5a5a, STACK_WORDS_MAX = 9, DEPTH_MAX = 4 };

static uint64_t (*thunk)(uint64_t);
static struct call_result result;
/* One for all calls of a thread, as in a worker. */
static struct enter_guard guard = { .result = &result };
/* Not on the stack: the sanitizers would look for what was there. */
static struct enter_guard outer[DEPTH_MAX];
static const enum deed *deeds;
static unsigned depth, stack_words, failures;

static void fail(const char *what, unsigned number)
{
	failures++;
	fprintf(stderr, "%s %u, with %u stack words and a skew of %lu\n", what, number, stack_words,
		(unsigned long)guard.skew);
}

/* enter.S leads there when a callee unwinds, which none does here. */
void sffi__enter_unwound(struct enter_guard *);
void sffi__personality(void);

void sffi__enter_unwound(struct enter_guard *unwound)
{
	(void)unwound;
	abort();
}

void sffi__personality(void)
{
	abort();
}

/* ---- calls and upcalls ---------------------------------------------------------------- */

static struct call_frame frame_of(uint64_t value)
{
	static uint64_t words[STACK_WORDS_MAX];

	return (struct call_frame){
		.stack_words = stack_words,
		.stack_alignment = stack_words % 2 ? 4 : 6,
		.stack = (uintptr_t)words,
		.target = (uintptr_t)saved_callee,
		.integer = { (uintptr_t)thunk, value },
	};
}

static void nested_call(uint64_t value)
{
	struct call_frame frame = frame_of(value);

	outer[depth++] = guard;
	deeds++;
	sffi__enter(&frame, &guard);
	deeds--;
	guard = outer[--depth];
}

void sffi__upcall(uint64_t index, struct upcall_registers *registers, struct call_result *answer)
{
	const enum deed *mine = deeds;

	if (index != 3)
		fail("another thunk's index:", (unsigned)index);
	if (*mine == NEST_THEN_ANSWER || *mine == NEST_THEN_ABANDON)
		nested_call(registers->integer[0] + 1);
	result.integer[0] = UNTOUCHED;
	if (*mine == ABANDON || *mine == NEST_THEN_ABANDON)
		sffi__enter_abandon(&guard);
	memset(answer, 0, sizeof *answer);
	answer->integer[0] = registers->integer[0] * 2;
}

static void check_saved(const uint64_t *before, const uint64_t *after)
{
	for (unsigned i = 0; i < saved_count; i++)
		if (after[i] != before[i])
			fail("another value in callee-saved register", i);
	if (after[saved_count] != after[saved_count + 1])
		fail("another stack pointer after", (unsigned)*deeds);
}

static void call(const enum deed *plan)
{
	uint64_t before[SAVED_MAX] = { 0 }, after[SAVED_MAX] = { 0 };
	struct call_frame frame = frame_of(21);
	uint64_t arguments[3] = { (uintptr_t)&frame, (uintptr_t)&guard };
	uint64_t expected = *plan == ANSWER || *plan == NEST_THEN_ANSWER ? 42 : UNTOUCHED;

	deeds = plan;
	for (unsigned i = 0; i < saved_count; i++)
		before[i] = UINT64_C(0x1122334455667788) * (i + 1);
	saved_call((uintptr_t)sffi__enter, arguments, before, after);
	check_saved(before, after);
	if (result.integer[0] != expected)
		fail("another result after", (unsigned)*plan);
}

/* ---- all -------------------------------------------------------------------------------- */

static const enum deed plans[][DEPTH_MAX] = {
	{ ANSWER },
	{ ABANDON },
	{ NEST_THEN_ANSWER, ANSWER },
	{ NEST_THEN_ANSWER, ABANDON },
	{ NEST_THEN_ABANDON, ANSWER },
	{ NEST_THEN_ABANDON, ABANDON },
	{ NEST_THEN_ABANDON, NEST_THEN_ABANDON, NEST_THEN_ABANDON, ABANDON },
};

static void make_thunk(void)
{
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		abort();
	sffi__abi_thunks_write(page, 4096, 0, (uintptr_t)sffi__upcall_enter);
	__builtin___clear_cache(page, page + 4096);
	mprotect(page, 4096, PROT_READ | PROT_EXEC);
	thunk = (uint64_t (*)(uint64_t))(uintptr_t)(page + (size_t)3 * ABI_THUNK_SIZE);
}

int main(void)
{
	unsigned calls = 0;

	make_thunk();
	for (stack_words = 0; stack_words <= STACK_WORDS_MAX; stack_words++)
		for (guard.skew = 0; guard.skew < 64; guard.skew += 16)
			for (size_t i = 0; i < sizeof plans / sizeof *plans; i++, calls++)
				call(plans[i]);
	printf("%u calls, %u failures\n", calls, failures);
	return failures != 0;
}
