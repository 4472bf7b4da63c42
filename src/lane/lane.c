/* SPDX-License-Identifier: MIT */
#include "lane/lane.h"

#include "error.h"
#include "memory/callbacks.h"
#include "os/os.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOOK_NS = 50000000 };

/* ---- waiting -------------------------------------------------------------------- */

static enum lane_outcome replied(const struct lane *lane)
{
	switch (lane->slot->reply.event) {
	case LANE_RETURNED:
		return LANE_DONE;
	case LANE_UPCALLED:
		return LANE_UPCALL;
	default:
		return LANE_CALLEE_FAULTED;
	}
}

static enum lane_outcome by_status(uint32_t word)
{
	switch (word) {
	case WORKER_STOPPED:
		return LANE_WORKER_STOPPED;
	case WORKER_ABANDONED:
	case WORKER_LEFT:
		return LANE_ABANDONED;
	default:
		return LANE_WORKER_DIED;
	}
}

/* Every now and then: what a callee can have done to the words that announce things. */
static bool looks_dead(struct lane *lane)
{
	/* The worker may have been robbed of its wake-up. */
	sffi__os_futex_wake(&lane->slot->request.post, 1);
	return sffi__peer_dead(lane->peer) || sffi__peer_replaced(lane->peer);
}

/* Sleeps until the answer is there (true), or something else has happened. */
static bool sleep_for_answer(struct lane *lane, uint64_t deadline, enum lane_outcome *other)
{
	struct peer *peer = lane->peer;

	for (;;) {
		uint32_t seen = atomic_load(lane->side.post);
		uint32_t word = atomic_load(&peer->status->word);
		uint64_t now, until;

		if (seen == lane->sequence)
			return true;
		if (word != WORKER_RUNNING) {
			*other = by_status(word);
			return false;
		}
		if (lane->takes_guests && sffi__peer_has_guest(peer)) {
			*other = LANE_GUEST;
			return false;
		}
		now = sffi__os_now_ns();
		if (deadline && now >= deadline) {
			*other = LANE_TIMED_OUT;
			return false;
		}
		until = deadline && deadline < now + LOOK_NS ? deadline : now + LOOK_NS;
		if (sffi__os_futex_wait_any((struct os_wait[]){ { lane->side.post, seen },
								{ &peer->status->word, WORKER_RUNNING } },
					    2, until) == -ETIMEDOUT &&
		    looks_dead(lane)) {
			*other = LANE_WORKER_DIED;
			return false;
		}
	}
}

void sffi__lane_ask(struct lane *lane, enum lane_operation operation)
{
	struct lane_request *request = &lane->slot->request;

	request->operation = (uint8_t)operation;
	sffi__lane_post(&request->post, ++lane->sequence, &lane->slot->reply.sleeping);
}

enum lane_outcome sffi__lane_wait(struct lane *lane, uint64_t deadline_ns)
{
	enum lane_outcome other = LANE_DONE;
	bool answered;

	if (sffi__lane_spin(&lane->side, lane->sequence))
		return replied(lane);
	lane_sleep_begin(&lane->side);
	answered = sleep_for_answer(lane, deadline_ns, &other);
	lane_sleep_end(&lane->side);
	return answered ? replied(lane) : other;
}

enum lane_outcome sffi__lane_poll(struct lane *lane)
{
	uint32_t word;

	if (atomic_load_explicit(lane->side.post, memory_order_acquire) == lane->sequence)
		return replied(lane);
	word = atomic_load(&lane->peer->status->word);
	if (word != WORKER_RUNNING)
		return by_status(word);
	return sffi__peer_dead(lane->peer) ? LANE_WORKER_DIED : LANE_PENDING;
}

enum lane_outcome sffi__lane_request(struct lane *lane, enum lane_operation operation,
				     uint64_t deadline_ns)
{
	sffi__lane_ask(lane, operation);
	return sffi__lane_wait(lane, deadline_ns);
}

