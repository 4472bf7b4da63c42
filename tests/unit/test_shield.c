/* SPDX-License-Identifier: MIT */
/* The shield alone: one thread, several, and signal handlers. */
#include "shield_guard.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the callee ----------------------------------------------------------------------- */

static void store_last(void)
{
	heap[HEAP_SIZE - 1] = 99;
}

static void only_read(void)
{
	ck_assert_int_eq(heap[0], 1);
	ck_assert_int_eq(heap[HEAP_SIZE - 1], 1);
}

static void read_file_into_heap(void)
{
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(write(ends[1], "xyz", 3), 3);
	ck_assert_int_eq(read(ends[0], (void *)heap, 3), -1);
	ck_assert_int_eq(errno, EFAULT);
	close(ends[0]);
	close(ends[1]);
}

START_TEST(a_callee_that_stores_faults)
{
	open_shield();
	for (int i = 0; i < 3; i++) {
		ck_assert(!call(store_first));
		ck_assert(!call(store_last));
		ck_assert(call(only_read));
		ck_assert(call(read_file_into_heap));
		ck_assert_int_eq(heap[0], 1);
		ck_assert_int_eq(heap[HEAP_SIZE - 1], 1);
		heap[1] = (char)i;
	}
	ck_assert_int_eq(passed_on, 6);
	close_shield();
}
END_TEST

static void store_in_upcall(void)
{
	heap[5] = 55;
	ck_assert(!call(store_first));
	heap[6] = 66;
}

static void call_back_then_store(void)
{
	upcall(store_in_upcall);
	heap[7] = 77;
}

START_TEST(an_upcall_may_store_and_call_again)
{
	open_shield();
	ck_assert(!call(call_back_then_store));
	ck_assert_int_eq(heap[5], 55);
	ck_assert_int_eq(heap[6], 66);
	ck_assert_int_eq(heap[7], 1);
	ck_assert_int_eq(heap[0], 1);
	close_shield();
}
END_TEST

static void store_on_own_stack(void)
{
	struct shield_state state;

	sffi__shield_suspend(&state);
	heap[8] = 88;
	if (call(store_last))
		abort();
	sffi__shield_resume(&state);
	heap[9] = 99;
}

/* A callback that is run where the callee is. */
START_TEST(host_code_on_the_callees_stack)
{
	open_shield();
	ck_assert(!call(store_on_own_stack));
	ck_assert_int_eq(heap[8], 88);
	ck_assert_int_eq(heap[9], 1);
	close_shield();
}
END_TEST

/* ---- other threads ---------------------------------------------------------------------- */

static _Atomic int threads_done;
enum { THREADS = 4 };

static void *store_when_told(void *unused)
{
	(void)unused;
	own_alternate_stack();
	wait_for(&stage, 1);
	heap[100] = 42;
	atomic_store(&stage, 2);
	return NULL;
}

static void let_another_store_then_store(void)
{
	atomic_store(&stage, 1);
	wait_for(&stage, 2);
	heap[is_exact() ? 100 : HEAP_SIZE - 100] = 99;
}

START_TEST(another_thread_stores_meanwhile)
{
	pthread_t thread;

	open_shield();
	for (int i = 0; i < 20; i++) {
		stage = 0;
		heap[100] = 0;
		pthread_create(&thread, NULL, store_when_told, NULL);
		ck_assert(!call(let_another_store_then_store));
		pthread_join(thread, NULL);
		ck_assert_int_eq(heap[100], 42);
		ck_assert_int_eq(heap[HEAP_SIZE - 100], 1);
	}
	close_shield();
}
END_TEST

/* All kinds of stores, over page borders and in the same pages as the other threads'. */
static void *store_much(void *index)
{
	size_t own = 4096 * 3 - 4 + 512 * (size_t)(uintptr_t)index;
	unsigned *word = (unsigned *)(heap + own), *common = (unsigned *)(heap + PAGE);
	char pattern[700];

	own_alternate_stack();
	wait_for(&stage, 1);
	for (unsigned i = 0; i < LOOPS; i++) {
		*word += 1;
		__atomic_fetch_add(common, 1, __ATOMIC_SEQ_CST);
	}
	for (unsigned i = 0; i < 50; i++) {
		char *to = (char *)heap + (1 << 20) * (1 + (size_t)(uintptr_t)index) - 350 + i;

		memset(pattern, (int)i, sizeof pattern);
		memcpy(to, pattern, sizeof pattern);
		if (memcmp(to, pattern, sizeof pattern))
			abort();
	}
	memset((char *)heap + (5 << 20) + 100000 * (size_t)(uintptr_t)index, 9, 100000);
	atomic_fetch_add(&threads_done, 1);
	return NULL;
}

static void wait_for_threads(void)
{
	atomic_store(&stage, 1);
	wait_for(&threads_done, THREADS);
}

START_TEST(other_threads_store_all_the_time)
{
	pthread_t threads[THREADS];

	open_shield();
	memset((void *)heap, 0, HEAP_SIZE);
	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, store_much, (void *)i);
	ck_assert(call(wait_for_threads));
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		ck_assert_uint_eq(*(unsigned *)(heap + 4096 * 3 - 4 + 512 * i), LOOPS);
	}
	ck_assert_uint_eq(*(unsigned *)(heap + PAGE), THREADS * LOOPS);
	for (size_t i = 0; i < 100000 * THREADS; i++)
		ck_assert_int_eq(heap[(5 << 20) + i], 9);
	memset((void *)heap, 1, HEAP_SIZE);
	ck_assert(!call(store_first));
	ck_assert_int_eq(passed_on, 1);
	close_shield();
}
END_TEST

