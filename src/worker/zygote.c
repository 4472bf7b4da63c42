/* SPDX-License-Identifier: MIT */
/* The host's side of the zygotes. */
#include "worker/zygote.h"

#include "error.h"
#include "fault/capture.h"
#include "memory/region.h"
#include "os/os.h"
#include "worker/own.h"
#include "worker/zygote_protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/single_threaded.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* The process that is to be the next worker of its kind. */
struct reserve {
	bool asked;      /* for its zone it is made, or will be */
	uint32_t drops;  /* the process arrived, and has obeyed so many requests to drop */
	struct newcomer newcomer; /* its zone when asked; pid 0: not arrived yet */
};

struct zygote {
	bool running;
	unsigned share;
	int socket, pidfd, timer;
	int far; /* its end of the socket, in the same table; or -1 */
	pid_t pid;
	uint32_t drops; /* requests to drop that were sent */
	struct host_state state; /* that it was born with */
	struct reserve reserves[KIND_COUNT];
};

/* [0] shares nothing; [1] shares what its last user asked for. */
static struct zygote zygotes[2];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct zygote_common *common;

static struct zygote *zygote_for(unsigned share)
{
	return &zygotes[share ? 1 : 0];
}

struct worker_status *sffi__worker_status(unsigned zone)
{
	return &common->status[zone];
}

/* ---- birth ------------------------------------------------------------------------ */

static bool host_has_threads(void)
{
	struct stat tasks;

	if (__libc_single_threaded)
		return false;
	return stat("/proc/self/task", &tasks) || tasks.st_nlink > 3;
}

enum birth_result { BORN, UNSOUND, OUT_OF_TIME };

/* Waits for the newborn to say that it is sound. It sleeps only if it waits for a lock
 * whose owner it does not have. */
static enum birth_result watch_birth(pid_t pid, int pidfd, bool proving)
{
	enum { LOOK_NS = 1000000 };
	uint64_t end = sffi__os_now_ns() + (proving ? 250 : 10000) * 1000000ull;
	int asleep = 0;

	while (!atomic_load(&common->born)) {
		uint64_t now = sffi__os_now_ns();

		if (now > end)
			return OUT_OF_TIME;
		if (sffi__os_pidfd_dead(pidfd))
			return UNSOUND;
		asleep = proving && sffi__os_process_state(pid) == 'S' ? asleep + 1 : 0;
		if (asleep > 2)
			return UNSOUND;
		sffi__os_futex_wait(&common->born, 0, now + LOOK_NS);
	}
	return BORN;
}

static void bury(int pidfd)
{
	siginfo_t info;

	sffi__os_pidfd_signal(pidfd, SIGKILL);
	while (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | __WALL) && errno == EINTR)
		;
	sffi__os_close(pidfd);
}

/* One try. The child never returns from here. */
static enum birth_result give_birth(struct zygote *zygote, struct zygote_birth *birth,
				    const int sockets[2], int *error)
{
	enum birth_result result;
	sigset_t all;
	int pidfd;
	pid_t pid;

	atomic_store(&common->born, 0);
	if (!birth->share)
		atomic_store(&common->door.open, VAULT_UNASKED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &birth->mask);
	sffi__regions_withhold(true);
	pid = sffi__os_fork(sffi__share_flags(birth->share), 0, &pidfd);
	if (!pid)
		sffi__zygote_main(birth);
	sffi__regions_withhold(false);
	pthread_sigmask(SIG_SETMASK, &birth->mask, NULL);
	*error = pid < 0 ? -pid : 0;
	if (pid < 0)
		return OUT_OF_TIME;
	result = watch_birth(pid, pidfd, birth->prove);
	if (result != BORN) {
		bury(pidfd);
		return result;
	}
	zygote->running = true;
	zygote->share = birth->share;
	zygote->pid = pid;
	zygote->socket = sffi__own_note(sockets[0]);
	zygote->pidfd = sffi__own_note(pidfd);
	zygote->timer = sffi__own_note(birth->timer);
	zygote->drops = 0;
	if (!birth->share)
		sffi__own_vault(zygote->socket, &common->door, pid);
	return BORN;
}

