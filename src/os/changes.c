/* SPDX-License-Identifier: MIT */
/*
 * Working directory, mask, limits and priority are the kernel's: nothing in memory tells that
 * they have changed, and to ask takes longer than a call. So a program that is linked with
 * the library finds these functions here first. They do what the C library's do, and count. A
 * program that loads the library by dlopen does not find them: it has sffi_state_changed().
 */
/* Both names of what has two: a program calls the one or the other. */
#undef _FILE_OFFSET_BITS

#include "os/os.h"

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

_Atomic uint32_t sffi__host_changes;

static long counted(long result)
{
	if (result >= 0)
		atomic_fetch_add_explicit(&sffi__host_changes, 1, memory_order_release);
	return result;
}

EXPORT int chdir(const char *path)
{
	return (int)counted(syscall(SYS_chdir, path));
}

EXPORT int fchdir(int fd)
{
	return (int)counted(syscall(SYS_fchdir, fd));
}

static mode_t counted_umask(mode_t mask)
{
	return (mode_t)counted(syscall(SYS_umask, mask));
}

EXPORT __attribute__((alias("counted_umask"))) mode_t umask(mode_t mask);

bool sffi__os_counts_changes(void)
{
	return dlsym(RTLD_DEFAULT, "umask") == (void *)counted_umask;
}

static int change_limit(pid_t pid, int resource, const void *limit, void *former)
{
	return (int)counted(syscall(SYS_prlimit64, pid, resource, limit, former));
}

EXPORT int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit)
{
	return change_limit(0, (int)resource, limit, NULL);
}

EXPORT int prlimit(pid_t pid, enum __rlimit_resource resource, const struct rlimit *limit,
		   struct rlimit *former)
{
	return change_limit(pid, (int)resource, limit, former);
}

EXPORT int setrlimit64(__rlimit_resource_t resource, const struct rlimit64 *limit)
{
	return change_limit(0, (int)resource, limit, NULL);
}

EXPORT int prlimit64(pid_t pid, enum __rlimit_resource resource, const struct rlimit64 *limit,
		     struct rlimit64 *former)
{
	return change_limit(pid, (int)resource, limit, former);
}

EXPORT int setpriority(__priority_which_t which, id_t who, int priority)
{
	return (int)counted(syscall(SYS_setpriority, which, who, priority));
}

EXPORT int nice(int by)
{
	int now, saved = errno;

	errno = 0;
	now = getpriority(PRIO_PROCESS, 0);
	if (now == -1 && errno)
		return -1;
	if (setpriority(PRIO_PROCESS, 0, now + by)) {
		/* POSIX wants EPERM where the system call says EACCES. */
		errno = errno == EACCES ? EPERM : errno;
		return -1;
	}
	errno = saved;
	return getpriority(PRIO_PROCESS, 0);
}
