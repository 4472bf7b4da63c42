/* SPDX-License-Identifier: MIT */
/* Structs by value with pointers in them, variadic functions, and a crash with a struct. */
#include "victim.h"

#include <complex.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct pair {
	const char *text;
	int *number;
};

/* Reads the one and writes through the other. */
int use_pair(struct pair pair, int add)
{
	*pair.number += add;
	return (int)strlen(pair.text) + *pair.number;
}

struct view {
	const char *start, *end;
};

/* Two pointers into what it was given. */
struct view view_of(const char *text, char stop)
{
	struct view view = { text, strchr(text, stop) };

	return view;
}

struct large {
	long words[8];
	int *where;
};

struct large make_large(long first, int where[2])
{
	struct large large = { .where = where + 1 };

	for (int i = 0; i < 8; i++)
		large.words[i] = first + i;
	return large;
}

struct point {
	int x;
	double y;
	unsigned flag : 3;
};

int crash_with(struct point point, long double precise, double _Complex c, __int128 wide)
{
	(void)point, (void)precise, (void)c, (void)wide;
	return *(volatile int *)0;
}

/* Kinds: i int, l long, d double, s string, p an int to be doubled. */
double sum(const char *kinds, ...)
{
	double total = 0;
	va_list list;

	va_start(list, kinds);
	for (; *kinds; kinds++) {
		if (*kinds == 'i')
			total += va_arg(list, int);
		else if (*kinds == 'l')
			total += (double)va_arg(list, long);
		else if (*kinds == 'd')
			total += va_arg(list, double);
		else if (*kinds == 's')
			total += (double)strlen(va_arg(list, const char *));
		else
			*va_arg(list, int *) *= 2;
	}
	va_end(list);
	return total;
}

struct heavy {
	char bytes[700000];
};

long weigh(struct heavy heavy)
{
	long total = 0;

	for (size_t i = 0; i < sizeof heavy.bytes; i++)
		total += heavy.bytes[i];
	return total;
}

struct heavy make_heavy(char c)
{
	static struct heavy heavy;

	memset(&heavy, c, sizeof heavy);
	return heavy;
}
