/* SPDX-License-Identifier: MIT */
/* How the memory of a lane's worker is reached, and which addresses mean the same there. */
#include "mode/isolated.h"

#include "error.h"
#include "memory/callbacks.h"
#include "memory/probe.h"
#include "memory/region.h"
#include "memory/zone.h"
#include "os/os.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

/* ---- the worker's memory ------------------------------------------------------------- */

static sffi_status bad_address(int error, uintptr_t address, const char *verb)
{
	if (error == -EFAULT || error >= 0)
		return sffi__fail(SFFI_EADDRESS, "%#lx cannot be %s in the worker: nothing is mapped "
						 "there", (unsigned long)address, verb);
	return sffi__fail_system(error, "reach the worker's memory");
}

/* A worker that the host may not look into copies itself. */
static ssize_t copy_by_worker(struct lane *lane, uintptr_t to, uintptr_t from, size_t size)
{
	uint64_t argument[4] = { to, from, size }, result[2];

	if (sffi__isolated_operate(lane, LANE_COPY, argument, result, "a copy of memory"))
		return -EIO;
	return (ssize_t)result[0];
}

static bool must_ask_worker(ssize_t copied)
{
	return copied == -EPERM || copied == -ENOSYS;
}

sffi_status sffi__isolated_read(struct lane *lane, void *to, uintptr_t from, size_t size)
{
	ssize_t copied = -ENOSYS;
	char *scratch;

	if (sffi__os_has(OS_PROCESS_VM))
		copied = sffi__region_read_memory(lane->peer->pid, to, from, size);
	if (must_ask_worker(copied)) {
		scratch = sffi__arena_take(lane->work.domain->arena, size, false);
		if (!scratch)
			return sffi__fail(SFFI_ENOMEM, "the arena is full");
		copied = copy_by_worker(lane, (uintptr_t)scratch, from, size);
		if (copied == (ssize_t)size)
			memcpy(to, scratch, size);
		sffi__arena_give(lane->work.domain->arena, scratch);
	}
	return copied == (ssize_t)size ? SFFI_OK : bad_address((int)copied, from, "read");
}

sffi_status sffi__isolated_write(struct lane *lane, uintptr_t to, const void *from, size_t size)
{
	ssize_t copied = -ENOSYS;
	char *scratch;

	if (sffi__os_has(OS_PROCESS_VM))
		copied = sffi__os_write_memory(lane->peer->pid, to, from, size);
	if (must_ask_worker(copied)) {
		scratch = sffi__arena_take(lane->work.domain->arena, size, false);
		if (!scratch)
			return sffi__fail(SFFI_ENOMEM, "the arena is full");
		memcpy(scratch, from, size);
		copied = copy_by_worker(lane, to, (uintptr_t)scratch, size);
		sffi__arena_give(lane->work.domain->arena, scratch);
	}
	return copied == (ssize_t)size ? SFFI_OK : bad_address((int)copied, to, "written");
}

sffi_status sffi__isolated_make_thunks(struct lane *lane)
{
	struct callbacks *callbacks = lane->work.domain->callbacks;
	uint32_t pages = sffi__callbacks_pages(callbacks), there = lane->peer->thunk_pages;
	uint64_t argument[4] = { sffi__callbacks_low(callbacks), there, pages - there }, result[2];
	sffi_status status;

	if (there >= pages)
		return SFFI_OK;
	status = sffi__isolated_operate(lane, LANE_THUNKS, argument, result, "the making of callbacks");
	if (!status && result[0])
		status = sffi__fail_system((int)result[0], "make callbacks in the worker");
	if (!status)
		atomic_store(&lane->peer->thunk_pages, pages);
	return status;
}

/* ---- addresses --------------------------------------------------------------------------- */

/* The C library's own objects, such as stdout, have the same address in a clone, and mean
 * there what they mean here. */
static bool is_in_c_library(const struct lane *lane, uint64_t address)
{
	Dl_info info;
	const char *name;

	if (lane->peer->exec || !dladdr((void *)address, &info) || !info.dli_fname)
		return false;
	name = strrchr(info.dli_fname, '/');
	return !strcmp(name ? name + 1 : info.dli_fname, "libc.so.6");
}

static bool is_lent(const sffi_domain *domain, uint64_t address)
{
	for (size_t i = 0; i < domain->lent_count; i++)
		if (address - domain->lents[i].low < domain->lents[i].size)
			return true;
	return false;
}

static sffi_status check(const struct workspace *work, uint64_t address, bool opaque)
{
	const struct lane *lane = lane_of((struct workspace *)work);
	sffi_domain *owner = NULL;
	uint64_t generation = 0;

	switch (sffi__zone_owner(address, &owner, &generation)) {
	case SFFI_OWNER_HOST:
		if (address < 65536 || (opaque && is_in_c_library(lane, address)))
			return SFFI_OK;
		return sffi__host_readable((void *)address, 1) ? SFFI_ETYPE : SFFI_OK;
	case SFFI_OWNER_CALLEE:
		if (owner == work->domain && generation == lane->peer->generation)
			return SFFI_OK;
		if (owner != work->domain)
			return sffi__fail(SFFI_EADDRESS, "%#lx belongs to another domain's worker; this "
							 "one cannot reach it", (unsigned long)address);
		/* fall through */
	case SFFI_OWNER_STALE:
		return sffi__fail(SFFI_ESTALE, "%#lx belongs to worker %lu of %s domain, which is gone; "
					       "get it again from the present one",
				  (unsigned long)address, (unsigned long)generation,
				  owner == work->domain ? "this" : "a");
	case SFFI_OWNER_ARENA:
		if (owner == work->domain || is_lent(work->domain, address))
			return SFFI_OK;
		return sffi__fail(SFFI_EADDRESS, "%#lx lies in another domain's arena; lend it to this "
						 "one first, by sffi_lend", (unsigned long)address);
	default:
		return SFFI_OK;
	}
}

/* ---- for whoever knows no lanes -------------------------------------------------------------- */

static sffi_status read_by(struct workspace *work, void *to, uintptr_t from, size_t size)
{
	return sffi__isolated_read(lane_of(work), to, from, size);
}

static sffi_status write_by(struct workspace *work, uintptr_t to, const void *from, size_t size)
{
	return sffi__isolated_write(lane_of(work), to, from, size);
}

static sffi_status check_code(const struct workspace *work, uint64_t address)
{
	return check(work, address, true);
}

/* Between the worker's shared memory and its own. */
static uintptr_t nowhere(const struct workspace *work)
{
	return (uintptr_t)lane_of((struct workspace *)work)->peer->control + WORKER_SHARED_SIZE;
}

static sffi_status make_thunks(struct workspace *work)
{
	return sffi__isolated_make_thunks(lane_of(work));
}

static void nudge(struct workspace *work)
{
	sffi__lane_nudge(lane_of(work));
}

const struct reach sffi__worker_reach = {
	.check = check,
	.check_code = check_code,
	.read = read_by,
	.write = write_by,
	.nowhere = nowhere,
	.make_thunks = make_thunks,
	.nudge = nudge,
};
