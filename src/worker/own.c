/* SPDX-License-Identifier: MIT */
#include "worker/own.h"

#include "os/os.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct file {
	bool is_noted;
	dev_t device;
	ino_t inode;
} *files; /* by number */
static int capacity;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static bool make_room(int fd)
{
	int wanted = fd < 1024 ? 1024 : fd * 2;
	struct file *grown;

	if (fd < capacity)
		return true;
	grown = realloc(files, (size_t)wanted * sizeof *grown);
	if (!grown)
		return false;
	memset(grown + capacity, 0, (size_t)(wanted - capacity) * sizeof *grown);
	files = grown;
	capacity = wanted;
	return true;
}

int sffi__own_note(int fd)
{
	struct stat status;
	int saved = errno;

	pthread_mutex_lock(&lock);
	if (fd >= 0 && !fstat(fd, &status) && make_room(fd))
		files[fd] = (struct file){ true, status.st_dev, status.st_ino };
	pthread_mutex_unlock(&lock);
	errno = saved;
	return fd;
}

/* What could not be noted is taken for ours. */
static bool is_same(int fd)
{
	struct stat status;

	if (fstat(fd, &status))
		return false;
	return fd >= capacity || !files[fd].is_noted ||
	       (files[fd].device == status.st_dev && files[fd].inode == status.st_ino);
}

bool sffi__own_is(int fd)
{
	int saved = errno;
	bool is;

	if (fd < 0)
		return false;
	pthread_mutex_lock(&lock);
	is = is_same(fd);
	pthread_mutex_unlock(&lock);
	errno = saved;
	return is;
}

void sffi__own_close(int fd)
{
	int saved = errno;

	if (fd < 0)
		return;
	pthread_mutex_lock(&lock);
	if (is_same(fd))
		sffi__os_close(fd);
	if (fd < capacity)
		files[fd].is_noted = false;
	pthread_mutex_unlock(&lock);
	errno = saved;
}

bool sffi__own_is_noted(int fd)
{
	bool is;

	pthread_mutex_lock(&lock);
	is = fd >= 0 && fd < capacity && files[fd].is_noted && is_same(fd);
	pthread_mutex_unlock(&lock);
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

void sffi__own_unlock(void)
{
	pthread_mutex_init(&lock, NULL);
}
