/* SPDX-License-Identifier: MIT */
/*
 * What a worker that shares the host's table of descriptors leaves open in it. The kernel does
 * not tell who has opened a descriptor, and a look at the table before each call would cost more
 * than the call. So the table is looked at when the worker is made, and again when it has failed:
 * what is new may be the callee's or the host's. It is told, not closed.
 */
#ifndef SFFI_TABLE_H
#define SFFI_TABLE_H

#include "fault/fault.h"

struct table {
	size_t count;
	struct table_entry {
		int fd;
		dev_t device;
		ino_t inode;
	} entries[];
};

/* To be freed; NULL: it could not be read. */
struct table *sffi__table_look(void);
/* What was opened since, but for what is SafeFFI's own. */
void sffi__table_left(const struct table *before, sffi_fault *);

#endif
