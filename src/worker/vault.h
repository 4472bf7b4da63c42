/* SPDX-License-Identifier: MIT */
/*
 * Where SafeFFI's own descriptors are out of a callee's reach. A callee that shares the host's
 * table can close them; the zygote that shares nothing keeps a copy of each meanwhile, and gives
 * it back to who proves, by the kernel's word, that it is the host.
 *
 * The way back cannot be a descriptor of the host's: it would be closed with the others. It is a
 * socket in the abstract namespace, unix(7), on which the zygote listens; its name stands in memory
 * that no worker has, and each side asks the kernel who the other one is (SO_PEERCRED).
 */
#ifndef SFFI_VAULT_H
#define SFFI_VAULT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

enum vault_state { VAULT_UNASKED, VAULT_OPEN /* the address holds */, VAULT_CLOSED /* for good */ };

/* In memory that host and zygote share, and nobody else. */
struct vault_door {
	_Atomic uint32_t open; /* enum vault_state */
	socklen_t address_size;
	struct sockaddr_un address;
	_Atomic int32_t wanted; /* the number that the host comes for */
};

/* ---- the host's side; one at a time: own.c has a lock ------------------------------------- */

/* Has the zygote keep a copy, in place of what it had by that number; and drop it. By the
 * zygote's socket. False: it does not take it. */
bool sffi__vault_keep(int socket, int fd);
void sffi__vault_drop(int socket, int fd);
/* The copy of what had that number, by another number; or -errno. Waits for the zygote, for
 * seconds at most. */
int sffi__vault_fetch(struct vault_door *, pid_t zygote, int number);

/* ---- the zygote's ---------------------------------------------------------------------------- */

/* Takes over the descriptor, for the number. The socket to listen on, made with the first
 * one, or -1. */
int sffi__vault_take(struct vault_door *, int number, int fd);
void sffi__vault_forget(int number);
/* Somebody knocks. */
void sffi__vault_answer(struct vault_door *, pid_t host);

#endif
