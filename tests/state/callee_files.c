/* SPDX-License-Identifier: MIT */
/* Descriptors, streams, files, locks. */
#include "callee.h"

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* ---- descriptors ------------------------------------------------------------------------- */

int open_file(const char *path, int flags)
{
	return open(path, flags, 0666);
}

int close_it(int fd)
{
	return close(fd);
}

static int in_place;

/* A new file at the number of another. */
int open_in_place(int fd, const char *path)
{
	close(fd);
	in_place = open(path, O_RDONLY);
	return in_place == fd;
}

const char *text_in_place(void)
{
	static char text[64];
	ssize_t got = read(in_place, text, sizeof text - 1);

	text[got < 0 ? 0 : got] = '\0';
	return text;
}

int hand_back(int fd)
{
	return fd;
}

int duplicate(int fd)
{
	return dup(fd);
}

int put_over(int from, int to)
{
	return dup2(from, to);
}

static int pipe_ends[2];

int make_pipe(void)
{
	return pipe(pipe_ends);
}

int pipe_end(int which)
{
	return pipe_ends[which];
}

int connect_to(int port_of)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (getsockname(port_of, (struct sockaddr *)&address, &length) ||
	    connect(fd, (struct sockaddr *)&address, length))
		return -1;
	return fd;
}

int accept_on(int fd)
{
	return accept(fd, NULL, NULL);
}

int make_event(int value)
{
	return eventfd((unsigned)value, 0);
}

int make_memory(const char *text)
{
	int fd = memfd_create("state", 0);

	return write(fd, text, strlen(text)) < 0 ? -1 : fd;
}

int make_epoll(int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = 4711 };
	int set = epoll_create1(0);

	return epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) ? -1 : set;
}

int make_timer(void)
{
	struct itimerspec soon = { .it_value.tv_nsec = 1 };
	int fd = timerfd_create(CLOCK_MONOTONIC, 0);

	return timerfd_settime(fd, 0, &soon, NULL) ? -1 : fd;
}

int watch_directory(const char *path)
{
	int fd = inotify_init();

	return inotify_add_watch(fd, path, IN_CREATE) < 0 ? -1 : fd;
}

int read_some(int fd, int count)
{
	char text[64];

	return (int)read(fd, text, (size_t)count);
}

int write_text(int fd, const char *text)
{
	return (int)write(fd, text, strlen(text));
}

int seek_to(int fd, int offset)
{
	return (int)lseek(fd, offset, SEEK_SET);
}

int set_nonblocking(int fd)
{
	return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

int is_kept_on_exec(int fd)
{
	return !(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

struct channel {
	int fd, count;
};

int write_channel(const struct channel *channel, const char *text)
{
	return write_text(channel->fd, text);
}

int send_descriptor(int over, int fd)
{
	char room[CMSG_SPACE(sizeof fd)] = "", byte = 'x';
	struct iovec vector = { &byte, 1 };
	struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1, .msg_control = room,
				  .msg_controllen = sizeof room };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(header), &fd, sizeof fd);
	return (int)sendmsg(over, &message, 0);
}

int open_forgotten(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0666);

	return fd >= 0;
}

/* ---- streams ----------------------------------------------------------------------------- */

void *open_stream(const char *path, const char *mode)
{
	return fopen(path, mode);
}

int put_to(void *stream, const char *text)
{
	return fputs(text, stream);
}

int close_stream(void *stream)
{
	return fclose(stream);
}

int print(const char *text)
{
	return printf("%s", text);
}

int print_and_flush(const char *text)
{
	return printf("%s", text) + fflush(stdout);
}

int complain(const char *text)
{
	return fprintf(stderr, "%s", text);
}

const char *read_line(void)
{
	static char line[64];

	return fgets(line, sizeof line, stdin) ? line : NULL;
}

/* ---- directory, files -------------------------------------------------------------------- */

int change_directory(const char *path)
{
	return chdir(path);
}

int change_root(const char *path)
{
	return chroot(path) ? -1 : chdir("/");
}

const char *directory(void)
{
	static char path[4096];

	return getcwd(path, sizeof path);
}

int is_there(const char *path)
{
	return !access(path, F_OK);
}

int set_mask(int mask)
{
	return (int)umask((mode_t)mask);
}

int make_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0666);

	return fd < 0 ? -1 : close(fd);
}

int *map_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0666), *mapped;

	if (ftruncate(fd, 4096))
		return NULL;
	mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return mapped == MAP_FAILED ? NULL : mapped;
}

int *map_named(const char *name)
{
	int fd = shm_open(name, O_RDWR, 0), *mapped;

	mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return mapped == MAP_FAILED ? NULL : mapped;
}

int *map_private(void)
{
	int *mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mapped == MAP_FAILED ? NULL : mapped;
}

int store(void *at, int value)
{
	return *(int *)at = value;
}

int load(const void *at)
{
	return *(const int *)at;
}

void *attach_segment(int id)
{
	void *at = shmat(id, NULL, 0);

	return at == (void *)-1 ? NULL : at;
}

int change_semaphore(int id, int by)
{
	struct sembuf change = { .sem_op = (short)by, .sem_flg = IPC_NOWAIT };

	return semop(id, &change, 1);
}

int post_named(const char *name)
{
	sem_t *semaphore = sem_open(name, 0);
	int result = semaphore == SEM_FAILED ? -1 : sem_post(semaphore);

	if (semaphore != SEM_FAILED)
		sem_close(semaphore);
	return result;
}

/* ---- locks ------------------------------------------------------------------------------- */

int lock_posix(int fd, int type)
{
	struct flock lock = { .l_type = (short)type, .l_whence = SEEK_SET };

	return fcntl(fd, F_SETLK, &lock);
}

int lock_posix_path(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0666);

	return lock_posix(fd, F_WRLCK);
}

int lock_description(int fd, int type)
{
	struct flock lock = { .l_type = (short)type, .l_whence = SEEK_SET };

	return fcntl(fd, F_OFD_SETLK, &lock);
}

int lock_description_path(const char *path)
{
	return lock_description(open(path, O_RDWR | O_CREAT, 0666), F_WRLCK);
}

int lock_bsd(int fd, int how)
{
	return flock(fd, how | LOCK_NB);
}

int lock_bsd_path(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0666);

	return flock(fd, LOCK_EX | LOCK_NB);
}
