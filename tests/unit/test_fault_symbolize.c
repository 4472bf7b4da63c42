/* SPDX-License-Identifier: MIT */
#include "fault/classify.h"
#include "fault/demangle.h"
#include "fault/symbolize.h"
#include "fault/text.h"
#include "test_fault.h"

#include <dlfcn.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The faults are meant: no sanitizer is to find them first. */
#define OUTER __attribute__((noinline, no_sanitize("address", "undefined")))

static int line_of_read;

/* Static: not in the dynamic symbols. */
static OUTER int read_it(volatile int *at)
{
	return *at + 1;
}
enum { LINE_OF_READ = __LINE__ - 2 };

static OUTER void callee_reads(void *argument)
{
	line_of_read += read_it(argument);
}
enum { LINE_OF_CALL = __LINE__ - 2 };

static OUTER void callee_strlen(void *argument)
{
	size_t (*volatile length)(const char *) = strlen;

	line_of_read += (int)length(argument);
}

static OUTER void callee_calls(void *argument)
{
	void (*volatile function)(void) = (void (*)(void))argument;

	function();
	line_of_read++;
}

static OUTER int recurse(int depth)
{
	volatile char room[200];

	room[0] = (char)depth; /* the call, or this, is what finds the guard page */
	return depth == INT_MAX ? 0 : recurse(depth + 1) + room[0];
}

static OUTER void callee_recurses(void *argument)
{
	(void)argument;
	line_of_read += recurse(0);
}

static OUTER void callee_corrupts(void *argument)
{
	char *volatile blocks[64];

	(void)argument;
	for (int i = 0; i < 64; i++)
		blocks[i] = malloc(5000);
	for (int i = 0; i < 63; i++)
		memset((void *)blocks[i], 0x41, 5040);
	for (int i = 0; i < 64; i++)
		free((void *)blocks[i]);
}

static OUTER void callee_smashes(void *argument)
{
	char *volatile frame = __builtin_frame_address(0);

	(void)argument;
	memset(frame - 8, 0x41, 200);
}

static OUTER void callee_divides(void *argument)
{
	volatile int zero = 0;

	(void)argument;
	line_of_read = 5 / zero;
}

/* From a library at an address that no other child has it at. */
static OUTER void callee_library(void *argument)
{
	size_t (*object_size)(const void *);
	void *library;

	mmap(NULL, (size_t)(getpid() % 1000 + 1) << 12, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1,
	     0);
	library = dlopen(argument, RTLD_NOW);
	if (!library)
		_exit(0);
	*(void **)&object_size = dlsym(library, "json_object_size");
	line_of_read += (int)object_size((void *)64);
}

static bool has_symbols(void)
{
	return sffi__backend_exists();
}

static sffi_frame frame_at(const sffi_fault *fault, size_t index)
{
	sffi_frame frame;

	ck_assert_msg(sffi_fault_get_frame(fault, index, &frame), "frame %zu of %zu", index,
		      sffi_fault_frame_count(fault));
	return frame;
}

START_TEST(test_names)
{
	sffi_fault *fault = test_capture(callee_reads, (void *)0x1234);
	sffi_frame frame;

	ck_assert_ptr_nonnull(fault);
	ck_assert_ptr_eq(sffi_fault_get_address(fault), (void *)0x1234);
	frame = frame_at(fault, 0);
	ck_assert_str_eq(frame.library, test_program());
	ck_assert_uint_eq(frame.pc, (uintptr_t)sffi_fault_get_pc(fault));
	if (has_symbols()) {
		ck_assert_str_eq(sffi_fault_get_symbol(fault), "read_it");
		ck_assert_str_eq(sffi__text_file_name(frame.file), "test_fault_symbolize.c");
		ck_assert_int_eq((int)frame.line, LINE_OF_READ);
		ck_assert_uint_eq(frame.pc - frame.function_offset, (uintptr_t)read_it);
		frame = frame_at(fault, 1);
		ck_assert_str_eq(frame.function, "callee_reads");
		ck_assert_int_eq((int)frame.line, LINE_OF_CALL);
		ck_assert_uint_eq(frame.pc - frame.function_offset, (uintptr_t)callee_reads);
		/* sffi__enter and what is below it are cut off. */
		ck_assert_uint_eq(sffi_fault_frame_count(fault), 2);
	}
	ck_assert(!sffi_fault_get_frame(fault, 100, &frame));
	sffi_fault_release(&fault);
	ck_assert_ptr_null(fault);
}
END_TEST

START_TEST(test_in_libc)
{
	sffi_fault *fault = test_capture(callee_strlen, NULL);

	ck_assert_ptr_nonnull(strstr(sffi_fault_get_library(fault), "libc"));
	ck_assert_ptr_nonnull(strstr(sffi_fault_get_summary(fault), "reading address 0x0 (NULL)"));
	if (has_symbols())
		ck_assert_str_eq(frame_at(fault, sffi_fault_frame_count(fault) - 1).function,
				 "callee_strlen");
	sffi_fault_release(&fault);
}
END_TEST

