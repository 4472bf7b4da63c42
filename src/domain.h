/* SPDX-License-Identifier: MIT */
/* Domains, their libraries and functions: what the handles of the public interface are. */
#ifndef SFFI_DOMAIN_H
#define SFFI_DOMAIN_H

#include "abi/abi.h"
#include "memory/arena.h"
#include "mode/mode.h"
#include "type/type.h"
#include "worker/peer.h"

#include <pthread.h>

struct lent { /* another domain's memory in this one's workers */
	int fd;
	uintptr_t low;
	size_t size, offset;
};

struct sffi_domain {
	_Atomic unsigned references;
	uint64_t id;             /* never used again, unlike the address */
	const uint8_t *mark;     /* zero in a child that the host forked */
	const struct mode_ops *ops;
	sffi_options options;
	pthread_mutex_t lock;    /* everything below; taken before a peer's locks */
	bool closed;
	bool stopped;            /* after a fault, by SFFI_ON_FAULT_STOP */
	struct arena *arena;
	struct callbacks *callbacks;
	bool has_shield;         /* counts among those that want memory/shield.h */
	struct inside *inside;   /* of a mode in the host's own process; else NULL */
	_Atomic(struct peer *) peer; /* read without the lock: a hint, see lane_attach */
	struct notifier *notifier;   /* of upcalls without a call; NULL: nobody asked */
	_Atomic uint64_t chores_due; /* monotonic ns, 0: there are none; see recover.c */
	struct peer *spare;
	struct peer **held;      /* for debuggers */
	size_t held_count;
	uint64_t generation;
	sffi_library **libraries; /* in the order of opening; borrowed */
	size_t library_count;
	struct lent *lents;
	size_t lent_count;
};

struct sffi_library {
	_Atomic unsigned references;
	sffi_domain *domain;
	char *name;              /* as opened; NULL: the program */
	char *path;              /* what the worker loads; "" the program */
	struct scope *scope;
	bool closed;
	/* In the worker of that generation; under the domain's lock. */
	uint64_t generation;
	uint64_t handle, base;
};

enum { FUNCTION_NO_TIMEOUT_SET = -1 };

struct marshal_plan;

struct sffi_function {
	_Atomic unsigned references;
	sffi_domain *domain;
	sffi_library *library;   /* or NULL: by address */
	struct scope *scope;     /* of its own declaration, or NULL */
	char *name;
	const struct function_type *type;
	struct abi_plan *plan;
	struct marshal_plan *marshal;
	/* Nothing to be marshalled, scalars in registers (abi/quick.h); no time-out, no turn to be
	 * waited for. */
	_Atomic bool is_quick;
	_Atomic int64_t timeout_ms;
	/* By address: in the host's image at `path` (or the worker's own memory). */
	uint64_t fixed, fixed_generation;
	char *image_path;
	uint64_t image_offset;
	/* The address in the worker of that generation; generation is stored last. */
	_Atomic uint64_t address, generation;
};

/* Whether it can be called at all; sffi__function_check tells why not. */
static inline bool function_is_open(const sffi_function *function)
{
	const sffi_domain *domain = function->domain;

	return *domain->mark && !domain->closed && !(function->library && function->library->closed);
}

/* Works out is_quick, when any of it has changed. */
void sffi__function_judge(sffi_function *);
/* What every call checks first; arguments: the addresses of the values. */
sffi_status sffi__function_check(const sffi_function *, void *const *arguments);
/* The domain's time-out, or the function's own. */
static inline unsigned call_timeout(const sffi_function *function)
{
	int64_t own = atomic_load_explicit(&function->timeout_ms, memory_order_relaxed);

	return own == FUNCTION_NO_TIMEOUT_SET ? function->domain->options.timeout_ms : (unsigned)own;
}
/* SFFI_ECLOSED with a sentence if the domain is closed or is a forked parent's. */
sffi_status sffi__domain_check(const sffi_domain *);
void sffi__domain_retain(sffi_domain *);
void sffi__domain_release(sffi_domain *);
void sffi__library_release(sffi_library *);

/* This thread's last fault: takes over the reference; NULL clears. */
void sffi__set_last_fault(sffi_fault *);
extern __thread int sffi__last_errno __attribute__((tls_model("initial-exec"), visibility("hidden")));

#endif
