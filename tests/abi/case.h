/* SPDX-License-Identifier: MIT */
/*
 * What a generated library says about its functions (generate.py), and what the programs
 * that call them know of values: an argument's bytes follow from the library's seed, the
 * case and the argument's number, so that caller and callee need not talk.
 */
#ifndef TEST_ABI_CASE_H
#define TEST_ABI_CASE_H

#include <float.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Of x87's sixteen. */
#define ABI_LONG_DOUBLE_BYTES (LDBL_MANT_DIG == 64 ? 10 : 16)

enum { ABI_CASE_RESULT = 1000, ABI_CASE_ARGUMENTS_MAX = 256, ABI_CASE_SIZE_MAX = 8192 };

struct abi_value {
	unsigned size, alignment;
	void (*fill)(void *to, uint64_t *seed);
	void (*mask)(unsigned char *to); /* ors 0xff into all that is not padding */
};

struct abi_case {
	const char *declaration; /* for SafeFFI's reader */
	const char *name;
	void *callee;                            /* checks its arguments, makes a result */
	void (*caller)(void *callback);          /* calls, checks the result; NULL: variadic */
	void (*taker)(void *take, void *context); /* passes the arguments after two pointers */
	bool has_int128; /* among the parameters themselves */
	struct abi_value result; /* size 0: none */
	unsigned count;
	const struct abi_value *arguments;
};

/* In every generated library. */
struct abi_library {
	uint64_t seed;
	unsigned count;
	const struct abi_case *cases;
	const char *types;  /* C declarations that the functions need */
	bool splits_int128; /* clang before 18 does not pass them as the psABI says */
	/* Of the functions that ran so far. */
	unsigned failures, checks;
	char message[256]; /* of the first failure */
};
extern struct abi_library abi_library;

static inline uint64_t abi_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u; /* splitmix64 */

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* The value of an argument, or of the result: as many bytes as the type has. */
static inline void abi_fill(const struct abi_library *library, unsigned number, unsigned argument,
			    void *to)
{
	const struct abi_case *one = &library->cases[number];
	const struct abi_value *value =
		argument == ABI_CASE_RESULT ? &one->result : &one->arguments[argument];
	uint64_t state = library->seed ^ ((uint64_t)number << 32 | argument);

	if (value->fill)
		value->fill(to, &state);
}

/* Whether it is that value; *byte says where it is not. */
static inline bool abi_is_value(const struct abi_library *library, unsigned number, unsigned argument,
				const void *seen, unsigned *byte)
{
	static unsigned char expected[ABI_CASE_SIZE_MAX], mask[ABI_CASE_SIZE_MAX];
	const struct abi_case *one = &library->cases[number];
	const struct abi_value *value =
		argument == ABI_CASE_RESULT ? &one->result : &one->arguments[argument];

	memset(mask, 0, value->size);
	abi_fill(library, number, argument, expected);
	value->mask(mask);
	for (*byte = 0; *byte < value->size; ++*byte)
		if ((((const unsigned char *)seen)[*byte] ^ expected[*byte]) & mask[*byte])
			return false;
	return true;
}

/* support.c, for the generated functions. */
void abi_see(unsigned number, unsigned argument, const void *seen, size_t alignment);
void abi_make(unsigned number, unsigned argument, void *to);
void abi_bytes(void *to, size_t size, uint64_t *seed);
void abi_or(unsigned char *to, const void *from, size_t size);

/* Leaves. */
void abi_fill_bool(void *to, uint64_t *seed);
void abi_fill_float(void *to, uint64_t *seed);
void abi_fill_double(void *to, uint64_t *seed);
void abi_fill_longdouble(void *to, uint64_t *seed);
void abi_fill_pointer(void *to, uint64_t *seed);

#endif
