/* SPDX-License-Identifier: MIT */
/*
 * The host's end of a lane: one host thread's line to a domain's worker. Used by its thread
 * only; it ends with the thread, or with the domain.
 */
#ifndef SFFI_LANE_H
#define SFFI_LANE_H

#include "domain.h"
#include "lane/wait.h"

struct lane {
	sffi_domain *domain;  /* referenced */
	struct lane *next;    /* of this thread's lanes */
	struct peer *peer;    /* the worker that it is attached to, referenced; or NULL */
	unsigned index;
	struct lane_slot *slot;
	struct lane_side side;
	uint32_t sequence;
	bool has_turn;        /* holds the peer's manager lock for a request on lane 0 */
	/* Marshalled arguments lie here, in the arena. */
	char *scratch;
	size_t scratch_size, scratch_used;
	/* A string result's copy, until the next call. */
	char *string;
	size_t string_size;
};

enum lane_outcome {
	LANE_DONE,
	LANE_CALLEE_FAULTED, /* the worker's handler has a record */
	LANE_WORKER_DIED,    /* without one, or it runs another program */
	LANE_WORKER_STOPPED,
	LANE_ABANDONED,      /* another thread gave the worker up */
	LANE_TIMED_OUT,
};

/* This thread's lane to the domain, made at the first use; not attached yet. NULL with a
 * sentence: out of memory. */
struct lane *sffi__lane_get(sffi_domain *);
/* Gets it a thread of the worker. */
sffi_status sffi__lane_attach(struct lane *, struct peer *);
void sffi__lane_detach(struct lane *);

/* Scratch of at least that size; the content is lost. NULL: the arena is full. */
char *sffi__lane_scratch(struct lane *, size_t size);

/* The host is going to be busy for a while and then to post: wakes the worker meanwhile. */
void sffi__lane_nudge(struct lane *);

/* The frame to be filled in for the next request. */
static inline struct call_frame *lane_frame(struct lane *lane)
{
	return &lane->slot->request.frame;
}

/* Frees this thread's lanes to domains that are closed. */
void sffi__lanes_sweep(void);

/* Posts the request and waits for the answer, a death, or the deadline (0: none). */
enum lane_outcome sffi__lane_request(struct lane *, enum lane_operation, uint64_t deadline_ns);
/* Makes the worker's manager thread, if it is not there. */
sffi_status sffi__lane_make_manager(struct peer *);
/* Asks the manager, or while there is none lane 0; the peer's manager lock is held. */
enum lane_outcome sffi__lane_manage(struct peer *, enum lane_operation, const uint64_t argument[3],
				    uint64_t *result);
/* Whether the worker took up the last request. */
bool sffi__lane_was_started(const struct lane *);

/* The time at which a call that starts now is over; 0: never. */
uint64_t sffi__deadline(unsigned timeout_ms);

#endif
