/* SPDX-License-Identifier: MIT */
/*
 * Calls in steps: what a mode has to offer for them, and the handles. invocation.c has checked
 * the arguments; the operations are called by one host thread at a time for each sffi_thread,
 * except `cancel`.
 */
#ifndef SFFI_STEPS_H
#define SFFI_STEPS_H

#include "safeffi.h"

#include <stdatomic.h>

enum invocation_state {
	INVOCATION_RUNNING,
	INVOCATION_UPCALL,   /* the callee waits for an answer; others may nest */
	INVOCATION_RETURNED,
	INVOCATION_FAULTED,  /* `status` says how it ends */
	INVOCATION_FINISHED,
};

struct sffi_thread {
	_Atomic unsigned references; /* the host's, and one of each invocation */
	sffi_domain *domain;         /* referenced */
	sffi_invocation *top;        /* the innermost one; borrowed */
};

struct sffi_invocation {
	sffi_thread *thread;         /* referenced */
	sffi_invocation *outer;      /* in whose upcall this one is nested */
	sffi_function *function;     /* referenced; NULL: an upcall without a call */
	enum invocation_state state;
	sffi_status status;
	sffi_fault *fault;           /* one reference, or NULL */
	int error;
	_Atomic bool canceled;
	char sentence[256];          /* where there is no fault to tell; last: it need not be cleared */
};

struct step_ops {
	sffi_status (*thread_new)(sffi_thread **, sffi_domain *);
	void (*thread_free)(sffi_thread *);
	/* Makes the invocation, which is not linked into the thread yet, and starts it. */
	sffi_status (*start)(sffi_invocation **, sffi_thread *, sffi_function *, void *const *arguments);
	/* Leaves the state RUNNING until the time is up; negative: no end. */
	void (*wait)(sffi_invocation *, int timeout_ms);
	sffi_status (*fd)(sffi_invocation *, int *fd);
	void (*upcall)(sffi_invocation *, sffi_callback **, void *const **arguments);
	/* result: NULL, for a reason: the callee is abandoned. */
	sffi_status (*answer)(sffi_invocation *, const void *result, const char *refusal);
	/* Of one that RETURNED. SFFI_EADDRESS: it may be tried again with other arguments. */
	sffi_status (*finish)(sffi_invocation *, void *result, void *const *arguments);
	/* The worker is replaced if the callee is still in it. */
	sffi_status (*cancel)(sffi_invocation *);
	/* The thread is free of it: gives back what the call took. */
	void (*end)(sffi_invocation *);
	/* Frees it, after its end. */
	void (*free)(sffi_invocation *);
	sffi_status (*domain_fd)(sffi_domain *, int *fd);
	/* NULL: none came in time. */
	sffi_status (*domain_next)(sffi_domain *, int timeout_ms, sffi_invocation **);
};

extern const struct step_ops sffi__isolated_steps, sffi__inside_steps;

/* Copies of the arguments' values, in one block, `few` or one to be freed: the host's own may be
 * gone or elsewhere when a report wants to show them. SFFI_ENOMEM. */
sffi_status sffi__arguments_copy(const sffi_function *, void *const *arguments, void *few,
				 size_t few_size, void ***result);

#endif
