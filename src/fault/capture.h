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
sffi_fault *sffi__fault_capture(struct peer *, enum lane_outcome, const struct fault_scene *);
/* An overrun, of a call that came back. */
sffi_fault *sffi__fault_overrun(const struct peer *, const struct fault_overrun *,
				const struct fault_scene *);

/* What every fault has, whoever takes it down: the call and its buffers. */
void sffi__fault_begin(sffi_fault *, const struct fault_scene *);
/* What a handler noted, of which the callee may have written every byte. */
void sffi__fault_take_record(sffi_fault *, const struct fault_record *);

/* The worker is about to go: what the fault still needs of it is fetched now, if anybody else
 * holds the fault. */
void sffi__fault_settle(sffi_fault *);
/* In a child that the host forked, whose parent's threads may have been at it. */
void sffi__fault_forget_fetching(void);

#endif
