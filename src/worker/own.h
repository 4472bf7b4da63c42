/* SPDX-License-Identifier: MIT */
/*
 * SafeFFI's own descriptors in the host. A callee that shares the host's table can close them,
 * and the numbers then become those of other files. So which file each of them is is
 * remembered, and they are closed, signalled through or mapped only as long as they are that.
 * While there is such a callee the zygote keeps copies (vault.h), from which they come back to
 * the numbers that they had.
 */
#ifndef SFFI_OWN_H
#define SFFI_OWN_H

#include <stdbool.h>
#include <sys/types.h>

/* From now on; what is negative is nothing. The number, which is another one if it was that of a
 * standard stream that the host has closed, or of another one of ours that a callee has closed. */
int sffi__own_note(int fd);
/* Whether it is open still, and the same file. */
bool sffi__own_is(int fd);
/* Likewise; one that was closed is brought back, if there is a copy: to its number, or where that is
 * another's by now, to a new one, which is stored. */
bool sffi__own_regain(int *fd);
/* Likewise, but at its number only. */
bool sffi__own_put_back(int fd);
/* All that a callee has closed, to their numbers: how many there are, and how many came back. The
 * numbers of the others are those of other files. */
struct own_losses {
	size_t lost, regained;
};
struct own_losses sffi__own_regain_all(void);
/* From now on a callee can close them: the zygote gets copies. */
void sffi__own_expose(void);
/* The zygote that keeps them, from now on: its socket, which is noted, and process. -1: none. */
struct vault_door;
void sffi__own_vault(int socket, struct vault_door *, pid_t zygote);
/* Closes it if so, and forgets it. */
void sffi__own_close(int fd);
/* Whether a file is that of one of them, by whatever number. */
bool sffi__own_has(dev_t device, ino_t inode);
/* In a child that the host forked. */
void sffi__own_unlock(void);

#define OWN_LOST                                                                                \
	"a callee has closed descriptors of SafeFFI's own, which it shares with the host "      \
	"(SFFI_SHARE_FILES): "

#endif
