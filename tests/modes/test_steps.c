/* SPDX-License-Identifier: MIT */
/* Calls in steps: a host of one thread that never blocks. */
#include "helper.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static sffi_domain *domain;
static sffi_library *library;

static void open_library(void)
{
	domain = test_open();
	library = test_load(domain, "callbacks");
}

static void close_library(void)
{
	sffi_domain_close(&domain);
}

/* In a test of steps no handler runs: upcalls are events. */
static void never(void *result, void *const *arguments, void *data)
{
	(void)result, (void)arguments, (void)data;
	ck_abort_msg("a handler ran");
}

/* With poll(), as the loop of a virtual machine would. */
static sffi_event next_event(sffi_invocation *invocation)
{
	sffi_event event = SFFI_PENDING;
	struct pollfd poller = { .fd = sffi_invocation_fd(invocation), .events = POLLIN };

	ck_assert_int_ge(poller.fd, 0);
	for (;;) {
		ck_ok(sffi_next(invocation, 0, &event));
		if (event != SFFI_PENDING)
			return event;
		ck_assert_int_ge(poll(&poller, 1, 60000), 0);
	}
}

static sffi_thread *new_thread(void)
{
	sffi_thread *thread = NULL;

	ck_ok(sffi_thread_new(&thread, domain));
	return thread;
}

START_TEST(one_call)
{
	sffi_function *add = test_victim_function(domain, "good", "int add(int a, int b)");
	sffi_thread *thread = new_thread();
	sffi_invocation *invocation;
	int a = 2, b = 40, sum = 0;
	void *arguments[] = { &a, &b };
	sffi_event event;

	for (int i = 0; i < 100; i++) {
		b = i;
		ck_ok(sffi_start(&invocation, thread, add, arguments));
		if (i % 2)
			ck_ok(sffi_next(invocation, -1, &event));
		else
			event = next_event(invocation);
		ck_assert_int_eq(event, SFFI_RETURNED);
		ck_ok(sffi_finish(invocation, &sum, arguments));
		ck_assert_int_eq(sum, 2 + i);
		ck_assert_int_eq(sffi_invocation_errno(invocation), 0);
		sffi_invocation_release(&invocation);
		ck_assert_ptr_null(invocation);
	}
	sffi_thread_release(&thread);
}
END_TEST

struct node {
	int *numbers;
	const char *label;
	int count;
};

START_TEST(results_go_where_things_are_by_then)
{
	sffi_thread *thread = new_thread();
	sffi_invocation *invocation;
	sffi_function *fill, *name;
	int before[8] = { 0 }, after[8] = { 0 }, untouched[8] = { 0 };
	int numbers = 1, count = 8, result = 0;
	struct node first = { &numbers, "four", 0 }, moved = first, *node = &first;
	int *array = before;
	void *arguments[] = { &array, &count, &node };
	const char *text = NULL;
	sffi_event event;

	ck_ok(sffi_library_declare(library, "struct node { int *numbers; const char *label; int count; };"));
	fill = test_function(library, "int fill(int array[count], int count, struct node *node)");
	ck_ok(sffi_start(&invocation, thread, fill, arguments));
	/* The collector moves what was passed; its old place is another's. */
	memset(before, 0x77, sizeof before);
	memcpy(untouched, before, sizeof before);
	array = after;
	node = &moved;
	ck_ok(sffi_next(invocation, -1, &event));
	ck_assert_int_eq(event, SFFI_RETURNED);
	ck_assert_int_eq(after[3], 0);
	/* A place that cannot be written is told, and may be corrected. */
	array = (int *)16;
	ck_refused(sffi_finish(invocation, &result, arguments), SFFI_EADDRESS, "writable");
	array = after;
	ck_ok(sffi_finish(invocation, &result, arguments));
	ck_assert_int_eq(result, 4);
	ck_assert_int_eq(after[3], 9);
	ck_assert_int_eq(moved.count, 8);
	ck_assert_ptr_eq(moved.numbers, &numbers);
	ck_assert_int_eq(first.count, 0);
	ck_assert(!memcmp(before, untouched, sizeof before));
	sffi_invocation_release(&invocation);
	/* A string result is the thread's until its next call. */
	name = test_function(library, "const char *name_it(int value)");
	ck_ok(sffi_start(&invocation, thread, name, (void *[]){ &count }));
	ck_ok(sffi_next(invocation, -1, &event));
	ck_ok(sffi_finish(invocation, &text, NULL));
	ck_assert_str_eq(text, "number 8");
	sffi_invocation_release(&invocation);
	sffi_thread_release(&thread);
}
END_TEST

