/* SPDX-License-Identifier: MIT */
/*
 * Inside the zygote. It exists to make workers and to be their parent: it waits for the
 * host's requests and for its children's ends, and ends when the host does.
 */
#include "worker/zygote_protocol.h"

#include "fault/handler.h"
#include "os/os.h"
#include "worker/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct zygote_birth *birth;

/* The workers that live, by zone. */
static struct child {
	pid_t pid;
	int pidfd;
} children[ZONES_MAX];

/* What the zygote handles itself, and what becomes of it in a worker. */
static const int own_signals[] = { SIGCHLD, SIGUSR1 };
static struct sigaction own_before[2];

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
		if (children[i].pid)
			sffi__os_pidfd_signal(children[i].pidfd, SIGKILL);
	_exit(0);
}

/* ---- workers ---------------------------------------------------------------- */

/* A newborn that waits for its orders: the greater part of making a worker, done while
 * nobody waits. */
static struct {
	pid_t pid;
	int pidfd, socket;
} reserve = { .socket = -1 };

/* Received descriptors by their meaning; -1: not there. */
static void sort_descriptors(const struct zygote_request *request, const int *received, size_t count,
			     int fds[FD_COUNT])
{
	size_t next = 0;

	for (int i = 0; i < FD_COUNT; i++)
		fds[i] = request->fds & 1u << i && next < count ? received[next++] : -1;
}

static void use_descriptors(const int fds[FD_COUNT])
{
	for (int i = 0; i < 3; i++) {
		if (fds[FD_STDIN + i] < 0)
			close(i);
		else
			dup2(fds[FD_STDIN + i], i);
	}
}

static _Noreturn void be_worker(const struct zygote_request *request, const int fds[FD_COUNT],
				pid_t zygote)
{
	struct worker_start start = {
		.zone_low = zone_low(request->zone),
		.zone_high = zone_low(request->zone) + ZONE_SIZE,
		.control_fd = fds[FD_CONTROL],
		.arena_fd = fds[FD_ARENA],
		.carry_fd = fds[FD_CARRY],
	};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != zygote)
		_exit(0);
	prctl(PR_SET_NAME, WORKER_NAME);
	if (!(birth->share & SFFI_SHARE_CWD) && fds[FD_DIRECTORY] >= 0 && fchdir(fds[FD_DIRECTORY]))
		_exit(126);
	if (birth->share & SFFI_SHARE_FILES) {
		/* One table: these numbers are the host's too. */
		sffi__os_close(fds[FD_DIRECTORY]);
	} else {
		const int keep[] = { fds[FD_CONTROL], fds[FD_ARENA], fds[FD_CARRY] };

		use_descriptors(fds);
		sffi__os_close_all_but(keep, 3);
	}
	for (int i = 0; i < 2; i++)
		sigaction(own_signals[i], &own_before[i], NULL);
	sigprocmask(SIG_SETMASK, &birth->mask, NULL);
	sffi__worker_main(&start);
}

/* The reserve's life: it waits for a request like the zygote's, and becomes the worker. */
static _Noreturn void be_reserve(int socket, pid_t zygote)
{
	struct zygote_request request;
	int received[FD_COUNT], fds[FD_COUNT];
	size_t count = FD_COUNT;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != zygote)
		_exit(0);
	prctl(PR_SET_NAME, RESERVE_NAME);
	if (sffi__os_receive(socket, &request, sizeof request, received, &count, 0) != sizeof request)
		_exit(0);
	sort_descriptors(&request, received, count, fds);
	be_worker(&request, fds, zygote);
}

/* A sharing zygote has no reserve: its newborn would share descriptors before its time. */
static void make_reserve(void)
{
	pid_t self = getpid();
	int sockets[2];

	if (birth->share || reserve.pid ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets))
		return;
	reserve.pid = sffi__os_fork(0, SIGCHLD, &reserve.pidfd);
	if (!reserve.pid)
		be_reserve(sockets[1], self);
	close(sockets[1]);
	reserve.socket = sockets[0];
	if (reserve.pid < 0) {
		close(sockets[0]);
		reserve.pid = 0;
	}
}

