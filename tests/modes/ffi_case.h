/* SPDX-License-Identifier: MIT */
/* Functions of many signatures with their cifs' types, as ffi_generate.py writes them. */
#ifndef TEST_FFI_CASE_H
#define TEST_FFI_CASE_H

#include <ffi.h>
#include <stddef.h>

enum { FFI_CASE_ARGUMENTS_MAX = 24 };

struct ffi_case {
	const char *declaration; /* for messages */
	void (*function)(void);
	void (*caller)(void);    /* takes the address of such a function before its arguments */
	void (*direct)(void *result, void **values); /* calls it as the compiler does */
	void (*mask)(void *);    /* sets those bytes of a result that are its value to 0xff */
	ffi_type *result;
	unsigned count;
	ffi_type *types[FFI_CASE_ARGUMENTS_MAX];
};

/* Of the library. */
extern const struct ffi_case ffi_cases[];
extern const unsigned ffi_case_count;

#endif
