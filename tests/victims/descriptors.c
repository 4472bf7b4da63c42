/* SPDX-License-Identifier: MIT */
/* Treats every descriptor as its own. */
#include "victim.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
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
			written += send(fd, garbage, sizeof garbage, MSG_DONTWAIT | MSG_NOSIGNAL) > 0;
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
