/* SPDX-License-Identifier: MIT */
/* Many host threads, one domain; one_thread; calls in flight when the worker falls. */
#include "helper.h"

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 8, CALLS = 500 };

static sffi_domain *domain;
static sffi_library *good;

static void *add_many(void *data)
{
	sffi_function *add = data;

	for (int i = 0; i < test_times(CALLS); i++) {
		int sum = 0;

		if (sffi_call(add, &sum, i, 1) || sum != i + 1)
			return "a call failed";
	}
	return NULL;
}

static void run_threads(void *(*function)(void *), void *data)
{
	pthread_t threads[THREADS];
	void *result;

	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, function, data), 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &result);
		ck_assert_msg(!result, "%s: %s", (char *)result, sffi_error());
	}
}

START_TEST(threads_call_at_once)
{
	domain = test_open();
	good = test_load(domain, "good");
	for (int round = 0; round < 3; round++)
		run_threads(add_many, test_function(good, "int add(int a, int b)"));
	sffi_domain_close(&domain);
}
END_TEST

static void *count_own(void *data)
{
	int count = 0;

	for (int i = 1; i <= 20; i++) {
		static __thread char text[1200];
		sffi_status status = sffi_call(data, &count);

		if (!status && count == i)
			continue;
		snprintf(text, sizeof text, "%s, count %d instead of %d: %s", sffi_status_name(status),
			 count, i, status ? sffi_error() : "another thread's state");
		return strdup(text);
	}
	return NULL;
}

START_TEST(thread_local_state_is_per_host_thread)
{
	domain = test_open();
	good = test_load(domain, "good");
	if (!getenv("TEST_ONE_THREAD"))
		run_threads(count_own, test_function(good, "int count_in_thread(void)"));
	sffi_domain_close(&domain);
}
END_TEST

static void *mark_and_end(void *data)
{
	int marked = 0;

	return sffi_call(data, &marked, 5) ? "mark_thread failed" : NULL;
}

START_TEST(a_lane_ends_with_its_thread)
{
	sffi_library *threads;
	sffi_function *destroyed;
	int count = 0;

	domain = test_open();
	threads = test_load(domain, "threads");
	destroyed = test_function(threads, "int threads_destroyed(void)");
	run_threads(mark_and_end, test_function(threads, "int mark_thread(int value)"));
	/* The destructors run when the worker's threads end, a moment later. */
	for (time_t end = time(NULL) + 60;
	     count < THREADS && time(NULL) < end && !getenv("TEST_ONE_THREAD");)
		ck_ok(sffi_call(destroyed, &count));
	if (!getenv("TEST_ONE_THREAD"))
		ck_assert_int_eq(count, THREADS);
	sffi_domain_close(&domain);
}
END_TEST

static void *mark_deep_and_end(void *data)
{
	return sffi_call(data, NULL) ? "mark_deep failed" : NULL;
}

/* What a library does at a thread's end is reported like what it does in a call. */
START_TEST(a_thread_destructor_overflows)
{
	const sffi_fault *fault = NULL;
	sffi_function *add, *mark;
	pthread_t thread;
	void *result;

	domain = test_open();
	good = test_load(domain, "good");
	add = test_function(good, "int add(int a, int b)");
	mark = test_victim_function(domain, "threads", "int mark_deep(void)");
	ck_assert_int_eq(pthread_create(&thread, NULL, mark_deep_and_end, mark), 0);
	pthread_join(thread, &result);
	ck_assert_msg(!result, "%s", (char *)result);
	/* It happens a moment later; the next call finds the worker gone, and a new one. */
	for (time_t end = time(NULL) + 60; !fault && time(NULL) < end;) {
		ck_ok(sffi_call(add, NULL, 1, 2));
		fault = sffi_last_fault();
	}
	ck_assert_ptr_nonnull(fault);
	ck_assert_msg(sffi_fault_get_kind(fault) == SFFI_FAULT_STACK_OVERFLOW, "%s",
		      sffi_fault_get_summary(fault));
	sffi_domain_close(&domain);
}
END_TEST

