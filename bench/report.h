/* SPDX-License-Identifier: MIT */
/* Reports of faults, from the crash that has been to the text with symbols. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "agent.h"

/* Operations: null, abort: one report of a null pointer, of an abort by the allocator,
 * when there has been one before; first-null, first-abort: that one. Nanoseconds. */
extern const struct agent_kind reports;

#endif
