/* SPDX-License-Identifier: MIT */
/* The same calls in every mode, beside libffi and a bare signal. */
#ifndef BENCH_INSIDE_H
#define BENCH_INSIDE_H

#include "agent.h"

/* Host and callee on one CPU, but `isolated`, whose worker has the other one. Operations: call,
 * mixed, by sffi_call_array; step, a call in steps with one upcall; fault, one that is caught;
 * and in the same process pointer, ffi, ffi-mixed, the bare ways. */
extern const struct agent_kind inside_direct;
extern const struct agent_kind inside_guarded;
extern const struct agent_kind inside_shielded;
extern const struct agent_kind inside_rehearsed;
extern const struct agent_kind inside_isolated;

/* A process without SafeFFI. Operations: signal, a fault whose handler lets the program go on
 * elsewhere; pointer, ffi, ffi-mixed. */
extern const struct agent_kind inside_bare;

#endif
