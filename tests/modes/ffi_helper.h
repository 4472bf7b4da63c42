/* SPDX-License-Identifier: MIT */
/* What the tests of calls and closures in libffi's terms share. */
#ifndef TEST_FFI_HELPER_H
#define TEST_FFI_HELPER_H

#include "ffi_case.h"
#include "helper.h"
#include "safeffi-ffi.h"

#include <dlfcn.h>

#define ok(call)                                                                                   \
	do {                                                                                       \
		sffi_status ck_status = (call);                                                    \
		ck_assert_msg(ck_status == SFFI_OK, "%s: %s: %s", #call,                           \
			      sffi_status_name(ck_status), sffi_ffi_error());                      \
	} while (0)

#define refused(call, status, words)                                                               \
	do {                                                                                       \
		sffi_status ck_status = (call);                                                    \
		ck_assert_msg(ck_status == (status), "%s: %s instead of %s: %s", #call,            \
			      sffi_status_name(ck_status), #status, sffi_ffi_error());             \
		ck_assert_msg(strstr(sffi_ffi_error(), words), "%s: no \"%s\" in \"%s\"", #call,   \
			      words, sffi_ffi_error());                                            \
	} while (0)

enum { RESULT_MAX = 4096, POISON = 0xa5 };

extern sffi_domain *domain;

/* The fixture. The libraries come after the worker: it loads what it is called for. */
void open_domain(void);
void close_domain(void);

/* Of the victim `ffi`, as this process has it. */
void (*function(const char *name))(void);
ffi_cif *prepared(ffi_cif *, ffi_type *result, unsigned count, ffi_type **types);

/* Equal where the mask has bits, untouched behind the result. */
void same_results(const char *what, const ffi_type *, const unsigned char *expected,
		  const unsigned char *result, const unsigned char *mask);

/* All that are no more than a number, with their echoes; the integers first. */
struct scalar {
	const char *name;
	ffi_type *type;
};
enum { INTEGERS = 8, SCALARS = 11 };
extern const struct scalar scalars[SCALARS];

/* ---- random signatures ------------------------------------------------------------------- */

struct made_call {
	const struct ffi_case *one;
	ffi_type *types[1 + FFI_CASE_ARGUMENTS_MAX]; /* of its caller, a function's address first */
	ffi_cif cif, caller;
	bool libffi_errs; /* and what is expected is the compiler's */
	void *code;
	void *avalues[1 + FFI_CASE_ARGUMENTS_MAX];
	_Alignas(16) unsigned char expected[RESULT_MAX], result[RESULT_MAX], mask[RESULT_MAX];
	_Alignas(16) char values[FFI_CASE_ARGUMENTS_MAX][RESULT_MAX];
};

void open_cases(const struct ffi_case **, unsigned *count);
/* The next call of the signature, with what it must give; one at a time. */
struct made_call *make_call(const struct ffi_case *);

#endif
