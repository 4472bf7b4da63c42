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
				  const struct marshal *, const struct call_result *,
				  const char *memory);

/* What a call needs of memory at the same address on both sides: its stack words, and the
 * plan's memory for results and arguments that are passed by their address. */
struct call_memory {
	uint64_t *stack;
	char *memory;
};
/* Bytes of a block for it, 0: none; and its parts in a block, aligned to 64. */
size_t sffi__call_memory_size(const struct abi_plan *);
struct call_memory sffi__call_memory(const struct abi_plan *, char *block);

/* The function's address in the lane's worker. */
sffi_status sffi__isolated_address(struct lane *, sffi_function *, uint64_t *address);
/* The worker's memory; all or nothing. */
sffi_status sffi__isolated_read(struct lane *, void *to, uintptr_t from, size_t size);
sffi_status sffi__isolated_write(struct lane *, uintptr_t to, const void *from, size_t size);
/* Sees to it that the lane's worker has the thunks of all the domain's callbacks. */
sffi_status sffi__isolated_make_thunks(struct lane *);

/* A request that is no call; `doing` names it in a fault's report. */
sffi_status sffi__isolated_operate(struct lane *, enum lane_operation, const uint64_t argument[4],
				   uint64_t result[2], const char *doing);
/* A lane that others may ask on too belongs to one thread from before it writes the frame
 * until it has read the answer. */
void sffi__isolated_turn_begin(struct lane *);
void sffi__isolated_turn_end(struct lane *);
/* Around a request that tells of descriptors on the socket, and their sending; peer is the lane's
 * as it was at the beginning. */
struct carry {
	struct peer *peer;
	bool kept_turn;
};
struct carry sffi__carry_begin(struct lane *);
void sffi__carry_end(struct lane *, const struct carry *);
/* What a request that did not end in LANE_DONE makes of a call. */
sffi_status sffi__isolated_failed(struct lane *, enum lane_outcome, const struct fault_scene *);
/* Posts, without waiting. */
void sffi__isolated_ask(struct lane *, enum lane_operation);
/* Around every wait for the callee, for peer->latest. */
static inline void lane_asks(struct lane *lane)
{
	atomic_store_explicit(&lane->peer->latest, lane, memory_order_relaxed);
}

/* Not one step: of a thread that asks in between, nobody knows that it did it last. */
static inline enum lane_outcome lane_was_told(struct lane *lane, enum lane_outcome outcome)
{
	_Atomic(const void *) *latest = &lane->peer->latest;

	if ((outcome == LANE_DONE || outcome == LANE_UPCALL || outcome == LANE_GUEST) &&
	    atomic_load_explicit(latest, memory_order_relaxed) == lane)
		atomic_store_explicit(latest, NULL, memory_order_relaxed);
	return outcome;
}

enum lane_outcome sffi__isolated_request(struct lane *, enum lane_operation, uint64_t deadline_ns);

#endif
