/* SPDX-License-Identifier: MIT */
/* What the callee wrote in the clone, outside of its buffers: found from outside, before the clone
 * is ended. */
#ifndef SFFI_CHANGES_H
#define SFFI_CHANGES_H

#include "rehearsal/rehearse.h"
#include "rehearsal/verdict.h"

struct change_search {
	sffi_rehearsal *verdict;
	const struct rehearsal_plan *plan;
	const struct stage *stage; /* shared with the clone: nothing in it is sure */
	const struct held_range *ranges; /* the host's own list */
	size_t range_count;
	bool has_twin;
	pid_t clone, former;       /* former: the process that has the memory as it was */
	uintptr_t frame;           /* the host's frames above this one are not SafeFFI's */
};

/* What is looked up once: not between the making of a clone and sffi__changes_find. */
void sffi__changes_prepare(void);
/* Allocates nothing before it has found all. */
void sffi__changes_find(const struct change_search *);
/* The end of SafeFFI's own frames on this stack. */
uintptr_t sffi__own_frames_end(void);

#endif
