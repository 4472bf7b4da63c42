/* SPDX-License-Identifier: MIT */
/*
 * A descriptor for the host's poll(): readable when the worker has said that something waits,
 * or when the worker has ended. The worker has the writing end of a pipe; the descriptor is
 * an epoll set of the other end and the worker's pidfd.
 */
#ifndef SFFI_NOTIFIER_H
#define SFFI_NOTIFIER_H

#include "lane/lane.h"

struct notifier {
	int read, write, set; /* -1: not made */
	int watched;          /* the pidfd's double in the set; -1: none */
	uint64_t generation;  /* of the worker that has the writing end; 0: none */
};

void sffi__notifier_init(struct notifier *);
/* SFFI_ESYSTEM. */
sffi_status sffi__notifier_open(struct notifier *);
void sffi__notifier_close(struct notifier *);
/* Gives the worker its end for a lane, which may be in a call, or for LANES_MAX the guests,
 * unless it has it. has_turn: the caller holds the manager's lock. SFFI_EINVAL: a worker of one
 * thread is in a call, which may be this host thread's own. */
sffi_status sffi__notifier_give(struct notifier *, struct peer *, unsigned index, bool has_turn);
/* There may be something already that nobody was told of. */
void sffi__notifier_ring(struct notifier *);
/* What was told so far is known. */
void sffi__notifier_drain(struct notifier *);

#endif
