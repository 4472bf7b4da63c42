/* SPDX-License-Identifier: MIT */
/*
 * Waiting for the other side of a lane: spin while it runs on another CPU, for tens of
 * microseconds; sleep at once when both share one, where spinning only keeps it from
 * running.
 *
 * No wake-up is lost: the waiter sets its `sleeping` and then looks at `post` once more;
 * the poster stores `post` and then looks at `sleeping`. All four are sequentially
 * consistent.
 */
#ifndef SFFI_LANE_WAIT_H
#define SFFI_LANE_WAIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* One side's view of a lane. */
struct lane_side {
	_Atomic uint32_t *post;        /* the word that the peer posts and this side waits on */
	_Atomic uint16_t *cpu;         /* where this side says where it runs */
	_Atomic uint16_t *peer_cpu;
	_Atomic uint8_t *sleeping;     /* where this side says that it sleeps */
	uint32_t spin_ns;
};

/* Spins until *post == wanted (true), or it is time to sleep (false). */
bool sffi__lane_spin(const struct lane_side *, uint32_t wanted);

/* Says that this side is about to sleep; the caller looks at `post` again before it does. */
static inline void lane_sleep_begin(const struct lane_side *side)
{
	atomic_store(side->sleeping, 1);
}

static inline void lane_sleep_end(const struct lane_side *side)
{
	atomic_store_explicit(side->sleeping, 0, memory_order_relaxed);
}

/* Stores the word and wakes the peer if it sleeps. */
void sffi__lane_post(_Atomic uint32_t *post, uint32_t value, _Atomic uint8_t *peer_sleeping);

#endif