/* ---- upcalls ------------------------------------------------------------------ */

START_TEST(upcalls_are_events)
{
	sffi_function *times = test_function(library, "int apply_times(int (*function)(int), int times)");
	sffi_thread *thread = new_thread();
	sffi_callback *callback, *called;
	sffi_invocation *invocation;
	int count = 10, result = 0, answer, seen = 0;
	void *const *values;
	void *address, *arguments[] = { &address, &count };

	ck_ok(sffi_callback_new(&callback, domain, "int square(int value)", never, NULL));
	address = sffi_callback_address(callback);
	ck_ok(sffi_start(&invocation, thread, times, arguments));
	while (next_event(invocation) == SFFI_UPCALL) {
		ck_ok(sffi_upcall_get(invocation, &called, &values));
		ck_assert_ptr_eq(called, callback);
		ck_assert_int_eq(*(int *)values[0], seen++);
		answer = *(int *)values[0] * *(int *)values[0];
		ck_refused(sffi_finish(invocation, &result, NULL), SFFI_EINVAL, "not returned");
		ck_ok(sffi_upcall_answer(invocation, &answer));
		ck_refused(sffi_upcall_answer(invocation, &answer), SFFI_EINVAL, "no upcall");
	}
	ck_ok(sffi_finish(invocation, &result, NULL));
	ck_assert_int_eq(result, 285);
	sffi_invocation_release(&invocation);
	/* One that is refused ends the call. */
	ck_ok(sffi_start(&invocation, thread, times, arguments));
	ck_assert_int_eq(next_event(invocation), SFFI_UPCALL);
	ck_ok(sffi_upcall_refuse(invocation, "an error in the image"));
	ck_assert_int_eq(next_event(invocation), SFFI_FAULTED);
	ck_refused(sffi_finish(invocation, &result, NULL), SFFI_EUPCALL, "error in the image");
	ck_assert_ptr_null(sffi_invocation_fault(invocation));
	sffi_invocation_release(&invocation);
	sffi_callback_release(&callback);
	sffi_thread_release(&thread);
	test_still_works(domain);
}
END_TEST

static int twice(int value)
{
	return 2 * value;
}

START_TEST(what_is_lent_is_given_back)
{
	enum { LARGE = 4 << 20, TIMES = 4200 }; /* together more than the arena has */
	sffi_function *length =
		test_function(library, "size_t length_of_answer(const char *(*function)(int), int value)");
	sffi_thread *thread = new_thread();
	sffi_invocation *invocation;
	sffi_callback *callback;
	char *large = malloc(LARGE + 1);
	const char *text = large;
	size_t result = 0;
	void *address;
	int value = 1;

	memset(large, 'x', LARGE);
	large[LARGE] = '\0';
	ck_ok(sffi_callback_new(&callback, domain, "const char *name(int value)", never, NULL));
	address = sffi_callback_address(callback);
	for (int i = 0; i < test_times(TIMES); i++) {
		ck_ok(sffi_start(&invocation, thread, length, (void *[]){ &address, &value }));
		ck_assert_int_eq(next_event(invocation), SFFI_UPCALL);
		ck_ok(sffi_upcall_answer(invocation, &text));
		ck_assert_int_eq(next_event(invocation), SFFI_RETURNED);
		ck_ok(sffi_finish(invocation, &result, NULL));
		ck_assert_uint_eq(result, strlen(text));
		sffi_invocation_release(&invocation);
	}
	free(large);
	sffi_callback_release(&callback);
	sffi_thread_release(&thread);
}
END_TEST

