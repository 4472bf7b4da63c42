/* SPDX-License-Identifier: MIT */
/*
 * What the host tells a newcomer that is to become a worker: one message with descriptors.
 * The rest stands in the control page by then (lane/slot.h).
 */
#ifndef SFFI_ORDERS_H
#define SFFI_ORDERS_H

#include "os/os.h"

#include <stdint.h>

/* The names of the process, before and after: comm of proc(5). */
#define RESERVE_NAME "safeffi-reserve"
#define WORKER_NAME "safeffi-worker"

/* Descriptors in this order; a bit of `fds` says which are there. */
enum order_fd {
	ORDER_ARENA,
	ORDER_STDIN,
	ORDER_STDOUT,
	ORDER_STDERR,
	ORDER_DIRECTORY,
	ORDER_FDS
};

struct worker_orders {
	uint32_t fds;
	int32_t host;   /* its process id */
	uint32_t share; /* SFFI_SHARE_*: what is the host's already */
	/* Nobody waits: other processes first. */
	uint32_t unhurried;
};

/* Descriptors carried for one call: the worker's numbers, and which files they are. What has the
 * number after the call may be another file, of the callee's own. */
struct carried {
	int fd[OS_FDS_MAX];
	struct carried_file {
		uint64_t device, inode;
	} file[OS_FDS_MAX];
};

#endif