void sffi__lane_nudge(struct lane *lane)
{
	if (atomic_load_explicit(&lane->slot->reply.sleeping, memory_order_relaxed))
		sffi__os_futex_wake(&lane->slot->request.post, 1);
}

bool sffi__lane_was_started(const struct lane *lane)
{
	return lane->slot->progress.started == lane->sequence;
}

void sffi__lane_set_side(struct lane *lane, uint32_t spin_ns)
{
	lane->side = (struct lane_side){ .post = &lane->slot->reply.post,
					 .cpu = &lane->slot->request.cpu,
					 .peer_cpu = &lane->slot->reply.cpu,
					 .sleeping = &lane->slot->request.sleeping,
					 .spin_ns = spin_ns };
}

/* ---- attaching -------------------------------------------------------------------- */

enum lane_outcome sffi__lane_manage(struct peer *peer, enum lane_operation operation,
				    const uint64_t argument[3], uint64_t *result)
{
	enum { PATIENCE_MS = 10000 };
	unsigned index = atomic_load(&peer->has_manager) ? LANE_MANAGER : LANE_MAIN;
	struct lane lane = { .peer = peer,
			     .slot = worker_slot(peer->control, index),
			     .sequence = peer->sequence[index] };
	enum lane_outcome outcome;

	sffi__lane_set_side(&lane, 0);
	memcpy(lane_frame(&lane)->integer, argument, 3 * sizeof *argument);
	outcome = sffi__lane_request(&lane, operation, sffi__deadline(PATIENCE_MS));
	peer->sequence[index] = lane.sequence;
	*result = lane.slot->reply.result.integer[0];
	return outcome;
}

/* The manager's lock is held. */
static sffi_status make_thread(struct peer *peer, unsigned index)
{
	const uint64_t argument[3] = { index };
	uint64_t error;

	if (sffi__lane_manage(peer, LANE_START, argument, &error) != LANE_DONE)
		return sffi__fail(SFFI_ECOLLATERAL, "the worker did not make a thread for this one");
	return error ? sffi__fail_system((int)error, "make a thread in the worker") : SFFI_OK;
}

sffi_status sffi__lane_make_manager(struct peer *peer)
{
	sffi_status status = SFFI_OK;

	pthread_mutex_lock(&peer->manager);
	if (!atomic_load(&peer->has_manager)) {
		status = make_thread(peer, LANE_MANAGER);
		if (!status)
			atomic_store(&peer->has_manager, true);
	}
	pthread_mutex_unlock(&peer->manager);
	return status;
}

static sffi_status take_lane(struct peer *peer, unsigned *index)
{
	sffi_status status = SFFI_OK;

	pthread_mutex_lock(&peer->manager);
	if (peer->next_lane < LANE_FIRST_GUEST) {
		*index = peer->next_lane++;
	} else if (peer->ended_count) {
		*index = peer->ended[peer->ended_first];
		peer->ended_first = (peer->ended_first + 1) % LANES_MAX;
		peer->ended_count--;
	} else {
		status = sffi__fail(SFFI_ENOMEM, "%d threads call into this domain, which is the most",
				    LANE_FIRST_GUEST - 1);
	}
	if (!status) {
		memset(worker_slot(peer->control, *index), 0, sizeof(struct lane_slot));
		status = make_thread(peer, *index);
	}
	pthread_mutex_unlock(&peer->manager);
	return status;
}

sffi_status sffi__lane_attach(struct lane *lane, struct peer *peer)
{
	sffi_status status = SFFI_OK;
	unsigned index = LANE_MAIN;

	sffi__lane_detach(lane);
	/* The host's main thread, which never ends before the program, has the worker's. */
	if (!lane->work.domain->options.one_thread && (lane->is_own || sffi__os_gettid() != getpid())) {
		status = sffi__lane_make_manager(peer);
		if (!status)
			status = take_lane(peer, &index);
		if (status)
			return status;
	}
	sffi__peer_retain(peer);
	atomic_fetch_add(&peer->attached[index], 1);
	lane->peer = peer;
	lane->index = index;
	lane->sequence = 0;
	lane->attachments++;
	lane->is_guest = false;
	lane->slot = worker_slot(peer->control, index);
	sffi__lane_set_side(lane, lane->work.domain->options.spin_ns);
	return SFFI_OK;
}

