/* SPDX-License-Identifier: MIT */
/* Does what a rehearsal finds out, or stops at. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
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

/* Another thread, if there is one, sees that it was asked and answers. */
int ask_thread(sem_t *asked, sem_t *answered)
{
	sem_post(asked);
	while (sem_wait(answered))
		;
	return 1;
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

/* What the kernel reads and writes lies on pages of the host's that the callee itself never touches:
 * `at` is where the first of them is, `fd` is readable. The number of what failed; 0: nothing. */
enum { PAGE = 4096 };

int ask_kernel(char *at, int fd, const char *path)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epoll = epoll_create1(0), file = open(path, O_RDONLY), ends[2];
	pid_t pid;

	if (poll((struct pollfd *)at, 1, -1) != 1)
		return 1;
	if (select(fd + 1, (fd_set *)(at + 1 * PAGE), NULL, NULL, (struct timeval *)(at + 2 * PAGE)) != 1)
		return 2;
	if (pselect(fd + 1, (fd_set *)(at + 3 * PAGE), NULL, NULL, (struct timespec *)(at + 4 * PAGE),
		    (sigset_t *)(at + 5 * PAGE)) != 1)
		return 3;
	if (ppoll((struct pollfd *)(at + 6 * PAGE), 1, NULL, (sigset_t *)(at + 7 * PAGE)) != 1)
		return 4;
	if (pipe(ends) || write(ends[1], "x", 1) != 1)
		return 5;
	epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event);
	if (epoll_pwait(epoll, (struct epoll_event *)(at + 8 * PAGE), 1, -1, (sigset_t *)(at + 9 * PAGE)) != 1)
		return 6;
	if (epoll_wait(epoll, (struct epoll_event *)(at + 10 * PAGE), 1, -1) != 1)
		return 7;
	if (readv(file, (struct iovec *)(at + 11 * PAGE), 2) != 2)
		return 8;
	if (stat(path, (struct stat *)(at + 14 * PAGE)) || statx(AT_FDCWD, path, 0, STATX_ALL, (struct statx *)(at + 15 * PAGE)))
		return 9;
	if (getrusage(RUSAGE_SELF, (struct rusage *)(at + 16 * PAGE)))
		return 10;
	if (clock_nanosleep(CLOCK_MONOTONIC, 0, (struct timespec *)(at + 17 * PAGE), NULL))
		return 11;
	pid = fork();
	if (!pid)
		_exit(3);
	if (wait4(pid, (int *)(at + 18 * PAGE), 0, (struct rusage *)(at + 19 * PAGE)) != pid)
		return 12;
	close(epoll);
	close(file);
	close(ends[0]);
	close(ends[1]);
	return 0;
}

static void on_alarm(int signal)
{
	(void)signal;
}

/* A signal ends what waits: how often it did. */
int wait_for_alarms(void)
{
	const struct timeval soon = { .tv_usec = 1000 };
	const struct itimerval often = { soon, soon };
	const struct sigaction action = { .sa_handler = on_alarm };
	struct sigaction before;
	sigset_t blocked, none;
	int ended = 0;

	sigemptyset(&none);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGALRM);
	sigaction(SIGALRM, &action, &before);
	setitimer(ITIMER_REAL, &often, NULL);
	ended += poll(NULL, 0, -1) < 0 && errno == EINTR;
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	ended += ppoll(NULL, 0, NULL, &none) < 0 && errno == EINTR;
	ended += pselect(0, NULL, NULL, NULL, NULL, &none) < 0 && errno == EINTR;
	setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
	sigprocmask(SIG_UNBLOCK, &blocked, NULL);
	sigaction(SIGALRM, &before, NULL);
	return ended;
}
