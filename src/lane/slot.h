/* SPDX-License-Identifier: MIT */
/*
 * The shared memory of one worker: a control page, then one slot a lane.
 *
 * Every cache line has one writer. The host believes nothing that it reads here: it copies
 * a value out once, checks the copy, and keeps its own state (sequence numbers, lengths,
 * addresses) in private memory. The worker's side may be overwritten by the callee at any
 * moment, and so may the host's, since both are mapped writable in the worker.
 *
 * The memory lies at the same address on both sides: the low end of the worker's zone.
 */
#ifndef SFFI_LANE_SLOT_H
#define SFFI_LANE_SLOT_H

#include "fault/record.h"

#include <stdatomic.h>

/* What the host asks of a lane's thread. */
enum lane_operation {
	LANE_CALL,       /* frame */
	LANE_BATCH,      /* integer[0]: frames, [1]: results, [2]: errors, [3]: count, [4]: where to
	                    say which one is in work, [5]: bytes from frame to frame, and from
	                    result to result in the upper half */
	LANE_LOAD,       /* integer[0]: the name or 0; -> handle, load address; or error text in
	                    the buffer at integer[1] of size integer[2] */
	LANE_UNLOAD,     /* integer[0]: handle */
	LANE_SYMBOL,     /* integer[0]: handle, [1]: name -> address */
	LANE_START,      /* integer[0]: the lane whose thread to make -> 0 or errno */
	LANE_END,        /* the lane's thread returns */
	LANE_TAKE_FDS,   /* integer[0]: struct carried to fill, [1]: how many wait on the socket, [2]:
	                    bits of those that are close-on-exec -> how many came */
	LANE_GIVE_FDS,   /* integer[0]: int array, [1]: count, [2]: close them here -> 0 or errno, bits
	                    as above */
	LANE_CLOSE_FDS,  /* integer[0]: struct carried, [1]: count, [2]: bits of those to close -> bits of
	                    those that the callee has closed itself */
	LANE_MAP,        /* integer[0]: address, [1]: size, [2]: offset in the descriptor that
	                    waits on the socket -> 0 or errno */
	LANE_COPY,       /* integer[0]: to, [1]: from, [2]: size, inside the worker -> bytes */
	LANE_THUNKS,     /* integer[0]: the thunks, [1]: first page, [2]: pages -> 0 or errno */
	LANE_NOTICE,     /* integer[0]: lane, or LANES_MAX for guests, [1]: a shared descriptor or
	                    -1: it waits on the socket -> 0 or errno */
	LANE_MIRROR,     /* integer[0]: struct worker_news */
	LANE_TELL,       /* integer[0]: buffer, [1]: its size -> bytes: locale, then environment */
	LANE_ANSWER,     /* to an upcall: the result, of which the head is enough */
	LANE_ANSWER_WIDE, /* likewise; all of it */
	LANE_ABANDON,    /* to an upcall: the call that it is made in ends here */
	LANE_OPERATION_COUNT
};

/* Lane 0 is the worker's main thread, which serves the host's main thread; with one_thread,
 * everybody. Lane 1 is the manager, which makes the threads of all further lanes; it is
 * itself made by lane 0, when the host first has a second thread. */
enum { LANE_MAIN = 0, LANE_MANAGER = 1, LANE_FIRST = 2 };

/* The last ones serve threads that the library made itself, while they call back. */
enum { GUESTS = 64 };

/* Requests and replies alternate. An upcall is a reply to the request in work; what the host
 * asks next is nested in it, until it answers the upcall. */
enum lane_event { LANE_RETURNED, LANE_FAULTED, LANE_UPCALLED };

struct lane_request { /* written by the host */
	_Alignas(64) _Atomic uint32_t post; /* sequence number of the request */
	_Atomic uint16_t cpu;               /* where the host thread was last seen */
	_Atomic uint8_t sleeping;           /* the host sleeps on the reply's post */
	uint8_t operation;
	union {
		struct call_frame frame;
		struct call_result answer; /* LANE_ANSWER */
	};
};

struct lane_reply { /* written by the worker */
	_Alignas(64) _Atomic uint32_t post; /* the request that this answers */
	_Atomic uint16_t cpu;
	_Atomic uint8_t sleeping;
	uint8_t event;
	int32_t error; /* errno; LANE_UPCALLED: the callback's index */
	union {
		struct call_result result;
		struct upcall_registers upcall; /* LANE_UPCALLED */
	};
};