static void *remember(void *data)
{
	return sffi_call(data, NULL) ? "remember_thread failed" : NULL;
}

static void *is_refused(void *data)
{
	int refused = -1;

	return sffi_call(data, &refused) || refused ? "another thread ran the callee" : NULL;
}

START_TEST(one_thread_runs_every_callee)
{
	sffi_options options;
	int yes = 0;

	test_options(&options);
	options.one_thread = true;
	domain = test_open_with(&options);
	good = test_load(domain, "good");
	run_threads(remember, test_function(good, "void remember_thread(void)"));
	run_threads(is_refused, test_function(good, "int refuse_other_threads(void)"));
	ck_ok(sffi_call(test_function(good, "int is_main_thread(void)"), &yes));
	ck_assert_int_eq(yes, 1);
	run_threads(add_many, test_function(good, "int add(int a, int b)"));
	sffi_domain_close(&domain);
}
END_TEST

static void *wait_for_ever(void *data)
{
	sffi_status status = sffi_call(data, NULL);

	if (status != SFFI_ECOLLATERAL)
		return "the call in flight was not told what became of it";
	return strstr(sffi_error(), "do__exit") ? NULL : "the culprit is not named";
}

/* Until a thread of the worker waits where sleep_forever does: in pause. */
static void wait_until_asleep(pid_t worker)
{
	struct timespec pause = { .tv_nsec = 1000000 };

	for (int look = 0; look < 20000; look++) {
		char command[128];

		snprintf(command, sizeof command, "grep -lqsE '^(34|271) ' /proc/%d/task/*/syscall",
			 worker);
		if (!system(command))
			return;
		nanosleep(&pause, NULL);
	}
	ck_abort_msg("the callee never slept");
}

START_TEST(calls_in_flight_are_collateral)
{
	sffi_library *exits;
	sffi_function *sleeping, *ending;
	pthread_t thread;
	void *result;

	domain = test_open();
	exits = test_load(domain, "exits");
	good = test_load(domain, "good");
	if (getenv("TEST_ONE_THREAD"))
		return;
	sleeping = test_function(exits, "void sleep_forever(void)");
	ending = test_function(exits, "void do__exit(int status)");
	ck_assert_int_eq(pthread_create(&thread, NULL, wait_for_ever, sleeping), 0);
	wait_until_asleep(sffi_domain_pid(domain));
	ck_assert_int_eq(sffi_call(ending, NULL, 1), SFFI_EFAULT);
	pthread_join(thread, &result);
	ck_assert_msg(!result, "%s", (char *)result);
	test_still_works(domain);
	sffi_domain_close(&domain);
}
END_TEST

static void *crash_and_go_on(void *data)
{
	sffi_function *crash = ((sffi_function **)data)[0], *add = ((sffi_function **)data)[1];

	for (int i = 0; i < 10; i++) {
		sffi_status status = sffi_call(crash, NULL);
		int sum = 0;

		if (status != SFFI_EFAULT && status != SFFI_ECOLLATERAL)
			return "a crash was not told";
		do
			status = sffi_call(add, &sum, i, 2);
		while (status == SFFI_ECOLLATERAL);
		if (status || sum != i + 2)
			return "the next call does not work";
	}
	return NULL;
}

START_TEST(everybody_crashes)
{
	sffi_library *signals;
	sffi_function *functions[2];

	domain = test_open();
	good = test_load(domain, "good");
	signals = test_load(domain, "signals");
	functions[0] = test_function(signals, "int null_read(void)");
	functions[1] = test_function(good, "int add(int a, int b)");
	run_threads(crash_and_go_on, functions);
	sffi_domain_close(&domain);
}
END_TEST

static _Atomic bool over;

static void *add_meanwhile(void *data)
{
	while (!over) {
		int sum = 0;
		sffi_status status = sffi_call(data, &sum, 1, 2);

		if (status ? status != SFFI_ECOLLATERAL : sum != 3)
			return "who did not crash was told that it did";
	}
	return NULL;
}