void sffi__lane_detach(struct lane *lane)
{
	struct peer *peer = lane->peer;

	if (!peer)
		return;
	lane->peer = NULL;
	if (!lane->is_guest)
		atomic_fetch_sub(&peer->attached[lane->index], 1);
	if (lane->index && !lane->is_guest && peer_serves(peer)) {
		lane->slot->request.operation = LANE_END;
		sffi__lane_post(&lane->slot->request.post, ++lane->sequence,
				&lane->slot->reply.sleeping);
		pthread_mutex_lock(&peer->manager);
		peer->ended[(peer->ended_first + peer->ended_count++) % LANES_MAX] = lane->index;
		pthread_mutex_unlock(&peer->manager);
	}
	sffi__peer_release(peer);
}

/* ---- a thread's lanes ---------------------------------------------------------------- */

static __thread struct lane *lanes __attribute__((tls_model("initial-exec")));
static pthread_key_t thread_end;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void free_lane(struct lane *lane)
{
	bool is_forked = !*lane->work.domain->mark;

	if (!is_forked)
		sffi__lane_detach(lane);
	sffi__workspace_end(&lane->work, is_forked);
	free(lane->watch.entries);
	free(lane);
}

static void on_thread_end(void *first)
{
	struct lane *lane = first;

	lanes = NULL;
	while (lane) {
		struct lane *next = lane->next;

		free_lane(lane);
		lane = next;
	}
}

static void make_key(void)
{
	pthread_key_create(&thread_end, on_thread_end);
}

void sffi__lanes_sweep(void)
{
	struct lane **link = &lanes;

	while (*link) {
		struct lane *lane = *link;

		if (!lane->work.domain->closed || lane->work.depth) {
			link = &lane->next;
			continue;
		}
		*link = lane->next;
		free_lane(lane);
	}
	pthread_setspecific(thread_end, lanes);
}

struct lane *sffi__lane_new(sffi_domain *domain)
{
	struct lane *lane = calloc(1, sizeof *lane);

	if (!lane) {
		sffi__fail(SFFI_ENOMEM, "out of memory for a thread's lane");
		return NULL;
	}
	sffi__workspace_init(&lane->work, domain, &sffi__worker_reach);
	return lane;
}

void sffi__lane_free(struct lane *lane)
{
	if (lane)
		free_lane(lane);
}

static struct lane *new_lane(sffi_domain *domain)
{
	struct lane *lane = sffi__lane_new(domain);

	if (!lane)
		return NULL;
	pthread_once(&once, make_key);
	sffi__lanes_sweep();
	lane->takes_guests = true;
	lane->next = lanes;
	lanes = lane;
	pthread_setspecific(thread_end, lanes);
	return lane;
}

void sffi__lane_push(struct lane *lane)
{
	pthread_once(&once, make_key);
	lane->next = lanes;
	lanes = lane;
	pthread_setspecific(thread_end, lanes);
}

void sffi__lane_pop(struct lane *lane)
{
	struct lane **link = &lanes;

	while (*link && *link != lane)
		link = &(*link)->next;
	if (*link)
		*link = lane->next;
	pthread_setspecific(thread_end, lanes);
	lane->next = NULL;
	free_lane(lane);
}

struct lane *sffi__lane_get(sffi_domain *domain)
{
	struct lane **link = &lanes, *lane;

	while ((lane = *link) && lane->work.domain != domain)
		link = &lane->next;
	if (!lane)
		return new_lane(domain);
	if (link != &lanes) {
		/* The one used last comes first. */
		*link = lane->next;
		lane->next = lanes;
		lanes = lane;
		pthread_setspecific(thread_end, lanes);
	}
	return lane;
}
