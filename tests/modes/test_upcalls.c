/* SPDX-License-Identifier: MIT */
/* The callee calls the host. */
#include "helper.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>

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

static int calls; /* in the host's memory: what a handler in the worker could not change */

static int twice(int value)
{
	calls++;
	return 2 * value;
}

static int compare(const void *a, const void *b)
{
	calls++;
	return *(const int *)a - *(const int *)b;
}

START_TEST(a_plain_function_is_wrapped)
{
	sffi_library *libc;
	sffi_function *sort;
	int numbers[] = { 5, 3, 9, 1, 7, 2 };
	size_t count = sizeof numbers / sizeof *numbers;

	ck_ok(sffi_library_open(&libc, domain, "libc.so.6"));
	sort = test_function(libc, "void qsort(int base[count], size_t count, size_t size, "
				   "int (*compare)(const void *, const void *))");
	ck_ok(sffi_call(sort, NULL, numbers, count, sizeof *numbers, compare));
	for (size_t i = 1; i < count; i++)
		ck_assert_int_lt(numbers[i - 1], numbers[i]);
	ck_assert_int_gt(calls, 5);
}
END_TEST

START_TEST(results_and_many_calls)
{
	sffi_function *apply = test_function(library, "int apply(int (*function)(int), int value)");
	sffi_function *times = test_function(library, "int apply_times(int (*function)(int), int times)");
	int result = 0;

	ck_ok(sffi_call(apply, &result, twice, 21));
	ck_assert_int_eq(result, 42);
	ck_assert_int_eq(calls, 1);
	ck_ok(sffi_call(times, &result, twice, 1000));
	ck_assert_int_eq(result, 999 * 1000);
	ck_assert_int_eq(calls, 1001);
}
END_TEST

/* ---- nesting ------------------------------------------------------------ */

static sffi_function *descend;

static int go_down(int depth)
{
	int result = -1;

	ck_ok(sffi_call(descend, &result, go_down, depth));
	return result;
}

START_TEST(calls_nest)
{
	enum { DEPTH = 1000 };
	int result = 0;

	/* The library counts its own depth in thread-local memory: one thread it must be. */
	descend = test_function(library, "int descend(int (*function)(int), int depth)");
	ck_ok(sffi_call(descend, &result, go_down, DEPTH));
	ck_assert_int_eq(result, DEPTH + DEPTH + 1);
}
END_TEST

/* ---- structs ------------------------------------------------------------ */

struct point {
	double x, y;
};
struct wide {
	long words[12];
};

static double product(struct point p)
{
	return p.x * p.y;
}

static struct point swap(double x, double y)
{
	return (struct point){ y, x };
}

static struct wide scale(struct wide wide, long double by)
{
	for (int i = 0; i < 12; i++)
		wide.words[i] = (long)((long double)wide.words[i] * by);
	return wide;
}

START_TEST(structs_travel_up)
{
	struct point point;
	double result = 0;
	long sum = 0;

	ck_ok(sffi_library_declare(library, "struct point { double x, y; };"
					    "struct wide { long words[12]; };"));
	ck_ok(sffi_call(test_function(library, "double apply_point(double (*f)(struct point), double, double)"),
			&result, product, 3.0, 4.5));
	ck_assert(result == 13.5);
	ck_ok(sffi_call(test_function(library, "struct point make_point(struct point (*f)(double, double), "
					       "double, double)"), &point, swap, 1.0, 2.0));
	ck_assert(point.x == 2.0 && point.y == 1.0);
	ck_ok(sffi_call(test_function(library, "long apply_wide(struct wide (*f)(struct wide, long double), "
					       "long double)"), &sum, scale, 3.0L));
	ck_assert_int_eq(sum, 66 * 3);
}
END_TEST

struct options {
	int version;
	int (*progress)(const char *what, int percent, void *payload);
	void *payload;
	const char *name;
};

static const char options_declaration[] =
	"struct options { int version; int (*progress)(const char *what, int percent, token payload);"
	" token payload; const char *name; };";
static char progress_log[256];
static int payload;