/* However the threads take their turns. */
START_TEST(who_crashes_is_told_so)
{
	sffi_function *add, *crash;
	pthread_t threads[3];
	void *result;

	domain = test_open();
	good = test_load(domain, "good");
	add = test_function(good, "int add(int a, int b)");
	crash = test_victim_function(domain, "signals", "int null_read(void)");
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, add_meanwhile, add), 0);
	for (int i = 0; i < 100; i++)
		ck_refused(sffi_call(crash, NULL), SFFI_EFAULT, "null_read");
	over = true;
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], &result);
		ck_assert_msg(!result, "%s", (char *)result);
	}
	sffi_domain_close(&domain);
}
END_TEST

START_TEST(a_thread_of_the_library_crashes)
{
	sffi_library *threads;
	sffi_function *arm, *pull;
	sffi_status status;

	domain = test_open();
	threads = test_load(domain, "threads");
	arm = test_function(threads, "int arm_crasher(void)");
	pull = test_function(threads, "void pull_trigger_and_wait(void)");
	ck_ok(sffi_call(arm, NULL));
	status = sffi_call(pull, NULL);
	ck_assert_msg(status == SFFI_EFAULT || status == SFFI_ECOLLATERAL, "%s", sffi_error());
	ck_assert_ptr_nonnull(sffi_last_fault());
	test_still_works(domain);
	sffi_domain_close(&domain);
}
END_TEST

static _Atomic int starts;
static _Atomic uint64_t last_generation;

static void on_start(sffi_domain *started, uint64_t generation, void *data)
{
	starts++;
	last_generation = generation;
	ck_assert_ptr_eq(data, &starts);
	test_still_works(started);
}

START_TEST(on_start_and_spare)
{
	sffi_options options;
	sffi_function *crash;

	test_options(&options);
	options.spare = true;
	options.on_start = on_start;
	options.data = &starts;
	domain = test_open_with(&options);
	ck_assert_int_eq(starts, 1);
	crash = test_victim_function(domain, "signals", "int null_read(void)");
	for (int i = 2; i < 12; i++) {
		ck_assert_int_eq(sffi_call(crash, NULL), SFFI_EFAULT);
		ck_assert_int_eq(starts, i);
		ck_assert_uint_eq(last_generation, sffi_domain_generation(domain));
		test_still_works(domain);
	}
	sffi_domain_close(&domain);
}
END_TEST

START_TEST(threads_leave_nothing)
{
	struct test_resources before = { 0 };

	mallopt(M_ARENA_MAX, 1); /* else the host's threads map arenas of their own */
	for (int round = 0; round < 6; round++) {
		sffi_function *add, *crash;
		sffi_library *signals;

		if (round == 2)
			before = test_resources();
		domain = test_open();
		good = test_load(domain, "good");
		signals = test_load(domain, "signals");
		add = test_function(good, "int add(int a, int b)");
		crash = test_function(signals, "int null_read(void)");
		run_threads(add_many, add);
		ck_assert_int_eq(sffi_call(crash, NULL), SFFI_EFAULT);
		ck_ok(sffi_call(add, NULL, 1, 1));
		sffi_function_release(&add);
		sffi_function_release(&crash);
		sffi_library_close(&signals);
		sffi_library_close(&good);
		sffi_domain_close(&domain);
	}
	test_same_resources(before);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("threads");
	TCase *tests = tcase_create("threads");

	tcase_set_timeout(tests, 120);
	test_add(tests, threads_call_at_once);
	test_add(tests, thread_local_state_is_per_host_thread);
	test_add(tests, a_lane_ends_with_its_thread);
	if (!getenv("TEST_ONE_THREAD"))
		test_add(tests, a_thread_destructor_overflows);
	test_add(tests, one_thread_runs_every_callee);
	test_add(tests, calls_in_flight_are_collateral);
	test_add(tests, everybody_crashes);
	test_add(tests, who_crashes_is_told_so);
	test_add(tests, a_thread_of_the_library_crashes);
	test_add(tests, on_start_and_spare);
	test_add(tests, threads_leave_nothing);
	suite_add_tcase(suite, tests);
	return test_main(argc, argv, suite);
}
