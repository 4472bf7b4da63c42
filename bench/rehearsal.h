/* SPDX-License-Identifier: MIT */
/* What it costs to rehearse the calls of a host with a large heap. */
#ifndef BENCH_REHEARSAL_H
#define BENCH_REHEARSAL_H

#include "agent.h"

/* Operation: call, which writes to ten pages of 1 GiB that is registered and filled. */
extern const struct agent_kind rehearsal_big_host;

#endif