static int on_progress(const char *what, int percent, void *data)
{
	size_t length = strlen(progress_log);

	ck_assert_ptr_eq(data, &payload);
	snprintf(progress_log + length, sizeof progress_log - length, "%s %d;", what, percent);
	return percent >= 75 ? -percent : 0;
}

START_TEST(members_are_wrapped)
{
	struct options options = { 1, on_progress, &payload, "clone" };
	sffi_function *work, *keep, *use;
	int result = 0;

	ck_ok(sffi_library_declare(library, options_declaration));
	work = test_function(library, "int work_with(const struct options *options, int steps)");
	ck_ok(sffi_call(work, &result, &options, 4));
	ck_assert_int_eq(result, -75);
	ck_assert_str_eq(progress_log, "clone 25;clone 50;clone 75;");
	/* The callee kept the struct: the function's address must outlive the call. */
	keep = test_function(library, "void keep_options(const struct options *options)");
	use = test_function(library, "int use_kept(int steps)");
	ck_ok(sffi_call(keep, NULL, &options));
	progress_log[0] = '\0';
	ck_ok(sffi_call(use, &result, 2));
	ck_assert_str_eq(progress_log, "kept 50;kept 100;");
}
END_TEST

/* ---- memory -------------------------------------------------------------- */

static void on_word(void *result, void *const *arguments, void *data)
{
	const char *word = *(const char **)arguments[0];
	int *length = *(int **)arguments[1];
	size_t n = *(size_t *)arguments[2];
	const uint8_t *bytes = *(const uint8_t **)arguments[3];

	ck_assert_uint_eq(strlen(word), n);
	ck_assert(!memcmp(word, bytes, n));
	ck_assert_int_eq(*length, (int)n);
	*length = 1; /* goes back */
	strcat(data, word);
	*(int *)result = 10;
}

START_TEST(arguments_are_copies_by_their_declaration)
{
	char seen[256] = "";
	sffi_callback *callback;
	sffi_function *each;
	int result = 0;

	ck_ok(sffi_callback_new(&callback, domain,
				"int (*)(const char *word, int *length, size_t n, const uint8_t bytes[n])",
				on_word, seen));
	each = test_function(library, "int each_word(const char *text, int (*f)(const char *, int *, "
				      "size_t, const uint8_t *))");
	ck_ok(sffi_call(each, &result, "one three fifteen", sffi_callback_address(callback)));
	ck_assert_int_eq(result, 3 * (10 + 1000));
	ck_assert_str_eq(seen, "onethreefifteen");
	sffi_callback_release(&callback);
}
END_TEST

static const char *name_of(int value)
{
	return value ? "twelve bytes" : NULL;
}

static int value_at(const int *address)
{
	return *address;
}

START_TEST(pointers_up_and_down)
{
	sffi_function *length, *read, *hand_on;
	const char *text = NULL;
	size_t size = 99;
	int *shared, result = 0;

	length = test_function(library, "size_t length_of_answer(const char *(*function)(int), int value)");
	ck_ok(sffi_call(length, &size, name_of, 1));
	ck_assert_uint_eq(size, 12);
	ck_ok(sffi_call(length, &size, name_of, 0));
	ck_assert_uint_eq(size, 0);
	/* What was lent comes back as any string does: a copy. */
	hand_on = test_function(library, "const char *hand_on(const char *(*function)(int), int value)");
	ck_ok(sffi_call(hand_on, &text, name_of, 1));
	ck_assert_str_eq(text, "twelve bytes");
	ck_assert_int_eq(sffi_address_owner(text, NULL, NULL), SFFI_OWNER_HOST);
	/* Arena memory is there itself. */
	ck_ok(sffi_alloc(domain, (void **)&shared, sizeof *shared));
	*shared = 4711;
	read = test_function(library, "int read_pointer(int (*f)(const int *), const int *address)");
	ck_ok(sffi_call(read, &result, value_at, shared));
	ck_assert_int_eq(result, 4711);
}
END_TEST

static sffi_domain *lender;
static int *lent;

