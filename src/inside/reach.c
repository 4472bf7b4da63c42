/* SPDX-License-Identifier: MIT */
/* The memory of callees in the host's process, which is the host's own. */
#include "inside/reach.h"

#include "error.h"
#include "inside/inside.h"
#include "memory/probe.h"
#include "memory/region.h"
#include "memory/zone.h"
#include "os/os.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- addresses --------------------------------------------------------------------- */

sffi_status sffi__inside_check(uint64_t address)
{
	sffi_domain *owner = NULL;
	uint64_t generation = 0;

	switch (sffi__zone_owner(address, &owner, &generation)) {
	case SFFI_OWNER_CALLEE:
		return sffi__fail(SFFI_EADDRESS, "%#lx belongs to another domain's worker; a callee in this "
						 "process cannot reach it", (unsigned long)address);
	case SFFI_OWNER_STALE:
		return sffi__fail(SFFI_ESTALE, "%#lx belongs to worker %lu of a domain, which is gone",
				  (unsigned long)address, (unsigned long)generation);
	default:
		return SFFI_OK;
	}
}

static sffi_status check(const struct workspace *work, uint64_t address, bool opaque)
{
	sffi_status status = sffi__inside_check(address);

	(void)work;
	if (status || opaque || address < 65536 ||
	    sffi__zone_owner(address, NULL, NULL) != SFFI_OWNER_HOST)
		return status;
	/* What it points to is copied, between fences. */
	return sffi__host_readable((void *)address, 1) ? SFFI_ETYPE : SFFI_OK;
}

/* A function of a library that the domain has opened, or of the C library. */
static sffi_status check_code(const struct workspace *work, uint64_t address)
{
	sffi_domain *domain = work->domain;
	sffi_status status = sffi__inside_check(address);
	struct link_map *map = NULL;
	const char *name;
	bool is_callees;
	Dl_info info;

	if (status)
		return status;
	if (!dladdr1((void *)address, &info, (void **)&map, RTLD_DL_LINKMAP) || !map)
		return SFFI_ETYPE;
	name = strrchr(map->l_name, '/');
	is_callees = !strcmp(name ? name + 1 : map->l_name, "libc.so.6");
	pthread_mutex_lock(&domain->lock);
	for (size_t i = 0; i < domain->library_count; i++)
		is_callees |= *domain->libraries[i]->path && domain->libraries[i]->base == map->l_addr;
	pthread_mutex_unlock(&domain->lock);
	return is_callees ? SFFI_OK : SFFI_ETYPE;
}

/* ---- memory --------------------------------------------------------------------------- */

static sffi_status bad_address(ssize_t copied, uintptr_t address, const char *verb)
{
	if (copied == -EFAULT || copied >= 0)
		return sffi__fail(SFFI_EADDRESS, "%#lx cannot be %s: nothing is mapped there, or not for "
						 "that", (unsigned long)address, verb);
	return sffi__fail_system((int)copied, "reach memory by its address");
}

sffi_status sffi__inside_read(void *to, uintptr_t from, size_t size)
{
	ssize_t copied;

	if (!sffi__os_has(OS_PROCESS_VM)) {
		if (!sffi__host_readable((void *)from, size))
			return bad_address(-EFAULT, from, "read");
		memcpy(to, (void *)from, size);
		return SFFI_OK;
	}
	copied = sffi__region_read_memory(getpid(), to, from, size);
	return copied == (ssize_t)size ? SFFI_OK : bad_address(copied, from, "read");
}

sffi_status sffi__inside_write(uintptr_t to, const void *from, size_t size)
{
	ssize_t copied;

	if (!sffi__os_has(OS_PROCESS_VM)) {
		if (!sffi__host_writable((void *)to, size))
			return bad_address(-EFAULT, to, "written");
		memcpy((void *)to, from, size);
		return SFFI_OK;
	}
	copied = sffi__region_write_memory(getpid(), to, from, size);
	return copied == (ssize_t)size ? SFFI_OK : bad_address(copied, to, "written");
}

/* Stack words of an upcall, mostly: those are there. */
static sffi_status read_by(struct workspace *work, void *to, uintptr_t from, size_t size)
{
	const struct fiber *fiber = fiber_of(work);

	if (from >= fiber->low && from < fiber->high && size <= fiber->high - from) {
		memcpy(to, (void *)from, size);
		return SFFI_OK;
	}
	return sffi__inside_read(to, from, size);
}

static sffi_status read_unchecked(struct workspace *work, void *to, uintptr_t from, size_t size)
{
	(void)work;
	memcpy(to, (void *)from, size);
	return SFFI_OK;
}

static sffi_status write_unchecked(struct workspace *work, uintptr_t to, const void *from, size_t size)
{
	(void)work;
	memcpy((void *)to, from, size);
	return SFFI_OK;
}

static sffi_status write_by(struct workspace *work, uintptr_t to, const void *from, size_t size)
{
	(void)work;
	return sffi__inside_write(to, from, size);
}

/* One page for all, never given back. */
static uintptr_t nowhere(const struct workspace *work)
{
	static _Atomic uintptr_t page;
	uintptr_t none = 0, made;
	void *mapped;

	(void)work;
	if (atomic_load(&page))
		return atomic_load(&page);
	mapped = sffi__os_map(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	/* Without memory even for that: no address at all will do as well. */
	made = sffi__os_failed(mapped) ? (uintptr_t)1 << 62 : (uintptr_t)mapped;
	if (!atomic_compare_exchange_strong(&page, &none, made) && !sffi__os_failed(mapped))
		sffi__os_unmap(mapped, 4096);
	return atomic_load(&page);
}

static sffi_status make_thunks(struct workspace *work)
{
	return sffi__inside_make_thunks(work->domain);
}

static void nudge(struct workspace *work)
{
	(void)work;
}

const struct reach sffi__inside_reach = {
	.check = check,
	.check_code = check_code,
	.read = read_by,
	.write = write_by,
	.nowhere = nowhere,
	.make_thunks = make_thunks,
	.nudge = nudge,
};

const struct reach sffi__direct_reach = {
	.check = check,
	.check_code = check_code,
	.shares = true,
	.read = read_unchecked,
	.write = write_unchecked,
	.nowhere = nowhere,
	.make_thunks = make_thunks,
	.nudge = nudge,
};
