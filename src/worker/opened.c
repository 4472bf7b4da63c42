/* SPDX-License-Identifier: MIT */
/*
 * What a callee opens in a table that it shares with the host: the functions of the C library that
 * make descriptors, and close them. The kernel does not tell who has opened one, so it is written
 * down here which file has which number; the host closes what is left when the worker has failed
 * (table.h). open, close and the like are async-signal-safe, and so are these: no lock.
 */
#include "worker/interpose.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <mqueue.h>
#include <pty.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* ---- the record ----------------------------------------------------------------------------- */

/* No page beyond it has been written to. */
static _Atomic int highest = -1;

static void raise_highest(int fd)
{
	int known = atomic_load(&highest);

	while (fd > known && !atomic_compare_exchange_weak(&highest, &known, fd))
		;
}

/* What has a higher number is told at the worker's end, but not closed. */
static void write_down(int fd)
{
	struct opened_file *file;
	struct stat status;

	if (fd >= OPENED_MAX || fstat(fd, &status))
		return;
	file = &worker_opened(sffi__worker.control)[fd];
	raise_highest(fd);
	file->device = status.st_dev;
	atomic_store(&file->inode, status.st_ino);
}

/* Before they are closed: then a number may be another's at once. Whether there were any. */
static bool strike_out(int first, int last)
{
	struct opened_file *files = worker_opened(sffi__worker.control);
	bool any = false;

	if (last > atomic_load(&highest))
		last = atomic_load(&highest);
	for (int fd = first; fd <= last; fd++)
		any |= atomic_exchange(&files[fd].inode, 0) != 0;
	return any;
}

static int opened(int fd)
{
	int saved = errno;

	if (fd >= 0 && interpose_applies())
		write_down(fd);
	errno = saved;
	return fd;
}

/* What else it closes is the host's, or SafeFFI's. */
static void closes_range(int first, int last)
{
	int saved = errno;

	if (first >= 0 && interpose_applies() &&
	    (!strike_out(first, last) || first < last))
		interpose_note(CHANGED_CLOSED);
	errno = saved;
}

static void closes(int fd)
{
	closes_range(fd, fd);
}

/* ---- files ------------------------------------------------------------------------------------- */

/* The mode counts only where a file may be made; one that was not passed is garbage, then as in
 * the C library. */
static int opened_open(const char *path, int flags, ...)
{
	va_list arguments;
	mode_t mode;

	va_start(arguments, flags);
	mode = va_arg(arguments, mode_t);
	va_end(arguments);
	return opened(open(path, flags, mode));
}

static int opened_openat(int directory, const char *path, int flags, ...)
{
	va_list arguments;
	mode_t mode;

	va_start(arguments, flags);
	mode = va_arg(arguments, mode_t);
	va_end(arguments);
	return opened(openat(directory, path, flags, mode));
}

/* What _FORTIFY_SOURCE makes of a call without a mode. */
extern int __open_2(const char *path, int flags);
extern int __openat_2(int directory, const char *path, int flags);

static int opened_open_2(const char *path, int flags)
{
	return opened(__open_2(path, flags));
}

static int opened_openat_2(int directory, const char *path, int flags)
{
	return opened(__openat_2(directory, path, flags));
}

static int opened_creat(const char *path, mode_t mode)
{
	return opened(creat(path, mode));
}

static int opened_mkstemp(char *template)
{
	return opened(mkstemp(template));
}

static int opened_mkostemp(char *template, int flags)
{
	return opened(mkostemp(template, flags));
}

static int opened_mkstemps(char *template, int suffix)
{
	return opened(mkstemps(template, suffix));
}

static int opened_mkostemps(char *template, int suffix, int flags)
{
	return opened(mkostemps(template, suffix, flags));
}

static int opened_terminal(int flags)
{
	return opened(posix_openpt(flags));
}

static int opened_memfd(const char *name, unsigned flags)
{
	return opened(memfd_create(name, flags));
}

static int opened_shm(const char *name, int flags, mode_t mode)
{
	return opened(shm_open(name, flags, mode));
}

static int closing_close(int fd)
{
	closes(fd);
	return close(fd);
}

static int number(unsigned fd)
{
	return fd > INT_MAX ? INT_MAX : (int)fd;
}

static int closing_range(unsigned first, unsigned last, int flags)
{
	if (!(flags & CLOSE_RANGE_CLOEXEC))
		closes_range(number(first), number(last));
	return close_range(first, last, flags);
}

static void closing_from(int first)
{
	closes_range(first < 0 ? 0 : first, INT_MAX);
	closefrom(first);
}

/* ---- streams ------------------------------------------------------------------------------------ */

/* One in memory has no descriptor. */
static void closes_stream(FILE *stream)
{
	int saved = errno;

	closes(fileno(stream));
	errno = saved;
}

static FILE *opened_stream(FILE *stream)
{
	if (stream)
		opened(fileno(stream));
	return stream;
}

