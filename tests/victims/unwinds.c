/* SPDX-License-Identifier: MIT */
/* Leaves by longjmp. */
#include "victim.h"

#include <setjmp.h>
#include <signal.h>

static jmp_buf place;
static volatile int armed;

/* The frame that place names is gone when this returns. */
int arm(void)
{
	armed = 1;
	return setjmp(place);
}

void leap(void)
{
	longjmp(place, 7);
}

static void deep(int depth)
{
	volatile int level = depth;

	if (level < 0)
		return;
	if (level == 0)
		longjmp(place, 3);
	deep(level - 1);
	level = 0; /* no tail call */
}

/* Across frames of its own only, which is fine: returns 3. */
int leap_inside(void)
{
	int value = setjmp(place);

	if (value == 0)
		deep(5);
	return value;
}

/* As libpng and libjpeg do: the error handler was armed in a call before this one. */
int arm_then_return(int value)
{
	if (setjmp(place) == 0)
		return value;
	return -1;
}

static sigjmp_buf signal_place;

static void leave(int number)
{
	siglongjmp(signal_place, number);
}

/* A library that catches its own SIGSEGV: returns 11. */
int recover_inside(void)
{
	struct sigaction action = { .sa_handler = leave, .sa_flags = SA_NODEFER }, old;
	int value;

	sigaction(SIGSEGV, &action, &old);
	value = sigsetjmp(signal_place, 1);
	if (value == 0)
		*(volatile int *)launder(0) = 1;
	sigaction(SIGSEGV, &old, 0);
	return value;
}