static int lend_it(int value)
{
	ck_ok(sffi_alloc(lender, (void **)&lent, sizeof *lent));
	*lent = value;
	ck_ok(sffi_lend(domain, lent));
	return value;
}

/* The worker's one thread waits for the handler meanwhile. */
START_TEST(memory_is_lent_from_a_handler)
{
	sffi_function *apply = test_function(library, "int apply(int (*function)(int), int value)");
	sffi_function *read =
		test_function(library, "int read_pointer(int (*f)(const int *), const int *address)");
	int result = 0;

	lender = test_open();
	for (int i = 1; i < 5; i++) {
		ck_ok(sffi_call(apply, &result, lend_it, i));
		ck_ok(sffi_call(read, &result, value_at, lent));
		ck_assert_int_eq(result, i);
	}
	ck_ok(sffi_domain_restart(domain));
	ck_ok(sffi_call(read, &result, value_at, lent));
	ck_assert_int_eq(result, 4);
	sffi_domain_close(&lender);
}
END_TEST

/* It fails the call, not the host. */
START_TEST(what_cannot_be_read_is_refused)
{
	sffi_function *read =
		test_function(library, "int read_pointer(int (*f)(const int *), uintptr_t address)");
	int result = 0;

	ck_refused(sffi_call(read, &result, value_at, (uintptr_t)16), SFFI_EUPCALL, "cannot be read");
	test_still_works(domain);
}
END_TEST

static void *give_own(int value)
{
	(void)value;
	return &payload;
}

START_TEST(a_handler_may_not_give_host_memory)
{
	sffi_function *length =
		test_function(library, "size_t length_of_answer(void *(*function)(int), int value)");
	size_t size;

	ck_refused(sffi_call(length, &size, give_own, 1), SFFI_EUPCALL, "host's own memory");
	test_still_works(domain);
}
END_TEST

START_TEST(errno_is_the_callees)
{
	sffi_function *keep = test_function(library, "int keep_errno(int (*function)(int))");
	int result = 0;

	errno = 0;
	ck_ok(sffi_call(keep, &result, twice));
	ck_assert_int_eq(result, ENOTTY);
	ck_assert_int_eq(sffi_errno(), ENOTTY);
}
END_TEST

/* ---- failing --------------------------------------------------------------- */

static int refuse(int value)
{
	if (value == 13)
		sffi_upcall_fail("thirteen is refused");
	return value;
}

START_TEST(a_handler_refuses)
{
	sffi_function *times = test_function(library, "int apply_times(int (*function)(int), int times)");
	sffi_function *guarded = test_function(library, "int guarded(int (*function)(int), int value)");
	pid_t worker = sffi_domain_pid(domain);
	int result = -1;

	for (int i = 0; i < 100; i++)
		ck_refused(sffi_call(times, &result, refuse, 20), SFFI_EUPCALL, "thirteen is refused");
	ck_assert_int_eq(result, -1);
	ck_ok(sffi_call(times, &result, refuse, 5));
	ck_assert_int_eq(result, 10);
	ck_refused(sffi_call(guarded, &result, refuse, 13), SFFI_EUPCALL, "thirteen");
	ck_ok(sffi_call(guarded, &result, refuse, 14));
	ck_assert_int_eq(result, 14);
	ck_assert_int_eq(sffi_domain_pid(domain), worker);
}
END_TEST

static sffi_function *inner;

static int call_inner(int value)
{
	int result = -1;
	sffi_status status = sffi_call(inner, &result, refuse, value);

	ck_assert_int_eq(status, SFFI_EUPCALL);
	return 7;
}

START_TEST(only_the_innermost_call_is_abandoned)
{
	sffi_function *apply = test_function(library, "int apply(int (*function)(int), int value)");
	int result = 0;

	inner = apply;
	ck_ok(sffi_call(apply, &result, call_inner, 13));
	ck_assert_int_eq(result, 7);
}
END_TEST

static int crash_below(int value)
{
	int result = -1;

	ck_assert_int_eq(sffi_call(inner, &result, value), SFFI_EFAULT);
	ck_assert_int_eq(sffi_fault_get_signal(sffi_last_fault()), 11);
	/* The next worker is there already. */
	ck_ok(sffi_call(inner, &result, 0));
	return result;
}

