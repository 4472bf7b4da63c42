/* SPDX-License-Identifier: MIT */
/*
 * Working directory, mask, limits, priority and descriptors 0 to 2 are the kernel's: nothing in
 * memory tells that they have changed, and to ask takes longer than a call. So a program that is
 * linked with the library finds these functions here first. They do what the C library's do, and
 * count. A program that loads the library by dlopen does not find them: it has
 * sffi_state_changed(). So has one that only closes 0, 1 or 2: close() is not here, since every
 * close of the program would go through it.
 */
/* Both names of what has two: a program calls the one or the other. */
#undef _FILE_OFFSET_BITS

#include "os/os.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
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

/* ---- descriptors 0 to 2 ---------------------------------------------------------------------- */

static int put_at(int fd, int number, int flags)
{
	long result = syscall(SYS_dup3, fd, number, flags);

	return (int)(number <= STDERR_FILENO ? counted(result) : result);
}

EXPORT int dup3(int fd, int number, int flags)
{
	return put_at(fd, number, flags);
}

EXPORT int dup2(int fd, int number)
{
	/* The same number twice, dup3 refuses; dup2 only asks whether it is open. */
	if (fd == number)
		return fcntl(fd, F_GETFD) < 0 ? -1 : number;
	return put_at(fd, number, 0);
}

typedef FILE *reopen(const char *path, const char *mode, FILE *stream);

static reopen *_Atomic next_freopen, *_Atomic next_freopen64;

static reopen *find_next(reopen *_Atomic *known, const char *name)
{
	reopen *next = atomic_load(known);

	if (!next) {
		next = (reopen *)dlsym(RTLD_NEXT, name);
		atomic_store(known, next);
	}
	return next;
}

/* Now, since a child may be made while another thread holds the loader's lock. Who reopens a stream
 * before this has run finds them then. */
static __attribute__((constructor)) void find_both(void)
{
	find_next(&next_freopen, "freopen");
	find_next(&next_freopen64, "freopen64");
}

/* The C library puts the new file at the stream's number without our dup3. A stream that cannot be
 * reopened is closed, which is a change, too. Where nobody has the function behind us, the stream
 * stays as it is. */
static FILE *counted_reopen(reopen *next, const char *path, const char *mode, FILE *stream)
{
	if (!next) {
		errno = ENOSYS;
		return NULL;
	}
	stream = next(path, mode, stream);
	counted(0);
	return stream;
}

EXPORT FILE *freopen(const char *path, const char *mode, FILE *stream)
{
	return counted_reopen(find_next(&next_freopen, "freopen"), path, mode, stream);
}

EXPORT FILE *freopen64(const char *path, const char *mode, FILE *stream)
{
	return counted_reopen(find_next(&next_freopen64, "freopen64"), path, mode, stream);
}
