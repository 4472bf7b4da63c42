/* SPDX-License-Identifier: MIT */
#include "memory/region.h"

#include "error.h"
#include "os/os.h"
#include "worker/zygote.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { PAGE = 4096 };

static struct region {
	void *address; /* as given */
	uintptr_t low, high; /* whole pages inside */
} *regions;
static size_t count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void sffi__regions_withhold(bool withhold)
{
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < count; i++)
		if (regions[i].high > regions[i].low)
			sffi__os_advise((void *)regions[i].low, regions[i].high - regions[i].low,
					withhold ? MADV_DONTFORK : MADV_DOFORK);
	pthread_mutex_unlock(&lock);
}

static sffi_status add(const struct region *region)
{
	struct region *grown;
	sffi_status status = SFFI_OK;

	pthread_mutex_lock(&lock);
	grown = realloc(regions, (count + 1) * sizeof *regions);
	if (grown) {
		regions = grown;
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

sffi_status sffi_region_remove(void *address)
{
	sffi_status status;

	pthread_mutex_lock(&lock);
	status = sffi__fail(SFFI_EINVAL, "no region begins at %p", address);
	for (size_t i = 0; i < count && status; i++) {
		if (regions[i].address != address)
			continue;
		regions[i] = regions[--count];
		status = SFFI_OK;
	}
	pthread_mutex_unlock(&lock);
	return status;
}
