/* SPDX-License-Identifier: MIT */
#include "memory/region.h"

#include "error.h"
#include "memory/shield.h"
#include "os/os.h"
#include "worker/zygote.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096 };

static struct region {
	void *address; /* as given */
	uintptr_t low, high; /* whole pages inside */
} *regions;
static size_t count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void sffi__regions_lock(void)
{
	pthread_mutex_lock(&lock);
}

void sffi__regions_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

void sffi__regions_withhold(bool withhold)
{
	if (withhold)
		pthread_mutex_lock(&lock);
	for (size_t i = 0; i < count; i++)
		if (regions[i].high > regions[i].low)
			sffi__os_advise((void *)regions[i].low, regions[i].high - regions[i].low,
					withhold ? MADV_DONTFORK : MADV_DOFORK);
	if (!withhold)
		pthread_mutex_unlock(&lock);
}

bool sffi__region_has(uintptr_t address)
{
	bool found = false;

	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < count && !found; i++)
		found = address >= regions[i].low && address < regions[i].high;
	pthread_mutex_unlock(&lock);
	return found;
}

sffi_status sffi__regions_each(sffi_status (*function)(uintptr_t low, uintptr_t high))
{
	sffi_status status = SFFI_OK;

	for (size_t i = 0; i < count && !status; i++)
		if (regions[i].high > regions[i].low)
			status = function(regions[i].low, regions[i].high);
	return status;
}

bool sffi__region_is_shielded(uintptr_t address, size_t size)
{
	bool is_shielded;

	pthread_mutex_lock(&lock);
	is_shielded = sffi__shield_covers(address, address + size);
	pthread_mutex_unlock(&lock);
	return is_shielded;
}

/* The kernel does not write where another thread's callee has the memory shut; a store of ours
 * opens it. */
ssize_t sffi__region_read_memory(pid_t pid, void *to, uintptr_t from, size_t size)
{
	ssize_t copied = sffi__os_read_memory(pid, to, from, size);
	size_t done = copied > 0 ? (size_t)copied : 0;
	char page[PAGE];

	if (done == size || !sffi__region_is_shielded((uintptr_t)to, size))
		return copied;
	while (done < size) {
		size_t part = size - done < PAGE ? size - done : PAGE;

		copied = sffi__os_read_memory(pid, page, from + done, part);
		if (copied <= 0)
			return done ? (ssize_t)done : copied;
		memcpy((char *)to + done, page, (size_t)copied);
		done += (size_t)copied;
	}
	return (ssize_t)done;
}

ssize_t sffi__region_write_memory(pid_t pid, uintptr_t to, const void *from, size_t size)
{
	ssize_t copied = sffi__os_write_memory(pid, to, from, size);

	if (copied == (ssize_t)size || pid != getpid() || !sffi__region_is_shielded(to, size))
		return copied;
	memcpy((void *)to, from, size);
	return (ssize_t)size;
}

static sffi_status add(const struct region *region)
{
	struct region *grown;
	sffi_status status = SFFI_OK;

	pthread_mutex_lock(&lock);
	grown = realloc(regions, (count + 1) * sizeof *regions);
	if (grown) {
		regions = grown;
		if (region->high > region->low)
			status = sffi__shield_cover(region->low, region->high);
		if (!status)
			regions[count++] = *region;
	} else {
		status = sffi__fail(SFFI_ENOMEM, "out of memory for the list of regions");
	}
	pthread_mutex_unlock(&lock);
	return status;
}

sffi_status sffi_region_add(void *address, size_t size)
{
	struct region region = { .address = address };
	uintptr_t end = (uintptr_t)address + size;
	sffi_status status;

	if (!address || !size || end < (uintptr_t)address)
		return sffi__fail(SFFI_EINVAL, "a region needs an address and a size; %p and %zu given",
				  address, size);
	region.low = ((uintptr_t)address + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
	region.high = end & ~(uintptr_t)(PAGE - 1);
	/* Mapped, and of a kind that can be left out of a child. */
	if (region.high > region.low &&
	    sffi__os_advise((void *)region.low, region.high - region.low, MADV_DOFORK))
		return sffi__fail(SFFI_EINVAL, "%zu bytes at %p are not memory that this process has "
					       "mapped", size, address);
	status = add(&region);
	if (!status && region.high > region.low)
		sffi__zygote_drop(region.low, region.high);
	return status;
}

/* Others may share pages with it: they are not to lose their shield without a word. */
static sffi_status uncover(const struct region *gone)
{
	sffi_status status = SFFI_OK;

	if (gone->high <= gone->low)
		return SFFI_OK;
	sffi__shield_uncover(gone->low, gone->high);
	for (size_t i = 0; i < count && !status; i++)
		if (regions[i].low < gone->high && regions[i].high > gone->low)
			status = sffi__shield_cover(regions[i].low, regions[i].high);
	return status;
}

sffi_status sffi_region_remove(void *address)
{
	struct region gone;
	sffi_status status;
	size_t i = 0;

	pthread_mutex_lock(&lock);
	while (i < count && regions[i].address != address)
		i++;
	if (i < count) {
		gone = regions[i];
		regions[i] = regions[--count];
		status = uncover(&gone);
	} else {
		status = sffi__fail(SFFI_EINVAL, "no region begins at %p", address);
	}
	pthread_mutex_unlock(&lock);
	return status;
}
