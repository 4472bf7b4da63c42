/* SPDX-License-Identifier: MIT */
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

void sffi__os_close(int fd)
{
	int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
}

int sffi__os_move_high(int fd)
{
	enum { HIGH = 900 };
	struct rlimit limit;
	int moved, from = HIGH;

	if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur <= HIGH)
		from = limit.rlim_cur > 64 ? (int)limit.rlim_cur / 2 : 3;
	moved = fcntl(fd, F_DUPFD_CLOEXEC, from);
	if (moved < 0)
		return fd;
	close(fd);
	return moved;
}

union control {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int) * OS_FDS_MAX)];
};

int sffi__os_send(int socket, const void *data, size_t size, const int *fds, size_t fd_count)
{
	union control control;
	struct iovec vector = { (void *)data, size };
	struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1 };
	ssize_t sent;

	if (fd_count > OS_FDS_MAX)
		return -EINVAL;
	if (fd_count) {
		memset(&control, 0, sizeof control);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * fd_count);
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
	}
	do
		sent = sendmsg(socket, &message, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return -errno;
	return (size_t)sent == size ? 0 : -EIO;
}

/* Moves the message's descriptors to fds, closes those that do not fit. */
static void take_fds(struct msghdr *message, int *fds, size_t capacity, size_t *count)
{
	*count = 0;
	for (struct cmsghdr *h = CMSG_FIRSTHDR(message); h; h = CMSG_NXTHDR(message, h)) {
		size_t got = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < got; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(h) + i * sizeof fd, sizeof fd);
			if (*count < capacity)
				fds[(*count)++] = fd;
			else
				close(fd);
		}
	}
}

ssize_t sffi__os_receive(int socket, void *data, size_t size, int *fds, size_t *fd_count, int flags)
{
	union control control;
	struct iovec vector = { data, size };
	struct msghdr message = { .msg_iov = &vector,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof control };
	size_t taken = 0;
	ssize_t got = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);

	if (got < 0) {
		got = -errno;
	} else {
		take_fds(&message, fds, fd_count ? *fd_count : 0, &taken);
	}
	if (fd_count)
		*fd_count = taken;
	return got;
}

static int ascending(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

void sffi__os_close_all_but(const int *keep, size_t count)
{
	int sorted[OS_FDS_MAX];
	unsigned from = 3;

	if (count > OS_FDS_MAX)
		count = OS_FDS_MAX;
	memcpy(sorted, keep, count * sizeof *keep);
	qsort(sorted, count, sizeof *sorted, ascending);
	for (size_t i = 0; i < count; i++) {
		if (sorted[i] < (int)from)
			continue;
		if (sorted[i] > (int)from)
			close_range(from, (unsigned)sorted[i] - 1, 0);
		from = (unsigned)sorted[i] + 1;
	}
	close_range(from, ~0u, 0);
}
