/* SPDX-License-Identifier: MIT */
/* Makes threads of its own. */
#include "victim.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

static atomic_int trigger, living;

static int start(void *(*run)(void *), intptr_t argument)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int error;

	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	error = pthread_create(&thread, &attributes, run, (void *)argument);
	pthread_attr_destroy(&attributes);
	return error;
}

static void *crash_when_told(void *unused)
{
	(void)unused;
	while (!atomic_load(&trigger))
		usleep(100);
	*(volatile int *)launder(0) = 1;
	return NULL;
}

static void *crash_later(void *milliseconds)
{
	usleep((useconds_t)(intptr_t)milliseconds * 1000);
	*(volatile int *)launder(0) = 1;
	return NULL;
}

/* Crashes when pull_trigger is called. */
int arm_crasher(void)
{
	return start(crash_when_told, 0);
}

void pull_trigger(void)
{
	atomic_store(&trigger, 1);
}

/* During the call that pulls, which goes on waiting. */
void pull_trigger_and_wait(void)
{
	pull_trigger();
	for (;;)
		pause();
}

/* After this call has returned. */
int crash_after(int milliseconds)
{
	return start(crash_later, milliseconds);
}

static void *exit_later(void *milliseconds)
{
	usleep((useconds_t)(intptr_t)milliseconds * 1000);
	exit(5);
	return NULL;
}

int exit_after(int milliseconds)
{
	return start(exit_later, milliseconds);
}

static void *linger(void *unused)
{
	atomic_fetch_add(&living, 1);
	for (;;)
		pause();
	return unused;
}

int start_lingering(int count)
{
	int error = 0;

	for (int i = 0; i < count && error == 0; i++)
		error = start(linger, 0);
	return error;
}

static void *burn(void *unused)
{
	static volatile unsigned long turns;

	for (;;)
		turns++;
	return unused;
}

int start_burning(int count)
{
	int error = 0;

	for (int i = 0; i < count && error == 0; i++)
		error = start(burn, 0);
	return error;
}

static void *square(void *argument)
{
	intptr_t x = (intptr_t)argument;

	return (void *)(x * x);
}

/* The sum of squares, each from a thread of its own. */
long sum_in_threads(int count)
{
	long sum = 0;

	for (int i = 1; i <= count; i++) {
		pthread_t thread;
		void *result;

		if (pthread_create(&thread, NULL, square, (void *)(intptr_t)i) != 0)
			return -1;
		pthread_join(thread, &result);
		sum += (intptr_t)result;
	}
	return sum;
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* The second one waits for the first for ever. */
void deadlock(void)
{
	pthread_mutex_lock(&lock);
	pthread_mutex_lock(&lock);
}

/* Returns with it locked: a call on another thread hangs, and only that. */
int lock_and_return(void)
{
	return pthread_mutex_trylock(&lock);
}

int lock_and_unlock(void)
{
	pthread_mutex_lock(&lock);
	return pthread_mutex_unlock(&lock);
}

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_int destroyed;

static void count_destroyed(void *value)
{
	(void)value;
	atomic_fetch_add(&destroyed, 1);
}

static void make_key(void)
{
	pthread_key_create(&key, count_destroyed);
}

/* A destructor is due when this thread ends. */
int mark_thread(int value)
{
	pthread_once(&once, make_key);
	return pthread_setspecific(key, (void *)(intptr_t)value);
}

int marked_thread(void)
{
	pthread_once(&once, make_key);
	return (int)(intptr_t)pthread_getspecific(key);
}

static pthread_key_t deep;
static pthread_once_t deep_once = PTHREAD_ONCE_INIT;

static int dig(volatile char *above)
{
	volatile char room[4096];

	room[0] = *above;
	return dig(room) + room[0];
}

static void overflow(void *value)
{
	char nothing = 0;

	(void)value;
	dig(&nothing);
}

static void make_deep_key(void)
{
	pthread_key_create(&deep, overflow);
}

/* A destructor that overflows the stack is due when this thread ends. */
int mark_deep(void)
{
	pthread_once(&deep_once, make_deep_key);
	return pthread_setspecific(deep, (void *)1);
}

int threads_destroyed(void)
{
	return atomic_load(&destroyed);
}

int thread_id(void)
{
	return gettid();
}

/* Two calls at once meet here, each in its own thread; 0 if the other came in time. */
static atomic_int waiting;

int meet(int milliseconds)
{
	int before = atomic_fetch_add(&waiting, 1);

	if (before % 2 == 1)
		return 0;
	for (int i = 0; i < milliseconds * 10; i++) {
		if (atomic_load(&waiting) > before + 1)
			return 0;
		usleep(100);
	}
	return -1;
}
