/* SPDX-License-Identifier: MIT */
/* Does not come back: ends the process, the thread, or never. */
#include "victim.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void do_exit(int status)
{
	exit(status);
}

void do__exit(int status)
{
	_exit(status);
}

void do_quick_exit(int status)
{
	quick_exit(status);
}

static void say_bye(void)
{
	static const char text[] = "an exit handler of the library ran\n";

	if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
		_exit(9);
}

void exit_with_handler(int status)
{
	atexit(say_bye);
	exit(status);
}

void thread_exit(void)
{
	pthread_exit(NULL);
}

/* Only this thread, without its C library noticing. */
void raw_thread_exit(void)
{
	syscall(SYS_exit, 0);
}

void become_true(void)
{
	execl("/bin/true", "true", (char *)NULL);
}

/* Replaced by a program that stays. */
void become_sleep(void)
{
	execl("/bin/sleep", "sleep", "1000", (char *)NULL);
}

void kill_self(void)
{
	kill(getpid(), SIGKILL);
}

void stop_self(void)
{
	kill(getpid(), SIGSTOP);
}

void terminate_self(void)
{
	kill(getpid(), SIGTERM);
}

void sleep_forever(void)
{
	for (;;)
		pause();
}

static volatile int always = 1;
static volatile unsigned long turns;

void loop_forever(void)
{
	while (always)
		turns++;
}

static void block_all(void)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
}

void loop_unkillable(void)
{
	block_all();
	loop_forever();
}

void loop_as_nobody(void)
{
	if (setgid(65534) == 0 && setuid(65534) == 0)
		loop_forever();
	loop_forever();
}

/* A session and a process group of its own, as a daemon has. */
void loop_in_session(void)
{
	setsid();
	loop_forever();
}

int become_nobody(void)
{
	return setgid(65534) == 0 ? setuid(65534) : -1;
}

/* Returns late. */
int return_after(int milliseconds)
{
	struct timespec rest = { milliseconds / 1000, milliseconds % 1000 * 1000000L };

	while (nanosleep(&rest, &rest) != 0)
		;
	return milliseconds;
}
