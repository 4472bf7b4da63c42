/* SPDX-License-Identifier: MIT */
#include "worker/peer.h"

#include "error.h"
#include "fault/capture.h"
#include "os/os.h"
#include "worker/orders.h"
#include "worker/own.h"
#include "worker/table.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/single_threaded.h>
#include <sys/wait.h>
#include <unistd.h>

/* Peers that nobody uses any more, but whose processes may still be ending: their zones are
 * not to be dealt out again before. */
static struct peer *ending;
static _Atomic unsigned ending_count;
static pthread_mutex_t ending_lock = PTHREAD_MUTEX_INITIALIZER;
/* So many may wait for a time of leisure. */
enum { ENDING_MOST = 8 };

/* ---- its pidfd --------------------------------------------------------------------------- */

/* Field 4 of proc(5)'s stat. */
static pid_t parent_of(pid_t pid)
{
	char path[32], *text, *end;
	pid_t parent = 0;

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	text = sffi__os_read_file(path);
	end = text ? strrchr(text, ')') : NULL;
	if (end && end[1])
		parent = (pid_t)strtol(end + 3, NULL, 10);
	free(text);
	return parent;
}

/* A callee that shares the table has closed it. The process id may have become another's: not
 * if it is a child of the same zygote. */
static int reopen(struct peer *peer, int lost)
{
	int fd = sffi__os_pidfd_open(peer->pid);

	if (fd >= 0 && parent_of(peer->pid) != peer->parent) {
		sffi__os_close(fd);
		fd = -1;
	}
	fd = sffi__own_note(fd);
	if (!atomic_compare_exchange_strong(&peer->pidfd, &lost, fd < 0 ? -1 : fd)) {
		sffi__own_close(fd);
		return lost;
	}
	return fd < 0 ? -1 : fd;
}

static int own_pidfd(struct peer *peer)
{
	int lost = atomic_load(&peer->pidfd), fd = lost;

	if (fd < 0)
		return fd;
	if (!sffi__own_regain(&fd))
		return reopen(peer, lost);
	/* Two threads may find it lost: the first one's stays. */
	if (fd != lost && !atomic_compare_exchange_strong(&peer->pidfd, &lost, fd)) {
		sffi__own_close(fd);
		return lost;
	}
	return fd;
}

bool sffi__peer_dead(struct peer *peer)
{
	int fd = own_pidfd(peer);

	return fd < 0 || sffi__os_pidfd_dead(fd);
}

void sffi__peer_signal(struct peer *peer, int signal)
{
	sffi__os_pidfd_signal(own_pidfd(peer), signal);
}

/* ---- making one -------------------------------------------------------------------------- */

static struct worker_control *map_control(unsigned zone, int fd)
{
	void *mapped = sffi__os_map((void *)zone_low(zone), WORKER_SHARED_SIZE, PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_FIXED_NOREPLACE, fd);

	if (sffi__os_failed(mapped))
		return mapped;
	/* A child that the host forks must not post on the host's lanes. */
	sffi__os_advise(mapped, WORKER_SHARED_SIZE, MADV_DONTFORK);
	return mapped;
}