/* Written by the worker too, but not looked at while the host waits: a store to the line
 * that the host spins on costs a transfer of it. */
struct lane_progress {
	_Alignas(64) uint32_t started; /* the request that the worker last took up */
	uint32_t tid;                  /* of the lane's thread */
};

struct lane_slot {
	struct lane_request request;
	struct lane_reply reply;
	struct lane_progress progress;
	_Alignas(64) uint64_t stack[]; /* the frame's stack words, up to the slot's end */
};

enum {
	LANES_MAX = 1024,
	LANE_FIRST_GUEST = LANES_MAX - GUESTS,
	LANE_SLOT_SIZE = 16384,
	LANE_STACK_WORDS = (LANE_SLOT_SIZE - sizeof(struct lane_slot)) / 8,
	CONTROL_SIZE = 4096,
	OPENED_SIZE = 1 << 20, /* for 65536 numbers: what nobody writes to takes no memory */
	WORKER_LIBRARIES_SIZE = 60 * 1024,
	WORKER_SHARED_SIZE = CONTROL_SIZE + OPENED_SIZE + WORKER_LIBRARIES_SIZE +
			     LANES_MAX * LANE_SLOT_SIZE,
};
_Static_assert(offsetof(struct lane_reply, result) + RESULT_HEAD <= 64, "a reply is one cache line");

/* The control page: the host's orders at the worker's start, the worker's answer. */
struct worker_control {
	/* Written by the host before the start. */
	uint64_t arena_low, arena_size;
	uint64_t generation;
	uint32_t spin_ns;
	uint32_t manager;   /* make the manager's thread at once */
	uint32_t libraries; /* NUL-terminated names, one after the other, "" the program */
	_Atomic uint32_t hurry; /* 1: the host waits for it to be ready */
	uint32_t thunk_pages; /* of callbacks, from `thunks` on */
	uint64_t thunks;
	/* Written by the worker. */
	_Alignas(64) _Atomic uint32_t ready; /* enum worker_ready */
	uint32_t libraries_loaded;           /* of them; then one failed */
	struct {
		uint64_t handle, base;
	} library[64];
	char loader_error[512];
	/* Upcalls from threads that the library made itself: a bit for each guest lane that has
	 * one. A host thread that waits is woken to look; it does not wait on this, which would
	 * be one word more in every call's wait. */
	_Alignas(64) _Atomic uint64_t guests;
	_Atomic uint32_t changed; /* by a callee: bits of enum worker_change */
	_Alignas(64) _Atomic uint32_t faulted; /* 1: fault holds */
	struct fault_record fault;
};
_Static_assert(sizeof(struct worker_control) <= CONTROL_SIZE, "the control page is one page");

/* What the host is to look at when a call has returned. */
enum worker_change {
	CHANGED_NOTHING = 0,
	CHANGED_IDENTITY = 1,    /* user, groups */
	CHANGED_ROOT = 2,        /* directory */
	/* Where the worker shares: */
	CHANGED_ENVIRONMENT = 4, /* or locale */
	CHANGED_LIMITS = 8,      /* or priority */
	CHANGED_PROCESSORS = 16, /* of the calling thread */
	CHANGED_CLOSED = 32,     /* a descriptor, shared, that it had not opened */
};

/* A descriptor that the callee has opened in a table that it shares with the host, by number. */
struct opened_file {
	uint64_t device;
	_Atomic uint64_t inode; /* 0: none */
};
enum { OPENED_MAX = OPENED_SIZE / sizeof(struct opened_file) };

enum worker_ready { WORKER_STARTING, WORKER_READY, WORKER_LIBRARY_FAILED };

static inline struct lane_slot *worker_slot(const struct worker_control *control, unsigned lane)
{
	return (struct lane_slot *)((char *)control + CONTROL_SIZE + OPENED_SIZE +
				    WORKER_LIBRARIES_SIZE + (size_t)lane * LANE_SLOT_SIZE);
}

static inline struct opened_file *worker_opened(const struct worker_control *control)
{
	return (struct opened_file *)((char *)control + CONTROL_SIZE);
}

static inline char *worker_library_names(const struct worker_control *control)
{
	return (char *)control + CONTROL_SIZE + OPENED_SIZE;
}

#endif
