/* SPDX-License-Identifier: MIT */
#include "calls.h"

#include "callee.h"
#include "host.h"
#include "machine.h"
#include "pingpong.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFER_SIZE = 1 << 20, BATCH_SIZE = 100, THREADS_MAX = 4 };

static struct host host;
static int worker_cpu;

/* Opens the domain when first asked for, so that the bare ways can be measured where
 * SafeFFI cannot work. The worker is pinned when its threads are there. */
static bool ready(void)
{
	sffi_status status;

	if (host.domain)
		return true;
	status = sffi_init();
	if (status != SFFI_OK)
		return host_cannot("sffi_init", status);
	if (!host_open(&host, NULL))
		return false;
	if (!pin_process(sffi_domain_pid(host.domain), worker_cpu))
		return cannot("cannot pin the worker");
	return host_call(&host);
}

/* ---- one call after the other ------------------------------------------ */

static double op_call(unsigned count)
{
	unsigned warm_up = count / 10 + 1;
	uint64_t start = 0;
	sffi_status status;
	int result = 0;

	if (!ready())
		return NAN;
	for (unsigned i = 0; i < warm_up + count; i++) {
		if (i == warm_up)
			start = now_ns();
		status = sffi_call(host.add, &result, (int)i, 1);
		if (status != SFFI_OK || result != (int)i + 1)
			return host_failed("sffi_call", status);
	}
	return (double)(now_ns() - start) / count;
}

static double op_call_array(unsigned count)
{
	unsigned warm_up = count / 10 + 1;
	int a, b = 1, result = 0;
	void *arguments[] = { &a, &b };
	uint64_t start = 0;
	sffi_status status;

	if (!ready())
		return NAN;
	for (unsigned i = 0; i < warm_up + count; i++) {
		if (i == warm_up)
			start = now_ns();
		a = (int)i;
		status = sffi_call_array(host.add, &result, arguments);
		if (status != SFFI_OK || result != a + b)
			return host_failed("sffi_call_array", status);
	}
	return (double)(now_ns() - start) / count;
}

static bool batch_is_right(const sffi_batch *calls)
{
	for (int i = 0; i < BATCH_SIZE; i++)
		if (calls[i].status != SFFI_OK || *(int *)calls[i].result != i + 1)
			return false;
	return true;
}

/* count is of calls, not of batches. */
static double op_batch(unsigned count)
{
	static sffi_batch calls[BATCH_SIZE];
	static int a[BATCH_SIZE], results[BATCH_SIZE];
	static void *arguments[BATCH_SIZE][2];
	static int b = 1;
	unsigned batches = count / BATCH_SIZE + 1, warm_up = batches / 10 + 1;
	uint64_t start = 0, end;
	sffi_status status;

	if (!ready())
		return NAN;
	for (int i = 0; i < BATCH_SIZE; i++) {
		a[i] = i;
		arguments[i][0] = &a[i];
		arguments[i][1] = &b;
		calls[i] = (sffi_batch){ .function = host.add,
					 .result = &results[i],
					 .arguments = arguments[i] };
	}
	for (unsigned i = 0; i < warm_up + batches; i++) {
		if (i == warm_up)
			start = now_ns();
		status = sffi_call_batch(calls, BATCH_SIZE);
		if (status != SFFI_OK)
			return host_failed("sffi_call_batch", status);
	}
	end = now_ns();
	if (!batch_is_right(calls))
		return failed("the results of a batch were not right");
	return (double)(end - start) / batches / BATCH_SIZE;
}

/* ---- what a call carries ------------------------------------------------- */

static int add_callback(int a, int b)
{
	return a + b;
}

static void handle_add(void *result, void *const *arguments, void *data)
{
	(void)data;
	*(int *)result = *(const int *)arguments[0] + *(const int *)arguments[1];
}

/* One call whose callee calls the host once. */
static double upcalls(unsigned count, void *function)
{
	unsigned warm_up = count / 10 + 1;
	uint64_t start = 0;
	sffi_status status;
	int result = 0;

	for (unsigned i = 0; i < warm_up + count; i++) {
		if (i == warm_up)
			start = now_ns();
		status = sffi_call(host.with_callback, &result, function, (int)i, 1);
		if (status != SFFI_OK || result != (int)i + 1)
			return host_failed("a call with an upcall", status);
	}
	return (double)(now_ns() - start) / count;
}

