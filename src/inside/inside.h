/* SPDX-License-Identifier: MIT */
/* Domains whose callees run in the host's own process: what their modes have in common. */
#ifndef SFFI_INSIDE_H
#define SFFI_INSIDE_H

#include "inside/fiber.h"

struct inside_call;

/* Where the modes differ. */
struct inside_ops {
	/* Callees run behind the guard, on a stack of their own; their buffers are fenced copies.
	 * Without, they run on the host's stack and see the host's memory as it is, but in steps. */
	bool is_guarded;
	/* What the mode needs of the machine, for each domain; or NULL. */
	sffi_status (*open)(sffi_domain *);
	/* Right before callee code runs, and right after; or NULL. On the calling thread. False: it
	 * must not run. */
	bool (*leave_host)(struct fiber *);
	void (*enter_host)(struct fiber *);
	/* When the call is all made up; a failure is the call's. Or NULL. */
	sffi_status (*before_call)(struct inside_call *);
};

struct guest;

/* What such a domain has of its own. */
struct inside {
	uint32_t slot;       /* by which thunks find the domain: see upcall.c */
	pthread_mutex_t turn; /* recursive: with one_thread, one callee at a time */
	pthread_mutex_t lock; /* of what is below */
	uint32_t thunk_pages;
	/* Upcalls of threads that the library made itself, for whoever asks by sffi_domain_next;
	 * while nobody does they are served on the thread itself. */
	int guests_fd;       /* an eventfd; -1: nobody asks */
	struct guest *guests;
};

/* An upcall on a thread of the library's own that waits for the host. On its stack. */
struct guest {
	struct guest *next;
	uint32_t index;
	const struct upcall_registers *registers;
	struct call_result *result;
	_Atomic uint32_t is_served;
};

sffi_status sffi__inside_new(sffi_domain *);
/* The domain closes: thunks do not find it any more, guests go on with nothing for an answer. */
void sffi__inside_close(sffi_domain *);
void sffi__inside_free(struct inside *);

/* The code of all of the domain's callbacks is there from now on. */
sffi_status sffi__inside_make_thunks(sffi_domain *);
/* The oldest guest, or NULL; and its answer: NULL, nothing. */
struct guest *sffi__inside_next_guest(struct inside *);
void sffi__inside_answer_guest(struct guest *, const struct call_result *);
/* The guests' eventfd, from now on in use. */
sffi_status sffi__inside_guests_fd(struct inside *, int *fd);

/* A call in the mode `direct`, on the host's stack: what an upcall below it may end. */
struct direct_call {
	struct direct_call *outer;
	sffi_domain *domain;
	struct enter_guard guard;
	sffi_status ended; /* instead of its result: SFFI_EUPCALL, SFFI_EFAULT */
};
/* Ends it, if the thread has one: does not return then. */
void sffi__inside_refuse(const char *reason);
extern __thread struct direct_call *sffi__direct_call_in_work
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

#endif