static sffi_status prepare_common(void)
{
	void *mapped;

	if (common)
		return SFFI_OK;
	mapped = sffi__os_map(NULL, sizeof *common, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1);
	if (sffi__os_failed(mapped))
		return sffi__fail_system(sffi__os_failed(mapped), "allocate the workers' status words");
	common = mapped;
	pthread_atfork(NULL, NULL, sffi__zygote_forget);
	return SFFI_OK;
}

static sffi_status start(struct zygote *zygote, unsigned share)
{
	enum { PATIENCE_S = 30 };
	uint64_t end = sffi__os_now_ns() + PATIENCE_S * UINT64_C(1000000000);
	struct zygote_birth birth = {
		.share = share,
		.host = getpid(),
		.prove = host_has_threads(),
		.common = common,
		.timer = -1,
	};
	enum birth_result result = OUT_OF_TIME;
	int sockets[2], error = 0;
	struct host_state state;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets))
		return sffi__fail_system(errno, "make the zygote's socket");
	for (int i = 0; i < 2; i++)
		sockets[i] = sffi__os_move_high(sockets[i]);
	birth.socket = sockets[1];
	/* A sharing zygote makes nothing before its time: it would share descriptors. */
	if (!share)
		birth.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (birth.timer >= 0)
		birth.timer = sffi__os_move_high(birth.timer);
	sffi__os_beside_library(WORKER_NAME, birth.worker_program);
	if (!sffi__host_state_read(&state)) {
		sffi__os_close(sockets[0]);
		sffi__os_close(sockets[1]);
		sffi__os_close(birth.timer);
		return sffi__fail(SFFI_ENOMEM, "out of memory for the zygote");
	}
	sffi__zygote_note_code();
	while (result != BORN && !error && sffi__os_now_ns() < end)
		result = give_birth(zygote, &birth, sockets, &error);
	zygote->state = state;
	/* A sharing zygote has the same table of descriptors: its end stays open in it. */
	if (result == BORN) {
		zygote->far = share & SFFI_SHARE_FILES ? sffi__own_note(sockets[1]) : -1;
		if (zygote->far < 0)
			sffi__os_close(sockets[1]);
		return SFFI_OK;
	}
	sffi__host_state_free(&zygote->state);
	sffi__os_close(sockets[0]);
	sffi__os_close(sockets[1]);
	sffi__os_close(birth.timer);
	if (error)
		return sffi__fail_system(error, "clone the zygote");
	return sffi__fail(SFFI_ESYSTEM,
			  "no sound copy of this process could be made in %d s, because its "
			  "other threads, or those of the process that forked it, keep the C "
			  "library's locks busy; call sffi_init() first thing in main, before there "
			  "are threads", PATIENCE_S);
}

/* ---- newcomers ----------------------------------------------------------------------- */

/* The zone is the worker's to be: its status word is no other's any more. */
static int reserve_zone(void)
{
	int zone = sffi__zone_reserve();

	if (zone < 0)
		return zone;
	if (getrandom(&common->tickets[zone], sizeof *common->tickets, GRND_NONBLOCK) < 0)
		common->tickets[zone] = sffi__os_now_ns();
	atomic_store(&common->status[zone].word, WORKER_RUNNING);
	return zone;
}

/* Pushed back by everything that happens, the timer goes off when all is quiet. */
static void set_timer(const struct zygote *zygote)
{
	enum { QUIET_NS = 300000 };
	static const struct itimerspec quiet = { .it_value.tv_nsec = QUIET_NS };

	timerfd_settime(zygote->timer, 0, &quiet, NULL);
}

static void ask_for_next(struct zygote *zygote, unsigned kind)
{
	int zone;

	if (zygote->timer < 0)
		return;
	zone = reserve_zone();
	if (zone < 0)
		return;
	zygote->reserves[kind] = (struct reserve){ .asked = true, .newcomer.zone = (unsigned)zone };
	atomic_store(&common->wanted[kind], (uint32_t)zone + 1);
	set_timer(zygote);
}

bool sffi__zygote_end_at_leisure(unsigned share)
{
	struct zygote *zygote = zygote_for(share);
	bool can;

	pthread_mutex_lock(&lock);
	can = zygote->running && sffi__own_regain(&zygote->timer);
	if (can)
		set_timer(zygote);
	pthread_mutex_unlock(&lock);
	return can;
}