static double op_upcall(unsigned count)
{
	static sffi_callback *callback;
	sffi_status status;

	if (!ready())
		return NAN;
	status = callback ? SFFI_OK
			  : sffi_callback_new(&callback, host.domain, "int (*)(int, int)", handle_add,
					      NULL);
	if (status != SFFI_OK)
		return host_failed("sffi_callback_new", status);
	return upcalls(count, sffi_callback_address(callback));
}

static double op_upcall_plain(unsigned count)
{
	return ready() ? upcalls(count, (void *)add_callback) : NAN;
}

static double op_mixed(unsigned count)
{
	unsigned warm_up = count / 10 + 1;
	uint64_t start = 0;
	sffi_status status;
	double result = 0;

	if (!ready())
		return NAN;
	for (unsigned i = 0; i < warm_up + count; i++) {
		if (i == warm_up)
			start = now_ns();
		status = sffi_call(host.add_mixed, &result, (int)i, 1.0, 1L, 1.0, 1, 1.0, 1u, 1.0, 1,
				   1.0, 1L, 1.0, 1, 1.0, (int64_t)1, 1.0);
		if (status != SFFI_OK || result != (double)i + 15)
			return host_failed("a call with 16 arguments", status);
	}
	return (double)(now_ns() - start) / count;
}

static double op_struct(unsigned count)
{
	unsigned warm_up = count / 10 + 1;
	struct wide wide = { { 0 } };
	uint64_t start = 0, result = 0;
	sffi_status status;

	if (!ready())
		return NAN;
	for (unsigned i = 0; i < warm_up + count; i++) {
		if (i == warm_up)
			start = now_ns();
		wide.words[7] = i;
		status = sffi_call(host.take_wide, &result, wide);
		if (status != SFFI_OK || result != i)
			return host_failed("a call with a struct", status);
	}
	return (double)(now_ns() - start) / count;
}

static double op_struct_result(unsigned count)
{
	unsigned warm_up = count / 10 + 1;
	struct wide wide = { { 0 } };
	uint64_t start = 0;
	sffi_status status;

	if (!ready())
		return NAN;
	for (unsigned i = 0; i < warm_up + count; i++) {
		if (i == warm_up)
			start = now_ns();
		status = sffi_call(host.give_wide, &wide, (int)i);
		if (status != SFFI_OK || wide.words[0] != i)
			return host_failed("a call that returns a struct", status);
	}
	return (double)(now_ns() - start) / count;
}

static double op_direct(unsigned count)
{
	int (*volatile add_here)(int, int);
	uint64_t start;
	int result = 0;

	if (!ready())
		return NAN;
	add_here = (int (*)(int, int))callee_symbol("add");
	if (!add_here)
		return NAN;
	start = now_ns();
	for (unsigned i = 0; i < count; i++)
		result = add_here(result, 1);
	return result == (int)count ? (double)(now_ns() - start) / count
				    : failed("add in process was wrong");
}

/* ---- a buffer of a mebibyte -------------------------------------------- */

static double op_touch(unsigned count)
{
	static uint8_t buffer[BUFFER_SIZE];
	unsigned warm_up = count / 10 + 1;
	uint64_t start = 0;
	sffi_status status;
	uint8_t before;
	int result;

	if (!ready())
		return NAN;
	for (unsigned i = 0; i < warm_up + count; i++) {
		if (i == warm_up)
			start = now_ns();
		before = buffer[0];
		status = sffi_call(host.touch, &result, buffer, sizeof(buffer));
		if (status != SFFI_OK || buffer[0] != (uint8_t)(before + 1))
			return host_failed("touch of 1 MiB", status);
	}
	return (double)(now_ns() - start) / count;
}

static double op_memcpy(unsigned count)
{
	static uint8_t buffer[BUFFER_SIZE], other[BUFFER_SIZE];
	unsigned warm_up = count / 10 + 1;
	uint64_t start = 0;

	for (unsigned i = 0; i < warm_up + count; i++) {
		if (i == warm_up)
			start = now_ns();
		memcpy(other, buffer, sizeof(buffer));
		/* What the callee does, and what keeps the compiler from leaving it out. */
		other[0]++;
		__asm__ volatile("" : : "r"(other), "r"(buffer) : "memory");
		memcpy(buffer, other, sizeof(buffer));
		__asm__ volatile("" : : "r"(other), "r"(buffer) : "memory");
	}
	return (double)(now_ns() - start) / count;
}

