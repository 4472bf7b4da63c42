/* SPDX-License-Identifier: MIT */
/* Takes the signals into its own hands first. */
#include "victim.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static void crash(void)
{
	*(volatile int *)launder(0) = 1;
}

static void block_all(void)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
}

void block_and_crash(void)
{
	block_all();
	crash();
}

/* Returns with everything blocked: later calls run so. */
int block_and_return(void)
{
	block_all();
	return 0;
}

static volatile int in_handler;

/* The faulting instruction runs again and again. */
static void loop(int number)
{
	in_handler = number;
}

/* Leaves it behind. */
int install_looping_handler(void)
{
	return signal(SIGSEGV, loop) == SIG_ERR ? -1 : 0;
}

void loop_in_handler(void)
{
	install_looping_handler();
	crash();
}

void ignore_and_crash(void)
{
	static const int numbers[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS };

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		signal(numbers[i], SIG_IGN);
	crash();
}

/* As crash reporters do that were linked in: the default, then the signal again. */
static void report_and_die(int number)
{
	signal(number, SIG_DFL);
	raise(number);
}

void reporter_and_crash(void)
{
	signal(SIGSEGV, report_and_die);
	crash();
}

static void disable_stack(void)
{
	stack_t none = { .ss_flags = SS_DISABLE };

	sigaltstack(&none, NULL);
}

void disable_stack_and_crash(void)
{
	disable_stack();
	crash();
}

static volatile int endless = 1;

static int descend(int depth)
{
	volatile char block[256];
	int below;

	if (!endless)
		return depth;
	block[0] = (char)depth;
	below = descend(depth + 1);
	return below + block[0];
}

/* Now no handler can run at all: the kernel kills. */
int disable_stack_and_overflow(void)
{
	disable_stack();
	return descend(0);
}

/* A signal stack that is not memory. */
void bad_stack_and_crash(void)
{
	stack_t bad = { .ss_sp = launder(0x123456780000), .ss_size = 65536 };

	sigaltstack(&bad, NULL);
	crash();
}

/* The stack pointer itself is gone. */
void lose_stack(void)
{
#if defined __x86_64__
	__asm__ volatile("xor %%esp, %%esp; push %%rax" ::: "memory");
#else
	crash();
#endif
}