char *sffi__zygote_maps(unsigned zone)
{
	return common && *common->maps[zone] ? strndup(common->maps[zone], sizeof *common->maps - 1)
					     : NULL;
}

static struct reserve *reserve_of(struct zygote *zygote, unsigned zone)
{
	for (int kind = 0; kind < KIND_COUNT; kind++)
		if (zygote->reserves[kind].asked && zygote->reserves[kind].newcomer.zone == zone)
			return &zygote->reserves[kind];
	return NULL;
}

/* Reads one reply, if one is there. 0; -EAGAIN: there is none; another: the zygote is gone. */
static int receive(struct zygote *zygote)
{
	struct zygote_reply reply;
	int fds[NEWCOMER_FDS];
	size_t count = NEWCOMER_FDS;
	ssize_t got = sffi__os_receive(zygote->socket, &reply, sizeof reply, fds, &count, MSG_DONTWAIT);
	struct reserve *reserve;

	if (got == -EINTR)
		return 0;
	if (got <= 0)
		return got < 0 ? (int)got : -EPIPE;
	reserve = got == sizeof reply ? reserve_of(zygote, reply.zone) : NULL;
	/* Else a callee has written it to the socket. */
	if (reserve && reply.ticket != common->tickets[reply.zone])
		reserve = NULL;
	if (reserve && reply.pid > 0 && zygote->share & SFFI_SHARE_FILES) {
		memcpy(fds, reply.fds, sizeof fds);
		count = NEWCOMER_FDS;
	}
	if (!reserve || count != NEWCOMER_FDS) {
		/* The host had no numbers left to receive them. */
		for (size_t i = 0; i < count; i++)
			sffi__os_close(fds[i]);
		if (reserve)
			reserve->newcomer.pid = reply.pid < 0 ? reply.pid : -EMFILE;
		return 0;
	}
	reserve->drops = reply.drops;
	reserve->newcomer = (struct newcomer){
		.zone = reply.zone,
		.pid = reply.pid,
		.parent = zygote->pid,
		.pidfd = sffi__own_note(fds[NEWCOMER_PIDFD]),
		.control_fd = sffi__own_note(fds[NEWCOMER_CONTROL]),
		.socket = sffi__own_note(sffi__os_move_high(fds[NEWCOMER_SOCKET])),
	};
	return 0;
}

/* Ends a process that nobody is to use; rare, so that waiting for its end does no harm. */
static void discard(struct newcomer *newcomer)
{
	enum { PATIENCE_MS = 10000 };
	struct pollfd end = { .events = POLLIN };
	int ready = 1;

	if (newcomer->pid > 0 && sffi__own_regain(&newcomer->pidfd)) {
		end.fd = newcomer->pidfd;
		sffi__os_pidfd_signal(newcomer->pidfd, SIGKILL);
		do
			ready = poll(&end, 1, PATIENCE_MS);
		while (ready < 0 && errno == EINTR);
	}
	if (newcomer->pid > 0) {
		/* Without it nobody tells when it has ended: it does with the zygote. */
		if (!sffi__own_is(newcomer->pidfd))
			ready = 0;
		sffi__own_close(newcomer->pidfd);
		sffi__own_close(newcomer->control_fd);
		sffi__own_close(newcomer->socket);
	}
	/* In the zone of a process that will not die nothing else may live. */
	if (ready > 0)
		sffi__zone_release(newcomer->zone);
	newcomer->pid = 0;
}

/* It is our child, so the id is its own until it is waited for. */
static void end_zygote(struct zygote *zygote)
{
	if (sffi__own_regain(&zygote->pidfd)) {
		sffi__os_pidfd_signal(zygote->pidfd, SIGKILL);
	} else {
		kill(zygote->pid, SIGKILL);
	}
	while (waitpid(zygote->pid, NULL, __WALL) < 0 && errno == EINTR)
		;
	sffi__own_close(zygote->pidfd);
}

