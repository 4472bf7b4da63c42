/* SPDX-License-Identifier: MIT */
/*
 * A descriptor that was carried for one call is closed after it. But a process that closes any
 * descriptor of a file loses its POSIX locks on it, fcntl(2): one that the callee has just
 * taken, and would still have in process. Such a descriptor stays, until a later call finds the
 * file without a lock.
 */
#include "worker/worker.h"

#include "os/os.h"
#include "worker/orders.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEPT_MAX = 64 };

static struct kept {
	int fd;
	dev_t device;
	ino_t inode;
} kept[KEPT_MAX];
static size_t kept_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Asked for an open file of its own, the kernel names this process's lock as another's. */
static bool bears_lock(int fd)
{
	struct flock query = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return !fcntl(fd, F_OFD_GETLK, &query) && query.l_type != F_UNLCK && query.l_pid == getpid();
}

static void release_kept(const struct stat *status)
{
	size_t left = 0;

	for (size_t i = 0; i < kept_count; i++) {
		if (kept[i].device == status->st_dev && kept[i].inode == status->st_ino)
			sffi__os_close(kept[i].fd);
		else
			kept[left++] = kept[i];
	}
	kept_count = left;
}

struct carried_file sffi__carried_file(int fd)
{
	struct stat status = { 0 };

	fstat(fd, &status);
	return (struct carried_file){ status.st_dev, status.st_ino };
}

bool sffi__carried_is(int fd, const struct carried_file *file)
{
	struct stat status;
	int saved = errno;
	bool is = !fstat(fd, &status) && status.st_dev == file->device && status.st_ino == file->inode;

	errno = saved;
	return is;
}

void sffi__carried_close(int fd)
{
	struct stat status;
	int saved = errno;

	pthread_mutex_lock(&lock);
	if (fstat(fd, &status) || !S_ISREG(status.st_mode)) {
		sffi__os_close(fd);
	} else if (bears_lock(fd) && kept_count < KEPT_MAX) {
		kept[kept_count++] = (struct kept){ fd, status.st_dev, status.st_ino };
	} else {
		sffi__os_close(fd);
		release_kept(&status);
	}
	pthread_mutex_unlock(&lock);
	errno = saved;
}
