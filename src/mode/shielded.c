/* SPDX-License-Identifier: MIT */
/* The mode `shielded`: as `guarded`, with the regions of sffi_region_add write-protected while a
 * callee runs. */
#include "mode/inside.h"

#include "inside/guard.h"
#include "memory/shield.h"

static sffi_status open_shielded(sffi_domain *domain)
{
	sffi_status status = sffi__guard_open();

	if (status)
		return status;
	/* First: the shield may send signals that only its repairer understands. */
	sffi__guard_add_repair(sffi__shield_repair);
	status = sffi__shield_open();
	domain->has_shield = !status;
	return status;
}

static void close_shielded(sffi_domain *domain)
{
	sffi__inside_end_domain(domain);
	if (domain->has_shield)
		sffi__shield_close();
	domain->has_shield = false;
}

static bool leave_host(struct fiber *fiber)
{
	return sffi__shield_raise(fiber->low, fiber->high);
}

static void enter_host(struct fiber *fiber)
{
	(void)fiber;
	sffi__shield_lower();
}

static const char *mechanism(sffi_domain *domain)
{
	(void)domain;
	return sffi__shield_mechanism();
}

static const struct inside_ops inside = {
	.is_guarded = true,
	.open = open_shielded,
	.leave_host = leave_host,
	.enter_host = enter_host,
};

const struct mode_ops sffi__shielded = {
	.mode = SFFI_SHIELDED,
	.name = "shielded",
	INSIDE_OPERATIONS,
	.close = close_shielded,
	.mechanism = mechanism,
	.call = sffi__inside_call,
	.inside = &inside,
};
