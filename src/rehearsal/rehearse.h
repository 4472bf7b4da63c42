/* SPDX-License-Identifier: MIT */
/*
 * A call tried out in a copy of the host: a clone that shares no memory to be written to, runs the
 * callee under a system call filter, tells how it went, and is gone. The host waits meanwhile.
 */
#ifndef SFFI_REHEARSE_H
#define SFFI_REHEARSE_H

#include "fault/capture.h"
#include "rehearsal/clone.h"

/* What is to be rehearsed. */
struct rehearsal_plan {
	/* In the clone: runs the callee; ends by sffi__stage_end, or returns when it has. */
	void (*perform)(void *);
	void *context;
	struct fault_scene scene;
	sffi_domain *domain;
	uintptr_t stack_guard, stack_low, stack_high; /* the callee's */
	/* An object of SafeFFI's own that the call changes. */
	uintptr_t own_low, own_high;
	const _Atomic bool *is_canceled; /* the call will be ended: no use to go on */
};

enum { REHEARSAL_PATIENCE_MS = 3000 };

/* What a rehearsal needs of the process. SFFI_ENOTSUP. */
sffi_status sffi__rehearsal_open(void);
/* Rehearses; the verdict is this thread's last. SFFI_OK: to be called for real. SFFI_EFAULT,
 * SFFI_ETIMEOUT: it failed, see sffi_last_fault(). */
sffi_status sffi__rehearse(const struct rehearsal_plan *);

#endif