static FILE *opened_fopen(const char *path, const char *mode)
{
	return opened_stream(fopen(path, mode));
}

static FILE *opened_freopen(const char *path, const char *mode, FILE *stream)
{
	closes_stream(stream);
	return opened_stream(freopen(path, mode, stream));
}

static FILE *opened_tmpfile(void)
{
	return opened_stream(tmpfile());
}

static FILE *opened_popen(const char *command, const char *mode)
{
	return opened_stream(popen(command, mode));
}

static int closing_fclose(FILE *stream)
{
	closes_stream(stream);
	return fclose(stream);
}

static int closing_pclose(FILE *stream)
{
	closes_stream(stream);
	return pclose(stream);
}

static DIR *opened_opendir(const char *path)
{
	DIR *directory = opendir(path);

	if (directory)
		opened(dirfd(directory));
	return directory;
}

static int closing_closedir(DIR *directory)
{
	if (directory)
		closes(dirfd(directory));
	return closedir(directory);
}

/* ---- doubles ------------------------------------------------------------------------------------ */

static int opened_dup(int fd)
{
	return opened(dup(fd));
}

static int opened_dup2(int fd, int to)
{
	if (fd == to)
		return dup2(fd, to);
	closes(to);
	return opened(dup2(fd, to));
}

static int opened_dup3(int fd, int to, int flags)
{
	closes(to);
	return opened(dup3(fd, to, flags));
}

static int opened_fcntl(int fd, int command, ...)
{
	va_list arguments;
	long argument;
	int result;

	va_start(arguments, command);
	argument = va_arg(arguments, long);
	va_end(arguments);
	result = fcntl(fd, command, argument);
	return command == F_DUPFD || command == F_DUPFD_CLOEXEC ? opened(result) : result;
}

/* ---- pipes, sockets and events -------------------------------------------------------------------- */

static int opened_pair(int result, const int ends[2])
{
	for (int i = 0; !result && i < 2; i++)
		opened(ends[i]);
	return result;
}

static int opened_pipe(int ends[2])
{
	return opened_pair(pipe(ends), ends);
}

static int opened_pipe2(int ends[2], int flags)
{
	return opened_pair(pipe2(ends, flags), ends);
}

static int opened_socketpair(int family, int type, int protocol, int ends[2])
{
	return opened_pair(socketpair(family, type, protocol, ends), ends);
}

static int opened_socket(int family, int type, int protocol)
{
	return opened(socket(family, type, protocol));
}

static int opened_accept(int fd, struct sockaddr *address, socklen_t *length)
{
	return opened(accept(fd, address, length));
}

static int opened_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
	return opened(accept4(fd, address, length, flags));
}

/* cmsg(3): descriptors that came with a message. */
static ssize_t opened_recvmsg(int fd, struct msghdr *message, int flags)
{
	ssize_t got = recvmsg(fd, message, flags);

	if (got < 0)
		return got;
	for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header;
	     header = CMSG_NXTHDR(message, header)) {
		int received;

		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = CMSG_LEN(0); at + sizeof received <= header->cmsg_len;
		     at += sizeof received) {
			memcpy(&received, (char *)header + at, sizeof received);
			opened(received);
		}
	}
	return got;
}

/* openpty(3). */
static int opened_terminals(int *controlling, int *terminal, char *name, const struct termios *settings,
			    const struct winsize *size)
{
	int result = openpty(controlling, terminal, name, settings, size);

	if (!result) {
		opened(*controlling);
		opened(*terminal);
	}
	return result;
}

/* A message queue's descriptor is one of these: mq_open(3). */
static mqd_t opened_queue(const char *name, int flags, ...)
{
	va_list arguments;
	struct mq_attr *attributes;
	mode_t mode;

	va_start(arguments, flags);
	mode = va_arg(arguments, mode_t);
	attributes = va_arg(arguments, struct mq_attr *);
	va_end(arguments);
	return opened(flags & O_CREAT ? mq_open(name, flags, mode, attributes) : mq_open(name, flags));
}

static int closing_queue(mqd_t queue)
{
	closes(queue);
	return mq_close(queue);
}

static int opened_eventfd(unsigned value, int flags)
{
	return opened(eventfd(value, flags));
}

static int opened_epoll_create(int size)
{
	return opened(epoll_create(size));
}

static int opened_epoll_create1(int flags)
{
	return opened(epoll_create1(flags));
}

static int opened_timerfd(int clock, int flags)
{
	return opened(timerfd_create(clock, flags));
}

static int opened_signalfd(int fd, const sigset_t *mask, int flags)
{
	int result = signalfd(fd, mask, flags);

	return fd < 0 ? opened(result) : result;
}

static int opened_inotify(void)
{
	return opened(inotify_init());
}

static int opened_inotify1(int flags)
{
	return opened(inotify_init1(flags));
}

