/* SPDX-License-Identifier: MIT */
#include "worker/recover.h"

#include "error.h"
#include "fault/tell.h"
#include "memory/callbacks.h"
#include "worker/notifier.h"
#include "worker/own.h"
#include "os/os.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- up ------------------------------------------------------------------------ */

/* Asks for a worker of the next generation. The domain's lock is held. */
static sffi_status begin(sffi_domain *domain, bool is_spare, struct peer **peer)
{
	const char **names = calloc(domain->library_count + 1, sizeof *names);
	struct peer_request request = {
		.domain = domain,
		.generation = domain->generation + 1,
		.unhurried = is_spare,
		.arena_fd = sffi__arena_fd(domain->arena),
		.arena_low = sffi__arena_low(domain->arena),
		.arena_size = sffi__arena_size(domain->arena),
		.options = &domain->options,
		.thunks = sffi__callbacks_low(domain->callbacks),
		.thunk_pages = sffi__callbacks_pages(domain->callbacks),
		.libraries = names,
		.library_count = domain->library_count,
	};
	sffi_status status;

	if (request.arena_fd < 0) {
		free(names);
		return sffi__fail(SFFI_ESYSTEM, OWN_LOST "without that of its arena this domain cannot have "
						"another worker; close it, and open another one");
	}
	if (!names)
		return sffi__fail(SFFI_ENOMEM, "out of memory for a worker");
	for (size_t i = 0; i < domain->library_count; i++)
		names[i] = domain->libraries[i]->path;
	status = sffi__peer_begin(peer, &request);
	free(names);
	return status;
}

/* What the worker loaded at its start, in the order of the list it was given. */
static void take_handles(sffi_domain *domain, const struct peer *peer)
{
	for (size_t i = 0; i < peer->libraries && i < domain->library_count; i++) {
		sffi_library *library = domain->libraries[i];

		library->handle = peer->control->library[i].handle;
		library->base = peer->control->library[i].base;
		library->generation = peer->generation;
	}
}

sffi_status sffi__worker_map_lent(struct peer *peer, struct lent *lent)
{
	const uint64_t argument[3] = { lent->low, lent->size, lent->offset };
	uint64_t error = 0;
	char byte = 0;
	int failed;

	pthread_mutex_lock(&peer->manager);
	pthread_mutex_lock(&peer->carry_lock);
	failed = sffi__own_regain(&peer->carry) && sffi__own_regain(&lent->fd)
			 ? sffi__os_send(peer->carry, &byte, 1, &lent->fd, 1) : -EBADF;
	if (!failed && sffi__lane_manage(peer, LANE_MAP, argument, &error) != LANE_DONE)
		failed = -1;
	pthread_mutex_unlock(&peer->carry_lock);
	pthread_mutex_unlock(&peer->manager);
	if (failed || error)
		return sffi__fail_system(failed ? failed : (int)error, "map lent memory in the worker");
	return SFFI_OK;
}

static sffi_status check_open(const sffi_domain *domain)
{
	if (domain->closed)
		return sffi__fail(SFFI_ECLOSED, "the domain is closed");
	if (domain->stopped)
		return sffi__fail(SFFI_ECLOSED, "the domain stopped after a fault, as its options ask "
						"(SFFI_ON_FAULT_STOP); sffi_domain_restart starts it "
						"again");
	return SFFI_OK;
}

static void begin_spare(sffi_domain *domain)
{
	/* It is an optimization: without it the next replacement takes longer. */
	if (domain->options.spare && !domain->spare &&
	    begin(domain, true, &domain->spare))
		domain->spare = NULL;
}

/* What need not be done while somebody waits for the next call: another spare, and the
 * burial of those that went before. */
static void put_off_chores(sffi_domain *domain)
{
	enum { LEISURE_NS = 1000000 };

	atomic_store(&domain->chores_due, sffi__os_now_ns() + LEISURE_NS);
}

