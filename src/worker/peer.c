/* SPDX-License-Identifier: MIT */
#include "worker/peer.h"

#include "error.h"
#include "os/os.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/single_threaded.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct worker_control *map_control(unsigned zone, int fd)
{
	void *mapped = sffi__os_map((void *)zone_low(zone), WORKER_SHARED_SIZE, PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_FIXED_NOREPLACE, fd);

	if (sffi__os_failed(mapped))
		return NULL;
	/* A child that the host forks must not post on the host's lanes. */
	sffi__os_advise(mapped, WORKER_SHARED_SIZE, MADV_DONTFORK);
	return mapped;
}

static void write_orders(struct peer *peer, const struct peer_request *request)
{
	struct worker_control *control = peer->control;
	char *names = worker_library_names(control);
	size_t used = 0, limit = sizeof control->library / sizeof *control->library;

	control->zone_low = zone_low(peer->zone);
	control->zone_high = control->zone_low + ZONE_SIZE;
	control->arena_low = request->arena_low;
	control->arena_size = request->arena_size;
	control->generation = request->generation;
	control->spin_ns = request->options->spin_ns;
	/* One thread only ever asks: nobody needs the manager. Another than the main thread
	 * asks: it needs one. */
	control->manager = !__libc_single_threaded && !request->options->one_thread;
	peer->has_manager = control->manager;
	/* What does not fit is loaded afterwards, like a library that is opened later. */
	for (size_t i = 0; i < request->library_count && i < limit; i++) {
		size_t length = strlen(request->libraries[i]) + 1;

		if (used + length > WORKER_LIBRARIES_SIZE)
			break;
		memcpy(names + used, request->libraries[i], length);
		used += length;
		control->libraries = (uint32_t)i + 1;
	}
	peer->libraries = control->libraries;
}

static sffi_status spawn(struct peer *peer, const struct peer_request *request)
{
	int control_fd = sffi__os_memfd("safeffi-control", WORKER_SHARED_SIZE);
	int sockets[2] = { -1, -1 };
	struct spawn_request spawning = { .zone = peer->zone, .exec = peer->exec,
					  .control_fd = control_fd, .arena_fd = request->arena_fd,
					  .carry_fd = -1 };
	sffi_status status = SFFI_OK;

	if (control_fd < 0)
		return sffi__fail_system(control_fd, "make a worker's control memory");
	peer->control = map_control(peer->zone, control_fd);
	if (!peer->control)
		status = sffi__fail(SFFI_ENOMEM, "cannot map a worker's control memory at %#lx",
				    (unsigned long)zone_low(peer->zone));
	else if (!(peer->share & SFFI_SHARE_FILES) &&
		 socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets))
		status = sffi__fail_system(errno, "make a worker's socket");
	if (!status) {
		write_orders(peer, request);
		for (int i = 0; i < 2 && sockets[i] >= 0; i++)
			sockets[i] = sffi__os_move_high(sockets[i]);
		peer->carry = sockets[0];
		spawning.carry_fd = sockets[1];
		status = sffi__zygote_spawn(peer->share, &spawning);
	}
	sffi__os_close(sockets[1]);
	sffi__os_close(control_fd);
	return status;
}

sffi_status sffi__peer_begin(struct peer **result, const struct peer_request *request)
{
	struct peer *peer;
	sffi_status status = sffi__zygote_start(request->options->share);
	int zone;

	if (status)
		return status;
	sffi__peers_bury(false);
	zone = sffi__zone_take(request->domain, request->generation);
	if (zone < 0)
		return sffi__fail(SFFI_ENOMEM, "%d workers are in use, which is the most", ZONES_MAX);
	peer = calloc(1, sizeof *peer);
	if (!peer) {
		sffi__zone_release((unsigned)zone);
		return sffi__fail(SFFI_ENOMEM, "out of memory for a worker");
	}
	peer->references = 1;
	peer->zone = (unsigned)zone;
	peer->share = request->options->share;
	peer->exec = request->options->spawn == SFFI_SPAWN_EXEC;
	peer->generation = request->generation;
	peer->pidfd = peer->carry = -1;
	peer->status = sffi__worker_status(peer->zone);
	peer->next_lane = LANE_FIRST;
	pthread_mutex_init(&peer->manager, NULL);
	pthread_mutex_init(&peer->carry_lock, NULL);
	status = spawn(peer, request);
	if (status) {
		peer->spawned = true;
		sffi__peer_release(peer);
		return status;
	}
	*result = peer;
	return SFFI_OK;
}

