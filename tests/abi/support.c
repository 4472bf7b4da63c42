/* SPDX-License-Identifier: MIT */
/* In every generated library: making and checking values. */
#include "case.h"

#include <stdio.h>

void abi_see(unsigned number, unsigned argument, const void *seen, size_t alignment)
{
	const struct abi_case *one = &abi_library.cases[number];
	unsigned byte;
	bool is_right = abi_is_value(&abi_library, number, argument, seen, &byte);

	abi_library.checks++;
	if (is_right && (uintptr_t)seen % alignment == 0)
		return;
	if (!abi_library.failures++)
		snprintf(abi_library.message, sizeof abi_library.message, "%s: %s %u: %s %u in %s",
			 one->name, argument == ABI_CASE_RESULT ? "result" : "argument", argument,
			 is_right ? "not aligned to" : "byte", is_right ? (unsigned)alignment : byte,
			 one->declaration);
}

void abi_make(unsigned number, unsigned argument, void *to)
{
	abi_fill(&abi_library, number, argument, to);
}

/* For a program that has no other way to ask: NULL, or what went wrong first. */
const char *abi_failure(void)
{
	return abi_library.failures ? abi_library.message : NULL;
}

unsigned abi_checks(void)
{
	return abi_library.checks;
}

void abi_bytes(void *to, size_t size, uint64_t *seed)
{
	unsigned char *at = to;

	for (size_t i = 0; i < size; i++)
		at[i] = (unsigned char)abi_random(seed);
}

void abi_or(unsigned char *to, const void *from, size_t size)
{
	for (size_t i = 0; i < size; i++)
		to[i] |= ((const unsigned char *)from)[i];
}

void abi_fill_bool(void *to, uint64_t *seed)
{
	*(unsigned char *)to = abi_random(seed) & 1;
}

/* Numbers, since a NaN need not survive a promotion. */
static int64_t number(uint64_t *seed)
{
	return (int64_t)abi_random(seed) >> 42 | 1;
}

void abi_fill_float(void *to, uint64_t *seed)
{
	float value = (float)number(seed) / 8;

	memcpy(to, &value, sizeof value);
}

void abi_fill_double(void *to, uint64_t *seed)
{
	double value = (double)((int64_t)abi_random(seed) >> 12) / 8;

	memcpy(to, &value, sizeof value);
}

void abi_fill_longdouble(void *to, uint64_t *seed)
{
	long double value = (long double)(int64_t)abi_random(seed) / 8;

	memcpy(to, &value, ABI_LONG_DOUBLE_BYTES);
}

/* No address at all: it travels as it is. */
void abi_fill_pointer(void *to, uint64_t *seed)
{
	uint64_t value = abi_random(seed) & 0x7fff;

	memcpy(to, &value, sizeof value);
}