START_TEST(a_crash_under_a_handler)
{
	sffi_function *apply = test_function(library, "int apply(int (*function)(int), int value)");
	int result = -1;

	inner = test_function(library, "int crash_if(int yes)");
	for (int i = 0; i < 20; i++) {
		if (test_is_inside()) {
			/* The fault costs its own call only. */
			ck_ok(sffi_call(apply, &result, crash_below, 1));
			ck_assert_int_eq(result, 5);
			continue;
		}
		ck_assert_int_eq(sffi_call(apply, &result, crash_below, 1), SFFI_ECOLLATERAL);
		ck_assert_ptr_nonnull(sffi_last_fault());
		ck_assert_int_eq(result, -1);
	}
	ck_ok(sffi_call(apply, &result, twice, 4));
	ck_assert_int_eq(result, 8);
}
END_TEST

static int close_domain(int value)
{
	sffi_domain_close(&domain);
	return value;
}

START_TEST(a_handler_closes_the_domain)
{
	sffi_function *apply = test_function(library, "int apply(int (*function)(int), int value)");
	int result;

	ck_assert_int_eq(sffi_call(apply, &result, close_domain, 1), SFFI_ECLOSED);
	open_library();
	test_still_works(domain);
}
END_TEST

/* ---- callbacks ---------------------------------------------------------------- */

static void on_value(void *result, void *const *arguments, void *data)
{
	*(int *)result = *(int *)arguments[0] + *(int *)data;
}

static void on_percent(void *result, void *const *arguments, void *data)
{
	int percent = *(int *)arguments[1];

	(void)data;
	*(int *)result = percent >= 75 ? -percent : 0;
}

START_TEST(callbacks_are_made_and_released)
{
	enum { MANY = 1000 };
	sffi_callback *callbacks[MANY];
	int values[MANY], result = 0;
	void *address;
	sffi_function *apply = test_function(library, "int apply(int (*function)(int), int value)");
	sffi_function *remember = test_function(library, "void remember(int (*function)(int))");
	sffi_function *call = test_function(library, "int call_remembered(int value)");
	sffi_function *garbage = test_function(library, "void call_garbage(void)");

	for (int i = 0; i < MANY; i++) {
		values[i] = i;
		ck_ok(sffi_callback_new(&callbacks[i], domain, "int add(int value)", on_value, &values[i]));
		ck_assert_int_eq(sffi_address_owner(sffi_callback_address(callbacks[i]), NULL, NULL),
				 SFFI_OWNER_ARENA);
	}
	for (int i = 0; i < MANY; i += 37) {
		ck_ok(sffi_call(apply, &result, sffi_callback_address(callbacks[i]), 5));
		ck_assert_int_eq(result, 5 + i);
	}
	/* The address is good in the next worker too. */
	address = sffi_callback_address(callbacks[600]);
	ck_ok(sffi_domain_restart(domain));
	ck_ok(sffi_call(apply, &result, address, 1));
	ck_assert_int_eq(result, 601);
	ck_ok(sffi_call(remember, NULL, address));
	ck_ok(sffi_call(call, &result, 3));
	ck_assert_int_eq(result, 603);
	sffi_callback_release(&callbacks[600]);
	ck_assert_ptr_null(callbacks[600]);
	ck_refused(sffi_call(apply, &result, address, 1), SFFI_ESTALE, "released");
	ck_assert_int_eq(sffi_call(call, &result, 3), SFFI_EFAULT);
	ck_assert_int_eq(sffi_fault_get_kind(sffi_last_fault()), SFFI_FAULT_STALE_CALLBACK);
	ck_assert(strstr(sffi_error(), "callback"));
	ck_ok(sffi_call(remember, NULL, sffi_callback_address(callbacks[999])));
	ck_assert_int_eq(sffi_call(garbage, NULL), SFFI_EFAULT);
	ck_assert_int_eq(sffi_fault_get_kind(sffi_last_fault()), SFFI_FAULT_STALE_CALLBACK);
	for (int i = 0; i < MANY; i++)
		sffi_callback_release(&callbacks[i]);
	test_still_works(domain);
}
END_TEST

