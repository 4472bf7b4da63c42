/* SPDX-License-Identifier: MIT */
/* Which of the host's memory a clone is made without. */
#ifndef SFFI_HOLD_H
#define SFFI_HOLD_H

#include "fault/maps.h"
#include "rehearsal/stage.h"

/* Chooses among the mappings: at most maps->count. `needed`: addresses whose mappings the clone
 * must have. Pages and ranges are counted in the stage. */
void sffi__hold_choose(struct stage *, const struct maps *, const uintptr_t *needed, size_t count);
/* The pieces of the domain's arena. */
void sffi__hold_arena(struct stage *, const struct maps *, uintptr_t low, uintptr_t high);
/* Keeps them from being copied, between the two; the caller has the regions' lock from before the
 * mappings were read. */
void sffi__hold_begin(const struct held_range *, size_t count);
void sffi__hold_end(const struct held_range *, size_t count);

#endif
