/* SPDX-License-Identifier: MIT */
/*
 * SafeFFI's own descriptors in the host. A callee that shares the host's table can close them,
 * and the numbers then become those of other files. So which file each of them is is
 * remembered, and they are closed, signalled through or mapped only as long as they are that.
 */
#ifndef SFFI_OWN_H
#define SFFI_OWN_H

#include <stdbool.h>
#include <sys/types.h>

/* From now on; what is negative is nothing. The number. */
int sffi__own_note(int fd);
/* Whether it is open still, and the same file. */
bool sffi__own_is(int fd);
/* Closes it if so, and forgets it. */
void sffi__own_close(int fd);
/* Whether the number is one of them: the same file, and open. */
bool sffi__own_is_noted(int fd);
/* Whether a file is that of one of them, by whatever number. */
bool sffi__own_has(dev_t device, ino_t inode);
/* In a child that the host forked. */
void sffi__own_unlock(void);

#define OWN_LOST                                                                                \
	"a callee has closed descriptors of SafeFFI's own, which it shares with the host "      \
	"(SFFI_SHARE_FILES): "

#endif
