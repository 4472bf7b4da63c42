/* SPDX-License-Identifier: MIT */
/*
 * Arguments to a callee that does not share the host's memory, and back: each pointer as
 * its declaration says (the table in safeffi(7)). Copies lie between fences in the lane's
 * scratch. Everything that can be refused is refused before the call; what the callee left
 * is checked before any of it is copied to the host.
 */
#ifndef SFFI_MARSHAL_H
#define SFFI_MARSHAL_H

#include "fault/fault.h"
#include "lane/lane.h"

/* How one value travels. */
enum travel {
	TRAVEL_VALUE,
	TRAVEL_TOKEN,    /* an address, untouched */
	TRAVEL_STRING,   /* NUL-terminated, in; as a result: copied out of the callee */
	TRAVEL_ADDRESS,  /* the address itself, unless it is the host's */
	TRAVEL_OBJECT,   /* what it points to */
	TRAVEL_FUNCTION, /* a function pointer */
	TRAVEL_BUFFER,   /* an sffi_buffer */
	TRAVEL_FD,
};

struct marshal_plan {
	bool is_plain; /* no argument needs more than its value */
	size_t fd_count;
	enum travel result;
	size_t count;
	enum travel travels[];
};

/* SFFI_ENOTSUP: a part of the declaration cannot travel. free() it. */
sffi_status sffi__marshal_plan(const struct function_type *, struct marshal_plan **);

struct copy {
	size_t parameter;
	uintptr_t host;
	char *data;  /* in the arena, fenced on both sides */
	size_t size;
	const struct type *type; /* of the elements */
	size_t count;
	bool out;    /* goes back */
	bool is_owned; /* an arena block of its own, given back after the call */
};

enum { COPIES_INLINE = 16, COPIES_MAX = 65536 };

struct marshal {
	struct lane *lane;
	const struct sffi_function *function;
	void *const *arguments;
	uint64_t *values;   /* what goes to the registers, in the order of the parameters */
	size_t parameter;   /* in work */
	size_t wanted;      /* how much scratch would have been enough */
	uint64_t fence;
	struct copy *copies;
	size_t count, capacity;
	struct copy few[COPIES_INLINE];
};

/* Fills m->values from the arguments. The lane is attached. SFFI_ETYPE, SFFI_EADDRESS,
 * SFFI_ESTALE, SFFI_ENOTSUP, SFFI_EINVAL (a length), SFFI_ENOMEM. */
sffi_status sffi__marshal_in(struct marshal *, struct lane *, const sffi_function *,
			     void *const *arguments, uint64_t *values);
/* True: a fence was overwritten; says which. */
bool sffi__marshal_overrun(const struct marshal *, struct fault_overrun *);
/* Copies everything to the host that goes back. Cannot fail. */
void sffi__marshal_out(const struct marshal *);
/* The host's address for one that the callee gave, where it lies in a copy. */
uint64_t sffi__marshal_translate(const struct marshal *, uint64_t address);
/* Gives back what the call took. */
void sffi__marshal_end(struct marshal *);

/* Whether the address may be passed to the lane's worker as it is. SFFI_OK: yes;
 * SFFI_ETYPE: it is the host's; SFFI_ESTALE; SFFI_EADDRESS: another domain's. Sets no
 * sentence for SFFI_ETYPE. opaque: nothing could be copied, so an object of the C library
 * may pass as the worker's own. */
sffi_status sffi__address_check(const struct lane *, uint64_t address, bool opaque);

/* "strlen(s = NULL)" */
void sffi__describe_call(const sffi_function *, void *const *arguments, char *to, size_t size);

#endif
