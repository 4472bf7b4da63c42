/* SPDX-License-Identifier: MIT */
#include "worker/worker.h"

#include "os/os.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int sffi__notice_take(struct notice *notice, int fd)
{
	struct stat file;
	int before = atomic_load(&notice->fd);

	if (fstat(fd, &file))
		return -errno;
	/* Not in between: a thread may be about to use it. */
	atomic_store(&notice->fd, -1);
	notice->device = file.st_dev;
	notice->inode = file.st_ino;
	atomic_store(&notice->fd, sffi__os_move_high(fd));
	sffi__os_close(before);
	return 0;
}

void sffi__notice_give(const struct notice *notice)
{
	int fd = atomic_load_explicit(&notice->fd, memory_order_acquire), saved = errno;
	struct stat file;

	if (fd < 0)
		return;
	/* EPIPE: the host has let the other end go. */
	if (fstat(fd, &file) || file.st_dev != notice->device || file.st_ino != notice->inode ||
	    (send(fd, "", 1, MSG_NOSIGNAL) < 0 && errno != EAGAIN && errno != EPIPE))
		syscall(SYS_kill, getpid(), SIGKILL);
	errno = saved;
}
