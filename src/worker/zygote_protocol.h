/* SPDX-License-Identifier: MIT */
/* What host and zygote say to each other. Both are our own code, of one build. */
#ifndef SFFI_ZYGOTE_PROTOCOL_H
#define SFFI_ZYGOTE_PROTOCOL_H

#include "worker/orders.h"
#include "worker/vault.h"
#include "worker/zygote.h"

#include <limits.h>
#include <sched.h>
#include <signal.h>

/* The program safeffi-worker finds these descriptors, its zone's number in its first
 * argument, and this word in the second if nobody waits for it yet. */
#define PROGRAM_AT_LEISURE "reserve"
enum { PROGRAM_FD_CONTROL = 3, PROGRAM_FD_SOCKET = 4 };

enum zygote_operation {
	ZYGOTE_MAKE, /* a newcomer of the kind for the zone, at once */
	ZYGOTE_DROP, /* the range is not to be in processes made from now on */
	ZYGOTE_KEEP, /* the descriptor that comes with it, for the host's number */
	ZYGOTE_FORGET, /* what was kept for the number */
};

/* The kinds of newcomers. */
enum { KIND_CLONE, KIND_EXEC, KIND_COUNT };

struct zygote_request {
	uint32_t operation;
	uint32_t zone, kind;
	int32_t number;     /* ZYGOTE_KEEP, ZYGOTE_FORGET */
	uint64_t low, high; /* ZYGOTE_DROP */
};

/* Memory that host and zygotes share, and nobody else. */
struct zygote_common {
	struct worker_status status[ZONES_MAX];
	/* Of each zone's next newcomer: its reply repeats it. A callee that shares descriptors can write
	 * to the socket, but does not know it. */
	uint64_t tickets[ZONES_MAX];
	_Atomic uint32_t born; /* 1: the newest zygote is sound and serves */
	/* What is to be made when the timer says that nothing has been asked for a while: the
	 * zone's number + 1. Whoever exchanges it for 0 has it: the zygote, to make it, or the
	 * host, which then asks for it at once. No message, since that would wake the zygote
	 * while somebody waits for other things. */
	_Atomic uint32_t wanted[KIND_COUNT];
	/* Of the zygote that shares nothing. */
	struct vault_door door;
	/* /proc/<pid>/maps of workers that were left to the zygote, as text. */
	char maps[ZONES_MAX][128 * 1024];
};

/* Its descriptors, in this order. */
enum newcomer_fd { NEWCOMER_PIDFD, NEWCOMER_CONTROL, NEWCOMER_SOCKET, NEWCOMER_FDS };

/* A newcomer is there. */
struct zygote_reply {
	uint32_t zone;
	uint32_t drops; /* how many of the requests to drop it has obeyed */
	int32_t pid;    /* or -errno */
	uint64_t ticket;
	/* In one table of descriptors: they are the host's from now on. Else copies come with the
	 * message. */
	int32_t fds[NEWCOMER_FDS];
};

/* What the zygote is born with. */
struct zygote_birth {
	int socket;
	int timer;                  /* a timerfd; -1: it makes nothing when idle */
	unsigned share;
	pid_t host;
	bool prove;                 /* the host has threads */
	struct zygote_common *common;
	sigset_t mask;              /* the host thread's */
	char worker_program[PATH_MAX];
};

/* What clone(2) shares for it. */
static inline uint64_t sffi__share_flags(unsigned share)
{
	return (share & SFFI_SHARE_FILES ? CLONE_FILES : 0) | (share & SFFI_SHARE_CWD ? CLONE_FS : 0);
}

/* Notes the objects that the host has loaded, when its zygote is made. */
void sffi__zygote_note_code(void);
/* The zygote's life. */
_Noreturn void sffi__zygote_main(const struct zygote_birth *);

/* Whether the C library works in this process, by using it: hangs or crashes if another
 * thread of the host held a lock at the clone. */
void sffi__newborn_prove(void);
/* stdio after a clone: buffers of the host are dropped, locks of its threads opened. */
void sffi__newborn_reset_stdio(void);

#endif
