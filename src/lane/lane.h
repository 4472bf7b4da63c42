/* SPDX-License-Identifier: MIT */
/*
 * The host's end of a lane: one host thread's line to a domain's worker. Used by its thread
 * only; it ends with the thread, or with the domain.
 */
#ifndef SFFI_LANE_H
#define SFFI_LANE_H

#include "lane/wait.h"
#include "memory/workspace.h"

/* What the lane saw of the host's process last: see mode/mirror.h. */
struct lane_watch {
	bool is_off;          /* SAFEFFI_WITHOUT=mirror */
	uint32_t attachments;
	uint32_t changes;
	char **environ;
	char **entries;       /* the pointers that it led to, with the NULL */
	size_t entries_size;
	int locale_changes;
	const void *thread_locale; /* of uselocale(); NULL: the program's */
};

struct lane {
	struct workspace work; /* first: reach ops find the lane by it */
	struct lane *next;    /* of this thread's lanes */
	struct peer *peer;    /* the worker that it is attached to, referenced; or NULL */
	unsigned index;
	struct lane_slot *slot;
	struct lane_side side;
	uint32_t sequence;
	uint32_t attachments; /* how often it was attached: it is another worker's by now, or not */
	bool is_own;          /* of an sffi_thread: never the worker's main thread */
	bool is_guest;        /* of a thread that the library made: this one has it for an upcall */
	bool takes_guests;    /* while it waits, upcalls of the library's own threads too */
	bool keeps_turn;      /* nested calls need none: an outer one has it */
	bool has_turn;        /* holds the peer's manager lock for a request on lane 0 */
	bool refused;         /* the last upcall was abandoned */
	bool conversed;       /* the last request had upcalls */
	struct lane_watch watch;
	bool unstarted;       /* the last operation found a worker that was gone already */
};

enum lane_outcome {
	LANE_DONE,
	LANE_CALLEE_FAULTED, /* the worker's handler has a record */
	LANE_WORKER_DIED,    /* without one, or it runs another program */
	LANE_WORKER_STOPPED,
	LANE_ABANDONED,      /* another thread gave the worker up */
	LANE_TIMED_OUT,
	LANE_PENDING,        /* lane_poll: nothing has happened yet */
	LANE_CANCELED,       /* by sffi_cancel */
	LANE_UPCALL,         /* the callee calls the host; the request is in work still */
	LANE_GUEST,          /* a thread of the library's own does */
	LANE_STALE_CALLBACK, /* it called what is no callback, or no more */
	LANE_REFUSED,        /* a handler did: sffi_upcall_fail */
	LANE_REPLACED,       /* the worker went while a handler ran above the call */
};

/* The lane whose workspace it is. */
static inline struct lane *lane_of(struct workspace *work)
{
	return (struct lane *)work;
}

/* How a lane's worker is reached: defined by the mode. */
extern const struct reach sffi__worker_reach;

/* This thread's lane to the domain, made at the first use; not attached yet. NULL with a
 * sentence: out of memory. */
struct lane *sffi__lane_get(sffi_domain *);
/* Gets it a thread of the worker. */
sffi_status sffi__lane_attach(struct lane *, struct peer *);
void sffi__lane_detach(struct lane *);

/* The host is going to be busy for a while and then to post: wakes the worker meanwhile. */
void sffi__lane_nudge(struct lane *);

/* The frame to be filled in for the next request. */
static inline struct call_frame *lane_frame(struct lane *lane)
{
	return &lane->slot->request.frame;
}

/* A lane that belongs to no thread of the host's, not attached yet; NULL: no memory. */
struct lane *sffi__lane_new(sffi_domain *);
void sffi__lane_free(struct lane *);

/* A lane that this thread uses for its calls to the domain until it is popped, and freed. */
void sffi__lane_push(struct lane *);
void sffi__lane_set_side(struct lane *, uint32_t spin_ns);
void sffi__lane_pop(struct lane *);

/* Frees this thread's lanes to domains that are closed. */
void sffi__lanes_sweep(void);

/* The two halves of a request. */
void sffi__lane_ask(struct lane *, enum lane_operation);
enum lane_outcome sffi__lane_wait(struct lane *, uint64_t deadline_ns);
/* One look, without waiting. */
enum lane_outcome sffi__lane_poll(struct lane *);
/* Posts the request and waits for the answer, a death, or the deadline (0: none). */
enum lane_outcome sffi__lane_request(struct lane *, enum lane_operation, uint64_t deadline_ns);
/* Makes the worker's manager thread, if it is not there. */
sffi_status sffi__lane_make_manager(struct peer *);
/* Asks the manager, or while there is none lane 0; the peer's manager lock is held. */
enum lane_outcome sffi__lane_manage(struct peer *, enum lane_operation, const uint64_t argument[3],
				    uint64_t *result);
/* Whether the worker took up the last request. */
bool sffi__lane_was_started(const struct lane *);

#endif
