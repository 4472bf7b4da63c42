/* SPDX-License-Identifier: MIT */
/*
 * Inside the zygote. It exists to make workers and to be their parent: it waits for the
 * host's requests and for its children's ends, and ends when the host does.
 */
#include "worker/zygote_protocol.h"

#include "fault/handler.h"
#include "os/os.h"
#include "worker/interpose.h"
#include "worker/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct zygote_birth *birth;

/* The workers that live, by zone; 0: none. The ids are nobody else's until we have waited for them. */
static pid_t children[ZONES_MAX];

/* What the zygote handles itself, and what becomes of it in a worker. */
static const int own_signals[] = { SIGCHLD, SIGUSR1 };
static struct sigaction own_before[2];

static struct stat socket_file;

/* As the host had it. The zygote needs more: it has what the host has, and copies of it. */
static struct rlimit file_limit;

/* In one table with the host a callee can close what is ours, and the number becomes another
 * file's. */
static bool is_lost(int fd, const struct stat *file)
{
	struct stat now;

	return birth->share & SFFI_SHARE_FILES &&
	       (fstat(fd, &now) || now.st_dev != file->st_dev || now.st_ino != file->st_ino);
}

static void on_wake(int signal)
{
	(void)signal; /* only to end the ppoll */
}

static void set_signals(void)
{
	struct sigaction action, wake = { .sa_handler = on_wake };

	/* Handlers of the host's must not run here nor in workers; what it ignores stays
	 * ignored, as it would for any child. */
	for (int signal = 1; signal < NSIG; signal++) {
		if (sigaction(signal, NULL, &action) || action.sa_handler == SIG_IGN)
			continue;
		action.sa_handler = SIG_DFL;
		action.sa_flags = 0;
		sigaction(signal, &action, NULL);
	}
	for (int i = 0; i < 2; i++)
		sigaction(own_signals[i], &wake, &own_before[i]);
	sffi__fault_handlers_install();
}

static void watch_host(void)
{
	/* Sent when the host's thread that made us ends, which need not be the host's end:
	 * prctl(2). The loop asks getppid. */
	prctl(PR_SET_PDEATHSIG, SIGUSR1);
	prctl(PR_SET_NAME, "safeffi-zygote");
}

static _Noreturn void end(void)
{
	/* Most die with us anyway (PR_SET_PDEATHSIG), but not after a setuid. */
	for (unsigned i = 0; i < ZONES_MAX; i++)
		if (children[i])
			kill(children[i], SIGKILL);
	_exit(0);
}

/* ---- newcomers --------------------------------------------------------------- */

/* How many of the host's requests to drop memory were obeyed. */
static uint32_t drops;

/* A worker does not have the common memory; but no free address space in its place either. */
static void fill_common(void)
{
	sffi__os_map(birth->common, sizeof *birth->common, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1);
}

static void collect_all(void);

/* In one table with the host no number may be one that the host could not have. */
static void keep_file_limit(void)
{
	struct rlimit most;

	if (getrlimit(RLIMIT_NOFILE, &file_limit) || birth->share & SFFI_SHARE_FILES)
		return;
	most = file_limit;
	most.rlim_cur = most.rlim_max;
	setrlimit(RLIMIT_NOFILE, &most);
}

static void signals_as_before(void)
{
	for (int i = 0; i < 2; i++)
		sigaction(own_signals[i], &own_before[i], NULL);
	sigprocmask(SIG_SETMASK, &birth->mask, NULL);
}

static _Noreturn void be_newcomer(const struct worker_start *start, pid_t zygote)
{
	const int keep[] = { start->control_fd, start->socket };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != zygote)
		_exit(0);
	prctl(PR_SET_NAME, RESERVE_NAME);
	fill_common();
	if (!(birth->share & SFFI_SHARE_FILES))
		sffi__os_close_all_but(keep, 2);
	setrlimit(RLIMIT_NOFILE, &file_limit);
	signals_as_before();
	sffi__worker_main(start);
}

/* vfork: the child borrows the zygote's memory until it executes. */
static pid_t spawn_program(const struct worker_start *start)
{
	char number[16];
	char *const arguments[] = { (char *)WORKER_NAME, number,
				    (char *)(start->at_leisure ? PROGRAM_AT_LEISURE : NULL), NULL };
	extern char **environ;
	volatile int error = 0;
	pid_t pid;

	snprintf(number, sizeof number, "%u", start->zone);
	pid = vfork();
	if (pid)
		return pid < 0 ? -errno : error ? -error : pid;
	/* Both are above these numbers, which /dev/null takes in the zygote. */
	dup2(start->control_fd, PROGRAM_FD_CONTROL);
	dup2(start->socket, PROGRAM_FD_SOCKET);
	close_range(PROGRAM_FD_SOCKET + 1, ~0u, CLOSE_RANGE_CLOEXEC);
	setrlimit(RLIMIT_NOFILE, &file_limit);
	signals_as_before();
	execve(birth->worker_program, arguments, environ);
	error = errno;
	_exit(127);
}

