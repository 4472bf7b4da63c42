/* SPDX-License-Identifier: MIT */
/* Calls back to back, beside the bare ways of asking another process. */
#ifndef BENCH_CALLS_H
#define BENCH_CALLS_H

#include "agent.h"

/* Operations of all three: call, call-array, batch, upcall, upcall-plain, mixed, struct,
 * struct-result, touch, direct, memcpy, threads-2, threads-4, and of the first two spin,
 * futex, socket. */
extern const struct agent_kind calls_two_cores; /* host and worker pinned to one each */
extern const struct agent_kind calls_without_mirror; /* the same; no look at the host's state */
extern const struct agent_kind calls_one_core;  /* both pinned to the same */
extern const struct agent_kind calls_unpinned;

#endif
