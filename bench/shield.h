/* SPDX-License-Identifier: MIT */
/* What it costs to shield the host's heap while callees run in process. */
#ifndef BENCH_SHIELD_H
#define BENCH_SHIELD_H

#include "agent.h"

/* Operations: call, and bare: the two mprotect calls without SafeFFI, on the same memory. */
extern const struct agent_kind shield_huge;  /* 64 MiB in huge pages */
extern const struct agent_kind shield_pages; /* 1 MiB as it is */

#endif
