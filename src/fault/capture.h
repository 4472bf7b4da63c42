/* SPDX-License-Identifier: MIT */
/* Taking a fault down, from outside the worker, before it is ended. */
#ifndef SFFI_CAPTURE_H
#define SFFI_CAPTURE_H

#include "fault/fault.h"
#include "lane/lane.h"
#include "memory/marshal.h"

/* What was going on. Any pointer may be NULL. */
struct fault_scene {
	struct lane *lane;              /* the caller's */
	const sffi_function *function;
	void *const *arguments;
	const struct marshal *marshal;
	const char *doing;              /* instead of a function: "constructor of libz.so" */
	unsigned timeout_ms;
};

/* The worker's fault, as its handler, its end or the outcome tells; NULL: out of memory. */
sffi_fault *sffi__fault_capture(const struct peer *, enum lane_outcome, const struct fault_scene *);
/* An overrun, of a call that came back. */
sffi_fault *sffi__fault_overrun(const struct peer *, const struct fault_overrun *,
				const struct fault_scene *);

#endif
