/* SPDX-License-Identifier: MIT */
#include "memory/shield.h"

#include "error.h"
#include "memory/region.h"
#include "memory/shield_ops.h"

#include <pthread.h>
#include <stdlib.h>

static const struct shield_ops *const mechanisms[] = {
	&sffi__shield_keys,
	&sffi__shield_huge,
	&sffi__shield_pages,
};

/* The choice is made once: a handler may come late. Set before anything is covered. */
static const struct shield_ops *_Atomic chosen;
/* Under the regions' lock: how many domains want it; what is covered. */
static size_t users;
static struct spans *covered;

static sffi_status choose(void)
{
	sffi_status status = SFFI_ENOTSUP;

	if (chosen)
		return chosen->open();
	for (size_t i = 0; i < sizeof mechanisms / sizeof *mechanisms; i++) {
		const struct shield_ops *ops = mechanisms[i];

		if (ops->feature != OS_FEATURE_COUNT && !sffi__os_has(ops->feature))
			continue;
		status = ops->open();
		if (status)
			continue;
		chosen = ops;
		return SFFI_OK;
	}
	return status;
}

/* The last one closes it. */
static void close_locked(void)
{
	if (users == 1) {
		sffi__shield_uncover(0, UINTPTR_MAX);
		chosen->close();
		free(covered);
		covered = NULL;
	}
	users -= users > 0;
}

static sffi_status open_locked(void)
{
	sffi_status status;

	/* Opened again also if it is open: a fork's child may lack a part. */
	if (users) {
		status = chosen->open();
		users += !status;
		return status;
	}
	covered = calloc(1, sizeof *covered);
	if (!covered)
		return sffi__fail(SFFI_ENOMEM, "out of memory for the shield");
	status = choose();
	if (status) {
		free(covered);
		covered = NULL;
		return status;
	}
	users = 1;
	status = sffi__regions_each(sffi__shield_cover);
	if (status)
		close_locked();
	return status;
}

sffi_status sffi__shield_open(void)
{
	sffi_status status;

	sffi__regions_lock();
	status = open_locked();
	sffi__regions_unlock();
	return status;
}

void sffi__shield_close(void)
{
	sffi__regions_lock();
	close_locked();
	sffi__regions_unlock();
}

const char *sffi__shield_mechanism(void)
{
	return chosen ? chosen->name : NULL;
}

bool sffi__shield_raise(uintptr_t low, uintptr_t high)
{
	return chosen->raise(low, high);
}

void sffi__shield_lower(void)
{
	chosen->lower();
}

void sffi__shield_suspend(struct shield_state *state)
{
	*state = (struct shield_state){ 0 };
	if (chosen)
		chosen->suspend(state);
}

bool sffi__shield_resume(const struct shield_state *state)
{
	return !state->is_raised || chosen->resume(state);
}

bool sffi__shield_repair(int signal, siginfo_t *info, void *context)
{
	const struct shield_ops *ops = chosen;

	/* Keys also before they are chosen, and if they were not in the end: a signal to grant a
	 * right may be on its way. */
	return (ops && ops->repair(signal, info, context)) ||
	       sffi__shield_keys.repair(signal, info, context);
}

/* ---- regions ------------------------------------------------------------------ */

static sffi_status cover(const struct spans *pieces)
{
	struct spans *all = pieces ? sffi__spans_join(covered, pieces) : NULL;

	if (!all)
		return sffi__fail(SFFI_ENOMEM, "out of memory for the list of shielded memory");
	if (!chosen->cover(all, pieces)) {
		free(all);
		return sffi__fail(SFFI_ESYSTEM, "a region cannot be shielded: the process has as many mappings "
						"as it may have (vm.max_map_count)");
	}
	free(covered);
	covered = all;
	return SFFI_OK;
}

sffi_status sffi__shield_cover(uintptr_t low, uintptr_t high)
{
	struct spans *pieces;
	sffi_status status;

	if (!users)
		return SFFI_OK;
	pieces = sffi__spans_writable(low, high, covered);
	status = cover(pieces);
	free(pieces);
	return status;
}

/* Without memory for the sets nothing changes: more is shut than need be. */
void sffi__shield_uncover(uintptr_t low, uintptr_t high)
{
	struct spans *pieces = users ? sffi__spans_part(covered, low, high, true) : NULL;
	struct spans *all = pieces ? sffi__spans_part(covered, low, high, false) : NULL;

	if (all) {
		chosen->uncover(all, pieces);
		free(covered);
		covered = all;
	}
	free(pieces);
}

bool sffi__shield_covers(uintptr_t low, uintptr_t high)
{
	while (low < high) {
		const struct span *span = sffi__spans_find(covered, low);

		if (!span)
			return false;
		low = span->high;
	}
	return true;
}

/* ---- forks --------------------------------------------------------------------- */

void sffi__shield_before_fork(void)
{
	if (users && chosen->before_fork)
		chosen->before_fork();
}

void sffi__shield_after_fork(bool in_child)
{
	if (users && chosen->after_fork)
		chosen->after_fork(in_child);
}
