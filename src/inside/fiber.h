/* SPDX-License-Identifier: MIT */
/*
 * A callee's own stack in the host's process, and what else one thread needs to call there.
 *
 * The callee does not run on the host's stack: what it smashes is not the host's frames, where
 * its stack ends is known, and while it calls back the host goes on where it was, which is what
 * calls in steps are made of. A host thread has a fiber for each domain that it calls into; an
 * sffi_thread has one of its own. A fiber is used by one thread at a time; while a callee is on
 * it, by the same one.
 */
#ifndef SFFI_FIBER_H
#define SFFI_FIBER_H

#include "abi/fiber.h"
#include "fault/record.h"
#include "memory/workspace.h"

#include <stddef.h>
#include <time.h>

/* The callee's call of a host function: what is passed lies on the fiber. */
struct fiber_upcall {
	uint64_t index;
	const struct upcall_registers *registers;
	struct call_result *result; /* to be filled in before the callee is resumed */
};

/* A callee that waits for the answer to its upcall; others may run below it meanwhile. */
struct fiber_waiting {
	struct fiber_registers registers;
	int error; /* errno */
};

struct fiber {
	struct fiber_registers registers;
	const struct inside_ops *ops;
	struct workspace work;
	struct fiber *next;  /* of this thread's */
	bool is_quick;       /* the thread has what its callees need: see inside_call.c */
	char *mapping;       /* [guard page | stack | guard page]; NULL: not needed so far */
	uintptr_t low, high; /* the stack */
	uint32_t calls;
	int error;           /* the callee's errno, when it gave way last */
	pid_t thread;        /* that the timer is for */
	struct fiber_upcall upcall;
	struct fault_record record; /* FIBER_FAULTED */
	bool poisons;        /* the fault left the process's allocator, loader or streams locked */
	/* While a handler works out whether it does: a second fault means that it does. */
	volatile bool is_judged;
	/* See inside/interrupt.h. */
	_Atomic bool is_canceled;
	_Atomic uint64_t deadline_ns; /* of the callee that runs; 0: none */
	_Atomic bool has_timer;
	timer_t timer;
};

/* The one whose callee this thread runs right now; NULL: the host's own code runs, handlers of
 * upcalls included. Read by signal handlers. */
extern __thread struct fiber *volatile sffi__fiber_running
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

/* This thread's, the one used last first. */
extern __thread struct fiber *sffi__fibers __attribute__((tls_model("initial-exec"), visibility("hidden")));

/* This thread's fiber for the domain, made at the first use. NULL with a sentence: no memory. */
struct fiber *sffi__fiber_find(sffi_domain *);
static inline struct fiber *fiber_get(sffi_domain *domain)
{
	struct fiber *first = sffi__fibers;

	return first && first->work.domain == domain ? first : sffi__fiber_find(domain);
}
/* Frees this thread's fibers to domains that are closed, and in no call. */
void sffi__fibers_sweep(void);
/* One that belongs to no thread. */
struct fiber *sffi__fiber_new(sffi_domain *);
void sffi__fiber_free(struct fiber *);
/* Sees to it that it has a stack; and takes that away. SFFI_ENOMEM. */
sffi_status sffi__fiber_prepare(struct fiber *);
void sffi__fiber_unprepare(struct fiber *);

/* Calls frame->target there; returns when the callee gives way. Below the callee that waits in
 * an upcall, if there is one. */
fiber_event sffi__fiber_run(struct fiber *, const struct call_frame *, struct call_result *);
/* The same for a callee of a domain: with what its mode has to do before and after. */
fiber_event sffi__fiber_call(struct fiber *, const struct call_frame *, struct call_result *);
/* What is to be kept of a callee that has just called back. */
static inline struct fiber_waiting fiber_waits(const struct fiber *fiber)
{
	return (struct fiber_waiting){ fiber->registers, fiber->error };
}
/* Lets it go on. */
fiber_event sffi__fiber_continue(struct fiber *, const struct fiber_waiting *);
/* The callee that waits, or has ended in another way than by returning, is dropped. */
void sffi__fiber_drop(struct fiber *);

/* The fiber whose workspace it is. */
static inline struct fiber *fiber_of(struct workspace *work)
{
	return (struct fiber *)((char *)work - offsetof(struct fiber, work));
}

/* Whether the address is on its stack, the guard page included. */
static inline bool fiber_has(const struct fiber *fiber, uintptr_t address)
{
	return address - (uintptr_t)fiber->mapping < fiber->high - (uintptr_t)fiber->mapping;
}

#endif