static pid_t start(unsigned kind, const struct worker_start *start, int *pidfd)
{
	pid_t self = getpid(), pid;

	if (kind == KIND_EXEC) {
		pid = spawn_program(start);
		*pidfd = pid > 0 ? sffi__os_pidfd_open(pid) : -1;
	} else {
		pid = sffi__os_fork(sffi__share_flags(birth->share), SIGCHLD, pidfd);
		if (!pid)
			be_newcomer(start, self);
	}
	if (pid > 0)
		children[start->zone] = pid;
	return pid;
}

/* In one table the host gets the numbers themselves: closed by us, the newcomer's would still be
 * open there, and in the way, when the host goes on. What the host cannot be told of, ends. */
static void hand_over(struct zygote_reply *reply, const int fds[NEWCOMER_FDS])
{
	bool one_table = birth->share & SFFI_SHARE_FILES, is_made = reply->pid > 0;
	int error;

	for (int i = 0; i < NEWCOMER_FDS; i++)
		reply->fds[i] = fds[i];
	error = sffi__os_send(birth->socket, reply, sizeof *reply, fds,
			      is_made && !one_table ? NEWCOMER_FDS : 0);
	if (is_made && error)
		kill(reply->pid, SIGKILL);
	for (int i = 0; i < NEWCOMER_FDS; i++)
		if (!is_made || error || !one_table)
			sffi__os_close(fds[i]);
}

/* In one table of descriptors the newcomer closes its own. */
static int control_for(int control)
{
	int fd = birth->share & SFFI_SHARE_FILES ? fcntl(control, F_DUPFD_CLOEXEC, 0) : control;

	return fd < 0 ? -errno : fd;
}

/* The process, with its end of the sockets and of the control memory; our ends in fds. Its id, or
 * -errno. */
static pid_t make_process(unsigned kind, struct worker_start *newcomer, int fds[NEWCOMER_FDS])
{
	int sockets[2];
	pid_t pid;

	fds[NEWCOMER_CONTROL] = sffi__os_memfd("safeffi-control", WORKER_SHARED_SIZE);
	if (fds[NEWCOMER_CONTROL] < 0)
		return fds[NEWCOMER_CONTROL];
	newcomer->control_fd = control_for(fds[NEWCOMER_CONTROL]);
	if (newcomer->control_fd < 0)
		return newcomer->control_fd;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets))
		return -errno;
	fds[NEWCOMER_SOCKET] = sockets[0];
	newcomer->socket = sockets[1];
	pid = start(kind, newcomer, &fds[NEWCOMER_PIDFD]);
	if (pid > 0 && fds[NEWCOMER_PIDFD] < 0) {
		kill(pid, SIGKILL);
		return fds[NEWCOMER_PIDFD];
	}
	return pid;
}

/* Makes the process and tells the host. */
static void make(unsigned zone, unsigned kind, bool at_leisure)
{
	struct worker_start newcomer = {
		.zone = zone, .control_fd = -1, .socket = -1, .at_leisure = at_leisure
	};
	struct zygote_reply reply = {
		.zone = zone, .drops = drops, .ticket = birth->common->tickets[zone]
	};
	int fds[NEWCOMER_FDS] = { -1, -1, -1 };
	bool one_table = birth->share & SFFI_SHARE_FILES;

	/* Whoever had the zone before has ended, or the host would not give it again: its end is
	 * not to be taken for that of the next one. */
	collect_all();
	atomic_store(&birth->common->status[zone].word, WORKER_RUNNING);
	birth->common->maps[zone][0] = '\0';
	reply.pid = make_process(kind, &newcomer, fds);
	if (!one_table || reply.pid <= 0)
		sffi__os_close(newcomer.socket);
	if (one_table && reply.pid <= 0)
		sffi__os_close(newcomer.control_fd);
	hand_over(&reply, fds);
}

