/* SPDX-License-Identifier: MIT */
/*
 * What all tests share. A test uses the public interface only. The same programs run for
 * every way of making workers: TEST_SPAWN=exec, TEST_ONE_THREAD=1 in the environment.
 */
#ifndef TEST_HELPER_H
#define TEST_HELPER_H

#include "excuses.h"
#include "safeffi.h"
#include "test_main.h"

#include <stdlib.h>
#include <string.h>

#define ck_ok(call)                                                                                \
	do {                                                                                       \
		sffi_status ck_status = (call);                                                    \
		ck_assert_msg(ck_status == SFFI_OK, "%s: %s: %s", #call,                           \
			      sffi_status_name(ck_status), sffi_error());                          \
	} while (0)

/* Fails with the status, and says so in a sentence that has the words. */
#define ck_refused(call, status, words)                                                            \
	do {                                                                                       \
		sffi_status ck_status = (call);                                                    \
		ck_assert_msg(ck_status == (status), "%s: %s instead of %s: %s", #call,            \
			      sffi_status_name(ck_status), #status, sffi_error());                 \
		ck_assert_msg(strstr(sffi_error(), words), "%s: no \"%s\" in \"%s\"", #call,       \
			      words, sffi_error());                                                \
	} while (0)

/* The defaults as the environment varies them, with a time-out that only a hang reaches. */
void test_options(sffi_options *);
sffi_domain *test_open(void);
sffi_domain *test_open_with(const sffi_options *);
bool test_is_exec(void);
/* The environment asks for a mode in the host's own process. */
bool test_is_inside(void);
/* How often to do what is to be done `times` times: less often if each call is rehearsed. */
int test_times(int times);
/* AddressSanitizer is in here: its allocator maps memory when it likes, where it likes. */
bool test_is_sanitized(void);

/* The path of libvictim_NAME.so; one of a few static buffers. */
const char *test_victim(const char *name);
sffi_library *test_load(sffi_domain *, const char *victim);
sffi_function *test_function(sffi_library *, const char *declaration);
/* Opens, declares and gets in one; for functions called once. Not released. */
sffi_function *test_victim_function(sffi_domain *, const char *victim, const char *declaration);

/* The domain still works: calls add(2, 3) of the victim `good`. */
void test_still_works(sffi_domain *);

/* What this process has: to find out that nothing leaks. */
struct test_resources {
	int descriptors, children, threads, mappings;
};
struct test_resources test_resources(void);
/* Waits until no more of anything is there than before, for processes that are ending. */
void test_same_resources(struct test_resources before);

/* Waits until the process has ended; it may be a zombie still. */
void test_until_gone(pid_t);

#endif