/* No declaration shows it: as a number, and in memory of the arena. */
START_TEST(an_address_that_nobody_saw_pass)
{
	enum { MANY = 300 }; /* more than a page of them */
	sffi_function *apply = test_function(library, "int apply(uintptr_t function, int value)");
	sffi_function *work = test_function(library, "int work_with(const void *options, int steps)");
	sffi_callback *callbacks[MANY], *progress;
	int thousand = 1000, result = 0;
	struct options *options;

	for (int i = 0; i < MANY; i++)
		ck_ok(sffi_callback_new(&callbacks[i], domain, "int (*)(int)", on_value, &thousand));
	ck_ok(sffi_call(apply, &result, (uintptr_t)sffi_callback_address(callbacks[0]), 1));
	ck_assert_int_eq(result, 1001);
	ck_ok(sffi_call(apply, &result, (uintptr_t)sffi_callback_address(callbacks[MANY - 1]), 2));
	ck_assert_int_eq(result, 1002);
	ck_ok(sffi_callback_new(&progress, domain, "int (*)(token what, int percent, token payload)",
				on_percent, &result));
	ck_ok(sffi_alloc(domain, (void **)&options, sizeof *options));
	options->progress = (int (*)(const char *, int, void *))sffi_callback_address(progress);
	ck_ok(sffi_call(work, &result, options, 2));
	ck_assert_int_eq(result, -100);
}
END_TEST

START_TEST(callbacks_that_cannot_be)
{
	sffi_callback *callback = NULL;
	int zero = 0;

	ck_refused(sffi_callback_new(&callback, domain, "int f(int", on_value, &zero), SFFI_EDECL, "line 1");
	ck_refused(sffi_callback_new(&callback, domain, "int f(const char *, ...)", on_value, &zero),
		   SFFI_ETYPE, "variadic");
	ck_refused(sffi_callback_new(&callback, domain, "void f(fd file)", on_value, &zero), SFFI_ENOTSUP,
		   "'fd'");
	ck_refused(sffi_callback_new(&callback, domain, "void f(buffer b)", on_value, &zero), SFFI_ETYPE,
		   "'buffer'");
	ck_refused(sffi_callback_new(&callback, NULL, "void f(void)", on_value, &zero), SFFI_EINVAL, "NULL");
	ck_assert_ptr_null(callback);
	sffi_callback_release(&callback);
	sffi_callback_release(NULL);
	sffi_upcall_fail("outside of a handler");
	test_still_works(domain);
}
END_TEST

START_TEST(a_callback_of_another_type_is_refused)
{
	sffi_function *apply = test_function(library, "int apply(int (*function)(int), int value)");
	sffi_callback *callback = NULL;
	int zero = 0, result;

	ck_ok(sffi_callback_new(&callback, domain, "int f(double)", on_value, &zero));
	ck_refused(sffi_call(apply, &result, sffi_callback_address(callback), 1), SFFI_ETYPE, "int (*)(int)");
	sffi_callback_release(&callback);
	ck_assert_ptr_null(callback);
	sffi_callback_release(&callback);
	test_still_works(domain);
}
END_TEST

START_TEST(a_timeout_ends_what_calls_back_for_ever)
{
	sffi_function *pester = test_function(library, "void pester(int (*function)(int))");

	sffi_function_set_timeout(pester, 50);
	ck_assert_int_eq(sffi_call(pester, NULL, twice), SFFI_ETIMEOUT);
	ck_assert_int_gt(calls, 0);
	test_still_works(domain);
}
END_TEST

/* ---- threads ------------------------------------------------------------------- */

static _Atomic int at_once;
static sffi_function *set_own;