static void write_control(struct peer *peer, const struct peer_request *request)
{
	struct worker_control *control = peer->control;
	char *names = worker_library_names(control);
	size_t used = 0, limit = sizeof control->library / sizeof *control->library;

	control->arena_low = request->arena_low;
	control->arena_size = request->arena_size;
	control->generation = request->generation;
	control->spin_ns = request->options->spin_ns;
	/* One thread only ever asks: nobody needs the manager. Another than the main thread
	 * asks: it needs one. */
	control->manager = !__libc_single_threaded && !request->options->one_thread;
	peer->has_manager = control->manager;
	control->thunks = request->thunks;
	control->thunk_pages = request->thunk_pages;
	peer->thunk_pages = request->thunk_pages;
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

/* Where the host has it closed, a descriptor of ours may have come to lie there. */
static int standard(const struct peer *peer, int fd)
{
	return peer->share & SFFI_SHARE_FILES || peer->mirrored.standard[fd].access < 0 ? -1 : fd;
}

/* What the worker is to have of the host, besides its memory. */
static int send_orders(const struct peer *peer, const struct peer_request *request, int socket)
{
	struct worker_orders orders = { .host = getpid(), .share = peer->share, .unhurried = request->unhurried };
	int directory = peer->share & SFFI_SHARE_CWD ? -1 : open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int candidates[ORDER_FDS] = {
		[ORDER_ARENA] = request->arena_fd,
		[ORDER_STDIN] = standard(peer, STDIN_FILENO),
		[ORDER_STDOUT] = standard(peer, STDOUT_FILENO),
		[ORDER_STDERR] = standard(peer, STDERR_FILENO),
		[ORDER_DIRECTORY] = directory,
	};
	int fds[ORDER_FDS], error;
	size_t count = 0;

	for (int i = 0; i < ORDER_FDS; i++) {
		if (candidates[i] < 0 || fcntl(candidates[i], F_GETFD) < 0)
			continue;
		orders.fds |= 1u << i;
		fds[count++] = candidates[i];
	}
	error = sffi__os_send(socket, &orders, sizeof orders, fds, count);
	sffi__os_close(directory);
	return error;
}

/* The newcomer becomes the peer's. */
static sffi_status adopt(struct peer *peer, const struct peer_request *request,
			 const struct newcomer *newcomer)
{
	int error;

	peer->zone = newcomer->zone;
	peer->status = sffi__worker_status(peer->zone);
	peer->pid = newcomer->pid;
	peer->pidfd = newcomer->pidfd;
	peer->parent = newcomer->parent;
	peer->mirrored = newcomer->state;
	/* The orders bring directory and descriptors as they are now; the program has no locale set. */
	sffi__host_state_directory(&peer->mirrored);
	sffi__host_state_standard(&peer->mirrored);
	if (peer->exec)
		strcpy(peer->mirrored.locale, "C");
	sffi__zone_assign(peer->zone, request->domain, request->generation);
	peer->control = map_control(peer->zone, newcomer->control_fd);
	sffi__own_close(newcomer->control_fd);
	error = sffi__os_failed(peer->control);
	if (error) {
		peer->control = NULL;
		sffi__own_close(newcomer->socket);
		return sffi__fail_system(error, "map a worker's control memory");
	}
	write_control(peer, request);
	error = send_orders(peer, request, newcomer->socket);
	if (peer->share & SFFI_SHARE_FILES)
		sffi__own_close(newcomer->socket);
	else
		peer->carry = newcomer->socket;
	return error ? sffi__fail_system(error, "give a worker its orders") : SFFI_OK;
}

static struct peer *new_peer(const struct peer_request *request)
{
	struct peer *peer = calloc(1, sizeof *peer);

	if (!peer)
		return NULL;
	peer->references = 1;
	peer->share = request->options->share;
	peer->exec = request->options->spawn == SFFI_SPAWN_EXEC;
	peer->generation = request->generation;
	peer->pidfd = peer->carry = -1;
	peer->next_lane = LANE_FIRST;
	pthread_mutex_init(&peer->manager, NULL);
	pthread_mutex_init(&peer->carry_lock, NULL);
	pthread_mutex_init(&peer->mirror, NULL);
	return peer;
}

sffi_status sffi__peer_begin(struct peer **result, const struct peer_request *request)
{
	struct newcomer newcomer;
	struct peer *peer = new_peer(request);
	sffi_status status;

	if (!peer)
		return sffi__fail(SFFI_ENOMEM, "out of memory for a worker");
	if (atomic_load(&ending_count) > ENDING_MOST)
		sffi__peers_bury(false);
	if (peer->share & SFFI_SHARE_FILES) {
		/* What keeps our descriptors; without it, they are as safe as the callee leaves them. */
		if (!sffi__zygote_start(0))
			sffi__own_expose();
		peer->table = sffi__table_look();
	}
	status = sffi__zygote_take(peer->share, peer->exec, &newcomer);
	if (status) {
		free(peer->table);
		free(peer);
		return status;
	}
	status = adopt(peer, request, &newcomer);
	if (status) {
		sffi__peer_release(peer);
		return status;
	}
	*result = peer;
	return SFFI_OK;
}

sffi_status sffi__peer_finish(struct peer *peer)
{
	enum { PATIENCE_MS = 60000, LOOK_MS = 50 };
	uint64_t end = sffi__os_now_ns() + PATIENCE_MS * 1000000ull;
	uint32_t ready;

	if (!atomic_exchange(&peer->control->hurry, 1))
		sffi__os_futex_wake(&peer->control->hurry, 1);
	while ((ready = atomic_load(&peer->control->ready)) == WORKER_STARTING) {
		uint64_t now = sffi__os_now_ns();

		if (!peer_serves(peer) || sffi__peer_dead(peer))
			return sffi__fail(SFFI_EFAULT, "the worker died while it started");
		if (now > end)
			return sffi__fail(SFFI_ETIMEOUT, "a worker did not start within %d s",
					  PATIENCE_MS / 1000);
		sffi__os_futex_wait_any((struct os_wait[]){ { &peer->control->ready, ready },
							    { &peer->status->word, WORKER_RUNNING } },
					2, now + LOOK_MS * 1000000ull);
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
	if (peer->fault)
		sffi__fault_settle(peer->fault);
	if (peer->control)
		sffi__os_unmap(peer->control, WORKER_SHARED_SIZE);
	sffi__own_close(peer->pidfd);
	sffi__own_close(peer->carry);
	sffi_fault_release(&peer->fault);
	sffi__zone_release(peer->zone);
	pthread_mutex_destroy(&peer->manager);
	pthread_mutex_destroy(&peer->carry_lock);
	pthread_mutex_destroy(&peer->mirror);
	sffi__host_state_free(&peer->mirrored);
	free(peer->table);
	free(peer);
}

/* It does not linger any more. */
static void end_now(struct peer *peer)
{
	if (!peer->lingers)
		return;
	if (peer->fault)
		sffi__fault_settle(peer->fault);
	peer->lingers = false;
	sffi__peer_signal(peer, SIGKILL);
}

void sffi__peers_lock(void)
{
	pthread_mutex_lock(&ending_lock);
}

void sffi__peers_unlock(void)
{
	pthread_mutex_unlock(&ending_lock);
}

/* It may have put itself behind everybody else: see hold_still. Somebody waits for its end. */
static void hurry(const struct peer *peer)
{
	static const struct sched_param normal;

	sched_setscheduler(peer->pid, SCHED_OTHER, &normal);
}

static bool has_ended(struct peer *peer, bool wait)
{
	while (peer->pidfd >= 0 && !sffi__peer_dead(peer)) {
		if (!wait)
			return false;
		end_now(peer);
		sffi__peer_signal(peer, SIGKILL);
		hurry(peer);
		sffi__os_futex_wait(&peer->status->word, atomic_load(&peer->status->word),
				    sffi__os_now_ns() + 1000000);
	}
	return true;
}

size_t sffi__peers_bury(bool wait)
{
	struct peer **link = &ending;
	size_t left = 0;

	pthread_mutex_lock(&ending_lock);
	while (*link) {
		struct peer *peer = *link;

		if (!has_ended(peer, wait)) {
			link = &peer->next;
			left++;
			continue;
		}
		*link = peer->next;
		atomic_fetch_sub(&ending_count, 1);
		free_peer(peer);
	}
	pthread_mutex_unlock(&ending_lock);
	return left;
}

/* One may linger; were each crash followed by the next at once, they would become many. */
static void end_lingering(void)
{
	pthread_mutex_lock(&ending_lock);
	for (struct peer *peer = ending; peer; peer = peer->next)
		end_now(peer);
	pthread_mutex_unlock(&ending_lock);
}

void sffi__peer_release(struct peer *peer)
{
	if (!peer || atomic_fetch_sub(&peer->references, 1) > 1)
		return;
	if (peer->status && atomic_load(&peer->status->word) == WORKER_RUNNING)
		sffi__peer_abandon(peer, END_NOW);
	pthread_mutex_lock(&ending_lock);
	peer->next = ending;
	ending = peer;
	atomic_fetch_add(&ending_count, 1);
	pthread_mutex_unlock(&ending_lock);
}

/* What its callee has left open must not meet what the next one opens; and as long as it lives it
 * may open more. */
static void settle_table(struct peer *peer)
{
	enum { PATIENCE_MS = 2000 };
	uint64_t end = sffi__os_now_ns() + PATIENCE_MS * UINT64_C(1000000);

	/* The zygote says so when it has done with it in that table, too; unless it is gone itself. */
	while (atomic_load(&peer->status->word) == WORKER_ABANDONED && sffi__os_now_ns() < end)
		sffi__os_futex_wait(&peer->status->word, WORKER_ABANDONED, end);
	sffi__table_settle(peer->table, worker_opened(peer->control), peer->fault);
	free(peer->table);
	peer->table = NULL;
}

void sffi__peer_abandon(struct peer *peer, enum peer_end end)
{
	uint32_t state = WORKER_RUNNING;
	uint32_t left = end == END_AT_LEISURE ? WORKER_LEFT : WORKER_ABANDONED;

	end_lingering();
	sffi__zone_stale(peer->zone);
	peer->lingers = atomic_compare_exchange_strong(&peer->status->word, &state, left) &&
			left == WORKER_LEFT;
	/* The timer last: it is to find what was left. */
	if (peer->lingers && !sffi__zygote_end_at_leisure(peer->share)) {
		atomic_store(&peer->status->word, WORKER_ABANDONED);
		peer->lingers = false;
	}
	if (!peer->lingers)
		sffi__peer_signal(peer, end == END_NEVER ? SIGSTOP : SIGKILL);
	sffi__os_futex_wake(&peer->status->word, INT_MAX);
	if (peer->table && peer->control)
		settle_table(peer);
}

static char *read_maps(pid_t pid)
{
	char path[32];

	snprintf(path, sizeof path, "/proc/%d/maps", pid);
	return sffi__os_read_file(path);
}

char *sffi__peer_maps(struct peer *peer)
{
	enum { PATIENCE_MS = 10000 };
	struct pollfd end = { .fd = own_pidfd(peer), .events = POLLIN };
	uint32_t left = WORKER_LEFT;
	char *text;

	if (!peer->lingers)
		return read_maps(peer->pid);
	if (atomic_compare_exchange_strong(&peer->status->word, &left, WORKER_ABANDONED)) {
		text = read_maps(peer->pid);
		sffi__peer_signal(peer, SIGKILL);
		return text;
	}
	/* The zygote is at it, or was: it has kept them. */
	if (!sffi__peer_dead(peer))
		hurry(peer);
	if (poll(&end, 1, PATIENCE_MS) <= 0)
		return NULL;
	return sffi__zygote_maps(peer->zone);
}

/* Bits that the callee may have garbled: a guest that does not wait is found out later. */
bool sffi__peer_has_guest(const struct peer *peer)
{
	return atomic_load(&peer->control->guests) & ~atomic_load(&peer->guests);
}

int sffi__peer_take_guest(struct peer *peer)
{
	for (;;) {
		uint64_t taken = atomic_load(&peer->guests);
		uint64_t waiting = atomic_load(&peer->control->guests) & ~taken;
		unsigned guest;

		if (!waiting)
			return -1;
		guest = (unsigned)__builtin_ctzll(waiting);
		if (!atomic_compare_exchange_strong(&peer->guests, &taken,
						    taken | UINT64_C(1) << guest))
			continue;
		atomic_fetch_and(&peer->control->guests, ~(UINT64_C(1) << guest));
		return (int)guest;
	}
}

void sffi__peer_leave_guest(struct peer *peer, unsigned guest)
{
	atomic_fetch_and(&peer->guests, ~(UINT64_C(1) << guest));
}

bool sffi__peer_replaced(const struct peer *peer)
{
	uint64_t word;
	ssize_t got = sffi__os_read_memory(peer->pid, &word, (uintptr_t)peer->control, sizeof word);

	/* EPERM says nothing; ESRCH: it is dead, which others notice. */
	return got == -EFAULT;
}