static void keep_maps(unsigned zone)
{
	char path[32], *text = birth->common->maps[zone];
	size_t size = sizeof *birth->common->maps - 1, used = 0;
	ssize_t got = 1;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/maps", children[zone]);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && got > 0 && used < size) {
		got = read(fd, text + used, size - used);
		used += got > 0 ? (size_t)got : 0;
	}
	sffi__os_close(fd);
	text[used] = '\0';
}

/* Workers that the host has given up and left to us. */
static void end_left(void)
{
	for (unsigned i = 0; i < ZONES_MAX; i++) {
		uint32_t left = WORKER_LEFT;

		if (!children[i] ||
		    !atomic_compare_exchange_strong(&birth->common->status[i].word, &left,
						    WORKER_ABANDONED))
			continue;
		keep_maps(i);
		kill(children[i], SIGKILL);
	}
}

/* The greater part of making a worker is done by the time that one is needed. */
static void make_reserves(void)
{
	for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
		uint32_t zone = atomic_exchange(&birth->common->wanted[kind], 0);

		if (zone && zone <= ZONES_MAX)
			make(zone - 1, kind, true);
	}
}

/* Nothing has been asked for a while. */
static void use_leisure(void)
{
	uint64_t expirations;

	if (read(birth->timer, &expirations, sizeof expirations) != sizeof expirations)
		return;
	end_left();
	make_reserves();
}

/* ---- requests ----------------------------------------------------------------- */

static void drop(uint64_t low, uint64_t high)
{
	drops++;
	/* The range must not become free for new memory. */
	sffi__os_map((void *)low, high - low, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1);
}

/* What is listened on: the host, the time of leisure, the vault's door. */
enum { POLL_HOST, POLL_TIMER, POLL_DOOR, POLLERS };
static struct pollfd pollers[POLLERS];

static void obey(const struct zygote_request *request, int fd)
{
	if (request->operation == ZYGOTE_KEEP && fd >= 0) {
		pollers[POLL_DOOR].fd = sffi__vault_take(&birth->common->door, request->number, fd);
		return;
	}
	sffi__os_close(fd);
	if (request->operation == ZYGOTE_MAKE && request->zone < ZONES_MAX)
		make(request->zone, request->kind, false);
	else if (request->operation == ZYGOTE_DROP)
		drop(request->low, request->high);
	else if (request->operation == ZYGOTE_FORGET)
		sffi__vault_forget(request->number);
}

/* One request; false: the host is gone. */
static bool serve(void)
{
	struct zygote_request request;
	size_t count = 1;
	int fd = -1;
	ssize_t got = sffi__os_receive(birth->socket, &request, sizeof request, &fd, &count,
				       MSG_DONTWAIT);

	if (got == -EAGAIN || got == -EINTR)
		return true;
	if (got <= 0)
		return false;
	/* Of another size, a callee that shares descriptors has written it. */
	if (got == sizeof request)
		obey(&request, fd);
	else
		sffi__os_close(fd);
	return true;
}

/* ---- ends ------------------------------------------------------------------------ */

/* execve renames the process: comm of proc(5), still there when it is a zombie. */
static bool was_replaced(pid_t pid)
{
	char path[32], name[32];
	int fd;
	ssize_t got;

	snprintf(path, sizeof path, "/proc/%d/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	got = read(fd, name, sizeof name - 1);
	close(fd);
	return got > 0 && strncmp(name, WORKER_NAME "\n", (size_t)got);
}

static void tell(unsigned zone, enum worker_state state, int wait_status)
{
	birth->common->status[zone].wait_status = wait_status;
	atomic_store(&birth->common->status[zone].word, state);
	sffi__os_futex_wake(&birth->common->status[zone].word, INT_MAX);
}

static void collect(const siginfo_t *info)
{
	unsigned zone = 0;
	int status = 0;
	enum worker_state state = WORKER_ENDED;
	bool stopped = info->si_code == CLD_STOPPED;

	while (zone < ZONES_MAX && children[zone] != info->si_pid)
		zone++;
	if (!stopped && was_replaced(info->si_pid))
		state = WORKER_EXECUTED;
	waitpid(info->si_pid, &status, WUNTRACED);
	if (zone == ZONES_MAX)
		return;
	if (stopped) {
		/* A terminal's stop is the host's too, and ends when the host's does. */
		if (WSTOPSIG(status) == SIGSTOP)
			tell(zone, WORKER_STOPPED, status);
		return;
	}
	children[zone] = 0;
	tell(zone, state, status);
}

static void collect_all(void)
{
	for (;;) {
		siginfo_t info = { 0 };

		if (waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT) || !info.si_pid)
			return;
		collect(&info);
	}
}

