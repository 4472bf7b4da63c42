/* SPDX-License-Identifier: MIT */
/* Treats every descriptor as its own. */
#include "victim.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

enum { HIGHEST = 4096 };

int close_all(void)
{
	int closed = 0;

	for (int fd = 0; fd < HIGHEST; fd++)
		closed += close(fd) == 0;
	return closed;
}

/* All but the three that everybody has, as daemons do. */
int close_from_three(void)
{
	return close_range(3, ~0U, 0);
}

/* Only what is a memory file or a pipe without a name: never a file of the tests. */
static int is_anonymous(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 && (status.st_nlink == 0 || !S_ISREG(status.st_mode));
}

int truncate_all(void)
{
	int truncated = 0;

	for (int fd = 3; fd < HIGHEST; fd++)
		if (is_anonymous(fd))
			truncated += ftruncate(fd, 0) == 0;
	return truncated;
}

int grow_all(void)
{
	int grown = 0;

	for (int fd = 3; fd < HIGHEST; fd++)
		if (is_anonymous(fd))
			grown += ftruncate(fd, 1L << 40) == 0;
	return grown;
}

/* Everything becomes /dev/null. */
int replace_all(void)
{
	int null = open("/dev/null", O_RDWR), replaced = 0;

	for (int fd = 3; null >= 0 && fd < 256; fd++)
		if (fd != null && fcntl(fd, F_GETFD) >= 0)
			replaced += dup2(null, fd) == fd;
	return replaced;
}

/* Likewise, but not by the C library, and the numbers from 900 on, too. */
int replace_all_unseen(void)
{
	int null = open("/dev/null", O_RDWR), replaced = 0;

	for (int fd = 3; null >= 0 && fd < HIGHEST; fd++)
		if (fd != null && fcntl(fd, F_GETFD) >= 0)
			replaced += syscall(SYS_dup3, null, fd, 0) == fd;
	return replaced;
}

int close_unseen(void)
{
	return (int)syscall(SYS_close_range, 3, ~0U, 0);
}

/* Bytes that are no message of anybody's protocol, into every pipe and socket. */
int write_garbage(void)
{
	unsigned char garbage[256];
	struct stat status;
	int written = 0;

	for (size_t i = 0; i < sizeof garbage; i++)
		garbage[i] = (unsigned char)(i * 37 + 11);
	for (int fd = 3; fd < HIGHEST; fd++) {
		if (fstat(fd, &status) != 0 || S_ISREG(status.st_mode) || S_ISCHR(status.st_mode))
			continue;
		if (S_ISSOCK(status.st_mode))
			for (size_t size = 8; size <= sizeof garbage; size *= 32)
				written += send(fd, garbage, size, MSG_DONTWAIT | MSG_NOSIGNAL) > 0;
		else if (fcntl(fd, F_SETFL, O_NONBLOCK) == 0)
			written += write(fd, garbage, 8) > 0;
	}
	return written;
}

/* And reads what was meant for others. */
int read_everything(void)
{
	char buffer[4096];
	int got = 0;

	for (int fd = 3; fd < HIGHEST; fd++)
		if (is_anonymous(fd) && fcntl(fd, F_SETFL, O_NONBLOCK) == 0)
			got += read(fd, buffer, sizeof buffer) > 0;
	return got;
}

int shut_sockets(void)
{
	int shut = 0;

	for (int fd = 3; fd < HIGHEST; fd++)
		shut += shutdown(fd, SHUT_RDWR) == 0;
	return shut;
}

/* One that the host will have to close with the worker. */
int leak(void)
{
	return open("/dev/null", O_RDWR);
}

/* Until there are no more. */
int leak_all(void)
{
	int opened = 0;

	while (opened < 100000 && open("/dev/null", O_RDWR) >= 0)
		opened++;
	return opened;
}

/* As libraries have tables of system calls. */
static int (*volatile open_by_table)(const char *, int, ...) = open;
static int (*volatile close_by_table)(int) = close;

/* One by each function that makes them, and some that are closed again. How many are open, as a
 * number that is none of theirs. */
