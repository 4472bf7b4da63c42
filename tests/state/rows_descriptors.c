/* SPDX-License-Identifier: MIT */
/* Descriptors, made or closed by either side. */
#include "state.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int file_with(const char *path, const char *text)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	if (write(fd, text, strlen(text)) < 0)
		abort();
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static const char *text_of(int fd)
{
	static char text[128];
	ssize_t got = read(fd, text, sizeof text - 1);

	text[got < 0 ? 0 : got] = '\0';
	return got < 0 ? "(not readable)" : text;
}

static bool is_ready(int fd)
{
	struct pollfd poller = { .fd = fd, .events = POLLIN };

	return poll(&poller, 1, 10000) == 1 && poller.revents & POLLIN;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void opened_by_callee(struct state *state)
{
	long fd;

	close(file_with("a", "from the file"));
	fd = call(state, "fd open_file(const char *path, int flags)", at("a"), O_RDONLY);
	note(state, "%s", text_of((int)fd));
	note(state, "closed: %d", close((int)fd));
}

/* Another's number may mean anything here, or nothing: it is not read. */
static void opened_as_int(struct state *state)
{
	struct stat file, other = { 0 };
	int fd;

	close(file_with("a", "from the file"));
	fd = (int)call(state, "int open_file(const char *path, int flags)", at("a"), O_RDONLY);
	note(state, "%d", !stat("a", &file) && !fstat(fd, &other) && file.st_ino == other.st_ino &&
			  file.st_dev == other.st_dev);
}

static void opened_by_host(struct state *state)
{
	/* After the worker started. */
	int fd = file_with("a", "from the file");

	note(state, "%ld", call(state, "int read_some(fd from, int count)", fd, 8));
	note(state, "open: %d", is_open(fd));
}

static void closed_by_callee(struct state *state)
{
	int fd = file_with("a", "text");

	note(state, "%ld", call(state, "int close_it(fd file)", fd));
	note(state, "open: %d", is_open(fd));
}

static void reopened(struct state *state)
{
	int fd = file_with("a", "text");

	close(file_with("b", "of the callee's"));
	note(state, "%ld", call(state, "int open_in_place(fd file, const char *path)", fd, at("b")));
	note(state, "%s", call_text(state, "const char *text_in_place(void)"));
}

static void handed_back(struct state *state)
{
	int fd = file_with("a", "text");
	int back = (int)call(state, "fd hand_back(fd file)", fd);

	note(state, "%s", text_of(back));
	note(state, "open: %d", is_open(fd));
}

static void duplicated(struct state *state)
{
	int fd = file_with("a", "from the file");
	long copy = call(state, "fd duplicate(fd file)", fd);

	close(fd);
	note(state, "%s", text_of((int)copy));
}

static void put_over_host(struct state *state)
{
	int old = file_with("old", "old"), new = file_with("new", "new");

	note(state, "%d", call(state, "int put_over(int from, int to)", new, old) == old);
	note(state, "%s", text_of(old));
}

static void pipes(struct state *state)
{
	int in, out;

	note(state, "%ld", call(state, "int make_pipe(void)"));
	in = (int)call(state, "fd pipe_end(int which)", 0);
	out = (int)call(state, "fd pipe_end(int which)", 1);
	note(state, "%ld", call(state, "int write_text(fd to, const char *text)", out, at("through")));
	note(state, "%s", text_of(in));
	close(out);
	note(state, "end: '%s'", text_of(in));
}

static int listener(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 4))
		abort();
	return fd;
}

static void sockets(struct state *state)
{
	int listening = listener(), accepted;
	int fd = (int)call(state, "fd connect_to(fd listener)", listening);

	accepted = accept(listening, NULL, NULL);
	note(state, "%zd", write(fd, "hello", 5));
	note(state, "%s", text_of(accepted));
}

static void accepting(struct state *state)
{
	struct sockaddr_in address;
	socklen_t length = sizeof address;
	int listening = listener(), client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd;

	getsockname(listening, (struct sockaddr *)&address, &length);
	note(state, "%d", connect(client, (struct sockaddr *)&address, length));
	fd = (int)call(state, "fd accept_on(fd listener)", listening);
	note(state, "%zd", write(client, "hello", 5));
	note(state, "%s", text_of(fd));
}

static void events(struct state *state)
{
	uint64_t value = 0;
	int fd = (int)call(state, "fd make_event(int value)", 7);

	note(state, "%zd %lu", read(fd, &value, sizeof value), (unsigned long)value);
}

static void memory_files(struct state *state)
{
	int fd = (int)call(state, "fd make_memory(const char *text)", at("remembered"));

	lseek(fd, 0, SEEK_SET);
	note(state, "%s", text_of(fd));
}

static void epoll_sets(struct state *state)
{
	struct epoll_event event = { 0 };
	int ends[2], set;

	if (pipe2(ends, O_CLOEXEC))
		return;
	set = (int)call(state, "fd make_epoll(fd watched)", ends[0]);
	note(state, "quiet: %d", epoll_wait(set, &event, 1, 0));
	note(state, "%zd", write(ends[1], "x", 1));
	note(state, "%d %u", epoll_wait(set, &event, 1, 10000), event.data.u32);
}

static void timers(struct state *state)
{
	note(state, "%d", is_ready((int)call(state, "fd make_timer(void)")));
}

