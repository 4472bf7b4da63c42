/* SPDX-License-Identifier: MIT */
/*
 * What the tests with real libraries share. The libraries are declared as the examples declare
 * them. The same programs run in every mode: SAFEFFI_MODE and SAFEFFI_SPAWN in the environment.
 */
#ifndef TEST_LIBRARY_H
#define TEST_LIBRARY_H

#include "helper.h"

#include <stdio.h>

/* Runs the suite, unless a library that it is about is not installed: then it is skipped. */
int library_main(int argc, char **argv, Suite *, const char *const *libraries);

/* The library with the declarations of a file in examples/. */
sffi_library *library_load(sffi_domain *, const char *name, const char *declarations);

/* One call by name or by declaration; gives its status. */
#define library_call(library, name, ...)                                                           \
	({                                                                                         \
		sffi_function *function_ = test_function(library, name);                           \
		sffi_status status_ = sffi_call(function_, __VA_ARGS__);                           \
		sffi_function_release(&function_);                                                 \
		status_;                                                                           \
	})
/* One that must work. */
#define called(library, name, ...) ck_ok(library_call(library, name, __VA_ARGS__))

/* Can a callee crash here without the test? */
bool library_may_crash(void);
/* What the library frees is as it was freed when it is used again. A rehearsal's verdict is memory
 * of the same heap, and may lie there by then. */
bool library_keeps_what_is_freed(void);
/* The call crashed: the fault names the function, and there are frames of the library's file in
 * the report; NULL: found out by SafeFFI itself, outside the library. */
void library_crashed(sffi_status, const char *function, const char *file);
/* After a crash: the domain is as new. */
void library_recover(sffi_domain *);

/* A directory that is removed when the test ends. */
void library_enter_scratch(void);
void library_leave_scratch(void);
const char *library_scratch(const char *name); /* a path in it; one of a few static buffers */
void library_write(const char *path, const void *bytes, size_t size);
char *library_read(const char *path, size_t *size); /* to be freed; NUL-terminated */

/* Runs a command of the shell in the scratch directory, which must succeed, or fail; gives what it
 * printed, to be freed. */
char *library_run(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *library_run_failing(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Two commands that must print the same, and something. */
void library_same(const char *one, const char *other);

#endif