/* On 64-bit machines the names with 64 are the same functions. */
const struct replacement sffi__descriptor_functions[] = {
	{ "_IO_fclose", (void *)closing_fclose, (void *)fclose },
	{ "_IO_fopen", (void *)opened_fopen, (void *)fopen },
	{ "__close", (void *)closing_close, (void *)close },
	{ "__dup2", (void *)opened_dup2, (void *)dup2 },
	{ "__fcntl", (void *)opened_fcntl, (void *)fcntl },
	{ "__open", (void *)opened_open, (void *)open },
	{ "__open64", (void *)opened_open, (void *)open },
	{ "__pipe", (void *)opened_pipe, (void *)pipe },
	{ "__open64_2", (void *)opened_open_2, (void *)__open_2 },
	{ "__open_2", (void *)opened_open_2, (void *)__open_2 },
	{ "__openat64_2", (void *)opened_openat_2, (void *)__openat_2 },
	{ "__openat_2", (void *)opened_openat_2, (void *)__openat_2 },
	{ "accept", (void *)opened_accept, (void *)accept },
	{ "accept4", (void *)opened_accept4, (void *)accept4 },
	{ "close", (void *)closing_close, (void *)close },
	{ "close_range", (void *)closing_range, (void *)close_range },
	{ "closedir", (void *)closing_closedir, (void *)closedir },
	{ "closefrom", (void *)closing_from, (void *)closefrom },
	{ "creat", (void *)opened_creat, (void *)creat },
	{ "creat64", (void *)opened_creat, (void *)creat },
	{ "dup", (void *)opened_dup, (void *)dup },
	{ "dup2", (void *)opened_dup2, (void *)dup2 },
	{ "dup3", (void *)opened_dup3, (void *)dup3 },
	{ "epoll_create", (void *)opened_epoll_create, (void *)epoll_create },
	{ "epoll_create1", (void *)opened_epoll_create1, (void *)epoll_create1 },
	{ "eventfd", (void *)opened_eventfd, (void *)eventfd },
	{ "fclose", (void *)closing_fclose, (void *)fclose },
	{ "fcntl", (void *)opened_fcntl, (void *)fcntl },
	{ "fcntl64", (void *)opened_fcntl, (void *)fcntl },
	{ "fopen", (void *)opened_fopen, (void *)fopen },
	{ "fopen64", (void *)opened_fopen, (void *)fopen },
	{ "freopen", (void *)opened_freopen, (void *)freopen },
	{ "freopen64", (void *)opened_freopen, (void *)freopen },
	{ "inotify_init", (void *)opened_inotify, (void *)inotify_init },
	{ "inotify_init1", (void *)opened_inotify1, (void *)inotify_init1 },
	{ "memfd_create", (void *)opened_memfd, (void *)memfd_create },
	{ "mkostemp", (void *)opened_mkostemp, (void *)mkostemp },
	{ "mkostemp64", (void *)opened_mkostemp, (void *)mkostemp },
	{ "mkostemps", (void *)opened_mkostemps, (void *)mkostemps },
	{ "mkostemps64", (void *)opened_mkostemps, (void *)mkostemps },
	{ "mkstemp", (void *)opened_mkstemp, (void *)mkstemp },
	{ "mkstemp64", (void *)opened_mkstemp, (void *)mkstemp },
	{ "mkstemps", (void *)opened_mkstemps, (void *)mkstemps },
	{ "mkstemps64", (void *)opened_mkstemps, (void *)mkstemps },
	{ "mq_close", (void *)closing_queue, (void *)mq_close },
	{ "mq_open", (void *)opened_queue, (void *)mq_open },
	{ "open", (void *)opened_open, (void *)open },
	{ "open64", (void *)opened_open, (void *)open },
	{ "openat", (void *)opened_openat, (void *)openat },
	{ "openat64", (void *)opened_openat, (void *)openat },
	{ "opendir", (void *)opened_opendir, (void *)opendir },
	{ "openpty", (void *)opened_terminals, (void *)openpty },
	{ "pclose", (void *)closing_pclose, (void *)pclose },
	{ "pipe", (void *)opened_pipe, (void *)pipe },
	{ "pipe2", (void *)opened_pipe2, (void *)pipe2 },
	{ "popen", (void *)opened_popen, (void *)popen },
	{ "posix_openpt", (void *)opened_terminal, (void *)posix_openpt },
	{ "recvmsg", (void *)opened_recvmsg, (void *)recvmsg },
	{ "shm_open", (void *)opened_shm, (void *)shm_open },
	{ "signalfd", (void *)opened_signalfd, (void *)signalfd },
	{ "socket", (void *)opened_socket, (void *)socket },
	{ "socketpair", (void *)opened_socketpair, (void *)socketpair },
	{ "timerfd_create", (void *)opened_timerfd, (void *)timerfd_create },
	{ "tmpfile", (void *)opened_tmpfile, (void *)tmpfile },
	{ "tmpfile64", (void *)opened_tmpfile, (void *)tmpfile },
};
const size_t sffi__descriptor_function_count =
	sizeof sffi__descriptor_functions / sizeof *sffi__descriptor_functions;
