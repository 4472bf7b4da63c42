/* SPDX-License-Identifier: MIT */
/*
 * The zygote: a small clone of the host, made early, from which workers are made, and their
 * parent. It sees to it that
 * - making a worker costs the same whatever the host has become since;
 * - no worker shows up in the host's own wait(), nor its SIGCHLD;
 * - the end of a worker is noticed at once and told in a word that no callee can reach;
 * - workers end with the host: the zygote's socket reports that, however it happens.
 *
 * There is one zygote that shares nothing with the host, and at most one that shares
 * descriptors or the working directory: what a worker is to share, its zygote must.
 */
#ifndef SFFI_ZYGOTE_H
#define SFFI_ZYGOTE_H

#include "memory/zone.h"
#include "worker/host_state.h"
#include "safeffi.h"

#include <stdatomic.h>

/* One worker's state, written by the zygote; the worker does not have this memory. The
 * number of a worker is that of its zone. */
struct worker_status {
	_Atomic uint32_t word; /* enum worker_state */
	int32_t wait_status;   /* as waitpid's, when ENDED or STOPPED */
};

enum worker_state {
	WORKER_NONE,
	WORKER_RUNNING,
	WORKER_STOPPED,   /* by SIGSTOP */
	WORKER_ENDED,
	WORKER_EXECUTED,  /* ended, after its program had been replaced by execve */
	WORKER_ABANDONED, /* set by the host: it has given the worker up */
	WORKER_LEFT,      /* likewise, and left it to the zygote to end it when all is quiet */
};

/* A process that waits to become a worker: it has its zone and its control memory, and
 * takes its orders from the socket (orders.h). The descriptors are the taker's. */
struct newcomer {
	unsigned zone;
	pid_t pid, parent;
	int pidfd, control_fd, socket;
	struct host_state state; /* that it was born with; owned */
};

/* Makes sure that the zygote runs. SFFI_ESYSTEM. */
sffi_status sffi__zygote_start(unsigned share);
/* Takes the process that is in reserve, or has one made, and asks for the next one to be
 * made when nobody waits. `exec`: of the program safeffi-worker. SFFI_ESYSTEM; SFFI_ENOMEM:
 * no zone is free. */
sffi_status sffi__zygote_take(unsigned share, bool exec, struct newcomer *);
/* Has the zygote end the workers whose state is WORKER_LEFT when all is quiet; false: it
 * does not do that. */
bool sffi__zygote_end_at_leisure(unsigned share);
/* The maps of a worker that was left to it, as it ended them; to be freed; NULL. */
char *sffi__zygote_maps(unsigned zone);
/* The worker's status words; never freed. */
struct worker_status *sffi__worker_status(unsigned zone);

/* Takes a range of the host's memory out of zygotes and of workers made later. */
void sffi__zygote_drop(uintptr_t low, uintptr_t high);

/* Ends the zygotes; for a host's child, which must not use its parent's. */
void sffi__zygote_forget(void);

/* Code of the host at the zygote's start: whether it lies at the same address in a clone
 * worker. */
bool sffi__zygote_has_code(uintptr_t base);

#endif
