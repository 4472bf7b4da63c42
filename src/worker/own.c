/* SPDX-License-Identifier: MIT */
#include "worker/own.h"

#include "os/os.h"
#include "worker/vault.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct file {
	bool is_noted;
	dev_t device;
	ino_t inode;
};
static struct file *_Atomic files; /* by number */
static _Atomic int capacity;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Where copies are kept, once a callee could close them. */
static bool is_exposed;
static struct {
	int socket;
	struct vault_door *door;
	pid_t zygote;
	uint64_t rests_until;
} vault = { .socket = -1 };

static bool is_noted(int fd)
{
	return fd >= 0 && fd < capacity && files[fd].is_noted;
}

/* One that there was no memory to note is taken for another's, and never closed. */
static bool is_same(int fd)
{
	struct stat status;

	return is_noted(fd) && !fstat(fd, &status) && files[fd].device == status.st_dev &&
	       files[fd].inode == status.st_ino;
}

/* ---- copies -------------------------------------------------------------------------------- */

static bool is_kept(int fd)
{
	return is_exposed && vault.door && is_noted(fd);
}

/* Another descriptor of the file, or negative. */
static int fetch(int fd)
{
	enum { REST_NS = 1000000000 };
	struct file wanted = files[fd];
	struct stat status;
	int copy;

	/* A zygote that does not answer is not waited for again for each of them. */
	if (sffi__os_now_ns() < vault.rests_until)
		return -1;
	copy = sffi__vault_fetch(vault.door, vault.zygote, fd);
	if (copy == -ETIMEDOUT)
		vault.rests_until = sffi__os_now_ns() + REST_NS;
	if (copy < 0 || (!fstat(copy, &status) && status.st_dev == wanted.device &&
			 status.st_ino == wanted.inode))
		return copy;
	sffi__os_close(copy);
	return -1;
}

/* To the very number, which whoever uses it knows; false: it is another file's. */
static bool put_back(int fd, int copy)
{
	int back;

	if (copy == fd)
		return true;
	back = fcntl(copy, F_DUPFD_CLOEXEC, fd);
	if (back == fd)
		sffi__os_close(copy);
	else
		sffi__os_close(back);
	return back == fd;
}

/* Whether the number is free is asked before there is a copy: it may be there for nothing. */
static bool regain_in_place(int fd)
{
	int copy = is_kept(fd) && fcntl(fd, F_GETFD) < 0 ? fetch(fd) : -1;

	if (copy < 0)
		return false;
	if (put_back(fd, copy))
		return true;
	sffi__os_close(copy);
	return false;
}

static bool has_vault(void)
{
	return is_same(vault.socket) || regain_in_place(vault.socket);
}

static void keep_all(void)
{
	for (int fd = 0; fd < capacity; fd++)
		if (is_same(fd))
			sffi__vault_keep(vault.socket, fd);
}

void sffi__own_expose(void)
{
	int saved = errno;

	pthread_mutex_lock(&lock);
	if (!is_exposed && has_vault())
		keep_all();
	is_exposed = true;
	pthread_mutex_unlock(&lock);
	errno = saved;
}

void sffi__own_vault(int socket, struct vault_door *door, pid_t zygote)
{
	int saved = errno;

	pthread_mutex_lock(&lock);
	vault.socket = socket;
	vault.door = door;
	vault.zygote = zygote;
	vault.rests_until = 0;
	if (is_exposed && has_vault())
		keep_all();
	pthread_mutex_unlock(&lock);
	errno = saved;
}

/* ---- what is ours -------------------------------------------------------------------------- */

static bool make_room(int fd)
{
	int wanted = fd < 1024 ? 1024 : fd * 2;
	struct file *grown, *before = files;

	if (fd < capacity)
		return true;
	grown = calloc((size_t)wanted, sizeof *grown);
	if (!grown)
		return false;
	if (before)
		memcpy(grown, before, (size_t)capacity * sizeof *grown);
	/* In this order, for a fork in another thread. */
	atomic_store(&files, grown);
	atomic_store(&capacity, wanted);
	free(before);
	return true;
}

