/* SPDX-License-Identifier: MIT */
/* Faults inside of the allocator, with its lock held where the process has more than one thread;
 * and other damage in process. */
#include "victim.h"

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xmmintrin.h>

enum { CHUNK = 30000, BLOCKS = 64, WIDTH = 5000 };

/* Writes past its blocks, and frees them: the allocator notices, and aborts. */
void corrupt_heap(void)
{
	char *volatile blocks[BLOCKS];

	for (int i = 0; i < BLOCKS; i++)
		blocks[i] = malloc(WIDTH);
	for (int i = 0; i < BLOCKS - 1; i++)
		memset(blocks[i], 0x41, WIDTH + 40);
	for (int i = 0; i < BLOCKS; i++)
		free(blocks[i]);
}

/* A block that is freed and written to afterwards: the allocator follows what was written. */
void crash_in_malloc(void)
{
	/* Neighbours that are in use, so that it is not joined with them. */
	void *volatile before = malloc(CHUNK);
	void *volatile block = malloc(CHUNK);
	void *volatile after = malloc(CHUNK);
	volatile uintptr_t *freed = launder((uintptr_t)block);

	free(block);
	freed[0] = freed[1] = 0x414141414140;
	before = malloc(2 * CHUNK);
	after = before;
}

/* In a stream, whose lock it holds. */
void crash_in_printf(void)
{
	FILE *null = fopen("/dev/null", "w");

	fprintf(null, "%s", (const char *)8);
}

/* Has used the allocator, but not when it crashes. */
int crash_after_malloc(void)
{
	void *volatile block = malloc(100);
	volatile int *volatile nowhere = (int *)16;

	free(block);
	return *nowhere;
}

/* Overwrites its own frame, and those above. */
__attribute__((noinline)) int smash_stack(int bytes)
{
	char local[16];

	memset(launder((uintptr_t)local), 0x42, (size_t)bytes);
	return local[0];
}

/* With the CPU in a state that no caller expects. */
int crash_oddly(void)
{
	volatile int *volatile nowhere = (int *)16;

	_mm_setcsr(_mm_getcsr() | _MM_ROUND_TOWARD_ZERO);
	__asm__ volatile("std");
	return *nowhere;
}

int send_to_process(int number)
{
	return kill(getpid(), number);
}

static volatile int handled;

static void count(int number)
{
	(void)number;
	handled++;
}

int leave_handler(int number)
{
	return signal(number, count) == SIG_ERR;
}

int times_handled(void)
{
	return handled;
}
