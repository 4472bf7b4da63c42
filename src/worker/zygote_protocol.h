/* SPDX-License-Identifier: MIT */
/* What host and zygote say to each other. Both are our own code, of one build. */
#ifndef SFFI_ZYGOTE_PROTOCOL_H
#define SFFI_ZYGOTE_PROTOCOL_H

#include "worker/zygote.h"

#include <limits.h>
#include <sched.h>
#include <signal.h>

#define WORKER_NAME "safeffi-worker"
#define RESERVE_NAME "safeffi-reserve"

/* The program safeffi-worker finds its memory at these descriptors, its zone's number in
 * its first argument. */
enum { PROGRAM_FD_CONTROL = 3, PROGRAM_FD_ARENA = 4, PROGRAM_FD_CARRY = 5 };

enum zygote_operation { ZYGOTE_SPAWN, ZYGOTE_DROP };

/* Descriptors that come with ZYGOTE_SPAWN, in this order; a bit of `fds` says which. */
enum zygote_fd {
	FD_CONTROL,
	FD_ARENA,
	FD_CARRY,
	FD_STDIN,
	FD_STDOUT,
	FD_STDERR,
	FD_DIRECTORY,
	FD_COUNT
};

struct zygote_request {
	uint32_t operation;
	uint32_t zone;
	uint32_t exec;
	uint32_t fds;
	uint64_t low, high; /* ZYGOTE_DROP */
};

struct zygote_reply {
	int32_t pid; /* or -errno */
};

/* What the zygote is born with. */
struct zygote_birth {
	int socket;
	unsigned share;
	pid_t host;
	bool prove;                 /* the host has threads */
	struct worker_status *status;
	_Atomic uint32_t *born;     /* 1: sound and serving; in shared memory */
	sigset_t mask;              /* the host thread's */
	char worker_program[PATH_MAX];
};

/* What clone(2) shares for it. */
static inline uint64_t sffi__share_flags(unsigned share)
{
	return (share & SFFI_SHARE_FILES ? CLONE_FILES : 0) | (share & SFFI_SHARE_CWD ? CLONE_FS : 0);
}

/* The zygote's life. */
_Noreturn void sffi__zygote_main(const struct zygote_birth *);

/* Whether the C library works in this process, by using it: hangs or crashes if another
 * thread of the host held a lock at the clone. */
void sffi__newborn_prove(void);
/* stdio after a clone: buffers of the host are dropped, locks of its threads opened. */
void sffi__newborn_reset_stdio(void);

#endif
