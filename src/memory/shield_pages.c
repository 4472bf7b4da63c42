/* SPDX-License-Identifier: MIT */
/* mprotect, of memory as it is. */
#include "memory/shield_protect.h"

enum { PAGE = 4096 };

static sffi_status open_pages(void)
{
	return sffi__protect_open(PAGE);
}

const struct shield_ops sffi__shield_pages = {
	.name = "page mprotect",
	.feature = OS_FEATURE_COUNT,
	.open = open_pages,
	.close = sffi__protect_close,
	.cover = sffi__protect_cover,
	.uncover = sffi__protect_uncover,
	.raise = sffi__protect_raise,
	.lower = sffi__protect_lower,
	.suspend = sffi__protect_suspend,
	.resume = sffi__protect_resume,
	.repair = sffi__protect_repair,
	.before_fork = sffi__protect_before_fork,
	.after_fork = sffi__protect_after_fork,
};
