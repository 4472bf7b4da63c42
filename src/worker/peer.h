/* SPDX-License-Identifier: MIT */
/* The host's view of one worker process: making it, watching it, ending it. */
#ifndef SFFI_PEER_H
#define SFFI_PEER_H

#include "lane/slot.h"
#include "safeffi.h"
#include "worker/zygote.h"

#include <pthread.h>

struct peer {
	struct peer *next; /* of those that are ending */
	_Atomic unsigned references;
	unsigned zone, share;
	uint64_t generation;
	bool exec;
	pid_t pid;
	int pidfd;
	int carry;             /* socket that carries descriptors; -1 when they are shared */
	pthread_mutex_t carry_lock;
	struct worker_control *control;
	struct worker_status *status;
	bool spawned;          /* the zygote's answer has come */
	size_t libraries;      /* that it was told to load at its start */
	/* Of the manager's lane, and of lane 0 as long as there is no manager or with
	 * one_thread, since then more than one thread may ask there. */
	pthread_mutex_t manager;
	_Atomic bool has_manager;
	uint32_t sequence[LANE_FIRST];
	unsigned next_lane;    /* never used yet */
	unsigned ended[LANES_MAX];
	unsigned ended_first, ended_count; /* a ring of lanes to use again, oldest first */
	/* The lane that last made a call: the likely culprit of a death without a word. */
	_Atomic(const void *) latest;
	/* What brought it down; set once, under the domain's lock. */
	sffi_fault *fault;
};

struct peer_request {
	sffi_domain *domain;
	uint64_t generation;
	int arena_fd;
	uintptr_t arena_low;
	size_t arena_size;
	const sffi_options *options;
	const char *const *libraries;
	size_t library_count;
};

/* Asks for a worker, does not wait for it. One reference. */
sffi_status sffi__peer_begin(struct peer **, const struct peer_request *);
/* Waits until it serves. SFFI_EFAULT: it died in a library's constructor. SFFI_ENOLIB. */
sffi_status sffi__peer_finish(struct peer *);
void sffi__peer_retain(struct peer *);
/* The last reference buries it, as soon as its process has ended. */
void sffi__peer_release(struct peer *);
/* Buries those whose processes have ended meanwhile; with `wait`, all. */
void sffi__peers_bury(bool wait);
/* Ends it and tells everybody who waits on it. */
void sffi__peer_abandon(struct peer *, bool keep_for_debugger);
/* Whether it still serves, as far as one look at two words tells. */
static inline bool peer_serves(const struct peer *peer)
{
	return atomic_load_explicit(&peer->status->word, memory_order_acquire) == WORKER_RUNNING &&
	       !atomic_load_explicit(&peer->control->faulted, memory_order_acquire);
}
/* Whether the process runs another program since an execve in the callee. */
bool sffi__peer_replaced(const struct peer *);

#endif
