/* SPDX-License-Identifier: MIT */
#include "memory/workspace.h"

#include "memory/callbacks.h"

#include <stdlib.h>

void sffi__workspace_init(struct workspace *work, sffi_domain *domain, const struct reach *reach)
{
	*work = (struct workspace){ .domain = domain, .reach = reach };
	sffi__domain_retain(domain);
}

void sffi__workspace_end_loans(struct workspace *work)
{
	if (work->depth)
		return;
	for (size_t i = 0; i < work->loan_count; i++)
		sffi__arena_give(work->domain->arena, work->loans[i]);
	work->loan_count = 0;
}

void sffi__workspace_end(struct workspace *work, bool is_forked)
{
	if (!is_forked) {
		sffi__workspace_end_loans(work);
		if (work->scratch && !work->domain->closed)
			sffi__arena_give(work->domain->arena, work->scratch);
	}
	sffi__callback_unreference(work->callback);
	sffi__domain_release(work->domain);
	free(work->loans);
	free(work->string);
}

char *sffi__workspace_scratch(struct workspace *work, size_t size)
{
	enum { LEAST = 64 * 1024 };

	if (size <= work->scratch_size)
		return work->scratch;
	/* Outer calls have theirs in it. */
	if (work->depth)
		return NULL;
	if (work->scratch)
		sffi__arena_give(work->domain->arena, work->scratch);
	size = size < LEAST ? LEAST : size + size / 4;
	work->scratch = sffi__arena_take(work->domain->arena, size, false);
	work->scratch_size = work->scratch ? size : 0;
	return work->scratch;
}