static void inotify(struct state *state)
{
	union {
		struct inotify_event event;
		char room[512];
	} got = { 0 };
	int fd = (int)call(state, "fd watch_directory(const char *path)", at("."));

	close(file_with("made", ""));
	note(state, "%d", is_ready(fd) && read(fd, &got, sizeof got) > 0);
	note(state, "%s", got.event.name);
}

static void offsets(struct state *state)
{
	int fd = file_with("a", "0123456789");

	call(state, "int read_some(fd from, int count)", fd, 4);
	note(state, "%s", text_of(fd));
	call(state, "int seek_to(fd file, int offset)", fd, 7);
	note(state, "%s", text_of(fd));
}

static void status_flags(struct state *state)
{
	int fd = file_with("a", "");

	call(state, "int set_nonblocking(fd file)", fd);
	note(state, "%d", !!(fcntl(fd, F_GETFL) & O_NONBLOCK));
}

static void close_on_exec(struct state *state)
{
	int fd, keeps = open("a", O_RDWR | O_CREAT, 0666), goes = file_with("b", "");

	fd = (int)call(state, "fd open_file(const char *path, int flags)", at("a"), O_RDONLY);
	note(state, "%d", fcntl(fd, F_GETFD));
	fd = (int)call(state, "fd open_file(const char *path, int flags)", at("a"), O_RDONLY | O_CLOEXEC);
	note(state, "%d", fcntl(fd, F_GETFD));
	note(state, "%ld %ld", call(state, "int is_kept_on_exec(fd file)", keeps),
	     call(state, "int is_kept_on_exec(fd file)", goes));
}

static void in_a_struct(struct state *state)
{
	struct {
		int fd, count;
	} channel = { file_with("a", ""), 1 };

	note(state, "%ld", call(state, "int write_channel(const struct { int fd; int count; } *channel,"
				       " const char *text)", at(&channel), at("in")));
	note(state, "%s", contents("a"));
}

static void over_a_socket(struct state *state)
{
	char byte, room[CMSG_SPACE(sizeof(int))];
	struct iovec vector = { &byte, 1 };
	struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1, .msg_control = room,
				  .msg_controllen = sizeof room };
	int ends[2], fd = -1;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return;
	call(state, "int send_descriptor(fd over, fd sent)", ends[0], file_with("a", "sent along"));
	if (recvmsg(ends[1], &message, MSG_DONTWAIT) == 1 && CMSG_FIRSTHDR(&message))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
	note(state, "%s", text_of(fd));
}

static void host_closes(struct state *state)
{
	int fd = file_with("a", "abc");

	call(state, "int read_some(fd from, int count)", fd, 1);
	close(fd);
	note(state, "%ld", call(state, "int read_some(fd from, int count)", fd, 1));
	note(state, "%s", word_for(state_errno(state)));
}

#define CARRIED "Declared `fd`, it is carried; both sides have the same open file."
#define BY_NUMBER "A number means a file only in its own table of descriptors."
#define DECLARE_FD "declare it `fd`, or share (`SFFI_SHARE_FILES`)"

static const struct row rows[] = {
	{ "open", "open() in the callee, read by the host", opened_by_callee, "", CARRIED, NULL },
	{ "open-int", "a descriptor that is declared `int`", opened_as_int, "ce", BY_NUMBER, DECLARE_FD },
	{ "use", "a descriptor that the host opened after the worker started", opened_by_host, "",
	  CARRIED, NULL },
	{ "close", "close() in the callee of the host's descriptor", closed_by_callee, "",
	  "Declared `fd`: what the callee has closed when it returns, the host closes.", NULL },
	{ "close-open", "a file of the callee's at the number of the host's that it has closed", reopened, "",
	  "It is another file than was carried, and stays the callee's.", NULL },
	{ "return", "the host's descriptor, returned by the callee", handed_back, "", CARRIED, NULL },
	{ "close-host", "close() in the host, then used by the callee", host_closes, "",
	  "What is not open is not carried: the callee gets -1.", NULL },
	{ "dup", "dup() in the callee", duplicated, "", CARRIED, NULL },
	{ "dup2", "dup2() in the callee over the host's number", put_over_host, "ce", BY_NUMBER,
	  "dup2() in the host what the callee returns as `fd`, or share" },
	{ "pipe", "pipe() in the callee, an end at a time", pipes, "",
	  CARRIED, NULL },
	{ "socket", "socket() and connect() in the callee", sockets, "", CARRIED, NULL },
	{ "accept", "accept() in the callee", accepting, "", CARRIED, NULL },
	{ "eventfd", "eventfd() in the callee", events, "", CARRIED, NULL },
	{ "memfd", "memfd_create() in the callee", memory_files, "", CARRIED, NULL },
	{ "epoll", "epoll in the callee, on the host's pipe", epoll_sets, "", CARRIED, NULL },
	{ "timerfd", "timerfd in the callee", timers, "", CARRIED, NULL },
	{ "inotify", "inotify in the callee", inotify, "", CARRIED, NULL },
	{ "offset", "the file offset, moved by the callee", offsets, "", CARRIED, NULL },
	{ "flags", "`O_NONBLOCK`, set by the callee", status_flags, "", CARRIED, NULL },
	{ "cloexec", "`O_CLOEXEC`, of either side", close_on_exec, "", CARRIED, NULL },
	{ "struct", "a descriptor in a struct", in_a_struct, "ce", BY_NUMBER,
	  "pass it as a parameter of its own, declared `fd`, or share" },
	{ "scm", "a descriptor that the callee sends over a socket", over_a_socket, "", CARRIED, NULL },
	{ 0 },
};
const struct group state_descriptors = { "Descriptors", rows };
