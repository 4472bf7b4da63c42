/* SPDX-License-Identifier: MIT */
/* Does what a rehearsal finds out, or stops at. */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int own_count;

int count_own(void)
{
	return ++own_count;
}

/* Every stride-th byte gets another value. */
int scribble(char *at, size_t stride, int times)
{
	for (int i = 0; i < times; i++)
		at[(size_t)i * stride] ^= 0xff;
	return times;
}

int scribble_then_crash(char *at)
{
	scribble(at, 1, 100);
	return *(volatile int *)NULL;
}

int scribble_then_hang(char *at)
{
	scribble(at, 1, 100);
	for (;;)
		pause();
}

/* Nobody can ask it where it is. */
int scribble_then_hang_deaf(char *at)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	return scribble_then_hang(at);
}

/* More than it was told that there is. */
void overrun(char *to, size_t size)
{
	memset(to, 'x', size + 8);
}

long sum_bytes_of(const unsigned char *at, size_t size)
{
	long sum = 0;

	for (size_t i = 0; i < size; i++)
		sum += at[i];
	return sum;
}

int say_twice(int fd)
{
	return (int)write(fd, "once ", 5) + (int)write(fd, "twice ", 6);
}

long skip(int fd, long by)
{
	return lseek(fd, by, SEEK_CUR);
}

int send_some(int fd)
{
	return (int)send(fd, "sent", 4, 0);
}

int send_signal(int pid, int number)
{
	return kill(pid, number);
}

int remove_file(const char *path)
{
	return unlink(path);
}

int make_file(const char *path)
{
	FILE *file = fopen(path, "w");

	return file && fputs("made", file) >= 0 && !fclose(file);
}

/* What it opens, reads and closes itself does no harm. */
int first_byte(const char *path)
{
	FILE *file = fopen(path, "r");
	int byte = file ? getc(file) : -1;

	if (file)
		fclose(file);
	return byte;
}

static void *wait_for_ever(void *unused)
{
	for (;;)
		pause();
	return unused;
}

int leave_threads(int count)
{
	pthread_t thread;
	int made = 0;

	for (int i = 0; i < count; i++)
		made += !pthread_create(&thread, NULL, wait_for_ever, NULL);
	return made;
}

int leave_children(int count)
{
	for (int i = 0; i < count; i++)
		if (!fork())
			_exit(0);
	return count;
}

int child_that_speaks(int fd)
{
	pid_t pid = fork();
	int status = -1;

	if (!pid)
		_exit(write(fd, "child", 5) != 5);
	waitpid(pid, &status, 0);
	return status;
}
