/* SPDX-License-Identifier: MIT */
/*
 * A call in its parts. sffi_call makes them one after the other (isolated_call.c), calls in
 * steps as the host goes along (isolated_steps.c).
 */
#ifndef SFFI_ISOLATED_CALL_H
#define SFFI_ISOLATED_CALL_H

#include "mode/isolated.h"
#include "os/os.h"

enum { CALL_FEW = 16 };

struct call {
	sffi_function *function;
	void *result;
	void *const *arguments;
	struct lane *lane;
	uint64_t address;
	unsigned timeout_ms;
	bool marshalled;
	bool keeps_memory;   /* past the next request on the lane: it cannot be the slot's */
	bool is_begun;       /* to be ended by sffi__call_end */
	struct marshal marshal;
	struct call_result reply;
	int error;
	int fds[OS_FDS_MAX]; /* carried descriptors: the host's numbers */
	size_t fd_count;
	struct carried *carried; /* the worker's */
	uint32_t fds_attachment; /* the lane's, when they were carried */
	struct call_memory memory;
	char *own_memory;    /* an arena block for it, where calls below have the slot's */
	size_t scratch_base; /* what calls below have of the scratch */
	const void *const *images; /* the addresses of the values as they go to the callee */
	const void **marshalled_images;
	uint64_t *values;
	/* Calls nest as deep as the stack goes: what few need is not on it. */
	void *many;
	const void *few_images[CALL_FEW];
	uint64_t few_values[CALL_FEW];
};

/* Finds a worker and the function in it, and makes the arguments what the callee is to see.
 * To be ended by sffi__call_end, also when it failed. */
sffi_status sffi__call_begin(struct call *);
/* Writes the frame for the next request on the lane, LANE_CALL. */
void sffi__call_load(struct call *);
/* Copies the answer, once. */
void sffi__call_take_reply(struct call *);
/* Checks fences, copies the result and everything that goes back. */
sffi_status sffi__call_finish(struct call *, void *result);
void sffi__call_end(struct call *);
struct fault_scene sffi__call_scene(const struct call *);

/* ---- isolated_carry.c ------------------------------------------------------------------- */

/* Whether descriptors of the host's are other ones in the worker. */
bool sffi__call_carries(const struct lane *);
sffi_status sffi__call_carry_in(struct call *);
void sffi__call_drop_carried(struct call *);
sffi_status sffi__call_carry_out(struct lane *, const sffi_function *, int *fd);
/* In one table: what the callee has opened and the host has been told of is the host's. */
void sffi__call_note_given(struct call *, struct peer *);
void sffi__call_note_given_words(struct peer *, const void *words, size_t size);

#endif
