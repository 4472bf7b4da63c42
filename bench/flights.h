/* SPDX-License-Identifier: MIT */
/* Calls in steps: many in flight at once, by a host of one thread. */
#ifndef BENCH_FLIGHTS_H
#define BENCH_FLIGHTS_H

#include "agent.h"

/* Operations: naps and adds in flight; nap and add one after the other. */
extern const struct agent_kind flights_two_cores;

#endif
