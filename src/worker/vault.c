/* SPDX-License-Identifier: MIT */
/* The host's side: what it has kept, and how it gets it back. */
#include "worker/vault.h"

#include "os/os.h"
#include "worker/zygote_protocol.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

bool sffi__vault_keep(int socket, int fd)
{
	struct zygote_request request = { .operation = ZYGOTE_KEEP, .number = fd };

	return !sffi__os_send(socket, &request, sizeof request, &fd, 1);
}

void sffi__vault_drop(int socket, int fd)
{
	struct zygote_request request = { .operation = ZYGOTE_FORGET, .number = fd };

	sffi__os_send(socket, &request, sizeof request, NULL, 0);
}

enum { PATIENCE_MS = 5000 };

/* What was sent by the socket may not have been read yet. */
static bool is_open(struct vault_door *door)
{
	uint64_t end = sffi__os_now_ns() + PATIENCE_MS * UINT64_C(1000000);

	while (atomic_load(&door->open) == VAULT_UNASKED && sffi__os_now_ns() < end)
		sffi__os_futex_wait(&door->open, VAULT_UNASKED, end);
	return atomic_load(&door->open) == VAULT_OPEN;
}

/* Whoever listens there is the zygote, unless it has died, and somebody has taken the name. */
static bool is_zygote(int socket, pid_t zygote)
{
	struct ucred other;
	socklen_t size = sizeof other;

	return !getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &other, &size) && other.pid == zygote;
}

static int receive(int socket)
{
	struct pollfd poller = { .fd = socket, .events = POLLIN };
	size_t count = 1;
	int fd = -1, ready;
	ssize_t got;
	char byte;

	do
		ready = poll(&poller, 1, PATIENCE_MS);
	while (ready < 0 && errno == EINTR);
	if (ready <= 0)
		return -ETIMEDOUT;
	got = sffi__os_receive(socket, &byte, 1, &fd, &count, MSG_DONTWAIT);
	if (got < 0)
		return (int)got;
	return count ? fd : -ENOENT;
}

int sffi__vault_fetch(struct vault_door *door, pid_t zygote, int number)
{
	int knocking = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), fd;

	if (knocking < 0)
		return -errno;
	if (!is_open(door)) {
		fd = atomic_load(&door->open) == VAULT_CLOSED ? -ENOENT : -ETIMEDOUT;
	} else {
		atomic_store(&door->wanted, number);
		if (connect(knocking, (struct sockaddr *)&door->address, door->address_size))
			fd = -errno;
		else
			fd = is_zygote(knocking, zygote) ? receive(knocking) : -EPERM;
	}
	sffi__os_close(knocking);
	return fd;
}