static void forget_reserve(void)
{
	close(reserve.socket);
	reserve.pid = 0;
	reserve.socket = -1;
}

/* Gives the reserve the orders; its pid, or 0: there is none. */
static pid_t use_reserve(const struct zygote_request *request, const int fds[FD_COUNT],
			 struct child *child)
{
	int present[FD_COUNT];
	size_t count = 0;
	pid_t pid = reserve.pid;

	if (!pid)
		return 0;
	for (int i = 0; i < FD_COUNT; i++)
		if (fds[i] >= 0)
			present[count++] = fds[i];
	if (sffi__os_send(reserve.socket, request, sizeof *request, present, count)) {
		sffi__os_pidfd_signal(reserve.pidfd, SIGKILL);
		close(reserve.pidfd);
		pid = 0;
	} else {
		child->pidfd = reserve.pidfd;
	}
	forget_reserve();
	return pid;
}

/* vfork: the child borrows the zygote's memory until it executes. */
static pid_t spawn_program(const struct zygote_request *request, const int fds[FD_COUNT])
{
	char zone[16];
	char *const arguments[] = { (char *)WORKER_NAME, zone, NULL };
	extern char **environ;
	volatile int error = 0;
	pid_t pid;

	snprintf(zone, sizeof zone, "%u", request->zone);
	pid = vfork();
	if (pid)
		return pid < 0 ? -errno : error ? -error : pid;
	/* Received descriptors are above the standard ones and these three, which are the
	 * program's own: see program.c. */
	if (fchdir(fds[FD_DIRECTORY]) < 0)
		_exit(126);
	use_descriptors(fds);
	dup2(fds[FD_CONTROL], PROGRAM_FD_CONTROL);
	dup2(fds[FD_ARENA], PROGRAM_FD_ARENA);
	dup2(fds[FD_CARRY], PROGRAM_FD_CARRY);
	close_range(PROGRAM_FD_CARRY + 1, ~0u, CLOSE_RANGE_CLOEXEC);
	for (int i = 0; i < 2; i++)
		sigaction(own_signals[i], &own_before[i], NULL);
	sigprocmask(SIG_SETMASK, &birth->mask, NULL);
	execve(birth->worker_program, arguments, environ);
	error = errno;
	_exit(127);
}

static pid_t spawn(const struct zygote_request *request, const int fds[FD_COUNT])
{
	struct child *child = &children[request->zone];
	pid_t self = getpid(), pid;

	atomic_store(&birth->status[request->zone].word, WORKER_RUNNING);
	if (request->exec) {
		pid = spawn_program(request, fds);
		child->pidfd = pid > 0 ? sffi__os_pidfd_open(pid) : -1;
	} else {
		pid = use_reserve(request, fds, child);
		if (!pid)
			pid = sffi__os_fork(sffi__share_flags(birth->share), SIGCHLD, &child->pidfd);
		if (!pid)
			be_worker(request, fds, self);
	}
	if (pid > 0)
		child->pid = pid;
	return pid;
}

/* ---- requests ----------------------------------------------------------------- */

static void answer(struct zygote_request *request, const int *received, size_t count)
{
	struct zygote_reply reply;
	int fds[FD_COUNT];

	sort_descriptors(request, received, count, fds);
	reply.pid = request->zone < ZONES_MAX ? spawn(request, fds) : -EINVAL;
	sffi__os_send(birth->socket, &reply, sizeof reply,
		      reply.pid > 0 ? &children[request->zone].pidfd : NULL, reply.pid > 0);
}

