/* SPDX-License-Identifier: MIT */
/* The zygote's side. It allocates nothing: there is no free address space in it. */
#include "worker/vault.h"

#include "os/os.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* More than a host has with the most domains that there may be. */
enum { KEPT_MAX = 2048 };

static struct kept {
	int number; /* the host's */
	int fd;     /* the copy's, or 0: none */
} kept[KEPT_MAX];
static int listener = -1;

static struct kept *find(int number)
{
	for (size_t i = 0; i < KEPT_MAX; i++)
		if (kept[i].fd && kept[i].number == number)
			return &kept[i];
	return NULL;
}

static struct kept *vacant(void)
{
	for (size_t i = 0; i < KEPT_MAX; i++)
		if (!kept[i].fd)
			return &kept[i];
	return NULL;
}

void sffi__vault_forget(int number)
{
	struct kept *found = find(number);

	if (!found)
		return;
	sffi__os_close(found->fd);
	found->fd = 0;
}

/* The kernel chooses a name that nobody has: bind(2) with the family alone. */
static int listen_at(struct vault_door *door)
{
	struct sockaddr_un any = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	door->address_size = sizeof door->address;
	if (fd >= 0 && !bind(fd, (struct sockaddr *)&any, sizeof any.sun_family) && !listen(fd, 16) &&
	    !getsockname(fd, (struct sockaddr *)&door->address, &door->address_size))
		return fd;
	sffi__os_close(fd);
	return -1;
}

static void open_door(struct vault_door *door)
{
	listener = listen_at(door);
	atomic_store(&door->open, listener < 0 ? VAULT_CLOSED : VAULT_OPEN);
	sffi__os_futex_wake(&door->open, 1);
}

int sffi__vault_take(struct vault_door *door, int number, int fd)
{
	struct kept *place;

	if (atomic_load(&door->open) == VAULT_UNASKED)
		open_door(door);
	sffi__vault_forget(number);
	/* What nobody could fetch would only keep the host's end of a socket open. */
	place = listener >= 0 ? vacant() : NULL;
	if (place)
		*place = (struct kept){ number, fd };
	else
		sffi__os_close(fd);
	return listener;
}

/* Anybody of this machine can connect. */
void sffi__vault_answer(struct vault_door *door, pid_t host)
{
	int visitor = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ucred who = { 0 };
	socklen_t size = sizeof who;
	const struct kept *found;
	char byte = 0;

	if (visitor < 0)
		return;
	if (!getsockopt(visitor, SOL_SOCKET, SO_PEERCRED, &who, &size) && who.pid == host) {
		found = find(atomic_load(&door->wanted));
		sffi__os_send(visitor, &byte, 1, found ? &found->fd : NULL, found ? 1 : 0);
	}
	sffi__os_close(visitor);
}