START_TEST(plain_functions_are_no_events)
{
	sffi_function *times = test_function(library, "int apply_times(int (*function)(int), int times)");
	sffi_thread *thread = new_thread();
	sffi_invocation *invocation;
	int (*function)(int) = twice;
	int count = 5, result = 0;

	ck_ok(sffi_start(&invocation, thread, times, (void *[]){ &function, &count }));
	ck_assert_int_eq(next_event(invocation), SFFI_RETURNED);
	ck_ok(sffi_finish(invocation, &result, NULL));
	ck_assert_int_eq(result, 20);
	sffi_invocation_release(&invocation);
	sffi_thread_release(&thread);
}
END_TEST

/* ---- many in flight --------------------------------------------------------------- */

enum { FLIGHTS = 100 };

struct flight {
	sffi_thread *thread;
	sffi_invocation *invocation;
	int value, result;
	bool has_upcall, is_over;
};

/* A call in the upcall runs on the flight's own thread: its thread-local memory tells. */
static void nest(struct flight *flight, sffi_function *set_own)
{
	sffi_invocation *inner;
	int before = -1, own = flight->value + 1000, zero = 0;
	sffi_event event;

	ck_ok(sffi_start(&inner, flight->thread, set_own, (void *[]){ &own }));
	ck_refused(sffi_next(flight->invocation, 0, &event), SFFI_EINVAL, "finished first");
	ck_ok(sffi_next(inner, -1, &event));
	ck_assert_int_eq(event, SFFI_RETURNED);
	ck_ok(sffi_finish(inner, &before, NULL));
	ck_assert_int_eq(before, 0);
	sffi_invocation_release(&inner);
	ck_ok(sffi_start(&inner, flight->thread, set_own, (void *[]){ &zero }));
	ck_ok(sffi_next(inner, -1, &event));
	ck_ok(sffi_finish(inner, &before, NULL));
	ck_assert_int_eq(before, flight->value + 1000);
	sffi_invocation_release(&inner);
}

static void answer(struct flight *flight)
{
	void *const *values;
	int result;

	ck_ok(sffi_upcall_get(flight->invocation, NULL, &values));
	result = *(int *)values[0] + 7;
	ck_ok(sffi_upcall_answer(flight->invocation, &result));
	flight->has_upcall = false;
}

static void look(struct flight *flight)
{
	sffi_event event;

	ck_ok(sffi_next(flight->invocation, 0, &event));
	if (event == SFFI_UPCALL)
		flight->has_upcall = true;
	if (event != SFFI_RETURNED)
		return;
	ck_ok(sffi_finish(flight->invocation, &flight->result, NULL));
	ck_assert_int_eq(flight->result, flight->value + 7);
	flight->is_over = true;
}