START_TEST(test_bad_call)
{
	sffi_fault *fault = test_capture(callee_calls, _i ? (void *)0x123456 : NULL);

	ck_assert_uint_eq(frame_at(fault, 0).pc, _i ? 0x123456 : 0);
	ck_assert_ptr_null(sffi_fault_get_symbol(fault));
	ck_assert_ptr_null(sffi_fault_get_library(fault));
	ck_assert_str_eq(frame_at(fault, 1).library, test_program());
	if (has_symbols()) {
		ck_assert_str_eq(frame_at(fault, 1).function, "callee_calls");
		ck_assert_uint_eq(sffi_fault_frame_count(fault), 2);
	}
	sffi_fault_release(&fault);
}
END_TEST

START_TEST(test_stack_overflow)
{
	sffi_fault *fault = test_capture(callee_recurses, NULL);
	struct address_report report;
	struct maps maps;

	sffi__maps_parse(&maps, fault->maps);
	sffi__classify(fault, &maps, &report);
	sffi__maps_free(&maps);
	ck_assert_int_eq(report.class, ADDRESS_STACK_GUARD);
	if (has_symbols()) {
		ck_assert_uint_gt(sffi_fault_frame_count(fault), 64);
		for (size_t i = 0; i < 64; i++)
			ck_assert_str_eq(frame_at(fault, i).function, "recurse");
	}
	sffi_fault_release(&fault);
}
END_TEST

/* A sanitizer has an allocator of its own. */
#if !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
START_TEST(test_corrupt_heap)
{
	sffi_fault *fault = test_capture(callee_corrupts, NULL);

	ck_assert_int_eq(sffi_fault_get_signal(fault), SIGABRT);
	if (has_symbols()) {
		size_t count = sffi_fault_frame_count(fault);

		ck_assert_str_eq(frame_at(fault, count - 1).function, "callee_corrupts");
		if (frame_at(fault, count - 2).function && frame_at(fault, 1).file)
			ck_assert_ptr_nonnull(
				strstr(sffi__classify_frames(fault), "heap is corrupt"));
	}
	sffi_fault_release(&fault);
}
END_TEST
#endif

START_TEST(test_smashed)
{
	sffi_fault *fault = test_capture(callee_smashes, NULL);

	ck_assert_ptr_nonnull(fault);
	ck_assert_uint_ge(sffi_fault_frame_count(fault), 1);
	sffi_fault_release(&fault);
}
END_TEST

START_TEST(test_division)
{
	sffi_fault *fault = test_capture(callee_divides, NULL);

	ck_assert_int_eq(sffi_fault_get_signal(fault), SIGFPE);
	ck_assert_ptr_nonnull(strstr(sffi_fault_get_summary(fault), "division by zero"));
	if (has_symbols())
		ck_assert_str_eq(sffi_fault_get_symbol(fault), "callee_divides");
	sffi_fault_release(&fault);
}
END_TEST

static sffi_fault *capture_library(char *path)
{
	sffi_fault *fault = test_capture(callee_library, path);

	ck_assert_ptr_nonnull(fault);
	ck_assert_str_eq(sffi_fault_get_library(fault), path);
	return fault;
}

/* Each child has the library elsewhere; the session has it once. */
START_TEST(test_moving_library)
{
	char directory[64], path[96];

	test_copy_library(directory, path);
	for (int i = 0; i < 5; i++) {
		sffi_fault *fault = capture_library(path);
		size_t count = sffi_fault_frame_count(fault);

		if (has_symbols()) {
			ck_assert_str_eq(sffi_fault_get_symbol(fault), "json_object_size");
			ck_assert_str_eq(frame_at(fault, count - 1).function, "callee_library");
		}
		sffi_fault_release(&fault);
	}
	unlink(path);
	rmdir(directory);
}
END_TEST

/* What is there by the library's name when somebody asks is not what was mapped. */
START_TEST(test_hostile_files)
{
	char directory[64], path[96];
	sffi_fault *fault;

	test_copy_library(directory, path);
	fault = test_capture(callee_library, path);
	unlink(path);
	if (_i == 0)
		ck_assert_int_eq(mkfifo(path, 0600), 0);
	else if (_i == 1)
		ck_assert_int_eq(symlink("/dev/zero", path), 0);
	else if (_i == 2)
		ck_assert_int_eq(mkdir(path, 0700), 0);
	else if (_i == 3)
		ck_assert_int_eq(symlink("/etc/passwd", path), 0);
	else if (_i == 4)
		ck_assert_int_eq(symlink("/proc/kmsg", path), 0);
	ck_assert_str_eq(sffi_fault_get_library(fault), path);
	ck_assert_ptr_null(sffi_fault_get_symbol(fault));
	sffi_fault_release(&fault);
	if (_i == 2)
		rmdir(path);
	else
		unlink(path);
	rmdir(directory);
}
END_TEST

