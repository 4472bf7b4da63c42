/* SPDX-License-Identifier: MIT */
#ifndef SFFI_INSIDE_REACH_H
#define SFFI_INSIDE_REACH_H

#include "memory/workspace.h"

/* With a guard, and without: then what is not there ends the host, as in a plain call. */
extern const struct reach sffi__inside_reach, sffi__direct_reach;

/* Whether the address means anything in this process. SFFI_EADDRESS, SFFI_ESTALE: it is a
 * worker's. */
sffi_status sffi__inside_check(uint64_t address);
/* Memory that may not be there. SFFI_EADDRESS. */
sffi_status sffi__inside_read(void *to, uintptr_t from, size_t size);
sffi_status sffi__inside_write(uintptr_t to, const void *from, size_t size);

#endif
