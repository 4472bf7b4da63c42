/* SPDX-License-Identifier: MIT */
#include "callee.h"

#include <stdlib.h>

int add(int a, int b)
{
	return a + b;
}

int touch(uint8_t *bytes, size_t size)
{
	int before = bytes[0] + bytes[size - 1];

	bytes[0]++;
	bytes[size - 1]++;
	return before;
}

uint64_t sum(const uint64_t *words, size_t count)
{
	uint64_t total = 0;

	for (size_t i = 0; i < count; i++)
		total += words[i];
	return total;
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
