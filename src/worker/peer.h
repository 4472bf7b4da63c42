/* SPDX-License-Identifier: MIT */
/* The host's view of one worker process: making it, watching it, ending it. */
#ifndef SFFI_PEER_H
#define SFFI_PEER_H

#include "lane/slot.h"
#include "safeffi.h"
#include "worker/host_state.h"
#include "worker/zygote.h"

#include <pthread.h>

struct peer {
	struct peer *next; /* of those that are ending */
	_Atomic unsigned references;
	unsigned zone, share;
	uint64_t generation;
	bool exec;
	pid_t pid;
	pid_t parent;          /* its zygote */
	_Atomic int pidfd;     /* -1: a callee has closed it, and the process is gone */
	bool lingers;          /* END_AT_LEISURE: not killed by the host */
	int carry;             /* socket that carries descriptors; -1 when they are shared */
	pthread_mutex_t carry_lock;
	struct worker_control *control;
	struct worker_status *status;
	_Atomic uint32_t thunk_pages; /* that it has */
	size_t libraries;      /* that it was told to load at its start */
	/* Of the manager's lane, and of lane 0 as long as there is no manager or with
	 * one_thread, since then more than one thread may ask there. */
	pthread_mutex_t manager;
	_Atomic bool has_manager;
	_Atomic pid_t stepper; /* the host's thread whose call in steps has the lock; 0: none */
	uint32_t sequence[LANE_FIRST];
	unsigned next_lane;    /* never used yet */
	unsigned ended[LANES_MAX];
	unsigned ended_first, ended_count; /* a ring of lanes to use again, oldest first */
	_Atomic uint64_t guests; /* that a host thread serves */
	/* The lane that asked last, while it waits for the answer: the likely culprit of a death
	 * without a word. */
	_Atomic(const void *) latest;
	/* The notifier that lane 0 rings: with one_thread, of the thread that called last. Whoever
	 * has the manager lock. */
	const struct notifier *main_notifier;
	_Atomic unsigned attached[LANES_MAX]; /* lanes of the host's, by number */
	/* What it has of the host's process, as far as the host knows; under `mirror`. */
	struct host_state mirrored;
	pthread_mutex_t mirror;
	/* The host's descriptors, if it shares them, when it was made. */
	struct table *table;
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
	uintptr_t thunks;
	uint32_t thunk_pages;
	bool unhurried; /* for later: it is to compete with nobody */
};

/* Asks for a worker, does not wait for it. One reference. */
sffi_status sffi__peer_begin(struct peer **, const struct peer_request *);
/* Waits until it serves. SFFI_EFAULT: it died in a library's constructor. SFFI_ENOLIB. */
sffi_status sffi__peer_finish(struct peer *);
void sffi__peer_retain(struct peer *);
/* The last reference buries it, as soon as its process has ended. */
void sffi__peer_release(struct peer *);
/* Buries those whose processes have ended meanwhile; with `wait`, all. How many are left. */
size_t sffi__peers_bury(bool wait);
enum peer_end {
	END_NOW,
	END_AT_LEISURE, /* it does nothing any more: its end can wait until nobody waits */
	END_NEVER,      /* stopped, for a debugger */
};

/* Ends it and tells everybody who waits on it. */
void sffi__peer_abandon(struct peer *, enum peer_end);
/* Whether its process has ended; a signal to it. */
bool sffi__peer_dead(struct peer *);
void sffi__peer_signal(struct peer *, int signal);
/* The text of /proc/<pid>/maps, to be freed, also of one that was left to the zygote and is
 * gone; NULL. */
char *sffi__peer_maps(struct peer *);
/* Whether it still serves, as far as one look at two words tells. */
static inline bool peer_serves(const struct peer *peer)
{
	return atomic_load_explicit(&peer->status->word, memory_order_acquire) == WORKER_RUNNING &&
	       !atomic_load_explicit(&peer->control->faulted, memory_order_acquire);
}
/* Whether a guest lane has an upcall that nobody serves yet; takes it, or -1. */
bool sffi__peer_has_guest(const struct peer *);
int sffi__peer_take_guest(struct peer *);
void sffi__peer_leave_guest(struct peer *, unsigned guest);
/* Whether the process runs another program since an execve in the callee. */
bool sffi__peer_replaced(const struct peer *);
/* Around a fork of the host's: a child must find the lock open. */
void sffi__peers_lock(void);
void sffi__peers_unlock(void);

#endif
