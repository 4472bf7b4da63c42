/* SPDX-License-Identifier: MIT */
/* Memory of the host that callees are not to have, or not to write to: sffi_region_add. */
#ifndef SFFI_REGION_H
#define SFFI_REGION_H

#include "safeffi.h"

/* Around the zygote's clone: true takes the regions out of children, false puts them back,
 * since left out for good they would be missing in the host's own fork. In between the lock is
 * held: no fork(2) of another thread, and no rehearsal, comes in there. */
void sffi__regions_withhold(bool);
bool sffi__region_has(uintptr_t address);

/* Calls the function for each, whole pages; the lock is held. */
sffi_status sffi__regions_each(sffi_status (*)(uintptr_t low, uintptr_t high));

/* Whether all of the range is write-protected whenever a callee runs in this process; so the host
 * can write there, whatever the kernel says at the moment. */
bool sffi__region_is_shielded(uintptr_t address, size_t size);
/* As the sffi__os_ functions, also where the memory written is such. */
ssize_t sffi__region_read_memory(pid_t, void *to, uintptr_t from, size_t size);
ssize_t sffi__region_write_memory(pid_t, uintptr_t to, const void *from, size_t size);

/* Around a fork of the host's, whose child must find the lock open; and whenever memory is kept
 * from children for a moment. */
void sffi__regions_lock(void);
void sffi__regions_unlock(void);

#endif