START_TEST(a_hundred_in_flight)
{
	sffi_function *apply = test_function(library, "int apply(int (*function)(int), int value)");
	sffi_function *set_own = test_function(library, "int set_own(int value)");
	struct flight flights[FLIGHTS] = { 0 };
	struct pollfd pollers[FLIGHTS];
	sffi_callback *callback;
	int over = 0, waiting = 0;
	void *address;

	ck_ok(sffi_callback_new(&callback, domain, "int add(int value)", never, NULL));
	address = sffi_callback_address(callback);
	for (int i = 0; i < FLIGHTS; i++) {
		flights[i].value = i;
		flights[i].thread = new_thread();
		ck_ok(sffi_start(&flights[i].invocation, flights[i].thread, apply,
				 (void *[]){ &address, &flights[i].value }));
		pollers[i] = (struct pollfd){ .fd = sffi_invocation_fd(flights[i].invocation),
					      .events = POLLIN };
		ck_assert_int_ge(pollers[i].fd, 0);
	}
	/* All of them wait for an answer at the same time. */
	while (waiting < FLIGHTS) {
		ck_assert_int_gt(poll(pollers, FLIGHTS, 60000), 0);
		for (int i = 0; i < FLIGHTS; i++) {
			if (!pollers[i].revents || flights[i].has_upcall)
				continue;
			look(&flights[i]);
			if (!flights[i].has_upcall)
				continue;
			waiting++;
			pollers[i].fd = -1 - pollers[i].fd; /* poll(2) leaves it out */
		}
	}
	/* Answered in another order than they came. */
	for (int i = 0; i < FLIGHTS; i++) {
		struct flight *flight = &flights[i * 37 % FLIGHTS];

		nest(flight, set_own);
		answer(flight);
	}
	for (int i = 0; i < FLIGHTS; i++)
		pollers[i].fd = -1 - pollers[i].fd;
	while (over < FLIGHTS) {
		ck_assert_int_gt(poll(pollers, FLIGHTS, 60000), 0);
		for (int i = 0; i < FLIGHTS; i++) {
			if (!pollers[i].revents)
				continue;
			look(&flights[i]);
			if (!flights[i].is_over)
				continue;
			over++;
			pollers[i].fd = -1;
			sffi_invocation_release(&flights[i].invocation);
			sffi_thread_release(&flights[i].thread);
		}
	}
	sffi_callback_release(&callback);
}
END_TEST

static double cpu_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

START_TEST(waiting_costs_nothing)
{
	sffi_function *wait = test_function(library, "int wait_for_byte(int descriptor)");
	sffi_function *pipe_in = test_function(library, "int wait_for_byte(fd descriptor)");
	sffi_thread *thread = new_thread();
	sffi_invocation *invocation;
	int ends[2], result = 0;
	sffi_event event;
	double before;

	(void)wait;
	ck_assert_int_eq(pipe(ends), 0);
	ck_ok(sffi_start(&invocation, thread, pipe_in, (void *[]){ &ends[0] }));
	before = cpu_seconds();
	for (int i = 0; i < 5; i++) {
		struct pollfd poller = { .fd = sffi_invocation_fd(invocation), .events = POLLIN };

		ck_ok(sffi_next(invocation, 50, &event));
		ck_assert_int_eq(event, SFFI_PENDING);
		ck_ok(sffi_next(invocation, 0, &event));
		poll(&poller, 1, 50);
	}
	/* Of half a second. */
	ck_assert(cpu_seconds() - before < 0.25);
	ck_assert_int_eq(write(ends[1], "x", 1), 1);
	ck_assert_int_eq(next_event(invocation), SFFI_RETURNED);
	ck_ok(sffi_finish(invocation, &result, NULL));
	ck_assert_int_eq(result, 'x');
	sffi_invocation_release(&invocation);
	sffi_thread_release(&thread);
}
END_TEST

/* ---- ends ----------------------------------------------------------------------- */

START_TEST(a_crash_is_an_event)
{
	sffi_function *crash = test_function(library, "int crash_if(int yes)");
	sffi_thread *thread = new_thread();
	sffi_invocation *invocation;
	int yes = 1, result = -1;

	for (int i = 0; i < 20; i++) {
		yes = i % 2;
		ck_ok(sffi_start(&invocation, thread, crash, (void *[]){ &yes }));
		ck_assert_int_eq(next_event(invocation), yes ? SFFI_FAULTED : SFFI_RETURNED);
		if (yes) {
			ck_assert_int_eq(sffi_fault_get_signal(sffi_invocation_fault(invocation)), 11);
			ck_refused(sffi_finish(invocation, &result, NULL), SFFI_EFAULT, "crash_if(yes = 1)");
		} else {
			ck_ok(sffi_finish(invocation, &result, NULL));
			ck_assert_int_eq(result, 5);
		}
		sffi_invocation_release(&invocation);
	}
	sffi_thread_release(&thread);
}
END_TEST

