/* SPDX-License-Identifier: MIT */
/* The host's side of the zygotes. */
#include "worker/zygote.h"

#include "error.h"
#include "memory/region.h"
#include "os/os.h"
#include "worker/zygote_protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/single_threaded.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct zygote {
	bool running;
	unsigned share;
	int socket, pidfd;
	bool answer_due; /* a spawn was asked for and not waited for yet */
	unsigned due_zone;
	struct { pid_t pid; int pidfd; } early[ZONES_MAX]; /* answers that were read before their time */
};

/* [0] shares nothing; [1] shares what its last user asked for. */
static struct zygote zygotes[2];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Memory that host and zygotes share, and nobody else. */
static struct common {
	struct worker_status status[ZONES_MAX];
	_Atomic uint32_t born;
} *common;

static struct zygote *zygote_for(unsigned share)
{
	return &zygotes[share ? 1 : 0];
}

struct worker_status *sffi__worker_status(unsigned zone)
{
	return &common->status[zone];
}

/* ---- code that clones have too -------------------------------------------------- */

static uintptr_t *bases;
static size_t base_count;

static int note_object(struct dl_phdr_info *info, size_t size, void *data)
{
	uintptr_t *grown = realloc(bases, (base_count + 1) * sizeof *bases);

	(void)size, (void)data;
	if (!grown)
		return 1;
	bases = grown;
	bases[base_count++] = info->dlpi_addr;
	return 0;
}

bool sffi__zygote_has_code(uintptr_t base)
{
	for (size_t i = 0; i < base_count; i++)
		if (bases[i] == base)
			return true;
	return false;
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
	zygote->socket = sockets[0];
	zygote->pidfd = pidfd;
	zygote->answer_due = false;
	return BORN;
}

static sffi_status prepare_common(void)
{
	void *mapped;

	if (common)
		return SFFI_OK;
	mapped = sffi__os_map(NULL, sizeof *common, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1);
	if (sffi__os_failed(mapped))
		return sffi__fail_system(sffi__os_failed(mapped), "allocate the workers' status words");
	common = mapped;
	pthread_atfork(NULL, NULL, sffi__zygote_forget);
	return SFFI_OK;
}

static sffi_status start(struct zygote *zygote, unsigned share)
{
	enum { TRIES = 2000 };
	struct zygote_birth birth = {
		.share = share,
		.host = getpid(),
		.prove = host_has_threads(),
		.status = common->status,
		.born = &common->born,
	};
	enum birth_result result = OUT_OF_TIME;
	int sockets[2], error = 0;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets))
		return sffi__fail_system(errno, "make the zygote's socket");
	for (int i = 0; i < 2; i++)
		sockets[i] = sffi__os_move_high(sockets[i]);
	birth.socket = sockets[1];
	sffi__os_beside_library(WORKER_NAME, birth.worker_program);
	base_count = 0;
	dl_iterate_phdr(note_object, NULL);
	for (int i = 0; i < TRIES && result != BORN && !error; i++)
		result = give_birth(zygote, &birth, sockets, &error);
	/* A sharing zygote has the same table of descriptors: its end stays open in it. */
	if (result == BORN) {
		if (!(share & SFFI_SHARE_FILES))
			sffi__os_close(sockets[1]);
		return SFFI_OK;
	}
	sffi__os_close(sockets[0]);
	sffi__os_close(sockets[1]);
	if (error)
		return sffi__fail_system(error, "clone the zygote");
	return sffi__fail(SFFI_ESYSTEM,
			  "no sound copy of this process could be made in %d tries, because its "
			  "other threads keep the C library's locks busy; call sffi_init() first "
			  "thing in main, before there are threads", TRIES);
}

static void stop(struct zygote *zygote)
{
	if (!zygote->running)
		return;
	sffi__os_close(zygote->socket);
	bury(zygote->pidfd);
	zygote->running = false;
}

static sffi_status ensure(struct zygote *zygote, unsigned share)
{
	sffi_status status = prepare_common();

	if (status)
		return status;
	if (zygote->running && (zygote->share != share || sffi__os_pidfd_dead(zygote->pidfd)))
		stop(zygote);
	return zygote->running ? SFFI_OK : start(zygote, share);
}

sffi_status sffi__zygote_start(unsigned share)
{
	sffi_status status;

	pthread_mutex_lock(&lock);
	status = ensure(zygote_for(share), share);
	pthread_mutex_unlock(&lock);
	return status;
}

