/* SPDX-License-Identifier: MIT */
/* The lives of workers: from opening a domain to the first answer, and from a crash to
 * the next one. */
#ifndef BENCH_LIFE_H
#define BENCH_LIFE_H

#include "agent.h"

/* Operations of all: open, open-libc, open-exec, cycle, cycle-exec, crash, crash-exec,
 * crash-spare. All count nanoseconds; between two of them there is time for what the
 * last one left over. */
extern const struct agent_kind life_one_core;  /* all on one processor */
extern const struct agent_kind life_big_host;  /* the same, 1 GiB of memory in the host */
extern const struct agent_kind life_two_cores; /* workers on another one */

#endif