START_TEST(others_in_the_worker)
{
	sffi_function *crash = test_function(library, "int crash_if(int yes)");
	sffi_function *wait = test_function(library, "int wait_for_byte(fd descriptor)");
	sffi_thread *threads[2] = { new_thread(), new_thread() };
	sffi_invocation *waiting, *crashing;
	int ends[2], yes = 1, result = -1;

	ck_assert_int_eq(pipe(ends), 0);
	ck_ok(sffi_start(&waiting, threads[0], wait, (void *[]){ &ends[0] }));
	ck_assert_int_ge(sffi_invocation_fd(waiting), 0);
	ck_ok(sffi_start(&crashing, threads[1], crash, (void *[]){ &yes }));
	ck_assert_int_eq(next_event(crashing), SFFI_FAULTED);
	ck_assert_int_eq(next_event(waiting), SFFI_FAULTED);
	ck_assert_int_eq(sffi_finish(waiting, &result, NULL), SFFI_ECOLLATERAL);
	ck_assert_ptr_nonnull(sffi_invocation_fault(waiting));
	ck_assert_int_eq(sffi_finish(crashing, &result, NULL), SFFI_EFAULT);
	for (int i = 0; i < 2; i++)
		sffi_thread_release(&threads[i]);
	sffi_invocation_release(&waiting);
	sffi_invocation_release(&crashing);
	test_still_works(domain);
}
END_TEST

static void *cancel_it(void *invocation)
{
	ck_ok(sffi_cancel(invocation));
	return NULL;
}

START_TEST(cancelled)
{
	sffi_function *loop = test_function(library, "void loop(void)");
	sffi_thread *thread = new_thread();
	sffi_invocation *invocation;
	pthread_t other;
	sffi_event event;

	for (int i = 0; i < 6; i++) {
		ck_ok(sffi_start(&invocation, thread, loop, NULL));
		/* In process the callee has this thread as long as it likes. */
		if (!test_is_inside()) {
			ck_ok(sffi_next(invocation, i % 3, &event));
			ck_assert_int_eq(event, SFFI_PENDING);
		}
		if (i % 2) {
			ck_ok(sffi_cancel(invocation));
		} else {
			/* From another thread, while this one waits. */
			pthread_create(&other, NULL, cancel_it, invocation);
			ck_ok(sffi_next(invocation, -1, &event));
			pthread_join(other, NULL);
		}
		ck_assert_int_eq(next_event(invocation), SFFI_FAULTED);
		ck_refused(sffi_finish(invocation, NULL, NULL), SFFI_ECANCELED, "cancelled");
		sffi_invocation_release(&invocation);
	}
	/* One that is let go is cancelled. */
	ck_ok(sffi_start(&invocation, thread, loop, NULL));
	sffi_invocation_release(&invocation);
	sffi_thread_release(&thread);
	test_still_works(domain);
}
END_TEST

START_TEST(a_timeout_counts)
{
	sffi_function *loop = test_function(library, "void loop(void)");
	sffi_thread *thread = new_thread();
	sffi_invocation *invocation;
	sffi_event event;

	sffi_function_set_timeout(loop, 30);
	ck_ok(sffi_start(&invocation, thread, loop, NULL));
	ck_ok(sffi_next(invocation, -1, &event));
	ck_assert_int_eq(event, SFFI_FAULTED);
	ck_assert_int_eq(sffi_finish(invocation, NULL, NULL), SFFI_ETIMEOUT);
	sffi_invocation_release(&invocation);
	sffi_thread_release(&thread);
}
END_TEST

