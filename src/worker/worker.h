/* SPDX-License-Identifier: MIT */
/*
 * Inside the worker process. Every lane has a thread; the first thread has lane 0. The same
 * code makes up a clone of the host and the program safeffi-worker.
 */
#ifndef SFFI_WORKER_H
#define SFFI_WORKER_H

#include "lane/slot.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/types.h>
#include <signal.h>

/* The end of a stream socket by which the host's poll() learns of a reply. The callee may have closed it, or have
 * put another file in its place. */
struct notice {
	_Atomic int fd; /* -1: none */
	dev_t device;
	ino_t inode;
};

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
	stack_t former_alternate;  /* what the thread had before */
	int rounds;                /* of thread-local destructors that have begun */
	char *stack;               /* the callee's; its guard page lies below */
	size_t stack_size;
	bool ended;                /* joinable: for lane 0 to collect */
	struct notice notice;
	unsigned depth;            /* upcalls that wait for their answers */
	bool abandoned;            /* the call in work was ended from an upcall */
	bool leaving;              /* LANE_END came while there were such */
	pthread_t thread;
};

/* What a worker has of its own, private to it. */
struct worker {
	bool shares, shares_descriptors;
	pid_t pid, host; /* the host's 0: it has no orders yet */
	struct worker_control *control;
	int socket;                 /* to the host: orders, then carried descriptors; or -1 */
	struct notice guests_notice; /* of upcalls from the library's own threads */
	bool at_leisure;            /* see struct worker_start */
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

/* By what a worker starts. */
struct worker_start {
	unsigned zone;
	int control_fd;
	int socket; /* orders, later carried descriptors */
	bool at_leisure; /* nobody waits for it yet */
};

/* From a new process to a worker: maps the shared memory, takes a stack in its zone, waits
 * for orders, loads the libraries, serves lane 0. Only the zone is free address space. Never
 * returns. */
_Noreturn void sffi__worker_main(const struct worker_start *);

/* Waits for the host's orders (orders.h) and takes over what they bring; a host that has
 * none is gone, and so is this process then (adopt.c). */
void sffi__worker_adopt(int socket);
/* Ends a worker that cannot be one, with a line on its standard error output. */
_Noreturn void sffi__worker_give_up(const char *what, int error);

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
/* Takes requests until one that is no call nor operation: LANE_END, LANE_ANSWER,
 * LANE_ANSWER_WIDE, LANE_ABANDON. */
enum lane_operation sffi__lane_converse(struct lane_thread *);
/* This thread's lane, by the stack that it is on; NULL: the library made the thread. */
struct lane_thread *sffi__lane_self(void);
/* Which thread's lane it is, as a hint to sffi__lane_self. */
void sffi__lane_note_self(const struct lane_thread *);

/* Takes the pipe over: the number is the caller's no more. -errno. */
int sffi__notice_take(struct notice *, int fd);
/* Says that there is something to read. A worker that cannot say so any more ends itself: that
 * is noticed. */
void sffi__notice_give(const struct notice *);

/* Makes the pages of thunks that the host's callbacks need, where there are none yet. 0 or
 * -errno. */
int sffi__thunks_make(uintptr_t thunks, uint32_t first, uint32_t count);
/* Which file a descriptor is; whether it still is that. */
struct carried_file sffi__carried_file(int fd);
bool sffi__carried_is(int fd, const struct carried_file *);
/* Closes a carried descriptor, but not under a lock that the callee has taken. */
void sffi__carried_close(int fd);
/* Handlers for signals that the host may be meant to get (signals.c): those that come to the
 * whole process group, from the zygote on; and the rest, in a worker. */
void sffi__signals_group(void);
void sffi__signals_forward(void);
/* Takes over what has changed in the host (host_state.h). */
struct worker_news;
void sffi__news_take(const struct worker_news *);
/* In a worker that shares, after a call: tells the host if the callee has changed environment or
 * locale; and what they are, as bytes. */
void sffi__news_look(void);
size_t sffi__news_give(char *to, size_t size);
/* Writes what the callee has printed; errno stays. */
void sffi__output_flush(void);
/* A line that the callee does not read is the host's to read. */
void sffi__input_share(void);
static inline bool output_waits_here(void)
{
	return stdout->_IO_write_ptr > stdout->_IO_write_base;
}
/* Carries out one request; the value for integer[0] of the result. */
void sffi__lane_operate(struct lane_thread *, const struct lane_request *);

#endif
