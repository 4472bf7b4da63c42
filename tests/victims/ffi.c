/* SPDX-License-Identifier: MIT */
/* For calls and closures in libffi's terms. */
#include "victim.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define ECHO(name, type)                                                                           \
	type echo_##name(type value)                                                               \
	{                                                                                          \
		return value;                                                                      \
	}

ECHO(u8, uint8_t)
ECHO(s8, int8_t)
ECHO(u16, uint16_t)
ECHO(s16, int16_t)
ECHO(u32, uint32_t)
ECHO(s32, int32_t)
ECHO(u64, uint64_t)
ECHO(s64, int64_t)
ECHO(float, float)
ECHO(double, double)
ECHO(long_double, long double)
ECHO(pointer, void *)

static int numbers[64];

/* Memory of the worker's own. */
int *make_numbers(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		numbers[i] = (int)(i * 7919 % 64);
	return numbers;
}

int sort_numbers(unsigned count, int (*compare)(const void *, const void *))
{
	qsort(numbers, count, sizeof *numbers, compare);
	for (unsigned i = 1; i < count; i++)
		if (numbers[i - 1] > numbers[i])
			return 0;
	return 1;
}

/* Reads a struct of the arena with a function in it. */
struct visitor {
	int64_t (*visit)(int64_t, void *);
	void *data;
};

int64_t visit_all(const struct visitor *visitor, int count)
{
	int64_t sum = 0;

	for (int i = 0; i < count; i++)
		sum += visitor->visit(i, visitor->data);
	return sum;
}

/* All of the register, to see what a closure left in it. */
int64_t whole_register(int64_t (*function)(void))
{
	return function();
}

double sum_of(int count, ...)
{
	double sum = 0;
	va_list list;

	va_start(list, count);
	for (int i = 0; i < count; i++)
		sum += i % 2 ? va_arg(list, double) : (double)va_arg(list, int);
	va_end(list);
	return sum;
}

size_t length_of(const char *text)
{
	return strlen(text);
}

int fail_with(int error)
{
	errno = error;
	return -1;
}
