/* SPDX-License-Identifier: MIT */
/* The mode `guarded`: callees run in the host's process, on a stack of their own; a fault ends
 * the call. What they wrote where they had no business is not undone. */
#include "mode/inside.h"

#include "inside/guard.h"

static sffi_status open(sffi_domain *domain)
{
	(void)domain;
	return sffi__guard_open();
}

static const struct inside_ops inside = {
	.is_guarded = true,
	.open = open,
};

const struct mode_ops sffi__guarded = {
	.mode = SFFI_GUARDED,
	.name = "guarded",
	INSIDE_OPERATIONS,
	.call = sffi__inside_call,
	.inside = &inside,
};
