/* SPDX-License-Identifier: MIT */
/* The mode `shielded`, by each of its mechanisms: see the environment in meson.build. */
#include "helper.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

enum { HEAP_SIZE = 8 << 20, /* several huge pages */ STORES = 20000 };

static char *heap;
static sffi_domain *domain;
static sffi_library *library;

static sffi_domain *open_mode(sffi_mode mode)
{
	sffi_options options;

	test_options(&options);
	options.mode = mode;
	return test_open_with(&options);
}

static void open_shielded(void)
{
	const char *wanted = getenv("TEST_MECHANISM");

	heap = mmap(NULL, HEAP_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(heap, MAP_FAILED);
	memset(heap, 1, HEAP_SIZE);
	ck_ok(sffi_region_add(heap, HEAP_SIZE));
	domain = open_mode(SFFI_SHIELDED);
	ck_assert_int_eq(sffi_domain_mode(domain), SFFI_SHIELDED);
	ck_assert_ptr_nonnull(sffi_domain_mechanism(domain));
	if (wanted)
		ck_assert_msg(strstr(sffi_domain_mechanism(domain), wanted), "%s",
			      sffi_domain_mechanism(domain));
	library = test_load(domain, "stores");
}

static void close_shielded(void)
{
	sffi_library_close(&library);
	sffi_domain_close(&domain);
	ck_ok(sffi_region_remove(heap));
	memset(heap, 2, HEAP_SIZE);
	munmap(heap, HEAP_SIZE);
}

static bool has_keys(void)
{
	return strstr(sffi_domain_mechanism(domain), "key") != NULL;
}

static bool is_exact(void)
{
	const char *without = getenv("SAFEFFI_WITHOUT");

	return has_keys() || !without || !strstr(without, "single_step");
}

static sffi_function *function(const char *declaration)
{
	return test_function(library, declaration);
}

#define POKE "int poke(token at, int value)"

/* The callee may not store there, and it is said so. */
static void check_shut(char *at)
{
	sffi_function *poke = function(POKE);
	char before = *at;
	int result;

	ck_refused(sffi_call(poke, &result, at, 99), SFFI_EFAULT, "memory that sffi_region_add protects");
	ck_assert_int_eq(sffi_fault_get_kind(sffi_last_fault()), SFFI_FAULT_SIGNAL);
	ck_assert_int_eq(sffi_fault_get_signal(sffi_last_fault()), SIGSEGV);
	ck_assert_ptr_eq(sffi_fault_get_address(sffi_last_fault()), at);
	ck_assert_int_eq(*at, before);
	sffi_function_release(&poke);
}

START_TEST(a_store_fails_the_call)
{
	static char elsewhere;
	sffi_function *peek, *poke, *read_to;
	int result, ends[2];

	open_shielded();
	peek = function("int peek(token at)");
	poke = function(POKE);
	read_to = function("int read_to(int fd, token to, size_t size)");
	ck_assert_int_eq(pipe(ends), 0);
	for (int i = 0; i < 3; i++) {
		check_shut(heap);
		check_shut(heap + HEAP_SIZE - 1);
		ck_ok(sffi_call(peek, &result, heap + 5));
		ck_assert_int_eq(result, 1);
		ck_ok(sffi_call(poke, &result, &elsewhere, i));
		ck_assert_int_eq(elsewhere, i);
		ck_assert_int_eq(write(ends[1], "xyz", 3), 3);
		ck_ok(sffi_call(read_to, &result, ends[0], heap, (size_t)3));
		ck_assert_int_eq(result, -EFAULT);
		ck_ok(sffi_call(read_to, &result, ends[0], &elsewhere, (size_t)1));
		ck_assert_int_eq(read(ends[0], heap + 100, 2), 2);
		heap[100] = 1;
	}
	ck_assert_int_eq(heap[0], 1);
	close(ends[0]);
	close(ends[1]);
	close_shielded();
}
END_TEST

START_TEST(declared_buffers_in_a_region_are_written)
{
	sffi_function *fill, *fill_out;

	open_shielded();
	fill = function("void fill(char text[n], size_t n, int value)");
	fill_out = function("void fill(out char text[n], size_t n, int value)");
	for (size_t size = 1; size <= 1 << 20; size *= 32) {
		ck_ok(sffi_call(fill, NULL, heap + 4000, size, 7));
		ck_assert_int_eq(heap[4000], 7);
		ck_assert_int_eq(heap[3999 + size], 7);
		ck_assert_int_eq(heap[4000 + size], 1);
		ck_ok(sffi_call(fill_out, NULL, heap + 4000, size, 8));
		ck_assert_int_eq(heap[3999 + size], 8);
		memset(heap, 1, HEAP_SIZE);
	}
	check_shut(heap + 4000);
	close_shielded();
}
END_TEST

/* ---- upcalls ------------------------------------------------------------------------------ */

static int store_and_call(int value)
{
	heap[10] = (char)value;
	check_shut(heap + 11);
	heap[12] = (char)value;
	return value + 1;
}

START_TEST(upcalls_may_store)
{
	sffi_function *apply;
	int result = 0;

	open_shielded();
	apply = function("int apply_then_poke(int (*function)(int), token at, int value)");
	ck_ok(sffi_call(apply, &result, store_and_call, NULL, 41));
	ck_assert_int_eq(result, 42);
	ck_assert_int_eq(heap[10], 41);
	ck_refused(sffi_call(apply, &result, store_and_call, heap + 13, 42), SFFI_EFAULT, "protects");
	ck_assert_int_eq(heap[10], 42);
	ck_assert_int_eq(heap[11], 1);
	ck_assert_int_eq(heap[12], 42);
	ck_assert_int_eq(heap[13], 1);
	close_shielded();
}
END_TEST

static int store(int value)
{
	heap[20] = (char)value;
	return value + 1;
}

START_TEST(upcalls_on_the_librarys_own_threads_may_store)
{
	sffi_function *apply;
	int result = 0;

	open_shielded();
	apply = function("int apply_elsewhere(int (*function)(int))");
	for (int i = 0; i < 10; i++) {
		heap[20] = 0;
		ck_ok(sffi_call(apply, &result, store));
		ck_assert_int_eq(result, 2);
		ck_assert_int_eq(heap[20], 1);
	}
	check_shut(heap + 20);
	close_shielded();
}
END_TEST

/* In steps, upcalls are events. */
static void never(void *result, void *const *arguments, void *data)
{
	(void)result, (void)arguments, (void)data;
	abort();
}

START_TEST(calls_in_steps)
{
	sffi_invocation *invocation;
	sffi_thread *thread;
	sffi_function *apply;
	sffi_callback *callback;
	void *at, *code;
	int value = 5, result = 0;
	void *const arguments[] = { &code, &at, &value };
	sffi_event event;

	open_shielded();
	at = heap + 30;
	apply = function("int apply_then_poke(int (*function)(int), token at, int value)");
	ck_ok(sffi_thread_new(&thread, domain));
	ck_ok(sffi_callback_new(&callback, domain, "int callback(int)", never, NULL));
	code = sffi_callback_address(callback);
	for (int i = 0; i < 2; i++) {
		ck_ok(sffi_start(&invocation, thread, apply, arguments));
		heap[30] = 3;
		ck_ok(sffi_next(invocation, -1, &event));
		ck_assert_int_eq(event, SFFI_UPCALL);
		heap[30] = 4;
		check_shut(heap + 31);
		ck_ok(sffi_upcall_answer(invocation, &value));
		ck_ok(sffi_next(invocation, -1, &event));
		ck_assert_int_eq(event, at ? SFFI_FAULTED : SFFI_RETURNED);
		ck_assert_int_eq(heap[30], 4);
		heap[30] = 5;
		ck_assert_int_eq(sffi_finish(invocation, &result, NULL), at ? SFFI_EFAULT : SFFI_OK);
		sffi_invocation_release(&invocation);
		at = NULL;
	}
	ck_assert_int_eq(result, 5);
	sffi_thread_release(&thread);
	sffi_callback_release(&callback);
	close_shielded();
}
END_TEST

/* ---- other threads of the host -------------------------------------------------------------- */

static int stage;

static void until(int value)
{
	while (__atomic_load_n(&stage, __ATOMIC_SEQ_CST) < value)
		sched_yield();
}

static void set(int value)
{
	__atomic_store_n(&stage, value, __ATOMIC_SEQ_CST);
}

static void *store_once(void *unused)
{
	(void)unused;
	until(1);
	heap[200] = 42;
	set(2);
	return NULL;
}

/* The callee waits for the thread: if that were stopped, both would be for ever. */
START_TEST(another_thread_stores_meanwhile)
{
	sffi_function *meet;
	pthread_t thread;
	int result;

	open_shielded();
	meet = function("int meet_then_poke(token stage, token at, int value)");
	for (int i = 0; i < 50; i++) {
		char *at = heap + (is_exact() ? 200 : HEAP_SIZE - 200), before = is_exact() ? 42 : 1;

		set(0);
		heap[200] = 0;
		pthread_create(&thread, NULL, store_once, NULL);
		ck_refused(sffi_call(meet, &result, &stage, at, 99), SFFI_EFAULT, "protects");
		pthread_join(thread, NULL);
		ck_assert_int_eq(heap[200], 42);
		ck_assert_int_eq(*at, before);
	}
	close_shielded();
}
END_TEST

static void *store_often(void *unused)
{
	unsigned *counter = (unsigned *)(heap + 4096);

	(void)unused;
	until(1);
	for (int i = 0; i < STORES; i++)
		*(volatile unsigned *)counter += 1;
	memset(heap + (1 << 20), 6, 1 << 20);
	set(2);
	return NULL;
}

START_TEST(another_thread_stores_all_the_time)
{
	sffi_function *meet;
	pthread_t thread;
	int result;

	open_shielded();
	meet = function("int meet(token stage)");
	memset(heap, 0, 8192);
	pthread_create(&thread, NULL, store_often, NULL);
	ck_ok(sffi_call(meet, &result, &stage));
	pthread_join(thread, NULL);
	ck_assert_uint_eq(*(unsigned *)(heap + 4096), STORES);
	for (size_t i = 1 << 20; i < 2 << 20; i++)
		ck_assert_int_eq(heap[i], 6);
	check_shut(heap);
	close_shielded();
}
END_TEST

static int ends[2], system_call, system_call_errno;

/* Older than the domain. */
static void *system_calls(void *unused)
{
	sigset_t set_of_all;

	(void)unused;
	sigemptyset(&set_of_all);
	pthread_sigmask(SIG_SETMASK, &set_of_all, NULL);
	until(1);
	system_call = (int)read(ends[0], heap + 300, 3);
	system_call_errno = errno;
	set(2);
	return NULL;
}

START_TEST(system_calls_of_another_thread)
{
	sffi_function *meet;
	pthread_t thread;
	int result;

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(write(ends[1], "xyz", 3), 3);
	pthread_create(&thread, NULL, system_calls, NULL);
	open_shielded();
	meet = function("int meet(token stage)");
	ck_ok(sffi_call(meet, &result, &stage));
	pthread_join(thread, NULL);
	ck_assert_int_eq(system_call, has_keys() ? 3 : -1);
	if (has_keys())
		ck_assert(!memcmp(heap + 300, "xyz", 3));
	else
		ck_assert_int_eq(system_call_errno, EFAULT);
	close(ends[0]);
	close(ends[1]);
	close_shielded();
}
END_TEST

/* What SafeFFI itself writes for the host: results, declared buffers, sffi_read. */
static void *own_calls(void *unused)
{
	sffi_function *fill = function("void fill(char text[n], size_t n, int value)");
	static const char source[] = "from elsewhere";

	(void)unused;
	until(1);
	ck_ok(sffi_read(domain, heap + 8000, source, sizeof source));
	ck_assert_str_eq(heap + 8000, source);
	ck_ok(sffi_write(domain, heap + 9000, source, sizeof source));
	ck_assert_str_eq(heap + 9000, source);
	ck_ok(sffi_call(fill, NULL, heap + 12000, (size_t)5000, 9));
	ck_assert_int_eq(heap[16999], 9);
	set(2);
	return NULL;
}

START_TEST(calls_of_another_thread)
{
	sffi_function *meet;
	pthread_t thread;
	int result;

	open_shielded();
	meet = function("int meet(token stage)");
	pthread_create(&thread, NULL, own_calls, NULL);
	ck_ok(sffi_call(meet, &result, &stage));
	pthread_join(thread, NULL);
	check_shut(heap + 12000);
	close_shielded();
}
END_TEST

static void *call_often(void *unused)
{
	sffi_function *poke = function(POKE), *peek = function("int peek(token at)");
	unsigned *counter = (unsigned *)(heap + 65536);
	int result;

	(void)unused;
	for (int i = 0; i < 100; i++) {
		ck_assert_int_eq(sffi_call(poke, &result, heap + HEAP_SIZE - 1, 99), SFFI_EFAULT);
		ck_ok(sffi_call(peek, &result, heap + HEAP_SIZE - 1));
		ck_assert_int_eq(result, 1);
		__atomic_fetch_add(counter, 1, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

START_TEST(several_threads)
{
	pthread_t threads[4];

	open_shielded();
	memset(heap + 65536, 0, 4);
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, call_often, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(*(unsigned *)(heap + 65536), 400);
	close_shielded();
}
END_TEST

/* A callee of a domain that is not shielded may do what it always could. */
static void *poke_guarded(void *poke)
{
	int result;

	until(1);
	ck_ok(sffi_call(poke, &result, heap + 400, 44));
	set(2);
	return NULL;
}

START_TEST(a_guarded_domain_beside)
{
	sffi_domain *guarded;
	sffi_function *meet, *poke;
	pthread_t thread;
	int result;

	open_shielded();
	guarded = open_mode(SFFI_GUARDED);
	ck_assert_ptr_null(sffi_domain_mechanism(guarded));
	poke = test_victim_function(guarded, "stores", POKE);
	meet = function("int meet(token stage)");
	pthread_create(&thread, NULL, poke_guarded, poke);
	ck_ok(sffi_call(meet, &result, &stage));
	pthread_join(thread, NULL);
	ck_assert_int_eq(heap[400], 44);
	check_shut(heap + 400);
	sffi_domain_close(&guarded);
	close_shielded();
}
END_TEST

/* ---- the host's signal handlers ------------------------------------------------------------- */

static void on_signal(int signal)
{
	(void)signal;
	heap[500]++;
	heap[HEAP_SIZE - 500]++;
}

START_TEST(handlers_may_store)
{
	static const int flags[] = { 0, SA_ONSTACK };
	sffi_function *poke;
	int result;

	open_shielded();
	poke = function("int signal_then_poke(int signal, token at, int value)");
	for (int i = 0; i < 2; i++) {
		struct sigaction action = { .sa_handler = on_signal, .sa_flags = flags[i] };

		heap[500] = heap[HEAP_SIZE - 500] = 1;
		sigaction(SIGUSR1, &action, NULL);
		ck_refused(sffi_call(poke, &result, SIGUSR1, heap + (4 << 20), 99), SFFI_EFAULT,
			   "protects");
		ck_assert_int_eq(heap[500], 2);
		ck_assert_int_eq(heap[HEAP_SIZE - 500], 2);
		ck_assert_int_eq(heap[4 << 20], 1);
	}
	close_shielded();
}
END_TEST

/* ---- regions, resources ----------------------------------------------------------------------- */

START_TEST(regions_come_and_go)
{
	sffi_function *poke;
	char *more;
	int result;

	open_shielded();
	poke = function(POKE);
	more = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < 10; i++) {
		ck_ok(sffi_call(poke, &result, more + 5000, i));
		ck_ok(sffi_region_add(more, 1 << 20));
		check_shut(more + 5000);
		more[5000] = 77;
		ck_ok(sffi_region_remove(more));
	}
	munmap(more, 1 << 20);
	close_shielded();
}
END_TEST

/* ---- no room for mappings -------------------------------------------------------------------- */

enum { PAGE = 4096, MAPPINGS = 1 << 17 };

static char *crowd;

/* Every other page of it is a mapping of its own, until the process may have no more. */
static int fill_up(int value)
{
	size_t i = 1;

	while (i < MAPPINGS && !mprotect(crowd + i * PAGE, PAGE, PROT_READ))
		i += 2;
	/* The rest, one by one. */
	while (mmap(NULL, PAGE, i++ % 2 ? PROT_READ : PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
		;
	return value + 1;
}

static void make_room(void)
{
	ck_assert_int_eq(mprotect(crowd, (size_t)MAPPINGS * PAGE, PROT_NONE), 0);
}

START_TEST(what_cannot_be_shut_fails_the_call)
{
	const char refusal[] = "vm.max_map_count";
	sffi_function *poke, *apply;
	char *strip, byte;
	int result = 0;

	open_shielded();
	poke = function(POKE);
	apply = function("int apply_then_poke(int (*function)(int), token at, int value)");
	crowd = mmap(NULL, (size_t)MAPPINGS * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	strip = mmap(NULL, 5 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert(crowd != MAP_FAILED && strip != MAP_FAILED);
	/* In the middle of a mapping: to shut it takes two more. */
	ck_ok(sffi_region_add(strip + PAGE, PAGE));
	check_shut(strip + PAGE);
	ck_ok(sffi_call(poke, &result, &byte, 7));
	ck_ok(sffi_call(apply, &result, store, NULL, 41));
	fill_up(0);
	if (has_keys()) {
		check_shut(strip + PAGE);
		fill_up(0); /* telling of the fault has given mappings back */
		/* There may not even be room to read the list of mappings. */
		ck_assert_int_ne(sffi_region_add(strip + 3 * PAGE, PAGE), SFFI_OK);
	} else {
		ck_refused(sffi_call(poke, &result, strip + PAGE, 8), SFFI_ESYSTEM, refusal);
		ck_refused(sffi_call(poke, &result, &byte, 8), SFFI_ESYSTEM, refusal);
		ck_assert_int_eq(strip[PAGE], 0);
		ck_assert_int_eq(byte, 7);
	}
	make_room();
	ck_ok(sffi_call(poke, &result, &byte, 8));
	check_shut(strip + PAGE);
	if (has_keys()) {
		ck_ok(sffi_call(apply, &result, fill_up, NULL, 41));
		ck_assert_int_eq(result, 42);
	} else {
		ck_refused(sffi_call(apply, &result, fill_up, strip + PAGE, 9), SFFI_ESYSTEM, refusal);
	}
	make_room();
	ck_assert_int_eq(strip[PAGE], 0);
	strip[PAGE] = 5;
	check_shut(strip + PAGE);
	ck_ok(sffi_region_remove(strip + PAGE));
	close_shielded();
}
END_TEST

START_TEST(nothing_is_left)
{
	struct test_resources before;

	open_shielded();
	check_shut(heap);
	close_shielded();
	before = test_resources();
	for (int i = 0; i < 5; i++) {
		open_shielded();
		check_shut(heap);
		close_shielded();
	}
	test_same_resources(before);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("shielded");
	TCase *all = tcase_create("shielded");

	tcase_add_test(all, a_store_fails_the_call);
	tcase_add_test(all, declared_buffers_in_a_region_are_written);
	tcase_add_test(all, upcalls_may_store);
	tcase_add_test(all, upcalls_on_the_librarys_own_threads_may_store);
	tcase_add_test(all, calls_in_steps);
	tcase_add_test(all, another_thread_stores_meanwhile);
	tcase_add_test(all, another_thread_stores_all_the_time);
	tcase_add_test(all, system_calls_of_another_thread);
	tcase_add_test(all, calls_of_another_thread);
	tcase_add_test(all, several_threads);
	tcase_add_test(all, a_guarded_domain_beside);
	tcase_add_test(all, handlers_may_store);
	tcase_add_test(all, regions_come_and_go);
	tcase_add_test(all, what_cannot_be_shut_fails_the_call);
	tcase_add_test(all, nothing_is_left);
	suite_add_tcase(suite, all);
	return test_main(argc, argv, suite);
}