static int on_thread(int value)
{
	int before = -1;

	atomic_fetch_add(&at_once, 1);
	/* Runs on the library's own thread, whose thread-local memory nobody else has. */
	ck_ok(sffi_call(set_own, &before, value + 1));
	ck_assert_int_eq(before, 0);
	ck_ok(sffi_call(set_own, &before, 0));
	ck_assert_int_eq(before, value + 1);
	return value;
}

START_TEST(threads_of_the_library_call_back)
{
	enum { THREADS = 100 }; /* more than there are guest lanes */
	sffi_function *on_threads = test_function(library, "int on_threads(int (*function)(int), int count)");
	int sum = 0;

	set_own = test_function(library, "int set_own(int value)");
	for (int i = 0; i < 3; i++) {
		ck_ok(sffi_call(on_threads, &sum, on_thread, THREADS));
		ck_assert_int_eq(sum, THREADS * (THREADS - 1) / 2);
	}
	ck_assert_int_eq(at_once, 3 * THREADS);
}
END_TEST

START_TEST(a_thread_waits_for_the_next_call)
{
	sffi_function *start = test_function(library, "void start_thread(int (*function)(int), int value)");
	sffi_function *join = test_function(library, "int join_thread(void)");
	int result = 0;

	for (int i = 0; i < test_times(20); i++) {
		ck_ok(sffi_call(start, NULL, twice, i));
		ck_ok(sffi_call(join, &result));
		ck_assert_int_eq(result, 2 * i);
	}
}
END_TEST

static void *many_calls(void *data)
{
	sffi_function *times = data;
	int result = 0;

	for (int i = 0; i < test_times(50); i++) {
		ck_ok(sffi_call(times, &result, refuse, 10));
		ck_assert_int_eq(result, 45);
	}
	return NULL;
}

START_TEST(host_threads_at_once)
{
	enum { THREADS = 6 };
	sffi_function *times = test_function(library, "int apply_times(int (*function)(int), int times)");
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, many_calls, times);
	many_calls(times);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}
END_TEST

START_TEST(nothing_leaks)
{
	sffi_function *times = test_function(library, "int apply_times(int (*function)(int), int times)");
	sffi_function *on_threads = test_function(library, "int on_threads(int (*function)(int), int count)");
	struct test_resources before = { 0 };
	int result;

	mallopt(M_ARENA_MAX, 1); /* else the library's threads, in process, map arenas of their own */
	for (int i = 0; i < 30; i++) {
		sffi_call(times, &result, refuse, 20);
		ck_ok(sffi_call(on_threads, &result, refuse, 5));
		if (i == 5)
			before = test_resources();
	}
	test_same_resources(before);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("upcalls");
	TCase *tests = tcase_create("upcalls");

	tcase_add_checked_fixture(tests, open_library, close_library);
	tcase_set_timeout(tests, 120);
	test_add(tests, a_plain_function_is_wrapped);
	test_add(tests, results_and_many_calls);
	test_add(tests, calls_nest);
	test_add(tests, structs_travel_up);
	test_add(tests, members_are_wrapped);
	test_add(tests, arguments_are_copies_by_their_declaration);
	test_add(tests, pointers_up_and_down);
	test_add(tests, memory_is_lent_from_a_handler);
	test_add(tests, what_cannot_be_read_is_refused);
	test_add(tests, a_handler_may_not_give_host_memory);
	test_add(tests, errno_is_the_callees);
	test_add(tests, a_handler_refuses);
	test_add(tests, only_the_innermost_call_is_abandoned);
	test_add(tests, a_crash_under_a_handler);
	test_add(tests, a_handler_closes_the_domain);
	test_add(tests, callbacks_are_made_and_released);
	test_add(tests, an_address_that_nobody_saw_pass);
	test_add(tests, callbacks_that_cannot_be);
	test_add(tests, a_callback_of_another_type_is_refused);
	test_add(tests, a_timeout_ends_what_calls_back_for_ever);
	test_add(tests, threads_of_the_library_call_back);
	test_add(tests, a_thread_waits_for_the_next_call);
	test_add(tests, host_threads_at_once);
	test_add(tests, nothing_leaks);
	suite_add_tcase(suite, tests);
	return test_main(argc, argv, suite);
}