static sffi_status answered(struct peer *peer)
{
	if (peer->spawned)
		return SFFI_OK;
	peer->spawned = true;
	return sffi__zygote_spawned(peer->share, peer->zone, &peer->pid, &peer->pidfd);
}

sffi_status sffi__peer_finish(struct peer *peer)
{
	enum { PATIENCE_MS = 60000, LOOK_MS = 50 };
	uint64_t end = sffi__os_now_ns() + PATIENCE_MS * 1000000ull;
	sffi_status status = answered(peer);
	uint32_t ready;

	if (status)
		return status;
	while ((ready = atomic_load(&peer->control->ready)) == WORKER_STARTING) {
		uint64_t now = sffi__os_now_ns();

		if (!peer_serves(peer) || sffi__os_pidfd_dead(peer->pidfd))
			return sffi__fail(SFFI_EFAULT, "the worker died while it started");
		if (now > end)
			return sffi__fail(SFFI_ETIMEOUT, "a worker did not start within %d s",
					  PATIENCE_MS / 1000);
		sffi__os_futex_wait_two(&peer->control->ready, ready, &peer->status->word,
					WORKER_RUNNING, now + LOOK_MS * 1000000ull);
	}
	if (ready == WORKER_READY)
		return SFFI_OK;
	peer->control->loader_error[sizeof peer->control->loader_error - 1] = '\0';
	return sffi__fail(SFFI_ENOLIB, "a library of the domain cannot be loaded again: %.400s",
			  peer->control->loader_error);
}

void sffi__peer_retain(struct peer *peer)
{
	atomic_fetch_add(&peer->references, 1);
}

static void free_peer(struct peer *peer)
{
	if (peer->control)
		sffi__os_unmap(peer->control, WORKER_SHARED_SIZE);
	sffi__os_close(peer->pidfd);
	sffi__os_close(peer->carry);
	sffi_fault_release(&peer->fault);
	sffi__zone_release(peer->zone);
	pthread_mutex_destroy(&peer->manager);
	pthread_mutex_destroy(&peer->carry_lock);
	free(peer);
}

/* Peers that nobody uses any more, but whose processes may still be ending: their zones are
 * not to be dealt out again before. */
static struct peer *ending;
static pthread_mutex_t ending_lock = PTHREAD_MUTEX_INITIALIZER;

static bool has_ended(struct peer *peer, bool wait)
{
	while (peer->pidfd >= 0 && !sffi__os_pidfd_dead(peer->pidfd)) {
		if (!wait)
			return false;
		sffi__os_pidfd_signal(peer->pidfd, SIGKILL);
		sffi__os_futex_wait(&peer->status->word, WORKER_ABANDONED,
				    sffi__os_now_ns() + 1000000);
	}
	return true;
}

void sffi__peers_bury(bool wait)
{
	struct peer **link = &ending;

	pthread_mutex_lock(&ending_lock);
	while (*link) {
		struct peer *peer = *link;

		if (!has_ended(peer, wait)) {
			link = &peer->next;
			continue;
		}
		*link = peer->next;
		free_peer(peer);
	}
	pthread_mutex_unlock(&ending_lock);
}

void sffi__peer_release(struct peer *peer)
{
	if (!peer || atomic_fetch_sub(&peer->references, 1) > 1)
		return;
	if (!answered(peer))
		sffi__peer_abandon(peer, false);
	pthread_mutex_lock(&ending_lock);
	peer->next = ending;
	ending = peer;
	pthread_mutex_unlock(&ending_lock);
}

void sffi__peer_abandon(struct peer *peer, bool keep_for_debugger)
{
	uint32_t running = WORKER_RUNNING;

	if (answered(peer))
		return;
	sffi__os_pidfd_signal(peer->pidfd, keep_for_debugger ? SIGSTOP : SIGKILL);
	sffi__zone_stale(peer->zone);
	atomic_compare_exchange_strong(&peer->status->word, &running, WORKER_ABANDONED);
	sffi__os_futex_wake(&peer->status->word, INT_MAX);
}

bool sffi__peer_replaced(const struct peer *peer)
{
	uint64_t word;
	ssize_t got = sffi__os_read_memory(peer->pid, &word, (uintptr_t)peer->control, sizeof word);

	/* EPERM says nothing; ESRCH: it is dead, which others notice. */
	return got == -EFAULT;
}
