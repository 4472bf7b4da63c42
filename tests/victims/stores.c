/* SPDX-License-Identifier: MIT */
/* A library that writes where it is told, and waits for others to. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

int peek(const void *at)
{
	return *(const volatile char *)at;
}

int poke(void *at, int value)
{
	return *(volatile char *)at = (char)value;
}

static void until(int *stage, int value)
{
	while (__atomic_load_n(stage, __ATOMIC_SEQ_CST) < value)
		sched_yield();
}

/* Lets others go on, waits for them. */
int meet(int *stage)
{
	__atomic_store_n(stage, 1, __ATOMIC_SEQ_CST);
	until(stage, 2);
	return *stage;
}

int meet_then_poke(int *stage, void *at, int value)
{
	meet(stage);
	return poke(at, value);
}

void fill(char *text, size_t n, int value)
{
	memset(text, value, n);
}

int signal_then_poke(int signal, void *at, int value)
{
	raise(signal);
	return poke(at, value);
}

int apply_then_poke(int (*function)(int), void *at, int value)
{
	int result = function(value);

	if (at)
		poke(at, value);
	return result;
}

/* -errno, or the number of bytes. */
int read_to(int fd, void *to, size_t size)
{
	ssize_t got = read(fd, to, size);

	return got < 0 ? -errno : (int)got;
}

struct call {
	int (*function)(int);
	int result;
};

static void *call(void *argument)
{
	struct call *it = argument;

	it->result = it->function(1);
	return NULL;
}

/* On a thread of its own. */
int apply_elsewhere(int (*function)(int))
{
	struct call it = { function, 0 };
	pthread_t thread;

	if (pthread_create(&thread, NULL, call, &it))
		return -1;
	pthread_join(thread, NULL);
	return it.result;
}