/* ---- several threads at once ------------------------------------------- */

struct caller {
	pthread_barrier_t *barrier;
	unsigned count;
	bool ok;
	char why[WHY_SIZE];
	uint64_t start, end;
};

/* failed() is for one thread: the words are kept here. */
static void *call_many(void *argument)
{
	struct caller *caller = argument;
	sffi_status status;
	int result = 0;

	status = sffi_call(host.add, &result, 1, 1);
	pthread_barrier_wait(caller->barrier);
	caller->start = now_ns();
	for (unsigned i = 0; i < caller->count && status == SFFI_OK; i++)
		status = sffi_call(host.add, &result, (int)i, 1);
	caller->end = now_ns();
	caller->ok = status == SFFI_OK && result == (int)caller->count;
	if (!caller->ok)
		strncpy(caller->why, sffi_error(), sizeof(caller->why) - 1);
	return NULL;
}

/* What a call costs the program: the time that passed by the number of calls. */
static double cost(const struct caller *callers, unsigned number)
{
	uint64_t start = callers[0].start, end = callers[0].end;

	for (unsigned i = 0; i < number; i++) {
		if (!callers[i].ok)
			return failed("a call of %u threads at once: %s", number, callers[i].why);
		if (callers[i].start < start)
			start = callers[i].start;
		if (callers[i].end > end)
			end = callers[i].end;
	}
	return (double)(end - start) / number / callers[0].count;
}

static double threads_at_once(unsigned number, unsigned count)
{
	static struct caller callers[THREADS_MAX];
	pthread_t threads[THREADS_MAX];
	pthread_barrier_t barrier;

	if (!ready())
		return NAN;
	memset(callers, 0, sizeof(callers));
	pthread_barrier_init(&barrier, NULL, number);
	for (unsigned i = 0; i < number; i++) {
		callers[i].barrier = &barrier;
		callers[i].count = count;
		/* The ones that wait at the barrier already would wait for ever. */
		if (pthread_create(&threads[i], NULL, call_many, &callers[i]) != 0)
			abort();
	}
	for (unsigned i = 0; i < number; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&barrier);
	return cost(callers, number);
}

static double op_threads_2(unsigned count)
{
	return threads_at_once(2, count);
}

static double op_threads_4(unsigned count)
{
	return threads_at_once(4, count);
}

/* ---- the agents -------------------------------------------------------- */

static bool set_up_two_cores(void)
{
	worker_cpu = machine.peer;
	if (machine.peer == CPU_ANY)
		return cannot("there is only one processor here");
	return pin_self(machine.host) && pingpong_set_up(machine.peer);
}

/* What it costs that workers follow the host's state. */
static bool set_up_without_mirror(void)
{
	return !setenv("SAFEFFI_WITHOUT", "mirror", 1) && set_up_two_cores();
}

static bool set_up_one_core(void)
{
	worker_cpu = machine.host;
	return pin_self(machine.host) && pingpong_set_up(machine.host);
}

static bool set_up_unpinned(void)
{
	worker_cpu = CPU_ANY;
	return pin_self(CPU_ANY);
}

static const struct operation operations[] = {
	{ "call", op_call },
	{ "call-array", op_call_array },
	{ "batch", op_batch },
	{ "upcall", op_upcall },
	{ "upcall-plain", op_upcall_plain },
	{ "mixed", op_mixed },
	{ "struct", op_struct },
	{ "struct-result", op_struct_result },
	{ "direct", op_direct },
	{ "touch", op_touch },
	{ "memcpy", op_memcpy },
	{ "threads-2", op_threads_2 },
	{ "threads-4", op_threads_4 },
	{ "spin", op_spin },
	{ "futex", op_futex },
	{ "socket", op_socket },
	{ NULL, NULL },
};

const struct agent_kind calls_two_cores = { .set_up = set_up_two_cores, .operations = operations };
const struct agent_kind calls_without_mirror = { .set_up = set_up_without_mirror,
						 .operations = operations };
const struct agent_kind calls_one_core = { .set_up = set_up_one_core, .operations = operations };
const struct agent_kind calls_unpinned = { .set_up = set_up_unpinned, .operations = operations };