static void note(int fd)
{
	struct stat status;

	if (fd < 0 || fstat(fd, &status) || !make_room(fd))
		return;
	files[fd] = (struct file){ true, status.st_dev, status.st_ino };
	if (is_exposed && has_vault())
		sffi__vault_keep(vault.socket, fd);
}

static void forget(int fd)
{
	if (!is_noted(fd))
		return;
	files[fd].is_noted = false;
	if (is_exposed && has_vault())
		sffi__vault_drop(vault.socket, fd);
}

/* Whether it has come to lie where it must not stay. */
static bool is_misplaced(int fd)
{
	return fd >= 0 && (fd <= STDERR_FILENO || (is_noted(fd) && !is_same(fd)));
}

/* Out of the way of the one that was there, which comes back then. */
static int move_on(int fd)
{
	int moved = fcntl(fd, F_DUPFD_CLOEXEC, fd + 1);

	if (moved < 0)
		return fd;
	sffi__os_close(fd);
	if (is_noted(fd))
		regain_in_place(fd);
	return moved;
}

static int place(int fd)
{
	int before = -1;

	while (is_misplaced(fd) && fd != before) {
		before = fd;
		fd = move_on(fd);
	}
	note(fd);
	return fd;
}

int sffi__own_note(int fd)
{
	int saved = errno;

	pthread_mutex_lock(&lock);
	fd = place(fd);
	pthread_mutex_unlock(&lock);
	errno = saved;
	return fd;
}

bool sffi__own_is(int fd)
{
	int saved = errno;
	bool is;

	pthread_mutex_lock(&lock);
	is = is_same(fd);
	pthread_mutex_unlock(&lock);
	errno = saved;
	return is;
}

bool sffi__own_has(dev_t device, ino_t inode)
{
	bool has = false;

	pthread_mutex_lock(&lock);
	for (int fd = 0; fd < capacity && !has; fd++)
		has = files[fd].is_noted && files[fd].device == device && files[fd].inode == inode;
	pthread_mutex_unlock(&lock);
	return has;
}

void sffi__own_close(int fd)
{
	int saved = errno;

	pthread_mutex_lock(&lock);
	if (is_same(fd))
		sffi__os_close(fd);
	forget(fd);
	pthread_mutex_unlock(&lock);
	errno = saved;
}

/* ---- what a callee has closed -------------------------------------------------------------- */

static void move(int *fd, int copy)
{
	bool leads_there = *fd == vault.socket;

	forget(*fd);
	*fd = place(sffi__os_move_high(copy));
	if (!leads_there)
		return;
	vault.socket = *fd;
	sffi__vault_keep(vault.socket, *fd);
}

bool sffi__own_regain(int *fd)
{
	int saved = errno, copy;
	bool is;

	pthread_mutex_lock(&lock);
	is = is_same(*fd);
	if (!is && is_kept(*fd) && (copy = fetch(*fd)) >= 0) {
		if (!put_back(*fd, copy))
			move(fd, copy);
		is = true;
	}
	pthread_mutex_unlock(&lock);
	errno = saved;
	return is;
}

bool sffi__own_put_back(int fd)
{
	int saved = errno;
	bool is;

	pthread_mutex_lock(&lock);
	is = is_same(fd) || regain_in_place(fd);
	pthread_mutex_unlock(&lock);
	errno = saved;
	return is;
}

struct own_losses sffi__own_regain_all(void)
{
	struct own_losses losses = { 0 };
	int saved = errno;

	pthread_mutex_lock(&lock);
	for (int fd = 0; fd < capacity; fd++) {
		if (!is_noted(fd) || is_same(fd))
			continue;
		losses.lost++;
		losses.regained += regain_in_place(fd);
	}
	pthread_mutex_unlock(&lock);
	errno = saved;
	return losses;
}

/* In a child that the host forked. What the zygote keeps is the parent's. */
void sffi__own_unlock(void)
{
	pthread_mutex_init(&lock, NULL);
	is_exposed = false;
	vault.socket = -1;
	vault.door = NULL;
}
