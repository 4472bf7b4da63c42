/* SPDX-License-Identifier: MIT */
/*
 * Inside the worker process. Every lane has a thread; the first thread has lane 0. The same
 * code makes up a clone of the host and the program safeffi-worker.
 */
#ifndef SFFI_WORKER_H
#define SFFI_WORKER_H

#include "lane/slot.h"

#include <pthread.h>

/* A lane's thread: at the low end of the thread's own mapping,
 * [this page | alternate signal stack | guard | stack]. */
struct lane_thread {
	unsigned lane;
	struct lane_slot *slot;
	uint32_t sequence;         /* of the request in work, or the last one */
	_Atomic uint32_t busy;     /* a request is in work */
	struct enter_guard guard;
	struct call_result result; /* private: a child that the callee forked writes it too */
	char *alternate_stack;     /* for signal handlers */
	size_t alternate_size;
	char *stack;               /* the callee's; its guard page lies below */
	size_t stack_size;
	bool ended;                /* joinable: for lane 0 to collect */
	pthread_t thread;
};

/* What a worker has of its own, private to it. */
struct worker {
	struct worker_control *control;
	int carry;                  /* socket to the host that carries descriptors, or -1 */
	struct lane_thread *lanes[LANES_MAX];
	/* Nonzero in the worker, wiped by the kernel in a child that a callee forks. */
	const uint8_t *mark;
};
extern struct worker sffi__worker;

/* Whether this process is the worker, not a child that a callee forked. */
static inline bool worker_is_self(void)
{
	return sffi__worker.mark && *sffi__worker.mark;
}

/* Descriptors by which a worker starts. */
struct worker_start {
	uint64_t zone_low, zone_high;
	int control_fd, arena_fd, carry_fd;
};

/* From a new process to a worker: maps the shared memory, takes a stack in its zone, loads
 * the libraries, serves lane 0. Only the zone is free address space. Never returns. */
_Noreturn void sffi__worker_main(const struct worker_start *);

/* Fills every gap of the address space, so that nothing can be mapped any more except
 * where sffi__zone_open makes room. 0 or -errno. */
int sffi__address_space_fill(void);
/* Uses up what the allocator still has free outside, so that the first thread's small
 * blocks come from the zone too. */
void sffi__heap_use_up(void);

/* Makes the thread's mapping (not yet the thread); NULL: no memory. */
struct lane_thread *sffi__lane_thread_new(unsigned lane);
/* Takes requests until LANE_END. */
void sffi__lane_serve(struct lane_thread *);
/* Carries out one request; the value for integer[0] of the result. */
void sffi__lane_operate(struct lane_thread *, const struct lane_request *);

#endif