static void stop(struct zygote *zygote)
{
	if (!zygote->running)
		return;
	if (!zygote->share)
		sffi__own_vault(-1, NULL, 0);
	end_zygote(zygote);
	/* In one table nobody else closes what it has handed over. */
	while (sffi__own_is(zygote->socket) && !receive(zygote))
		;
	for (int kind = 0; kind < KIND_COUNT; kind++)
		if (zygote->reserves[kind].asked)
			discard(&zygote->reserves[kind].newcomer);
	sffi__own_close(zygote->socket);
	if (zygote->timer >= 0)
		for (int kind = 0; kind < KIND_COUNT; kind++)
			atomic_store(&common->wanted[kind], 0);
	sffi__own_close(zygote->timer);
	sffi__host_state_free(&zygote->state);
	sffi__own_close(zygote->far);
	*zygote = (struct zygote){ 0 };
}

/* One that shares descriptors finds its own end closed, too, and does not get it back from us. */
static bool has(const struct zygote *zygote, int *fd)
{
	return zygote->share & SFFI_SHARE_FILES ? sffi__own_is(*fd) : sffi__own_regain(fd);
}

static bool has_reserve(const struct zygote *zygote, struct reserve *reserve)
{
	struct newcomer *newcomer = &reserve->newcomer;

	return !reserve->asked || newcomer->pid <= 0 ||
	       (has(zygote, &newcomer->pidfd) && has(zygote, &newcomer->socket) &&
		has(zygote, &newcomer->control_fd));
}

/* A callee that shares descriptors has closed what leads to it, for good. */
static bool lost(struct zygote *zygote)
{
	for (int kind = 0; kind < KIND_COUNT; kind++)
		if (!has_reserve(zygote, &zygote->reserves[kind]))
			return true;
	return !has(zygote, &zygote->socket) || !has(zygote, &zygote->pidfd) ||
	       (zygote->far >= 0 && !has(zygote, &zygote->far)) ||
	       (zygote->timer >= 0 && !has(zygote, &zygote->timer));
}

static sffi_status ensure(struct zygote *zygote, unsigned share)
{
	sffi_status status = prepare_common();

	if (status)
		return status;
	if (zygote->running && (zygote->share != share || lost(zygote) || sffi__os_pidfd_dead(zygote->pidfd)))
		stop(zygote);
	return zygote->running ? SFFI_OK : start(zygote, share);
}

sffi_status sffi__zygote_start(unsigned share)
{
	struct zygote *zygote = zygote_for(share);
	sffi_status status;

	pthread_mutex_lock(&lock);
	status = ensure(zygote, share);
	if (!status && !zygote->reserves[KIND_CLONE].asked)
		ask_for_next(zygote, KIND_CLONE);
	pthread_mutex_unlock(&lock);
	return status;
}

static int wait_for(struct zygote *zygote, const struct reserve *reserve)
{
	enum { PATIENCE_MS = 10000 };
	struct pollfd poller = { .fd = zygote->socket, .events = POLLIN };
	int error = 0, ready;

	while (!error && !reserve->newcomer.pid) {
		error = receive(zygote);
		if (error != -EAGAIN)
			continue;
		ready = poll(&poller, 1, PATIENCE_MS);
		error = ready > 0 || (ready < 0 && errno == EINTR) ? 0 : -ETIMEDOUT;
	}
	return error;
}

static int ask_now(struct zygote *zygote, unsigned kind)
{
	struct zygote_request request = { .operation = ZYGOTE_MAKE,
					  .zone = zygote->reserves[kind].newcomer.zone,
					  .kind = kind };

	return sffi__os_send(zygote->socket, &request, sizeof request, NULL, 0);
}

/* Sees to it that the process of the kind is there, or that it says why not. */
static int bring(struct zygote *zygote, unsigned kind)
{
	struct reserve *reserve = &zygote->reserves[kind];
	int error = 0, zone;

	if (!reserve->asked) {
		zone = reserve_zone();
		if (zone < 0)
			return -ENOSPC;
		*reserve = (struct reserve){ .asked = true, .newcomer.zone = (unsigned)zone };
		error = ask_now(zygote, kind);
	} else if (!reserve->newcomer.pid && zygote->timer >= 0 &&
		   atomic_exchange(&common->wanted[kind], 0)) {
		error = ask_now(zygote, kind);
	}
	return error ? error : wait_for(zygote, reserve);
}

