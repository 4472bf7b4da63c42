/* SPDX-License-Identifier: MIT */
/* Overwrites what the C library keeps about this thread. */
#include "victim.h"

#include <pthread.h>
#include <string.h>

/* From behind the thread pointer's own words (tcb, dtv, self, canary) to the end of glibc's
 * struct pthread, roughly: tid, robust list, cancellation, stack. */
enum { FIRST = 0x2c0, SIZE = 0x900 };

int scribble(int value)
{
	memset((char *)launder((uintptr_t)pthread_self()) + FIRST, value, SIZE - FIRST);
	return 0;
}

/* Everything but the words without which not even a return works. */
void scribble_all(void)
{
	memset((char *)launder((uintptr_t)pthread_self()) + 0x100, 0xff, SIZE - 0x100);
}

/* Everything: the stack protector and errno's place too. */
void scribble_everything(void)
{
	memset(launder((uintptr_t)pthread_self()), 0xff, SIZE);
}

void scribble_and_crash(void)
{
	scribble_all();
	*(volatile int *)launder(0) = 1;
}