static void *call_and_store(void *unused)
{
	(void)unused;
	own_alternate_stack();
	for (int i = 0; i < 200; i++) {
		if (call(store_last) || !call(only_read))
			abort();
		__atomic_fetch_add((unsigned *)(heap + 4 * PAGE), 1, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

START_TEST(several_threads_call_and_store)
{
	pthread_t threads[THREADS];

	open_shield();
	*(unsigned *)(heap + 4 * PAGE) = 0;
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, call_and_store, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(*(unsigned *)(heap + 4 * PAGE), THREADS * 200);
	ck_assert_int_eq(heap[HEAP_SIZE - 1], 1);
	ck_assert_int_eq(passed_on, THREADS * 200);
	close_shield();
}
END_TEST

static int ends[2];
static ssize_t got;
static int got_errno;

static void *read_when_told(void *unused)
{
	(void)unused;
	own_alternate_stack();
	wait_for(&stage, 1);
	got = read(ends[0], (char *)heap + 200, 3);
	got_errno = errno;
	atomic_store(&stage, 2);
	return NULL;
}

static void wait_for_reader(void)
{
	atomic_store(&stage, 1);
	wait_for(&stage, 2);
}

/* The thread is older than the shield: with keys, it must be told of the key before its system
 * call, which raises no signal. */
START_TEST(system_calls_of_an_older_thread)
{
	pthread_t thread;

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(write(ends[1], "xyz", 3), 3);
	handle(SIGSEGV, on_fault, SA_ONSTACK | SA_NODEFER);
	pthread_create(&thread, NULL, read_when_told, NULL);
	open_shield();
	ck_assert(call(wait_for_reader));
	pthread_join(thread, NULL);
	if (has_keys()) {
		ck_assert_int_eq(got, 3);
		ck_assert(!memcmp((char *)heap + 200, "xyz", 3));
	} else {
		ck_assert_int_eq(got, -1);
		ck_assert_int_eq(got_errno, EFAULT);
	}
	close_shield();
}
END_TEST

/* ---- signal handlers of the host ---------------------------------------------------------- */

static _Atomic int handled;

static void store_as_handler(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)info;
	(void)context;
	heap[300]++;
	heap[HEAP_SIZE - 300]++;
	atomic_fetch_add(&handled, 1);
}

static void be_interrupted_then_store(void)
{
	raise(SIGUSR1);
	raise(SIGUSR1);
	heap[is_exact() ? 300 : 4 << 20] = 99;
}

START_TEST(handlers_of_the_host_may_store)
{
	static const int flags[] = { 0, SA_ONSTACK };

	open_shield();
	for (int i = 0; i < 2; i++) {
		heap[300] = heap[HEAP_SIZE - 300] = 1;
		handle(SIGUSR1, store_as_handler, flags[i]);
		ck_assert(!call(be_interrupted_then_store));
		ck_assert_int_eq(heap[300], 3);
		ck_assert_int_eq(heap[HEAP_SIZE - 300], 3);
		ck_assert(!call(store_in_middle));
	}
	ck_assert_int_eq(passed_on, 4);
	close_shield();
}
END_TEST

static void *interrupt(void *thread)
{
	own_alternate_stack();
	for (int i = 0; !atomic_load(&threads_done); i++) {
		pthread_kill(*(pthread_t *)thread, SIGUSR1);
		while (atomic_load(&handled) <= i && !atomic_load(&threads_done))
			sched_yield();
		for (volatile int j = 0; j < 1000 * (i % 8); j++)
			continue;
	}
	return NULL;
}

static void spin_a_while(void)
{
	for (volatile int i = 0; i < 20000; i++)
		continue;
}

/* At any moment, in the middle of raising and lowering too. */
START_TEST(handlers_interrupt_anywhere)
{
	pthread_t self = pthread_self(), thread;

	open_shield();
	handle(SIGUSR1, store_as_handler, SA_ONSTACK | SA_RESTART);
	pthread_create(&thread, NULL, interrupt, &self);
	for (int i = 0; i < 500; i++) {
		ck_assert(call(spin_a_while));
		ck_assert(!call(store_in_middle));
	}
	atomic_store(&threads_done, 1);
	pthread_join(thread, NULL);
	ck_assert_int_eq(passed_on, 500);
	ck_assert_int_eq(heap[4 << 20], 1);
	close_shield();
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("shield");
	TCase *alone = tcase_create("alone");

	tcase_add_test(alone, a_callee_that_stores_faults);
	tcase_add_test(alone, an_upcall_may_store_and_call_again);
	tcase_add_test(alone, host_code_on_the_callees_stack);
	tcase_add_test(alone, another_thread_stores_meanwhile);
	tcase_add_test(alone, other_threads_store_all_the_time);
	tcase_add_test(alone, several_threads_call_and_store);
	tcase_add_test(alone, system_calls_of_an_older_thread);
	tcase_add_test(alone, handlers_of_the_host_may_store);
	tcase_add_test(alone, handlers_interrupt_anywhere);
	suite_add_tcase(suite, alone);
	suite_add_tcase(suite, region_tests());
	return test_main(argc, argv, suite);
}
