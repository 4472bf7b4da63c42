/* SPDX-License-Identifier: MIT */
/*
 * Where the host may store although all is shut.
 *
 * A thread of the host that stores gets the chunk opened and is made to stop again after the one
 * instruction, when the chunk is shut: callees of other threads have no more than that to
 * slip in. A thread that stores all the time would be slowed down a thousandfold; so after some
 * steps in a row it gets the chunk for a millisecond, and so does a thread that cannot be
 * stepped. The keeper, a thread of ours, shuts what is open for longer.
 */
#include "memory/shield_protect.h"

#include "abi/context.h"
#include "error.h"

#include <pthread.h>

enum { OPENINGS_MAX = 64, PENDING_MAX = 4, STEPS_MAX = 64 };
static const uint64_t SLICE_NS = 1000000, WINDOW_NS = 100000000;

/* Under the lock. */
static struct opening {
	uintptr_t low, high;
	unsigned steps; /* threads that are about to be done with one instruction */
	uint64_t until; /* open in any case */
} openings[OPENINGS_MAX];
static size_t count, oldest;

static uintptr_t chunk_size;
static bool can_step;

static __thread struct {
	unsigned traps; /* contexts that were made to stop */
	uintptr_t pending[PENDING_MAX]; /* what is open for the instruction: it may touch several */
	unsigned pending_count;
	uint64_t window; /* when the counting of steps began */
	unsigned used;
} mine __attribute__((tls_model("initial-exec")));

/* What the keeper is to do; see below. */
enum { IDLE, WATCH, STOP };
static _Atomic uint32_t order;

static struct opening *find(uintptr_t low)
{
	for (size_t i = 0; i < count; i++)
		if (openings[i].low == low)
			return &openings[i];
	return NULL;
}

static void shut(struct opening *opening)
{
	const struct span *span = sffi__protect_find(opening->low);

	if (span && sffi__protect_is_shut())
		sffi__protect_range(span, opening->low, opening->high, true);
	*opening = openings[--count];
}

/* The one whose turn it is makes room: who still needs it faults again. */
static struct opening *make_room(void)
{
	if (count == OPENINGS_MAX)
		shut(&openings[oldest++ % OPENINGS_MAX]);
	return &openings[count++];
}

static struct opening *open_chunk(const struct span *span, uintptr_t address)
{
	uintptr_t low = address & -chunk_size;
	uintptr_t high = low + chunk_size;
	struct opening *opening;

	low = low < span->low ? span->low : low;
	high = high > span->high ? span->high : high;
	opening = find(low);
	if (!opening) {
		opening = make_room();
		*opening = (struct opening){ .low = low };
	}
	/* Also if it was there: the region may have been removed and added since. */
	opening->high = high;
	if (!sffi__protect_range(span, low, high, false)) {
		/* No room for the mappings that this makes; the whole makes none. */
		opening->low = span->low;
		opening->high = span->high;
		sffi__protect_range(span, span->low, span->high, false);
	}
	return opening;
}

/* always: the thread's own callee goes on right after it, and would find the chunk open. */
static bool may_step(const void *context, bool always)
{
	uint64_t now;

	if (!can_step || mine.pending_count == PENDING_MAX || sffi__context_blocks(context, SIGTRAP))
		return false;
	if (always)
		return true;
	now = sffi__os_now_ns();
	if (now - mine.window > WINDOW_NS) {
		mine.window = now;
		mine.used = 0;
	}
	return mine.used++ < STEPS_MAX;
}

void sffi__openings_open(const struct span *span, uintptr_t address, void *context,
			 bool in_callee)
{
	struct opening *opening = open_chunk(span, address);
	uint32_t idle = IDLE;

	if (may_step(context, in_callee)) {
		mine.traps += !sffi__context_is_stepping(context);
		if (sffi__context_step(context)) {
			mine.pending[mine.pending_count++] = opening->low;
			opening->steps++;
			return;
		}
		mine.traps--;
		can_step = false;
	}
	opening->until = sffi__os_now_ns() + SLICE_NS;
	if (atomic_compare_exchange_strong(&order, &idle, WATCH))
		sffi__os_futex_wake(&order, 1);
}

bool sffi__openings_stepped(void *context)
{
	uint64_t mask;

	if (!mine.traps)
		return false;
	mine.traps--;
	sffi__context_end_step(context);
	mask = sffi__protect_lock();
	while (mine.pending_count) {
		struct opening *opening = find(mine.pending[--mine.pending_count]);

		if (!opening)
			continue;
		opening->steps -= opening->steps > 0;
		if (!opening->steps && !opening->until)
			shut(opening);
	}
	sffi__protect_unlock(mask);
	return true;
}

void sffi__openings_forget(void)
{
	count = 0;
}

/* ---- the keeper -------------------------------------------------------------------- */

static pthread_t keeper;
static bool has_keeper;

/* A step that is under way keeps nothing open beyond the time. */
static void shut_expired(void)
{
	uint64_t mask = sffi__protect_lock(), now = sffi__os_now_ns();
	uint32_t watch = WATCH;
	bool is_idle = true;

	for (size_t i = count; i-- > 0;) {
		if (!openings[i].until)
			continue;
		if (openings[i].until <= now)
			shut(&openings[i]);
		else
			is_idle = false;
	}
	if (is_idle)
		atomic_compare_exchange_strong(&order, &watch, IDLE);
	sffi__protect_unlock(mask);
}

static void *keep(void *unused)
{
	uint32_t now;

	(void)unused;
	while ((now = atomic_load(&order)) != STOP) {
		if (now == IDLE) {
			sffi__os_futex_wait(&order, IDLE, OS_NO_DEADLINE);
			continue;
		}
		sffi__os_futex_wait(&order, WATCH, sffi__os_now_ns() + SLICE_NS);
		shut_expired();
	}
	return NULL;
}

sffi_status sffi__openings_start(uintptr_t chunk)
{
	uint64_t mask;
	int error;

	if (has_keeper)
		return SFFI_OK;
	chunk_size = chunk;
	can_step = sffi__os_has(OS_SINGLE_STEP);
	atomic_store(&order, IDLE);
	/* The host's signals are for the host's threads. */
	mask = sffi__os_block_signals();
	error = pthread_create(&keeper, NULL, keep, NULL);
	sffi__os_restore_signals(mask);
	if (error)
		return sffi__fail_system(error, "make the thread that watches over shielded memory");
	has_keeper = true;
	return SFFI_OK;
}

void sffi__openings_stop(void)
{
	if (!has_keeper)
		return;
	atomic_store(&order, STOP);
	sffi__os_futex_wake(&order, 1);
	pthread_join(keeper, NULL);
	has_keeper = false;
}

void sffi__openings_in_child(void)
{
	has_keeper = false;
	count = 0;
}