/* ---- the host's end ----------------------------------------------------------------- */

/* proc(5)'s map_files: a name for each mapping of a file, and shared memory is one. */
static bool has_common(pid_t pid)
{
	unsigned long low = (unsigned long)birth->common, page = 4096;
	struct stat status;
	char path[96];

	snprintf(path, sizeof path, "/proc/%d/map_files/%lx-%lx", pid, low,
		 (low + sizeof *birth->common + page - 1) & -page);
	return !lstat(path, &status);
}

/* Whether it has the memory that it shares with us: a program that it has become by execve has not.
 * Where nothing is seen of us either, nor that it has a program (its first thread may have ended
 * before the others), nothing is said. No file is opened: in one table with the
 * host its number would be taken meanwhile. */
static bool host_has_common(void)
{
	char path[32], byte;

	snprintf(path, sizeof path, "/proc/%d/exe", birth->host);
	return has_common(birth->host) || errno != ENOENT || !has_common(getpid()) ||
	       readlink(path, &byte, 1) < 0;
}

/* The host's end of the socket says so, but where others have it, too: in one table with the host,
 * or as a copy for it. Then we look from time to time. */
static bool looks_for_host(void)
{
	return birth->share & SFFI_SHARE_FILES || pollers[POLL_DOOR].fd >= 0;
}

/* ---- the zygote's life ------------------------------------------------------------- */

/* The stack cannot grow once the address space is full. */
static __attribute__((noinline)) void grow_stack(void)
{
	volatile char room[32 * 1024];

	for (size_t i = 0; i < sizeof room; i += 1024)
		room[i] = 0;
}

static void be_born(void)
{
	stack_t none = { .ss_flags = SS_DISABLE };

	set_signals();
	sigaltstack(&none, NULL);
	watch_host();
	keep_file_limit();
	sffi__newborn_reset_stdio();
	if (birth->prove)
		sffi__newborn_prove();
	if (!(birth->share & SFFI_SHARE_FILES)) {
		const int keep[] = { birth->socket, birth->timer };

		sffi__os_close_all_but(keep, 2);
		for (int i = 0; i < 3; i++)
			close(i);
		/* The lowest stay taken, the standard ones in the program too: what is received
		 * then never needs moving. */
		for (int i = 0; i <= PROGRAM_FD_SOCKET; i++)
			if (open("/dev/null", i < 3 ? O_RDWR : O_RDWR | O_CLOEXEC) != i)
				_exit(125);
		if (!(birth->share & SFFI_SHARE_CWD) && chdir("/"))
			_exit(125);
	}
	sffi__interpose();
	grow_stack();
	if (sffi__address_space_fill())
		_exit(125);
	sffi__heap_use_up();
	sffi__os_advise(birth->common, sizeof *birth->common, MADV_DONTFORK);
}

void sffi__zygote_main(const struct zygote_birth *given)
{
	sigset_t waiting;

	birth = given;
	fstat(birth->socket, &socket_file);
	be_born();
	sigfillset(&waiting);
	for (int i = 0; i < 2; i++)
		sigdelset(&waiting, own_signals[i]);
	pollers[POLL_HOST] = (struct pollfd){ .fd = given->socket, .events = POLLIN };
	pollers[POLL_TIMER] = (struct pollfd){ .fd = given->timer, .events = POLLIN };
	pollers[POLL_DOOR] = (struct pollfd){ .fd = -1, .events = POLLIN };
	atomic_store(&birth->common->born, 1);
	sffi__os_futex_wake(&birth->common->born, 1);
	for (;;) {
		static const struct timespec often = { .tv_nsec = 50000000 }, seldom = { .tv_sec = 1 };
		/* Until the host has it back in its place, which nothing tells us. */
		bool deaf = is_lost(birth->socket, &socket_file);
		int ready;

		pollers[POLL_HOST].fd = deaf ? -1 : birth->socket;
		ready = ppoll(pollers, POLLERS, deaf ? &often : looks_for_host() ? &seldom : NULL, &waiting);

		if (getppid() != birth->host || (!ready && !host_has_common()))
			end();
		collect_all();
		/* Without it the host cannot ask any more, but the workers need their parent. */
		if (ready > 0 && pollers[POLL_HOST].revents &&
		    !is_lost(birth->socket, &socket_file) && !serve())
			end();
		if (ready > 0 && pollers[POLL_TIMER].revents)
			use_leisure();
		if (ready > 0 && pollers[POLL_DOOR].revents)
			sffi__vault_answer(&birth->common->door, birth->host);
	}
}
