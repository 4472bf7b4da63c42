/* SPDX-License-Identifier: MIT */
/* The mode `rehearsed`: what the verdict says, and that nothing has happened when it says so. */
#include "helper.h"

#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HEAP_SIZE = 64 << 20, STRIDE = 1 << 20 };

static sffi_domain *domain;
static sffi_library *library;
static char *heap;
static char bytes[100];

static void open_rehearsed(void)
{
	sffi_options options;

	heap = mmap(NULL, HEAP_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(heap, MAP_FAILED);
	memset(heap, 1, HEAP_SIZE);
	ck_ok(sffi_region_add(heap, HEAP_SIZE));
	sffi_options_init(&options);
	options.mode = SFFI_REHEARSED;
	domain = test_open_with(&options);
	library = test_load(domain, "tries");
}

static void close_rehearsed(void)
{
	sffi_library_close(&library);
	sffi_domain_close(&domain);
	ck_ok(sffi_region_remove(heap));
	munmap(heap, HEAP_SIZE);
}

static sffi_function *function(const char *declaration)
{
	return test_function(library, declaration);
}

static sffi_rehearsal_kind kind(void)
{
	ck_assert_ptr_nonnull(sffi_last_rehearsal());
	return sffi_rehearsal_get_kind(sffi_last_rehearsal());
}

static const char *text(void)
{
	return sffi_rehearsal_get_text(sffi_last_rehearsal());
}

#define ck_survived() ck_assert_msg(kind() == SFFI_REHEARSAL_SURVIVED, "%s", text())
#define ck_stopped(operation, words)                                                               \
	do {                                                                                       \
		ck_assert_msg(kind() == SFFI_REHEARSAL_STOPPED, "%s", text());                     \
		ck_assert_str_eq(sffi_rehearsal_get_operation(sffi_last_rehearsal()), operation);  \
		ck_assert_msg(strstr(text(), words), "no \"%s\" in \"%s\"", words, text());        \
	} while (0)

/* Whether exactly these bytes are told of, in one range. */
static bool has_write(const void *at, size_t size, bool is_region)
{
	sffi_rehearsal_write write;

	for (size_t i = 0; sffi_rehearsal_get_write(sffi_last_rehearsal(), i, &write); i++)
		if (write.address == (uintptr_t)at && write.size == size && write.is_region == is_region)
			return true;
	return false;
}

static char *printed(sffi_status (*print)(const sffi_rehearsal *, FILE *), const sffi_rehearsal *rehearsal)
{
	char *out = NULL;
	size_t size;
	FILE *stream = open_memstream(&out, &size);

	ck_ok(print(rehearsal, stream));
	fclose(stream);
	return out;
}

/* ---- it survived --------------------------------------------------------------------------- */

START_TEST(what_does_no_harm_has_no_traces)
{
	sffi_function *sum = function("long sum_bytes_of(const unsigned char at[n], size_t n)");
	long result = 0;

	ck_ok(sffi_call(sum, &result, "\1\2\3", (size_t)3));
	ck_assert_int_eq(result, 6);
	ck_survived();
	ck_assert_uint_eq(sffi_rehearsal_write_count(sffi_last_rehearsal()), 0);
	ck_assert_uint_eq(sffi_rehearsal_thread_count(sffi_last_rehearsal()), 0);
	ck_assert_uint_eq(sffi_rehearsal_child_count(sffi_last_rehearsal()), 0);
	ck_assert_ptr_null(sffi_rehearsal_get_fault(sffi_last_rehearsal()));
	ck_assert_ptr_null(sffi_rehearsal_get_operation(sffi_last_rehearsal()));
	ck_assert_str_eq(sffi_rehearsal_get_function(sffi_last_rehearsal()), "sum_bytes_of");
}
END_TEST

/* What ask_kernel of tries.c finds at its pages; see there. */
enum { PAGE = 4096 };

static void lay_out(int fd)
{
	static const struct timespec moment = { .tv_nsec = 1000 };
	const struct pollfd wanted = { .fd = fd, .events = POLLIN };
	const struct iovec parts[] = { { heap + 12 * PAGE, 1 }, { heap + 13 * PAGE, 1 } };

	memset(heap, 0, 20 * PAGE);
	memcpy(heap, &wanted, sizeof wanted);
	FD_SET(fd, (fd_set *)(heap + 1 * PAGE));
	FD_SET(fd, (fd_set *)(heap + 3 * PAGE));
	memcpy(heap + 6 * PAGE, &wanted, sizeof wanted);
	memcpy(heap + 11 * PAGE, parts, sizeof parts);
	memcpy(heap + 17 * PAGE, &moment, sizeof moment);
}

START_TEST(the_kernel_reaches_what_the_callee_does)
{
	sffi_function *ask = function("int ask_kernel(token at, int fd, const char *path)");
	int result = 1, ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(write(ends[1], "x", 1), 1);
	lay_out(ends[0]);
	ck_ok(sffi_call(ask, &result, heap, ends[0], "/proc/self/exe"));
	ck_assert_int_eq(result, 0);
	ck_survived();
	ck_assert_int_eq(heap[12 * PAGE], 0x7f);
	ck_assert_int_eq(heap[13 * PAGE], 'E');
	close(ends[0]);
	close(ends[1]);
}
END_TEST

START_TEST(signals_end_what_waits)
{
	sffi_function *wait_for_alarms = function("int wait_for_alarms(void)");
	int result = 0;

	ck_ok(sffi_call(wait_for_alarms, &result));
	ck_assert_int_eq(result, 3);
	ck_survived();
}
END_TEST

START_TEST(writes_are_told_to_the_byte)
{
	sffi_function *scribble = function("int scribble(token at, size_t stride, int times)");
	sffi_rehearsal_write write;
	int result = 0;

	ck_ok(sffi_call(scribble, &result, bytes + 3, (size_t)1, 5));
	ck_survived();
	ck_assert_uint_eq(sffi_rehearsal_write_count(sffi_last_rehearsal()), 1);
	ck_assert(has_write(bytes + 3, 5, false));
	ck_assert(sffi_rehearsal_get_write(sffi_last_rehearsal(), 0, &write));
	ck_assert_msg(strstr(write.mapping, "test-rehearsed"), "%s", write.mapping);
	/* Once, not twice. */
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq((unsigned char)bytes[i], i >= 3 && i < 8 ? 0xff : 0);

	ck_ok(sffi_call(scribble, &result, bytes, (size_t)50, 2));
	ck_assert_uint_eq(sffi_rehearsal_write_count(sffi_last_rehearsal()), 2);
	ck_assert(has_write(bytes, 1, false) && has_write(bytes + 50, 1, false));
}
END_TEST

START_TEST(writes_into_a_region_are_told)
{
	sffi_function *scribble = function("int scribble(token at, size_t stride, int times)");
	sffi_function *sum = function("long sum_bytes_of(token at, size_t size)");
	int result = 0;
	long total = 0;

	ck_ok(sffi_call(scribble, &result, heap, (size_t)STRIDE, HEAP_SIZE / STRIDE));
	ck_survived();
	ck_assert_uint_eq(sffi_rehearsal_write_count(sffi_last_rehearsal()), HEAP_SIZE / STRIDE);
	for (size_t i = 0; i < HEAP_SIZE; i += STRIDE)
		ck_assert(has_write(heap + i, 1, true));
	/* Read all of it: the clone was made without, and sees what the host has. */
	ck_ok(sffi_call(sum, &total, heap, (size_t)HEAP_SIZE));
	ck_assert_int_eq(total, HEAP_SIZE + HEAP_SIZE / STRIDE * (0xfe - 1));
	ck_survived();
	ck_assert_uint_eq(sffi_rehearsal_write_count(sffi_last_rehearsal()), 0);
	ck_ok(sffi_call(scribble, &result, heap + STRIDE - 2, (size_t)1, 4));
	ck_assert(has_write(heap + STRIDE - 2, 4, true));
}
END_TEST

START_TEST(a_library_keeps_its_state)
{
	sffi_function *count = function("int count_own(void)");
	int result = 0;

	for (int i = 1; i <= 5; i++) {
		ck_ok(sffi_call(count, &result));
		ck_assert_int_eq(result, i);
		ck_survived();
		ck_assert_uint_eq(sffi_rehearsal_write_count(sffi_last_rehearsal()), 1);
	}
}
END_TEST

START_TEST(what_would_be_left_running_is_counted)
{
	sffi_function *threads = function("int leave_threads(int count)");
	sffi_function *children = function("int leave_children(int count)");
	int result = 0;

	ck_ok(sffi_call(threads, &result, 0));
	ck_assert_uint_eq(sffi_rehearsal_thread_count(sffi_last_rehearsal()), 0);
	ck_ok(sffi_call(children, &result, 3));
	ck_survived();
	ck_assert_uint_eq(sffi_rehearsal_child_count(sffi_last_rehearsal()), 3);
	/* Those of the real call are all that there are. */
	for (int i = 0; i < 3; i++)
		ck_assert_int_gt(wait(NULL), 0);
	ck_assert_int_eq(wait(NULL), -1);
	ck_ok(sffi_call(threads, &result, 2));
	ck_survived();
	ck_assert_uint_eq(sffi_rehearsal_thread_count(sffi_last_rehearsal()), 2);
}
END_TEST

/* ---- it failed ------------------------------------------------------------------------------- */

static void check_nothing_happened(sffi_status status, sffi_status wanted, sffi_rehearsal_kind verdict)
{
	ck_assert_msg(status == wanted, "%s: %s", sffi_status_name(status), sffi_error());
	ck_assert_msg(kind() == verdict, "%s", text());
	ck_assert_ptr_eq(sffi_rehearsal_get_fault(sffi_last_rehearsal()), sffi_last_fault());
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(bytes[i], 0);
	test_still_works(domain);
}

START_TEST(a_crash_has_not_happened)
{
	sffi_function *crash = function("int scribble_then_crash(token at)");
	sffi_status status = sffi_call(crash, NULL, bytes);

	check_nothing_happened(status, SFFI_EFAULT, SFFI_REHEARSAL_FAULTED);
	status = sffi_call(crash, NULL, bytes);
	ck_assert_int_eq(status, SFFI_EFAULT);
	ck_assert_int_eq(sffi_fault_get_signal(sffi_last_fault()), SIGSEGV);
	ck_assert_str_eq(sffi_fault_get_function(sffi_last_fault()), "scribble_then_crash");
	ck_assert_msg(strstr(sffi_fault_get_library(sffi_last_fault()), "tries"), "%s", sffi_error());
	ck_assert(has_write(bytes, 100, false));
}
END_TEST

/* The callee's own signal is told of from where it was sent. */
START_TEST(a_crash_is_told_with_the_verdict)
{
	sffi_function *crash = function("int scribble_then_crash(token at)");
	json_t *object, *fault;
	char *out;

	ck_assert_int_eq(sffi_call(crash, NULL, bytes), SFFI_EFAULT);
	out = printed(sffi_rehearsal_print_json, sffi_last_rehearsal());
	object = json_loads(out, 0, NULL);
	ck_assert_msg(object != NULL, "%s", out);
	fault = json_object_get(object, "fault");
	ck_assert_str_eq(json_string_value(json_object_get(fault, "kind")), "signal");
	ck_assert_str_eq(json_string_value(json_object_get(fault, "function")), "scribble_then_crash");
	json_decref(object);
	free(out);
}
END_TEST

START_TEST(an_abort_is_the_callees)
{
	sffi_library *signals = test_load(domain, "signals");
	sffi_function *abort_it = test_function(signals, "void do_abort(void)");
	sffi_frame frame;
	bool found = false;

	ck_assert_int_eq(sffi_call(abort_it, NULL), SFFI_EFAULT);
	ck_assert_int_eq(sffi_fault_get_signal(sffi_last_fault()), SIGABRT);
	for (size_t i = 0; sffi_fault_get_frame(sffi_last_fault(), i, &frame); i++)
		found |= frame.function && !strcmp(frame.function, "do_abort");
	ck_assert_msg(found, "%s", sffi_error());
	sffi_library_close(&signals);
}
END_TEST

START_TEST(what_takes_too_long_has_not_happened)
{
	sffi_function *hang = function("int scribble_then_hang(token at)");

	sffi_function_set_timeout(hang, 50);
	check_nothing_happened(sffi_call(hang, NULL, bytes), SFFI_ETIMEOUT, SFFI_REHEARSAL_TIMEOUT);
}
END_TEST

START_TEST(nor_what_cannot_be_asked)
{
	sffi_function *hang = function("int scribble_then_hang_deaf(token at)");

	sffi_function_set_timeout(hang, 50);
	check_nothing_happened(sffi_call(hang, NULL, bytes), SFFI_ETIMEOUT, SFFI_REHEARSAL_TIMEOUT);
}
END_TEST

START_TEST(an_overrun_has_not_happened)
{
	sffi_function *overrun = function("void overrun(out char to[size], size_t size)");
	char own[32] = "";
	sffi_status status = sffi_call(overrun, NULL, own, (size_t)16);

	ck_assert_str_eq(own, "");
	ck_assert_int_eq(sffi_fault_get_kind(sffi_last_fault()), SFFI_FAULT_OVERRUN);
	check_nothing_happened(status, SFFI_EFAULT, SFFI_REHEARSAL_FAULTED);
}
END_TEST

/* ---- it was stopped --------------------------------------------------------------------------- */

START_TEST(output_stops_it_and_comes_once)
{
	sffi_function *say = function("int say_twice(fd to)");
	char got[64] = "";
	int ends[2], result = 0;

	ck_assert_int_eq(pipe(ends), 0);
	ck_ok(sffi_call(say, &result, ends[1]));
	ck_assert_int_eq(result, 11);
	ck_stopped("write", "sound up to `write` to descriptor");
	ck_assert_int_eq(read(ends[0], got, sizeof got), 11);
	ck_assert_str_eq(got, "once twice ");
	close(ends[0]);
	close(ends[1]);
}
END_TEST

START_TEST(offsets_move_once)
{
	sffi_function *skip = function("long skip(fd file, long by)");
	FILE *file = tmpfile();
	long at = 0;

	ck_ok(sffi_call(skip, &at, fileno(file), 5L));
	ck_assert_int_eq(at, 5);
	ck_stopped("lseek", "of descriptor");
	ck_assert_int_eq(lseek(fileno(file), 0, SEEK_CUR), 5);
	fclose(file);
}
END_TEST

START_TEST(what_is_sent_is_sent_once)
{
	sffi_function *send_some = function("int send_some(fd to)");
	char got[16];
	int ends[2], sent = 0;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	ck_ok(sffi_call(send_some, &sent, ends[0]));
	ck_assert_int_eq(sent, 4);
	ck_stopped("sendto", "to descriptor");
	ck_assert_int_eq(read(ends[1], got, sizeof got), 4);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

static volatile sig_atomic_t signals;

static void on_signal(int number)
{
	(void)number;
	signals++;
}

START_TEST(signals_are_sent_once)
{
	sffi_function *send_signal = function("int send_signal(int pid, int number)");
	int result = -1;

	signal(SIGUSR1, on_signal);
	ck_ok(sffi_call(send_signal, &result, (int)getpid(), SIGUSR1));
	ck_assert_int_eq(result, 0);
	ck_stopped("kill", "of process");
	ck_assert_int_eq(signals, 1);
}
END_TEST

START_TEST(files_are_touched_once)
{
	sffi_function *make = function("int make_file(const char *path)");
	sffi_function *first = function("int first_byte(const char *path)");
	sffi_function *unlink_it = function("int remove_file(const char *path)");
	char path[] = "/tmp/safeffi-rehearsed-XXXXXX";
	int result = 0, fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_ok(sffi_call(make, &result, path));
	ck_assert_int_eq(result, 1);
	ck_stopped("openat", path);
	ck_ok(sffi_call(first, &result, path));
	ck_assert_int_eq(result, 'm');
	ck_survived();
	ck_ok(sffi_call(unlink_it, &result, path));
	ck_assert_int_eq(result, 0);
	ck_assert_int_eq(kind(), SFFI_REHEARSAL_STOPPED);
	ck_assert_msg(strstr(text(), path), "%s", text());
	ck_assert_int_eq(access(path, F_OK), -1);
}
END_TEST

START_TEST(children_are_stopped_too)
{
	sffi_function *speak = function("int child_that_speaks(fd to)");
	char got[64] = "";
	int ends[2], result = -1;

	ck_assert_int_eq(pipe(ends), 0);
	ck_ok(sffi_call(speak, &result, ends[1]));
	ck_assert_int_eq(result, 0);
	ck_stopped("write", "in a process that the callee made");
	ck_assert_int_eq(read(ends[0], got, sizeof got), 5);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

/* ---- the host meanwhile ------------------------------------------------------------------------ */

static _Atomic bool is_over;
static _Atomic unsigned long counted;

static void *count_up(void *unused)
{
	while (!is_over)
		counted++;
	return unused;
}

/* A fork at the same time has all of the host's memory, though a clone is made without. */
static void *fork_often(void *unused)
{
	while (!is_over) {
		pid_t pid = fork();
		int status;

		if (!pid)
			_exit(heap[HEAP_SIZE / 2] != 1);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_int_eq(status, 0);
	}
	return unused;
}

START_TEST(what_other_threads_write_is_not_the_callees)
{
	sffi_function *scribble = function("int scribble(token at, size_t stride, int times)");
	pthread_t counter, forker;
	int result = 0;

	ck_assert_int_eq(pthread_create(&counter, NULL, count_up, NULL), 0);
	ck_assert_int_eq(pthread_create(&forker, NULL, fork_often, NULL), 0);
	for (int i = 0; i < 20; i++) {
		ck_ok(sffi_call(scribble, &result, bytes, (size_t)1, 10));
		ck_survived();
		ck_assert(has_write(bytes, 10, false));
		ck_assert(!has_write((void *)&counted, 1, false));
	}
	is_over = true;
	pthread_join(counter, NULL);
	pthread_join(forker, NULL);
}
END_TEST

static sem_t asked, answered;

static void *answer(void *unused)
{
	(void)unused;
	while (sem_wait(&asked))
		;
	sem_post(&answered);
	return NULL;
}

/* Which is not there in the rehearsal. */
START_TEST(another_thread_is_waited_for)
{
	sffi_function *ask = function("int ask_thread(token asked, token answered)");
	pthread_t thread;
	int result = 0;

	sem_init(&asked, 0, 0);
	sem_init(&answered, 0, 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, answer, NULL), 0);
	sffi_function_set_timeout(ask, 2000);
	ck_ok(sffi_call(ask, &result, &asked, &answered));
	ck_assert_int_eq(result, 1);
	ck_assert_msg(kind() == SFFI_REHEARSAL_UNFINISHED && strstr(text(), "another thread"), "%s", text());
	pthread_join(thread, NULL);
}
END_TEST

/* ---- the verdict as text, and kept --------------------------------------------------------------- */

START_TEST(the_verdict_is_printed)
{
	sffi_function *scribble = function("int scribble(token at, size_t stride, int times)");
	sffi_rehearsal *kept;
	json_t *object, *write;
	char *out;

	ck_ok(sffi_call(scribble, NULL, heap + 8, (size_t)1, 3));
	kept = sffi_rehearsal_retain(sffi_last_rehearsal());
	ck_ok(sffi_call(scribble, NULL, bytes, (size_t)1, 0));
	ck_assert_ptr_ne(sffi_last_rehearsal(), kept);

	out = printed(sffi_rehearsal_print, kept);
	ck_assert_msg(strstr(out, "survived") && strstr(out, "3 bytes at") && strstr(out, "a registered region"),
		      "%s", out);
	free(out);
	out = printed(sffi_rehearsal_print_json, kept);
	object = json_loads(out, 0, NULL);
	ck_assert_msg(object != NULL, "%s", out);
	ck_assert_str_eq(json_string_value(json_object_get(object, "kind")), "survived");
	ck_assert_str_eq(json_string_value(json_object_get(object, "function")), "scribble");
	write = json_array_get(json_object_get(object, "writes"), 0);
	ck_assert_int_eq(json_integer_value(json_object_get(write, "size")), 3);
	ck_assert(json_is_true(json_object_get(write, "region")));
	ck_assert(json_is_null(json_object_get(object, "fault")));
	json_decref(object);
	free(out);
	ck_assert_int_eq(sffi_rehearsal_print(NULL, stdout), SFFI_EINVAL);
	sffi_rehearsal_release(&kept);
	ck_assert_ptr_null(kept);
	sffi_rehearsal_release(&kept);
}
END_TEST

START_TEST(nothing_is_left)
{
	sffi_function *scribble = function("int scribble(token at, size_t stride, int times)");
	sffi_function *crash = function("int scribble_then_crash(token at)");
	struct test_resources before = { 0 };

	for (int i = 0; i < 20; i++) {
		ck_ok(sffi_call(scribble, NULL, heap, (size_t)STRIDE, 10));
		ck_assert_int_eq(sffi_call(crash, NULL, bytes), SFFI_EFAULT);
		ck_assert_ptr_nonnull(sffi_fault_get_symbol(sffi_last_fault()));
		if (i == 4)
			before = test_resources();
	}
	test_same_resources(before);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("rehearsed");
	TCase *tests = tcase_create("rehearsed");

	tcase_add_checked_fixture(tests, open_rehearsed, close_rehearsed);
	tcase_add_test(tests, what_does_no_harm_has_no_traces);
	tcase_add_test(tests, the_kernel_reaches_what_the_callee_does);
	tcase_add_test(tests, signals_end_what_waits);
	tcase_add_test(tests, writes_are_told_to_the_byte);
	tcase_add_test(tests, writes_into_a_region_are_told);
	tcase_add_test(tests, a_library_keeps_its_state);
	tcase_add_test(tests, what_would_be_left_running_is_counted);
	tcase_add_test(tests, a_crash_has_not_happened);
	tcase_add_test(tests, a_crash_is_told_with_the_verdict);
	tcase_add_test(tests, an_abort_is_the_callees);
	tcase_add_test(tests, what_takes_too_long_has_not_happened);
	tcase_add_test(tests, nor_what_cannot_be_asked);
	tcase_add_test(tests, an_overrun_has_not_happened);
	tcase_add_test(tests, output_stops_it_and_comes_once);
	tcase_add_test(tests, offsets_move_once);
	tcase_add_test(tests, what_is_sent_is_sent_once);
	tcase_add_test(tests, signals_are_sent_once);
	tcase_add_test(tests, files_are_touched_once);
	tcase_add_test(tests, children_are_stopped_too);
	tcase_add_test(tests, what_other_threads_write_is_not_the_callees);
	tcase_add_test(tests, another_thread_is_waited_for);
	tcase_add_test(tests, the_verdict_is_printed);
	tcase_add_test(tests, nothing_is_left);
	suite_add_tcase(suite, tests);
	return test_main(argc, argv, suite);
}