/* ---- workers ----------------------------------------------------------------------- */

/* Reads the answer that is due; keeps it for the zone that it is for. */
static void read_answer(struct zygote *zygote)
{
	enum { PATIENCE_MS = 10000 };
	struct pollfd poller = { .fd = zygote->socket, .events = POLLIN };
	struct zygote_reply reply = { .pid = -EPIPE };
	size_t count = 1;
	int pidfd = -1, ready;

	do
		ready = poll(&poller, 1, PATIENCE_MS);
	while (ready < 0 && errno == EINTR);
	if (ready <= 0 ||
	    sffi__os_receive(zygote->socket, &reply, sizeof reply, &pidfd, &count, MSG_DONTWAIT) !=
		    sizeof reply)
		reply.pid = -EPIPE;
	zygote->early[zygote->due_zone].pid = reply.pid;
	zygote->early[zygote->due_zone].pidfd = count ? pidfd : -1;
	zygote->answer_due = false;
}

static int send_spawn(struct zygote *zygote, const struct spawn_request *request)
{
	bool own_files = !(zygote->share & SFFI_SHARE_FILES);
	struct zygote_request message = {
		.operation = ZYGOTE_SPAWN,
		.zone = request->zone,
		.exec = request->exec,
	};
	int directory = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int candidates[FD_COUNT] = { request->control_fd, request->arena_fd, request->carry_fd, 0, 1, 2,
				     directory };
	int fds[FD_COUNT], error;
	size_t count = 0;

	for (int i = 0; i < FD_COUNT; i++) {
		bool standard = i >= FD_STDIN && i <= FD_STDERR;

		if (candidates[i] < 0 || fcntl(candidates[i], F_GETFD) < 0 || (standard && !own_files))
			continue;
		message.fds |= 1u << i;
		fds[count++] = candidates[i];
	}
	error = sffi__os_send(zygote->socket, &message, sizeof message, fds, count);
	sffi__os_close(directory);
	return error;
}

sffi_status sffi__zygote_spawn(unsigned share, const struct spawn_request *request)
{
	struct zygote *zygote = zygote_for(share);
	sffi_status status;
	int error;

	pthread_mutex_lock(&lock);
	status = ensure(zygote, share);
	if (!status) {
		if (zygote->answer_due)
			read_answer(zygote);
		atomic_store(&common->status[request->zone].word, WORKER_RUNNING);
		error = send_spawn(zygote, request);
		if (error)
			status = sffi__fail_system(error, "ask the zygote for a worker");
		zygote->answer_due = !error;
		zygote->due_zone = request->zone;
		zygote->early[request->zone].pid = 0;
	}
	pthread_mutex_unlock(&lock);
	return status;
}

sffi_status sffi__zygote_spawned(unsigned share, unsigned zone, pid_t *pid, int *pidfd)
{
	struct zygote *zygote = zygote_for(share);

	pthread_mutex_lock(&lock);
	if (!zygote->early[zone].pid && zygote->answer_due)
		read_answer(zygote);
	*pid = zygote->early[zone].pid;
	*pidfd = zygote->early[zone].pidfd;
	zygote->early[zone].pid = 0;
	pthread_mutex_unlock(&lock);
	if (*pid > 0)
		return SFFI_OK;
	return sffi__fail_system(*pid ? *pid : EPIPE, "start a worker process");
}

void sffi__zygote_drop(uintptr_t low, uintptr_t high)
{
	struct zygote_request message = { .operation = ZYGOTE_DROP, .low = low, .high = high };

	pthread_mutex_lock(&lock);
	for (int i = 0; i < 2; i++)
		if (zygotes[i].running)
			sffi__os_send(zygotes[i].socket, &message, sizeof message, NULL, 0);
	pthread_mutex_unlock(&lock);
}

/* In a child that the host forked: the zygotes are the parent's. */
void sffi__zygote_forget(void)
{
	for (int i = 0; i < 2; i++) {
		if (zygotes[i].running) {
			sffi__os_close(zygotes[i].socket);
			sffi__os_close(zygotes[i].pidfd);
		}
		zygotes[i] = (struct zygote){ 0 };
	}
	if (common)
		munmap(common, sizeof *common);
	common = NULL;
	pthread_mutex_init(&lock, NULL);
}