START_TEST(a_crash_under_an_upcall)
{
	sffi_function *apply = test_function(library, "int apply(int (*function)(int), int value)");
	sffi_function *crash = test_function(library, "int crash_if(int yes)");
	sffi_thread *thread = new_thread();
	sffi_invocation *outer, *inner;
	sffi_callback *callback;
	int one = 1, result = -1;
	void *address;

	ck_ok(sffi_callback_new(&callback, domain, "int add(int value)", never, NULL));
	address = sffi_callback_address(callback);
	for (int i = 0; i < 5; i++) {
		ck_ok(sffi_start(&outer, thread, apply, (void *[]){ &address, &one }));
		ck_assert_int_eq(next_event(outer), SFFI_UPCALL);
		ck_ok(sffi_start(&inner, thread, crash, (void *[]){ &one }));
		ck_assert_int_eq(next_event(inner), SFFI_FAULTED);
		ck_assert_int_eq(sffi_finish(inner, &result, NULL), SFFI_EFAULT);
		sffi_invocation_release(&inner);
		if (test_is_inside()) {
			/* The fault costs its own call only. */
			ck_ok(sffi_upcall_answer(outer, &one));
			ck_assert_int_eq(next_event(outer), SFFI_RETURNED);
			ck_ok(sffi_finish(outer, &result, NULL));
		} else {
			ck_assert_int_eq(sffi_upcall_answer(outer, &one), SFFI_ECOLLATERAL);
			ck_assert_int_eq(sffi_finish(outer, &result, NULL), SFFI_ECOLLATERAL);
		}
		sffi_invocation_release(&outer);
	}
	ck_ok(sffi_start(&outer, thread, apply, (void *[]){ &address, &one }));
	ck_assert_int_eq(next_event(outer), SFFI_UPCALL);
	ck_ok(sffi_upcall_answer(outer, &one));
	ck_assert_int_eq(next_event(outer), SFFI_RETURNED);
	ck_ok(sffi_finish(outer, &result, NULL));
	ck_assert_int_eq(result, 1);
	sffi_invocation_release(&outer);
	sffi_callback_release(&callback);
	sffi_thread_release(&thread);
}
END_TEST

/* Runs to its end without serving anybody, as sffi_call would. */
static void call_in_steps(sffi_thread *thread, sffi_function *function, void *result,
			  void *const *arguments)
{
	sffi_invocation *invocation;

	ck_ok(sffi_start(&invocation, thread, function, arguments));
	ck_assert_int_eq(next_event(invocation), SFFI_RETURNED);
	ck_ok(sffi_finish(invocation, result, NULL));
	sffi_invocation_release(&invocation);
}

/* ---- upcalls without a call ------------------------------------------------------ */

static void look_up_anew(void)
{
	sffi_function *found = test_function(library, "int set_own(int value)");

	sffi_function_release(&found);
}

START_TEST(a_thread_calls_back_unasked)
{
	sffi_function *start = test_function(library, "void start_thread(int (*function)(int), int value)");
	sffi_function *join = test_function(library, "int join_thread(void)");
	sffi_function *set_own = test_function(library, "int set_own(int value)");
	struct pollfd poller = { .fd = sffi_domain_fd(domain), .events = POLLIN };
	sffi_invocation *upcall = NULL, *inner;
	sffi_callback *callback, *called;
	sffi_thread *thread = new_thread();
	void *const *values;
	void *address;
	int result, before = -1;
	sffi_event event;

	ck_assert_int_ge(poller.fd, 0);
	ck_ok(sffi_callback_new(&callback, domain, "int add(int value)", never, NULL));
	ck_ok(sffi_domain_next(domain, 0, &upcall));
	ck_assert_ptr_null(upcall);
	for (int i = 0; i < 20; i++) {
		address = sffi_callback_address(callback);
		call_in_steps(thread, start, NULL, (void *[]){ &address, &i });
		while (!upcall) {
			ck_assert_int_gt(poll(&poller, 1, 60000), 0);
			/* It waits for the one who asks for it, whatever is looked up meanwhile. */
			look_up_anew();
			ck_ok(sffi_domain_next(domain, 0, &upcall));
		}
		ck_ok(sffi_next(upcall, 0, &event));
		ck_assert_int_eq(event, SFFI_UPCALL);
		ck_ok(sffi_upcall_get(upcall, &called, &values));
		ck_assert_ptr_eq(called, callback);
		ck_assert_int_eq(*(int *)values[0], i);
		/* On the library's own thread. */
		result = 99;
		ck_ok(sffi_start(&inner, sffi_invocation_thread(upcall), set_own, (void *[]){ &result }));
		ck_ok(sffi_next(inner, -1, &event));
		ck_ok(sffi_finish(inner, &before, NULL));
		/* In process what nests runs on the thread that asks; a restart loads the library anew. */
		ck_assert_int_eq(before, test_is_inside() && i % 7 ? 99 : 0);
		sffi_invocation_release(&inner);
		result = 3 * i;
		ck_ok(sffi_upcall_answer(upcall, &result));
		sffi_invocation_release(&upcall);
		call_in_steps(thread, join, &result, NULL);
		ck_assert_int_eq(result, 3 * i);
		if (i % 7 == 6)
			ck_ok(sffi_domain_restart(domain)); /* the pipe is the next worker's, too */
	}
	sffi_thread_release(&thread);
	sffi_callback_release(&callback);
}
END_TEST

