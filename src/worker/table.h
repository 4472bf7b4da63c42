/* SPDX-License-Identifier: MIT */
/*
 * The host's table of descriptors, where a worker shares it. The kernel does not tell who has
 * opened a descriptor, and a look at the table before each call would cost more than the call. So
 * the table is looked at when the worker is made, and again when it has ended: what is different
 * may be the callee's doing or the host's, and is told. What the callee opened by functions that
 * the worker knows (opened.c) is known to be its own: it is closed, unless a call has returned
 * its number, with which it became the host's.
 */
#ifndef SFFI_TABLE_H
#define SFFI_TABLE_H

#include "fault/fault.h"
#include "lane/slot.h"

struct table {
	size_t count;
	struct table_entry {
		int fd;
		dev_t device;
		ino_t inode;
	} entries[];
};

/* Without SafeFFI's own. To be freed; NULL: it could not be read. */
struct table *sffi__table_look(void);
/* When the worker has ended: closes what was its callee's, and notes in the fault, if there is one,
 * what is not as it was. */
void sffi__table_settle(const struct table *before, const struct opened_file *, sffi_fault *);

/* The host has been given what may be the number of one that the callee has opened. */
static inline void table_note_given(struct opened_file *opened, uint32_t number)
{
	if (number < OPENED_MAX && opened[number].inode)
		atomic_store(&opened[number].inode, 0);
}

#endif
