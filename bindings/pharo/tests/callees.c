/* SPDX-License-Identifier: MIT */
/* What the test calls. */
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

/* One for each type of the table: echo_uint8 and so on. */
#define CALL(result, name, parameters)
#define CONSTANT(name, value)
#define FIELD(structure, field, offset)
#define SIZE(structure, size)
#define TYPE(name, c, text, size, kind)                                                            \
	c echo_##name(c value)                                                                     \
	{                                                                                          \
		return value;                                                                      \
	}
#include "pharo.h"

void *address_of_echo(void)
{
	return echo_sint32;
}

void reverse(uint8_t *bytes, uint32_t count)
{
	for (uint32_t i = 0; i < count / 2; i++) {
		uint8_t byte = bytes[i];

		bytes[i] = bytes[count - 1 - i];
		bytes[count - 1 - i] = byte;
	}
}

struct point {
	int32_t x;
	double y;
};

struct point mirror(struct point p)
{
	return (struct point){ -p.x, -p.y };
}

struct point *make_point(int32_t x, double y)
{
	struct point *p = malloc(sizeof *p);

	*p = (struct point){ x, y };
	return p;
}

double point_sum(const struct point *p)
{
	return p->x + p->y;
}

const char *name_it(void)
{
	return "a name";
}

int call_it(int (*function)(int, const char *), int value)
{
	return function(value, "text") + 1;
}

int crash(int *where)
{
	return *where = 1;
}

void for_ever(void)
{
	for (volatile int i = 0;; i++)
		;
}

int nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
	return 7;
}