int open_each_kind(void)
{
	static const char text[] = "/tmp/safeffi-victim-XXXXXX";
	char first[sizeof text], second[sizeof text], third[sizeof text], fourth[sizeof text];
	int ends[2][2], pair[2], count = 0, null = open("/dev/null", O_RDWR), listener;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t length = sizeof address;
	sigset_t none;
	const int made[] = {
		null,
		openat(AT_FDCWD, "/dev/zero", O_RDONLY),
		creat("/dev/null", 0600),
		memfd_create("victim", 0),
		mkstemp(strcpy(first, text)),
		mkostemp(strcpy(second, text), O_APPEND),
		mkstemps(strcpy(third, text), 0),
		mkostemps(strcpy(fourth, text), 0, O_APPEND),
		posix_openpt(O_RDWR | O_NOCTTY),
		dup(null),
		open_by_table("/dev/null", O_RDONLY),
		dup2(null, 200),
		dup3(null, 201, O_CLOEXEC),
		fcntl(null, F_DUPFD, 210),
		fcntl(null, F_DUPFD_CLOEXEC, 211),
		fileno(fopen("/dev/null", "r")),
		fileno(freopen("/dev/zero", "r", fopen("/dev/null", "r"))),
		fileno(tmpfile()),
		dirfd(opendir("/")),
		eventfd(0, 0),
		epoll_create(1),
		epoll_create1(0),
		timerfd_create(CLOCK_MONOTONIC, 0),
		inotify_init(),
		inotify_init1(0),
		signalfd(-1, (sigemptyset(&none), &none), 0),
		listener = socket(AF_UNIX, SOCK_STREAM, 0),
	};

	for (size_t i = 0; i < sizeof made / sizeof *made; i++)
		count += made[i] >= 0;
	unlink(first);
	unlink(second);
	unlink(third);
	unlink(fourth);
	count += pipe(ends[0]) == 0 ? 2 : 0;
	count += pipe2(ends[1], O_CLOEXEC) == 0 ? 2 : 0;
	count += socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 ? 2 : 0;
	if (bind(listener, (struct sockaddr *)&address, sizeof address.sun_family) == 0 &&
	    getsockname(listener, (struct sockaddr *)&address, &length) == 0 && listen(listener, 1) == 0) {
		int client = socket(AF_UNIX, SOCK_STREAM, 0);

		count += client >= 0 && connect(client, (struct sockaddr *)&address, length) == 0;
		count += accept(listener, NULL, NULL) >= 0;
	}
	close(open("/dev/null", O_RDONLY));
	close_by_table(open("/dev/null", O_RDONLY));
	fclose(fopen("/dev/null", "r"));
	closedir(opendir("/"));
	return 10000 + count;
}

/* All at once, so that each has a number of its own. */
void open_and_close(void)
{
	int by_call = open("/dev/null", O_RDWR), by_table = open("/dev/null", O_RDWR),
	    in_range = open("/dev/null", O_RDWR);
	FILE *stream = fopen("/dev/null", "r+");

	close(by_call);
	close_by_table(by_table);
	close_range((unsigned)in_range, (unsigned)in_range, 0);
	fclose(stream);
}

int fill_pipe(int ends[2])
{
	return pipe(ends);
}

int open_and_tell(int (*tell)(int))
{
	return tell(open("/dev/null", O_RDONLY));
}

struct six {
	int fd[6];
};

struct six open_six(void)
{
	struct six six;

	for (int i = 0; i < 6; i++)
		six.fd[i] = open("/dev/null", O_RDONLY);
	return six;
}

/* As a library that redirects the program's own. */
void open_in_place(int number)
{
	int fd = open("/dev/null", O_RDONLY);

	dup2(fd, number);
	close(fd);
}

int close_nothing(void)
{
	return closedir(NULL) == -1 && errno == EINVAL;
}

static int opened_before;

void open_for_later(void)
{
	opened_before = open("/dev/null", O_RDONLY);
}

int opened_then(void)
{
	return opened_before;
}

/* Whatever it can of its process, and does not live to give it back. */
void spoil_and_die(void)
{
	struct rlimit none = { 0, 0 };

	if (chdir("/") == 0)
		umask(0);
	setenv("SPOILED", "1", 1);
	setlocale(LC_ALL, "C.UTF-8");
	if (nice(7) == -1)
		errno = 0;
	setrlimit(RLIMIT_NOFILE, &none);
	setrlimit(RLIMIT_FSIZE, &none);
	close_range(3, ~0U, 0);
	abort();
}

/* Loads it, has it open one more file, and opens a pipe by a function that it has looked up. */
int load_opener(const char *path)
{
	void *opener = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	void (*open_later)(void) = opener ? (void (*)(void))dlsym(opener, "open_later") : NULL;
	int (*looked_up)(int ends[2]) = (int (*)(int *))dlsym(RTLD_DEFAULT, "pipe");
	int ends[2];

	if (!open_later || !looked_up)
		return -1;
	open_later();
	return looked_up(ends);
}