START_TEST(the_one_thread_is_taken)
{
	sffi_function *add = test_victim_function(domain, "good", "int add(int a, int b)");
	sffi_function *apply = test_function(library, "int apply(int (*function)(int), int value)");
	sffi_thread *first = new_thread(), *second = new_thread();
	sffi_invocation *outer, *inner, *other = NULL;
	sffi_callback *callback;
	int one = 1, sum = 0;
	void *address, *block = NULL, *numbers[] = { &one, &one };
	sffi_domain *from = test_open();

	ck_ok(sffi_callback_new(&callback, domain, "int f(int value)", never, NULL));
	ck_ok(sffi_alloc(from, &block, 100));
	address = sffi_callback_address(callback);
	for (int i = 0; i < 3; i++) {
		ck_ok(sffi_start(&outer, first, apply, (void *[]){ &address, &one }));
		if (!test_is_inside())
			ck_refused(sffi_lend(domain, block), SFFI_EINVAL, "one thread");
		ck_refused(sffi_start(&other, second, add, numbers), SFFI_EINVAL, "one thread");
		ck_assert_int_eq(next_event(outer), SFFI_UPCALL);
		ck_refused(sffi_start(&other, second, add, numbers), SFFI_EINVAL, "one thread");
		ck_ok(sffi_start(&inner, first, add, numbers));
		ck_assert_int_eq(next_event(inner), SFFI_RETURNED);
		ck_ok(sffi_finish(inner, &sum, NULL));
		ck_assert_int_eq(sum, 2);
		ck_ok(sffi_upcall_answer(outer, &one));
		ck_assert_int_eq(next_event(outer), SFFI_RETURNED);
		ck_ok(sffi_finish(outer, &sum, NULL));
		ck_ok(sffi_lend(domain, block));
		ck_ok(sffi_start(&other, second, add, numbers));
		ck_assert_int_eq(next_event(other), SFFI_RETURNED);
		ck_ok(sffi_finish(other, &sum, NULL));
		ck_assert_int_eq(sum, 2);
		/* Released late, and in any order. */
		sffi_invocation_release(&outer);
		sffi_invocation_release(&other);
		sffi_invocation_release(&inner);
	}
	sffi_domain_close(&from);
	test_still_works(domain);
	sffi_callback_release(&callback);
	sffi_thread_release(&first);
	sffi_thread_release(&second);
}
END_TEST