static void drop(const struct zygote_request *request)
{
	/* The newborn in reserve has the range still. */
	if (reserve.pid) {
		sffi__os_pidfd_signal(reserve.pidfd, SIGKILL);
		close(reserve.pidfd);
		forget_reserve();
	}
	/* The range must not become free for new memory. */
	sffi__os_map((void *)request->low, request->high - request->low, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1);
}

/* One request; false: the host is gone. */
static bool serve(void)
{
	struct zygote_request request;
	int fds[FD_COUNT];
	size_t count = FD_COUNT;
	ssize_t got = sffi__os_receive(birth->socket, &request, sizeof request, fds, &count,
				       MSG_DONTWAIT);

	if (got == -EAGAIN || got == -EINTR)
		return true;
	if (got != sizeof request)
		return false;
	if (request.operation == ZYGOTE_SPAWN)
		answer(&request, fds, count);
	else
		drop(&request);
	/* In a shared table they are the worker's to close. */
	for (size_t i = 0; i < count && !(birth->share & SFFI_SHARE_FILES); i++)
		close(fds[i]);
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
	birth->status[zone].wait_status = wait_status;
	atomic_store(&birth->status[zone].word, state);
	sffi__os_futex_wake(&birth->status[zone].word, INT_MAX);
}

static void collect(const siginfo_t *info)
{
	unsigned zone = 0;
	int status = 0;
	enum worker_state state = WORKER_ENDED;
	bool stopped = info->si_code == CLD_STOPPED;

	while (zone < ZONES_MAX && children[zone].pid != info->si_pid)
		zone++;
	if (!stopped && was_replaced(info->si_pid))
		state = WORKER_EXECUTED;
	waitpid(info->si_pid, &status, WUNTRACED);
	if (info->si_pid == reserve.pid && !stopped) {
		close(reserve.pidfd);
		forget_reserve();
	}
	if (zone == ZONES_MAX)
		return;
	if (stopped) {
		/* A terminal's stop is the host's too, and ends when the host's does. */
		if (WSTOPSIG(status) == SIGSTOP)
			tell(zone, WORKER_STOPPED, status);
		return;
	}
	close(children[zone].pidfd);
	children[zone] = (struct child){ 0 };
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
	sffi__newborn_reset_stdio();
	if (birth->prove)
		sffi__newborn_prove();
	if (!(birth->share & SFFI_SHARE_FILES)) {
		sffi__os_close_all_but(&birth->socket, 1);
		for (int i = 0; i < 3; i++)
			close(i);
		/* 0 to 5 stay taken: received descriptors then never need moving. */
		for (int i = 0; i <= PROGRAM_FD_CARRY; i++)
			if (open("/dev/null", O_RDWR | O_CLOEXEC) != i)
				_exit(125);
		if (!(birth->share & SFFI_SHARE_CWD) && chdir("/"))
			_exit(125);
	}
	grow_stack();
	if (sffi__address_space_fill())
		_exit(125);
	sffi__heap_use_up();
	sffi__os_advise(birth->status, sizeof(struct worker_status) * ZONES_MAX, MADV_DONTFORK);
}

void sffi__zygote_main(const struct zygote_birth *given)
{
	/* A reserve is made when nothing has been asked for a while, so as not to compete
	 * with what was asked for last. */
	static const struct timespec while_idle = { .tv_nsec = 500000 };
	struct pollfd poller = { .fd = given->socket, .events = POLLIN };
	bool wants_reserve = !given->share;
	sigset_t waiting;

	birth = given;
	be_born();
	sigfillset(&waiting);
	for (int i = 0; i < 2; i++)
		sigdelset(&waiting, own_signals[i]);
	atomic_store(birth->born, 1);
	sffi__os_futex_wake(birth->born, 1);
	for (;;) {
		int ready = ppoll(&poller, 1, wants_reserve ? &while_idle : NULL, &waiting);

		if (getppid() != birth->host)
			end();
		collect_all();
		if (ready > 0 && !serve())
			end();
		if (!ready)
			make_reserve();
		wants_reserve = !given->share && !reserve.pid;
	}
}