/* One that has all it should have, and no more. */
static int take(struct zygote *zygote, unsigned kind, struct newcomer *newcomer)
{
	enum { TRIES = 3 }; /* one that died in reserve, one on its way; then they all do */
	struct reserve *reserve = &zygote->reserves[kind];

	for (int i = 0; i < TRIES; i++) {
		int error = bring(zygote, kind);

		if (error)
			return error;
		reserve->asked = false;
		*newcomer = reserve->newcomer;
		if (newcomer->pid < 0) {
			sffi__zone_release(newcomer->zone);
			return newcomer->pid;
		}
		if (reserve->drops == zygote->drops && !sffi__os_pidfd_dead(newcomer->pidfd))
			return 0;
		discard(newcomer);
	}
	return -ECHILD;
}

sffi_status sffi__zygote_take(unsigned share, bool exec, struct newcomer *newcomer)
{
	struct zygote *zygote = zygote_for(share);
	unsigned kind = exec ? KIND_EXEC : KIND_CLONE;
	sffi_status status;
	int error = 0;

	pthread_mutex_lock(&lock);
	status = ensure(zygote, share);
	if (!status)
		error = take(zygote, kind, newcomer);
	if (error && error != -ENOSPC && sffi__os_pidfd_dead(zygote->pidfd)) {
		status = ensure(zygote, share);
		error = status ? 0 : take(zygote, kind, newcomer);
	}
	if (!status && !error) {
		ask_for_next(zygote, kind);
		if (!sffi__host_state_copy(&newcomer->state, &zygote->state)) {
			discard(newcomer);
			error = -ENOMEM;
		}
	}
	pthread_mutex_unlock(&lock);
	if (error == -ENOSPC)
		return sffi__fail(SFFI_ENOMEM, "%d workers are in use, which is the most", ZONES_MAX);
	return error ? sffi__fail_system(error, "start a worker process") : status;
}

/* Those in reserve have the range still: they end now, with their copies of it. */
static void drop(struct zygote *zygote, const struct zygote_request *message)
{
	if (lost(zygote) || sffi__os_send(zygote->socket, message, sizeof *message, NULL, 0))
		return;
	zygote->drops++;
	for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
		struct reserve *reserve = &zygote->reserves[kind];

		/* What nobody has begun to make will not have it. */
		if (!reserve->asked || atomic_load(&common->wanted[kind]) ||
		    wait_for(zygote, reserve) || reserve->drops == zygote->drops)
			continue;
		discard(&reserve->newcomer);
		reserve->asked = false;
		ask_for_next(zygote, kind);
	}
}

void sffi__zygote_drop(uintptr_t low, uintptr_t high)
{
	struct zygote_request message = { .operation = ZYGOTE_DROP, .low = low, .high = high };

	pthread_mutex_lock(&lock);
	for (int i = 0; i < 2; i++)
		if (zygotes[i].running)
			drop(&zygotes[i], &message);
	pthread_mutex_unlock(&lock);
}

static void forget(const struct zygote *zygote)
{
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		const struct newcomer *newcomer = &zygote->reserves[kind].newcomer;

		if (!zygote->reserves[kind].asked || newcomer->pid <= 0)
			continue;
		sffi__own_close(newcomer->pidfd);
		sffi__own_close(newcomer->control_fd);
		sffi__own_close(newcomer->socket);
	}
	sffi__own_close(zygote->socket);
	sffi__own_close(zygote->far);
	sffi__own_close(zygote->timer);
	sffi__own_close(zygote->pidfd);
	sffi__host_state_free((struct host_state *)&zygote->state);
}

/* In a child that the host forked: the zygotes are the parent's. */
void sffi__zygote_forget(void)
{
	sffi__fault_forget_fetching();
	sffi__own_unlock();
	for (int i = 0; i < 2; i++) {
		if (zygotes[i].running)
			forget(&zygotes[i]);
		zygotes[i] = (struct zygote){ 0 };
	}
	if (common)
		munmap(common, sizeof *common);
	common = NULL;
	pthread_mutex_init(&lock, NULL);
}
