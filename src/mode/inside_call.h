/* SPDX-License-Identifier: MIT */
/*
 * A call on a fiber in its parts. sffi_call makes them one after the other (inside_call.c),
 * calls in steps as the host goes along (inside_steps.c).
 */
#ifndef SFFI_INSIDE_CALL_H
#define SFFI_INSIDE_CALL_H

#include "fault/capture.h"
#include "inside/inside.h"
#include "memory/marshal.h"
#include "mode/upcall.h"

enum { INSIDE_FEW = 16, INSIDE_FEW_BYTES = 256 };

struct inside_call {
	struct fiber *fiber;
	sffi_function *function;
	void *result;
	void *const *arguments;
	const char *doing;   /* instead of a function: see struct fault_scene */
	unsigned timeout_ms;
	uint64_t deadline_ns; /* moves while the host serves an upcall; 0: none */
	bool is_begun, marshalled;
	bool waits_for_turn; /* with one_thread, while another thread has it; else SFFI_EINVAL */
	bool in_steps;       /* upcalls are events: no handlers are run */
	bool keeps_turn;
	struct marshal marshal;
	size_t scratch_base; /* what calls below have of the scratch */
	uint64_t waits_at;   /* where the callee waits that this one is nested in */
	struct call_frame frame;
	struct call_result reply;
	int error;
	sffi_status ended;   /* SFFI_EUPCALL: a handler refused; else how it failed, or SFFI_OK */
	const void *const *images; /* the addresses of the values as they go to the callee */
	char *memory;        /* the plan's; see abi/here.c */
	/* Calls nest as deep as the stack goes: what few need is not on it. */
	char *block;
	void *many;
	uint64_t few_values[INSIDE_FEW];
	const void *few_images[INSIDE_FEW];
	_Alignas(64) char few[INSIDE_FEW_BYTES];
};

/* Makes up the call; to be ended by sffi__inside_end, also when that failed. `marshals`: the
 * callee gets fenced copies, else what the host has. */
sffi_status sffi__inside_begin(struct inside_call *, bool marshals);
/* What the mode has to do before the call is made; a failure is the call's. */
sffi_status sffi__inside_try(struct inside_call *);
/* Runs the callee until it gives way. */
fiber_event sffi__inside_enter(struct inside_call *);
/* Lets it go on after an upcall. */
fiber_event sffi__inside_continue(struct inside_call *, const struct fiber_waiting *);
/* Runs the handlers of its upcalls here, until it has ended otherwise. */
fiber_event sffi__inside_serve(struct inside_call *, fiber_event);
/* It did not return: drops it, and makes a fault of the event. The status, with a sentence. */
sffi_status sffi__inside_failed(struct inside_call *, fiber_event);
/* The callee waits in an upcall and is not wanted any more. */
void sffi__inside_abandon(struct inside_call *);
/* FIBER_REFUSED, FIBER_UNSHIELDED: the callee is abandoned; SFFI_EUPCALL, SFFI_ESYSTEM. */
sffi_status sffi__inside_refused(struct inside_call *, fiber_event);
/* It returned: fences, result, everything that goes back. */
sffi_status sffi__inside_finish(struct inside_call *, void *result);
void sffi__inside_end(struct inside_call *);

/* The whole call; upcalls are served where it was made. */
sffi_status sffi__inside_call(sffi_function *, void *result, void *const *arguments);
sffi_status sffi__inside_batch(sffi_batch *, size_t count);
/* A piece of our own that may run code of a library's: behind the guard, if the mode has one.
 * doing: for the report. */
sffi_status sffi__inside_do(sffi_domain *, void (*task)(void *), void *argument, const char *doing);
/* The function's address, found again if the libraries were loaded anew. */
sffi_status sffi__inside_find_address(sffi_function *, uint64_t *address);
static inline bool inside_has_address(const sffi_function *function)
{
	return atomic_load_explicit(&function->generation, memory_order_acquire) ==
	       __atomic_load_n(&function->domain->generation, __ATOMIC_RELAXED);
}
static inline sffi_status inside_address(sffi_function *function, uint64_t *address)
{
	if (!inside_has_address(function))
		return sffi__inside_find_address(function, address);
	*address = atomic_load_explicit(&function->address, memory_order_relaxed);
	return SFFI_OK;
}

#endif
