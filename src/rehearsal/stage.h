/* SPDX-License-Identifier: MIT */
/*
 * A rehearsal's two processes, the host and its clone, share one small mapping: the stage. What
 * the clone writes there is a hint to the host, never a fact: the callee may have written it.
 */
#ifndef SFFI_STAGE_H
#define SFFI_STAGE_H

#include "fault/fault.h"
#include "fault/record.h"

#include <signal.h>
#include <stdatomic.h>

enum stage_end {
	STAGE_RUNNING,
	STAGE_RETURNED,
	STAGE_FAULTED,  /* record */
	STAGE_OVERRAN,  /* overrun */
	STAGE_STOPPED,  /* call */
	STAGE_UPCALLED, /* and nobody in the clone can answer it */
	STAGE_REFUSED,  /* a handler ended it: sffi_upcall_fail */
	STAGE_FAILED,   /* error: the clone could not be set up */
};

/* Host memory that the clone does not have, and fetches page by page as it is touched. */
struct held_range {
	uintptr_t low, high;
	int protection;
	bool is_shared; /* the clone has it, but must not write to it */
	size_t first;   /* the index of its first page among all of them; of a piece: its place in the file */
};

/* What the clone keeps for itself at stage->book: the state of every page of the held ranges;
 * which pages it wrote to; what was on them before. */
enum { BOOK_PAGES_MAX = 1 << 18 };

struct stage {
	_Atomic uint32_t end;     /* stage_end; waited for */
	_Atomic uint32_t ending;  /* somebody is writing what comes with it */
	int32_t error;
	uint32_t is_child;        /* it happened in a process that the callee made */
	struct fault_record record;
	struct fault_overrun overrun;
	struct {
		int32_t number;
		uint64_t arguments[6];
	} call;
	uint32_t upcalls;         /* handlers of the host that ran */
	int32_t twin;             /* a process that keeps the memory as it was; 0: the host does */
	uint64_t book;
	_Atomic uint64_t written; /* pages, as far as the book goes */
	/* From the host; the clone's setting up needs no other memory. */
	pid_t host, self;
	int memory;               /* /proc/self/mem of the host */
	bool wants_twin;
	int arena;
	size_t size;              /* of the stage */
	size_t page_count, range_count, piece_count;
	/* Ranges first, and from the other end the pieces of the arena: code of thunks lies in
	 * between. */
	size_t room;
	struct held_range ranges[];
};

static inline struct held_range *stage_piece(struct stage *stage, size_t index)
{
	return &stage->ranges[stage->room - 1 - index];
}

static inline size_t book_states(const struct stage *stage)
{
	return (stage->page_count + 4095) & ~(size_t)4095;
}

static inline uintptr_t book_log(const struct stage *stage, uintptr_t book)
{
	return book + book_states(stage);
}

static inline uintptr_t book_former(const struct stage *stage, uintptr_t book)
{
	return book_log(stage, book) + BOOK_PAGES_MAX * sizeof(uint64_t);
}

/* ---- in the clone only; async-signal-safe ------------------------------------------------- */

extern struct stage *sffi__stage;

/* Ends the rehearsal: fills in what the end comes with, tells the host, and holds still. Only
 * the first one counts. */
_Noreturn void sffi__stage_end(enum stage_end, void (*fill)(struct stage *, const void *),
			       const void *);
_Noreturn void sffi__stage_fail(int error);
/* Whether this is the clone itself, not a process that the callee made. */
bool sffi__stage_is_self(void);

/* A system call that the filter lets through. */
long sffi__stage_call(int number, const uint64_t arguments[5]);

/* Reserves the ranges. 0, -errno. */
int sffi__pages_begin(void);
/* Brings in the page, for writing too if the range allows it. False: the address is in no range,
 * or was not to be had. */
bool sffi__pages_touch(uintptr_t address, bool write);
/* The same for a call's buffer, as far as it lies in ranges. Whether anything was brought. */
bool sffi__pages_touch_buffer(uintptr_t address, size_t size, bool write);


#endif