void sffi__worker_chores(sffi_domain *domain)
{
	if (sffi__os_now_ns() < atomic_load(&domain->chores_due) ||
	    pthread_mutex_trylock(&domain->lock))
		return;
	atomic_store(&domain->chores_due, 0);
	if (!check_open(domain) && atomic_load(&domain->peer))
		begin_spare(domain);
	if (sffi__peers_bury(false))
		put_off_chores(domain);
	pthread_mutex_unlock(&domain->lock);
}

void sffi__spare_renew(sffi_domain *domain)
{
	pthread_mutex_lock(&domain->lock);
	sffi__peer_release(domain->spare);
	domain->spare = NULL;
	if (!domain->closed && !domain->stopped)
		begin_spare(domain);
	pthread_mutex_unlock(&domain->lock);
}

/* The next worker, ready to serve: the spare, or a new one. */
static sffi_status next_peer(sffi_domain *domain, struct peer **result)
{
	struct peer *peer = domain->spare;
	sffi_status status;

	domain->spare = NULL;
	if (peer) {
		if (!sffi__peer_finish(peer)) {
			*result = peer;
			return SFFI_OK;
		}
		sffi__peer_release(peer);
	}
	status = begin(domain, false, &peer);
	if (status)
		return status;
	status = sffi__peer_finish(peer);
	if (status == SFFI_EFAULT) {
		struct fault_scene scene = { .doing = "the start of a worker, in a library's constructor" };

		sffi__set_last_fault(sffi__fault_capture(peer, LANE_WORKER_DIED, &scene));
	}
	if (status) {
		sffi__peer_release(peer);
		return status;
	}
	*result = peer;
	return SFFI_OK;
}

static sffi_status bring_up(sffi_domain *domain)
{
	struct peer *peer = NULL;
	sffi_status status = next_peer(domain, &peer);

	if (status)
		return status;
	for (size_t i = 0; i < domain->lent_count && !status; i++)
		status = sffi__worker_map_lent(peer, &domain->lents[i]);
	if (status) {
		sffi__peer_release(peer);
		return status;
	}
	domain->generation++;
	take_handles(domain, peer);
	atomic_store(&domain->peer, peer);
	/* Without its end of the pipe its guests wait until somebody calls. */
	if (domain->notifier)
		sffi__notifier_give(domain->notifier, peer, LANES_MAX, false);
	put_off_chores(domain);
	return SFFI_OK;
}

sffi_status sffi__domain_notifier(sffi_domain *domain)
{
	struct peer *peer = atomic_load(&domain->peer);
	sffi_status status;

	if (!domain->notifier) {
		domain->notifier = malloc(sizeof *domain->notifier);
		if (!domain->notifier)
			return sffi__fail(SFFI_ENOMEM, "out of memory for a domain's pipe");
		sffi__notifier_init(domain->notifier);
	}
	status = sffi__notifier_open(domain->notifier);
	if (!status && peer)
		status = sffi__notifier_give(domain->notifier, peer, LANES_MAX, false);
	if (!status && peer && sffi__peer_has_guest(peer))
		sffi__notifier_ring(domain->notifier);
	return status;
}

/* ---- down ----------------------------------------------------------------------- */

static bool hold(sffi_domain *domain, struct peer *peer)
{
	struct peer **grown = realloc(domain->held, (domain->held_count + 1) * sizeof *grown);

	if (!grown)
		return false;
	domain->held = grown;
	domain->held[domain->held_count++] = peer;
	sffi__peer_retain(peer);
	return true;
}

/* The worker is given up because of the fault, which is taken over. */
static void bring_down(sffi_domain *domain, struct peer *peer, sffi_fault *fault)
{
	/* A worker that holds still does no harm while it waits for its end. */
	bool still = atomic_load(&peer->control->faulted) && peer->control->fault.alone && !peer->share;
	bool held = fault && domain->options.on_fault == SFFI_ON_FAULT_HOLD &&
		    !sffi__peer_dead(peer) && hold(domain, peer);

	if (fault)
		fault->held = held;
	peer->fault = fault;
	atomic_store(&domain->peer, NULL);
	if (fault && (held || !still))
		sffi__fault_maps(fault);
	sffi__peer_abandon(peer, held ? END_NEVER : still ? END_AT_LEISURE : END_NOW);
	sffi__peer_release(peer);
	if (domain->options.on_fault == SFFI_ON_FAULT_STOP)
		domain->stopped = true;
}

