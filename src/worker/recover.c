/* SPDX-License-Identifier: MIT */
#include "worker/recover.h"

#include "error.h"
#include "os/os.h"

#include <stdlib.h>
#include <string.h>

/* ---- up ------------------------------------------------------------------------ */

/* Asks for a worker of the given generation. The domain's lock is held. */
static sffi_status begin(sffi_domain *domain, uint64_t generation, struct peer **peer)
{
	const char **names = calloc(domain->library_count + 1, sizeof *names);
	struct peer_request request = {
		.domain = domain,
		.generation = generation,
		.arena_fd = sffi__arena_fd(domain->arena),
		.arena_low = sffi__arena_low(domain->arena),
		.arena_size = sffi__arena_size(domain->arena),
		.options = &domain->options,
		.libraries = names,
		.library_count = domain->library_count,
	};
	sffi_status status;

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

sffi_status sffi__worker_map_lent(struct peer *peer, const struct lent *lent)
{
	const uint64_t argument[3] = { lent->low, lent->size, lent->offset };
	uint64_t error = 0;
	char byte = 0;
	int failed;

	pthread_mutex_lock(&peer->manager);
	failed = sffi__os_send(peer->carry, &byte, 1, &lent->fd, 1);
	if (!failed && sffi__lane_manage(peer, LANE_MAP, argument, &error) != LANE_DONE)
		failed = -1;
	pthread_mutex_unlock(&peer->manager);
	if (failed || error)
		return sffi__fail_system(failed ? failed : (int)error, "map lent memory in the worker");
	return SFFI_OK;
}

static void begin_spare(sffi_domain *domain)
{
	/* It is an optimization: without it the next replacement takes longer. */
	if (domain->options.spare && !domain->spare &&
	    begin(domain, domain->generation + 1, &domain->spare))
		domain->spare = NULL;
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
	status = begin(domain, domain->generation + 1, &peer);
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
	begin_spare(domain);
	return SFFI_OK;
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
	bool held = fault && domain->options.on_fault == SFFI_ON_FAULT_HOLD &&
		    !sffi__os_pidfd_dead(peer->pidfd) && hold(domain, peer);

	if (fault)
		fault->held = held;
	peer->fault = fault;
	atomic_store(&domain->peer, NULL);
	sffi__peer_abandon(peer, held);
	sffi__peer_release(peer);
	if (domain->options.on_fault == SFFI_ON_FAULT_STOP)
		domain->stopped = true;
}

static void on_start(sffi_domain *domain)
{
	if (domain->options.on_start)
		domain->options.on_start(domain, domain->generation, domain->options.data);
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

sffi_status sffi__worker_ready(struct lane *lane)
{
	sffi_domain *domain = lane->domain;
	bool started = false;
	struct peer *peer = atomic_load_explicit(&domain->peer, memory_order_acquire);
	sffi_status status;

	if (peer && peer == lane->peer && peer_serves(peer))
		return SFFI_OK;
	pthread_mutex_lock(&domain->lock);
	status = check_open(domain);
	peer = atomic_load(&domain->peer);
	if (!status && peer && !peer_serves(peer)) {
		struct fault_scene nobody = { .doing = "nothing: no call was in work" };
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

static sffi_status tell(sffi_status status, const sffi_fault *fault, const struct fault_scene *scene)
{
	const char *what = scene->function ? scene->function->name : scene->doing;
	char summary[512] = "the worker ended";

	if (fault)
		sffi__fault_summarize(fault, summary, sizeof summary);
	if (status == SFFI_ECOLLATERAL)
		return sffi__fail(status, "%s was in work when %s brought the worker down: %s", what,
				  fault && *fault->call ? fault->call : "something else", summary);
	return sffi__fail(status, "%s: %s", what, summary);
}

/* A worker that ended without a word, by _exit or SIGKILL, does not say whose callee it was.
 * Of several calls in flight the one made last is most likely; the others give its thread
 * time to take the fault down as its own. */
static void let_culprit_first(const struct lane *lane)
{
	enum { PATIENCE_MS = 50 };
	uint64_t end = sffi__os_now_ns() + PATIENCE_MS * 1000000ull;
	struct peer *peer = lane->peer;

	if (atomic_load(&peer->control->faulted) || atomic_load(&peer->latest) == lane)
		return;
	while (atomic_load(&lane->domain->peer) == peer && sffi__os_now_ns() < end)
		sffi__os_futex_wait(&peer->status->word, atomic_load(&peer->status->word),
				    sffi__os_now_ns() + 1000000);
}

sffi_status sffi__worker_failed(struct lane *lane, enum lane_outcome outcome,
				const struct fault_scene *scene)
{
	sffi_domain *domain = lane->domain;
	struct peer *peer = lane->peer;
	sffi_status status = SFFI_ECOLLATERAL, next = SFFI_OK;
	bool started = false;
	char sentence[1024];

	if (outcome == LANE_WORKER_DIED)
		let_culprit_first(lane);
	pthread_mutex_lock(&domain->lock);
	if (atomic_load(&domain->peer) == peer && !peer->fault) {
		status = status_of(outcome);
		bring_down(domain, peer, sffi__fault_capture(peer, outcome, scene));
	}
	sffi__set_last_fault(sffi_fault_retain(peer->fault));
	status = domain->closed ? sffi__fail(SFFI_ECLOSED, "the domain was closed during the call")
				: tell(status, peer->fault, scene);
	snprintf(sentence, sizeof sentence, "%s", sffi_error());
	if (!domain->closed && !domain->stopped && !atomic_load(&domain->peer)) {
		next = bring_up(domain);
		started = !next;
	}
	if (!next && atomic_load(&domain->peer))
		sffi__lane_attach(lane, atomic_load(&domain->peer));
	pthread_mutex_unlock(&domain->lock);
	if (started)
		on_start(domain);
	return sffi__fail(status, "%s", sentence);
}

/* ---- a domain's beginning and end --------------------------------------------------- */

sffi_status sffi__workers_open(sffi_domain *domain)
{
	sffi_status status;

	pthread_mutex_lock(&domain->lock);
	status = bring_up(domain);
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
		sffi__peer_abandon(peer, false);
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
		sffi__peer_abandon(peer, false);
	sffi__peer_release(peer);
	sffi__peer_release(domain->spare);
	domain->spare = NULL;
	for (size_t i = 0; i < domain->held_count; i++) {
		sffi__os_pidfd_signal(domain->held[i]->pidfd, 9);
		sffi__peer_release(domain->held[i]);
	}
	free(domain->held);
	domain->held = NULL;
	domain->held_count = 0;
	pthread_mutex_unlock(&domain->lock);
	sffi__lanes_sweep();
	sffi__peers_bury(true);
}
