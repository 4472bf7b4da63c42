/* SPDX-License-Identifier: MIT */
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

pid_t sffi__os_gettid(void)
{
	return (pid_t)syscall(SYS_gettid);
}

/* Where glibc caches this thread's id. The kernel knows it, since pthread_join waits on
 * it: PR_GET_TID_ADDRESS of prctl(2). A kernel without checkpoint/restore does not tell;
 * then it is the word in the thread's descriptor that holds the id. */
static int *tid_address(void)
{
	int *address = NULL;
	int *self = (int *)pthread_self(); /* NOLINT: the descriptor's address */
	int tid = sffi__os_gettid();

	if (!prctl(PR_GET_TID_ADDRESS, &address) && address)
		return address;
	for (int i = 0; i < 512; i++)
		if (self[i] == tid)
			return self + i;
	return NULL;
}

/* clone3 is hidden by valgrind and by the system call filters of older containers. clone's
 * fourth and fifth argument are child_tid and tls, on aarch64 the other way round; tls is
 * ignored without CLONE_SETTLS. */
static long clone_by_either(const struct clone_args *arguments)
{
	long pid = syscall(SYS_clone3, arguments, sizeof *arguments);

	if (pid >= 0 || errno != ENOSYS)
		return pid;
	return syscall(SYS_clone, arguments->flags | arguments->exit_signal, NULL, arguments->pidfd,
		       arguments->child_tid, arguments->child_tid);
}

static bool is_clone;

bool sffi__os_is_clone(void)
{
	return is_clone;
}

pid_t sffi__os_fork(uint64_t flags, int exit_signal, int *pidfd)
{
	struct clone_args arguments = { .flags = flags, .exit_signal = (uint64_t)exit_signal };
	void *robust_list = NULL;
	size_t robust_size = 0;
	int saved = errno;
	int *tid = tid_address();
	long pid;

	if (tid) {
		arguments.flags |= CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
		arguments.child_tid = (uintptr_t)tid;
	}
	if (pidfd) {
		arguments.flags |= CLONE_PIDFD;
		arguments.pidfd = (uintptr_t)pidfd;
	}
	syscall(SYS_get_robust_list, 0, &robust_list, &robust_size);
	pid = clone_by_either(&arguments);
	if (pid < 0) {
		pid = -errno;
		errno = saved;
	}
	/* clone(2) does not register the child's robust list; glibc thinks it is. */
	if (!pid && robust_list)
		syscall(SYS_set_robust_list, robust_list, robust_size);
	is_clone |= !pid;
	return (pid_t)pid;
}

int sffi__os_pidfd_open(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : fd;
}

int sffi__os_pidfd_signal(int pidfd, int signal)
{
	return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) < 0 ? -errno : 0;
}

bool sffi__os_pidfd_dead(int pidfd)
{
	struct pollfd poller = { .fd = pidfd, .events = POLLIN };

	return poll(&poller, 1, 0) > 0 && (poller.revents & (POLLIN | POLLNVAL));
}

char sffi__os_process_state(pid_t pid)
{
	char path[32], text[512], *end;
	ssize_t got;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	got = read(fd, text, sizeof text - 1);
	close(fd);
	if (got <= 0)
		return 0;
	text[got] = '\0';
	/* "pid (name) S ...": the name may hold anything, so look from the right. */
	end = strrchr(text, ')');
	return end && end[1] ? end[2] : 0;
}
