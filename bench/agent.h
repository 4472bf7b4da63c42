/* SPDX-License-Identifier: MIT */
/* The benchmark's side of an agent: making it, asking it, ending it. */
#ifndef BENCH_AGENT_H
#define BENCH_AGENT_H

#include "operation.h"

#include <sys/types.h>

/* What an agent is made of: a program beside this one, or this one. */
struct agent_kind {
	const char *program; /* or NULL */
	/* Pins the process and prepares it; false after cannot(). */
	bool (*set_up)(void);
	const struct operation *operations;
	/* Before it ends, or NULL. */
	void (*tear_down)(void);
};

struct agent {
	const struct agent_kind *kind;
	pid_t pid;
	int socket;
	bool lost, not_offered;
	char why[WHY_SIZE]; /* it was lost */
};

/* One chunk. Makes the agent of this kind if there is none. On failure the value is NaN
 * and reply->why says why; an agent that dies or does not answer is lost for good. */
void agent_ask(const struct agent_kind *, const char *operation, unsigned count,
	       struct reply *);
/* Ends the agent of this kind, if there is one. */
void agent_end(const struct agent_kind *);

#endif