static void on_start(sffi_domain *domain)
{
	if (domain->options.on_start)
		domain->options.on_start(domain, domain->generation, domain->options.data);
}

/* Whether the thread of another lane is about to take the worker's end down as its own. Who
 * faulted is in the record; a worker that ended without one, by _exit or SIGKILL, does not
 * say whose callee it was: of several calls in work, the one made last is most likely. */
static bool culprit_comes(const struct peer *peer, const struct lane *lane)
{
	const void *latest = atomic_load(&peer->latest);
	uint32_t index;

	if (!atomic_load(&peer->control->faulted))
		return latest && latest != lane;
	index = peer->control->fault.lane;
	/* With one_thread, all threads of the host's have the same lane of the worker's. */
	if (lane->peer == peer && lane->index == index)
		return lane->work.domain->options.one_thread && latest && latest != lane;
	return index < LANES_MAX && atomic_load(&peer->attached[index]);
}

/* The record is the callee's to overwrite, so there is an end to the patience. True: another
 * thread has taken the worker down. */
static bool let_culprit_first(sffi_domain *domain, const struct peer *peer, const struct lane *lane)
{
	enum { PATIENCE_MS = 1000 };
	uint64_t now = sffi__os_now_ns(), end = now + PATIENCE_MS * 1000000ull;

	for (; now < end && atomic_load(&domain->peer) == peer && culprit_comes(peer, lane);
	     now = sffi__os_now_ns())
		sffi__os_futex_wait(&peer->status->word, atomic_load(&peer->status->word),
				    now + 1000000);
	return atomic_load(&domain->peer) != peer;
}

/* The domain's worker. If it does not serve any more, the thread that it failed takes it down
 * first; the domain's lock, which is held, is let go meanwhile. */
static struct peer *current(sffi_domain *domain, const struct lane *lane)
{
	struct peer *peer;
	bool another = true;

	/* The next one may have faulted, too, before this thread's turn. */
	while (another && (peer = atomic_load(&domain->peer)) && !peer_serves(peer)) {
		sffi__peer_retain(peer);
		pthread_mutex_unlock(&domain->lock);
		another = let_culprit_first(domain, peer, lane);
		pthread_mutex_lock(&domain->lock);
		sffi__peer_release(peer);
	}
	return atomic_load(&domain->peer);
}

sffi_status sffi__worker_ready(struct lane *lane)
{
	sffi_domain *domain = lane->work.domain;
	bool started = false;
	struct peer *peer = atomic_load_explicit(&domain->peer, memory_order_acquire);
	sffi_status status;

	if (peer && peer == lane->peer && peer_serves(peer))
		return SFFI_OK;
	pthread_mutex_lock(&domain->lock);
	peer = current(domain, lane);
	status = check_open(domain);
	if (!status && peer && !peer_serves(peer)) {
		struct fault_scene nobody = { 0 };
		sffi_fault *fault = sffi__fault_capture(peer, LANE_WORKER_DIED, &nobody);

		sffi__set_last_fault(sffi_fault_retain(fault));
		bring_down(domain, peer, fault);
		status = check_open(domain);
	}
	if (!status && !atomic_load(&domain->peer)) {
		status = bring_up(domain);
		started = !status;
	}
	if (!status && lane->peer != atomic_load(&domain->peer))
		status = sffi__lane_attach(lane, atomic_load(&domain->peer));
	pthread_mutex_unlock(&domain->lock);
	if (started)
		on_start(domain);
	return status;
}

