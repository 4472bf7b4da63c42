/* SPDX-License-Identifier: MIT */
/* Memory: a large block that both sides use, and what a worker costs. */
#ifndef BENCH_MEMORY_H
#define BENCH_MEMORY_H

#include "agent.h"

/* Operations: sum, sum-here: of 1 GiB in the arena, by the callee or in process, in
 * nanoseconds, on one processor. */
extern const struct agent_kind memory_arena;

/* Operations: private, private-before: private memory of an idle worker in KiB, after
 * and before the host has written 256 MiB of its heap again. */
extern const struct agent_kind memory_idle;

#endif
