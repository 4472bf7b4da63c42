/* SPDX-License-Identifier: MIT */
/*
 * mprotect, of memory in huge pages: one entry of the page tables for 2 MiB instead of 512, which
 * makes it some hundred times faster. The memory that is there already is collapsed to
 * huge pages, once; also a memfd's, for which the kernel makes none by itself.
 */
#include "memory/shield_protect.h"

#include "error.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifndef MADV_COLLAPSE /* Linux 6.1 */
#define MADV_COLLAPSE 25
#endif

static const uintptr_t HUGE_PAGE = 2 << 20;

static sffi_status open_huge(void)
{
	char *setting = sffi__os_read_file("/sys/kernel/mm/transparent_hugepage/enabled");
	bool has = setting && !strstr(setting, "[never]");

	free(setting);
	if (!has)
		return sffi__fail(SFFI_ENOTSUP, "this machine has no huge pages: "
						"/sys/kernel/mm/transparent_hugepage/enabled "
						"must be 'madvise' or 'always'");
	return sffi__protect_open(HUGE_PAGE);
}

/* Both are wishes: what the kernel cannot do stays as it is, and is protected more slowly.
 * It leaves out what was never touched, so that no memory is used for it. */
static void make_huge(const struct span *span)
{
	uintptr_t low = (span->low + HUGE_PAGE - 1) & -HUGE_PAGE, high = span->high & -HUGE_PAGE;

	if (low >= high)
		return;
	sffi__os_advise((void *)low, high - low, MADV_HUGEPAGE);
	sffi__os_advise((void *)low, high - low, MADV_COLLAPSE);
}

static bool cover_huge(const struct spans *all, const struct spans *pieces)
{
	for (size_t i = 0; i < pieces->count; i++)
		make_huge(&pieces->list[i]);
	return sffi__protect_cover(all, pieces);
}

const struct shield_ops sffi__shield_huge = {
	.name = "huge-page mprotect",
	.feature = OS_HUGE_PAGES,
	.open = open_huge,
	.close = sffi__protect_close,
	.cover = cover_huge,
	.uncover = sffi__protect_uncover,
	.raise = sffi__protect_raise,
	.lower = sffi__protect_lower,
	.suspend = sffi__protect_suspend,
	.resume = sffi__protect_resume,
	.repair = sffi__protect_repair,
	.before_fork = sffi__protect_before_fork,
	.after_fork = sffi__protect_after_fork,
};
