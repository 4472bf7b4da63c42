/* SPDX-License-Identifier: MIT */
#include "callee.h"

#include <stdlib.h>
#include <time.h>

int add(int a, int b)
{
	return a + b;
}

int with_callback(int (*function)(int, int), int a, int b)
{
	return function(a, b);
}

double add_mixed(int a, double b, long c, float d, short e, double f, unsigned g, float h,
		 int8_t i, double j, long k, double l, uint16_t m, float n, int64_t o, double p)
{
	return a + b + (double)c + (double)d + e + f + g + (double)h + i + j + (double)k + l + m +
	       (double)n + (double)o + p;
}

uint64_t take_wide(struct wide wide)
{
	return wide.words[0] + wide.words[7];
}

struct wide give_wide(int first)
{
	struct wide wide = { { (uint64_t)first } };

	return wide;
}

int touch(uint8_t *bytes, size_t size)
{
	int before = bytes[0] + bytes[size - 1];

	bytes[0]++;
	bytes[size - 1]++;
	return before;
}

int touch_apart(uint8_t *bytes, size_t stride, int times)
{
	for (int i = 0; i < times; i++)
		bytes[(size_t)i * stride]++;
	return times;
}

uint64_t sum(const uint64_t *words, size_t count)
{
	uint64_t total = 0;

	for (size_t i = 0; i < count; i++)
		total += words[i];
	return total;
}

int nap(int microseconds)
{
	struct timespec time = { .tv_nsec = microseconds * 1000L };

	nanosleep(&time, NULL);
	return microseconds;
}

/* A few frames deep, as a crash in a real library is. The statement after a call keeps the
 * compiler from making the call a jump, whose caller is in no stack. */
__attribute__((noinline)) int crash_null(int depth)
{
	volatile int *volatile nowhere = NULL;
	int result = 1;

	if (depth > 0)
		result += crash_null(depth - 1);
	else
		*nowhere = 1;
	__asm__ volatile("" : "+r"(result));
	return result;
}

/* Freeing a block twice: the allocator finds out and aborts. The block is a new one of
 * this call, since the lists of free blocks may be those of the host. */
int crash_heap(size_t size)
{
	void *volatile block = malloc(size);

	free(block);
	free(block);
	return 0;
}