START_TEST(test_corrupt_library)
{
	char directory[64], path[96];

	test_copy_library(directory, path);
	for (int i = 0; i < 60; i++) {
		sffi_fault *fault = capture_library(path);
		FILE *file;

		sffi_fault_release(&fault);
		fault = test_capture(callee_library, path);
		/* A new version: the mapped one is not touched. */
		file = fopen(path, "r+");
		srand(_i * 1000 + i);
		for (int j = 0; j < 400; j++) {
			fseek(file, j < 60 ? rand() % 1024 : rand() % 50000, SEEK_SET);
			fputc(rand(), file);
		}
		fclose(file);
		ck_assert_uint_ge(sffi_fault_frame_count(fault), 1);
		sffi_fault_release(&fault);
		unlink(path);
		rmdir(directory);
		test_copy_library(directory, path);
	}
	unlink(path);
	rmdir(directory);
}
END_TEST

static double milliseconds_of_report(void (*callee)(void *), void *argument)
{
	sffi_fault *fault = test_capture(callee, argument);
	struct timespec from, to;
	char *text;

	clock_gettime(CLOCK_MONOTONIC, &from);
	text = test_print(fault, sffi_fault_print);
	clock_gettime(CLOCK_MONOTONIC, &to);
	free(text);
	sffi_fault_release(&fault);
	return (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6;
}

/* The bounds are loose, the machine may be busy; the numbers are for who reads the log. */
START_TEST(test_speed)
{
	void (*callees[])(void *) = { callee_strlen, callee_recurses, callee_corrupts };
	const char *names[] = { "NULL pointer", "stack overflow", "heap corruption" };
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
	int count = 2;
#else
	int count = 3;
#endif

	for (int i = 0; i < count; i++) {
		double cold = milliseconds_of_report(callees[i], NULL), best = 1e9;

		for (int j = 0; j < 5; j++) {
			double warm = milliseconds_of_report(callees[i], NULL);

			if (warm < best)
				best = warm;
		}
		fprintf(stderr, "# %s: first report %.2f ms, then %.2f ms\n", names[i], cold, best);
		ck_assert_double_lt(best, 100);
	}
}
END_TEST

static void *ask(void *fault)
{
	sffi_frame frame;

	ck_assert(sffi_fault_get_frame(fault, 0, &frame));
	ck_assert_ptr_nonnull(sffi_fault_get_summary(fault));
	return (void *)frame.function;
}

START_TEST(test_demangle)
{
	char *name = sffi__demangle("_ZN3git4openEPKci");
	/* Each line doubles what the ones before it stand for. */
	char large[512] = "_Z1fI1AI";

	ck_assert_ptr_null(sffi__demangle("strlen"));
	ck_assert_ptr_null(sffi__demangle(""));
	ck_assert_ptr_null(sffi__demangle("_Z"));
	ck_assert_ptr_null(sffi__demangle("_Z0"));
	if (name)
		ck_assert_str_eq(name, "git::open(char const*, int)");
	free(name);
	for (int i = 0; i < 36; i++)
		sprintf(large + strlen(large), "S%c_S%c_E1BI", "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[i],
			"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[i]);
	ck_assert_ptr_null(sffi__demangle(large));
}
END_TEST

START_TEST(test_threads)
{
	for (int i = 0; i < 10; i++) {
		sffi_fault *fault = test_capture(callee_reads, (void *)8);
		sffi_fault *kept = sffi_fault_retain(fault);
		pthread_t threads[8];
		void *name, *first = NULL;

		ck_assert_ptr_eq(kept, fault);
		for (int j = 0; j < 8; j++)
			pthread_create(&threads[j], NULL, ask, fault);
		for (int j = 0; j < 8; j++) {
			pthread_join(threads[j], &name);
			first = j ? first : name;
			ck_assert_ptr_eq(name, first);
		}
		sffi_fault_release(&fault);
		ck_assert_ptr_eq(sffi_fault_get_symbol(kept), first);
		sffi_fault_release(&kept);
	}
}
END_TEST

TCase *test_fault_symbolize(void)
{
	TCase *tcase = tcase_create("symbolize");

	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, test_names);
	tcase_add_test(tcase, test_in_libc);
	tcase_add_loop_test(tcase, test_bad_call, 0, 2);
	tcase_add_test(tcase, test_stack_overflow);
#if !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
	tcase_add_test(tcase, test_corrupt_heap);
#endif
	tcase_add_test(tcase, test_smashed);
	tcase_add_test(tcase, test_division);
	tcase_add_test(tcase, test_moving_library);
	tcase_add_loop_test(tcase, test_hostile_files, 0, 6);
	tcase_add_loop_test(tcase, test_corrupt_library, 0, 2);
	tcase_add_test(tcase, test_speed);
	tcase_add_test(tcase, test_demangle);
	tcase_add_test(tcase, test_threads);
	return tcase;
}