static sffi_status status_of(enum lane_outcome outcome)
{
	return outcome == LANE_TIMED_OUT ? SFFI_ETIMEOUT : SFFI_EFAULT;
}

sffi_status sffi__worker_failed(struct lane *lane, enum lane_outcome outcome,
				const struct fault_scene *scene)
{
	sffi_domain *domain = lane->work.domain;
	struct peer *peer = lane->peer;
	sffi_status status = SFFI_ECOLLATERAL;
	bool started = false, closed;
	sffi_fault *fault;

	/* Of a worker that stands there is no culprit but this call. */
	if (outcome == LANE_WORKER_DIED || (outcome != LANE_CALLEE_FAULTED && !peer_serves(peer)))
		let_culprit_first(domain, peer, lane);
	pthread_mutex_lock(&domain->lock);
	if (atomic_load(&domain->peer) == peer && !peer->fault) {
		status = status_of(outcome);
		bring_down(domain, peer, sffi__fault_capture(peer, outcome, scene));
	}
	fault = sffi_fault_retain(peer->fault);
	sffi__set_last_fault(sffi_fault_retain(fault));
	if (!domain->closed && !domain->stopped && !atomic_load(&domain->peer))
		started = !bring_up(domain);
	if (atomic_load(&domain->peer))
		sffi__lane_attach(lane, atomic_load(&domain->peer));
	closed = domain->closed;
	pthread_mutex_unlock(&domain->lock);
	if (started)
		on_start(domain);
	status = closed ? sffi__fail(SFFI_ECLOSED, "the domain was closed during the call")
			: sffi__fault_tell(status, fault, scene->function ? scene->function->name
								    : scene->doing ? scene->doing
										   : "a call");
	sffi_fault_release(&fault);
	return status;
}

void sffi__worker_cancel(sffi_domain *domain, struct peer *peer, const sffi_function *function)
{
	struct fault_scene scene = { .function = function, .doing = "a call" };

	pthread_mutex_lock(&domain->lock);
	if (atomic_load(&domain->peer) == peer && !peer->fault)
		bring_down(domain, peer, sffi__fault_capture(peer, LANE_CANCELED, &scene));
	pthread_mutex_unlock(&domain->lock);
}

/* ---- a domain's beginning and end --------------------------------------------------- */

sffi_status sffi__workers_open(sffi_domain *domain)
{
	sffi_status status;

	pthread_mutex_lock(&domain->lock);
	status = bring_up(domain);
	if (!status)
		begin_spare(domain);
	pthread_mutex_unlock(&domain->lock);
	if (!status)
		on_start(domain);
	return status;
}

sffi_status sffi__workers_restart(sffi_domain *domain)
{
	struct peer *peer;
	sffi_status status;

	pthread_mutex_lock(&domain->lock);
	domain->stopped = false;
	peer = atomic_load(&domain->peer);
	if (peer) {
		atomic_store(&domain->peer, NULL);
		sffi__peer_abandon(peer, END_NOW);
		sffi__peer_release(peer);
	}
	status = domain->closed ? check_open(domain) : bring_up(domain);
	pthread_mutex_unlock(&domain->lock);
	if (!status)
		on_start(domain);
	return status;
}

void sffi__workers_close(sffi_domain *domain)
{
	struct peer *peer;

	pthread_mutex_lock(&domain->lock);
	domain->closed = true;
	peer = atomic_exchange(&domain->peer, NULL);
	if (peer)
		sffi__peer_abandon(peer, END_NOW);
	sffi__peer_release(peer);
	sffi__peer_release(domain->spare);
	domain->spare = NULL;
	for (size_t i = 0; i < domain->held_count; i++) {
		sffi__peer_signal(domain->held[i], 9);
		sffi__peer_release(domain->held[i]);
	}
	free(domain->held);
	domain->held = NULL;
	domain->held_count = 0;
	pthread_mutex_unlock(&domain->lock);
	sffi__lanes_sweep();
	sffi__peers_bury(true);
}
