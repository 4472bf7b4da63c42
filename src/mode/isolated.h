/* SPDX-License-Identifier: MIT */
/* Between the files of the mode `isolated`. */
#ifndef SFFI_ISOLATED_H
#define SFFI_ISOLATED_H

#include "memory/marshal.h"
#include "worker/recover.h"

sffi_status sffi__isolated_call(sffi_function *, void *result, void *const *arguments);
sffi_status sffi__isolated_batch(sffi_batch *, size_t count);

/* What a call that came back left: fences are checked, then the result and everything that
 * goes back is copied to the host. marshal: NULL where nothing was marshalled. */
sffi_status sffi__isolated_finish(struct lane *, sffi_function *, void *result, void *const *arguments,
				  const struct marshal *, const struct call_result *);

/* The function's address in the lane's worker. */
sffi_status sffi__isolated_address(struct lane *, sffi_function *, uint64_t *address);
/* The worker's memory; all or nothing. */
sffi_status sffi__isolated_read(struct lane *, void *to, uintptr_t from, size_t size);

/* A request that is no call; `doing` names it in a fault's report. */
sffi_status sffi__isolated_operate(struct lane *, enum lane_operation, const uint64_t argument[4],
				   uint64_t result[2], const char *doing);
/* A lane that others may ask on too belongs to one thread from before it writes the frame
 * until it has read the answer. */
void sffi__isolated_turn_begin(struct lane *);
void sffi__isolated_turn_end(struct lane *);
enum lane_outcome sffi__isolated_request(struct lane *, enum lane_operation, uint64_t deadline_ns);

#endif