START_TEST(wrong_order)
{
	sffi_function *add = test_victim_function(domain, "good", "int add(int a, int b)");
	sffi_function *wait = test_function(library, "int wait_for_byte(fd descriptor)");
	sffi_thread *thread = new_thread(), *none = NULL;
	sffi_invocation *invocation = NULL, *second = NULL;
	sffi_domain *other = test_open();
	sffi_thread *foreign;
	int a = 1, ends[2], result;
	void *arguments[] = { &a, &a };
	sffi_event event;

	ck_assert_int_eq(pipe(ends), 0);
	ck_refused(sffi_start(&invocation, NULL, add, arguments), SFFI_EINVAL, "thread");
	ck_refused(sffi_start(NULL, thread, add, arguments), SFFI_EINVAL, "NULL");
	ck_refused(sffi_start(&invocation, thread, add, NULL), SFFI_EINVAL, "2 arguments");
	ck_ok(sffi_thread_new(&foreign, other));
	ck_refused(sffi_start(&invocation, foreign, add, arguments), SFFI_EINVAL, "another domain");
	ck_ok(sffi_start(&invocation, thread, wait, (void *[]){ &ends[0] }));
	ck_refused(sffi_start(&second, thread, add, arguments), SFFI_EINVAL, "in a call of wait_for_byte");
	ck_refused(sffi_next(NULL, 0, &event), SFFI_EINVAL, "NULL");
	ck_refused(sffi_next(invocation, 0, NULL), SFFI_EINVAL, "NULL");
	ck_refused(sffi_upcall_get(invocation, NULL, NULL), SFFI_EINVAL, "no upcall");
	ck_refused(sffi_finish(invocation, &result, NULL), SFFI_EINVAL, "not returned");
	ck_assert_int_eq(write(ends[1], "y", 1), 1);
	ck_ok(sffi_next(invocation, -1, &event));
	ck_ok(sffi_finish(invocation, &result, NULL));
	ck_refused(sffi_finish(invocation, &result, NULL), SFFI_EINVAL, "finished already");
	sffi_invocation_release(&invocation);
	sffi_invocation_release(&invocation);
	sffi_thread_release(&none);
	sffi_thread_release(&foreign);
	sffi_thread_release(&thread);
	sffi_domain_close(&other);
}
END_TEST

START_TEST(steps_leave_nothing)
{
	sffi_function *apply = test_function(library, "int apply(int (*function)(int), int value)");
	sffi_function *crash = test_function(library, "int crash_if(int yes)");
	struct test_resources before = { 0 };
	sffi_callback *callback;
	int one = 1;

	ck_ok(sffi_callback_new(&callback, domain, "int add(int value)", never, NULL));
	for (int i = 0; i < 30; i++) {
		void *address = sffi_callback_address(callback);
		sffi_thread *thread = new_thread();
		sffi_invocation *invocation;

		ck_ok(sffi_start(&invocation, thread, apply, (void *[]){ &address, &one }));
		ck_assert_int_eq(next_event(invocation), SFFI_UPCALL);
		/* Let go in the middle. */
		sffi_invocation_release(&invocation);
		ck_ok(sffi_start(&invocation, thread, crash, (void *[]){ &one }));
		ck_assert_int_eq(next_event(invocation), SFFI_FAULTED);
		sffi_invocation_release(&invocation);
		sffi_thread_release(&thread);
		test_still_works(domain);
		if (i == 5)
			before = test_resources();
	}
	test_same_resources(before);
	sffi_callback_release(&callback);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("steps");
	TCase *tests = tcase_create("steps"), *many = tcase_create("many");
	bool one_thread = getenv("TEST_ONE_THREAD");

	tcase_add_checked_fixture(tests, open_library, close_library);
	tcase_add_checked_fixture(many, open_library, close_library);
	tcase_set_timeout(tests, 120);
	tcase_set_timeout(many, 120);
	test_add(tests, one_call);
	test_add(tests, results_go_where_things_are_by_then);
	test_add(tests, upcalls_are_events);
	test_add(tests, plain_functions_are_no_events);
	test_add(tests, what_is_lent_is_given_back);
	test_add(tests, waiting_costs_nothing);
	test_add(tests, a_crash_is_an_event);
	test_add(tests, cancelled);
	test_add(tests, a_timeout_counts);
	test_add(tests, a_crash_under_an_upcall);
	test_add(tests, a_thread_calls_back_unasked);
	test_add(tests, wrong_order);
	test_add(tests, steps_leave_nothing);
	test_add(many, a_hundred_in_flight);
	test_add(many, others_in_the_worker);
	suite_add_tcase(suite, tests);
	if (one_thread)
		test_add(tests, the_one_thread_is_taken);
	else
		suite_add_tcase(suite, many);
	return test_main(argc, argv, suite);
}
