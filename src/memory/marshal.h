/* SPDX-License-Identifier: MIT */
/*
 * Arguments to a callee that does not share the host's memory, and back: each pointer as
 * its declaration says (the table in safeffi(7)). Copies lie between fences in the
 * workspace's scratch. Everything that can be refused is refused before the call; what the callee left
 * is checked before any of it is copied to the host.
 */
#ifndef SFFI_MARSHAL_H
#define SFFI_MARSHAL_H

#include "fault/fault.h"
#include "memory/workspace.h"

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
	TRAVEL_RECORD,   /* a struct by value whose members travel one by one */
};

struct marshal_plan {
	bool is_plain; /* no argument needs more than its value */
	size_t fd_count;
	enum travel result;
	size_t records_size; /* bytes of all structs of TRAVEL_RECORD */
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
	/* Where the pointer to it lies: at `offset` in that copy's data, or with COPY_NONE in
	 * the argument's own value. */
	size_t parent, offset;
	bool out;    /* goes back */
	bool is_owned; /* an arena block of its own, given back after the call */
};

enum { COPIES_INLINE = 6, COPIES_MAX = 65536 };
#define COPY_NONE ((size_t)-1)

struct marshal {
	struct workspace *work;
	const struct sffi_function *function;
	void *const *arguments;
	uint64_t *values;   /* what goes to the registers, in the order of the parameters */
	size_t parameter;   /* in work */
	size_t parent, offset; /* of the pointer in work: see struct copy */
	size_t wanted;      /* how much scratch would have been enough */
	char *record;       /* the one in work */
	char *records;      /* structs by value, with their pointers for the callee */
	size_t records_used;
	bool has_callbacks; /* thunks are passed: the worker must have them */
	uint64_t fence;
	struct copy *copies;
	size_t count, capacity;
	struct copy few[COPIES_INLINE];
};

/* Makes images[i] the address of argument i's value as it goes to the callee: in values,
 * among the arguments, or in m->records. The workspace's scratch is used from
 * scratch_used on. SFFI_ETYPE, SFFI_EADDRESS, SFFI_ESTALE, SFFI_ENOTSUP, SFFI_EINVAL (a
 * length), SFFI_ENOMEM. */
sffi_status sffi__marshal_in(struct marshal *, struct workspace *, const sffi_function *,
			     void *const *arguments, uint64_t *values, const void **images);
/* True: a fence was overwritten; says which. */
bool sffi__marshal_overrun(const struct marshal *, struct fault_overrun *);
/* The arguments lie elsewhere in the host now: what goes back, goes there. SFFI_EADDRESS: one
 * of them cannot be written; then nothing has changed for marshal_out. */
sffi_status sffi__marshal_move(struct marshal *, void *const *arguments);
/* Nothing goes back. */
void sffi__marshal_keep(struct marshal *);
/* Copies everything to the host that goes back. Cannot fail. */
void sffi__marshal_out(const struct marshal *);
/* The host's address for one that the callee gave, where it lies in a copy. */
uint64_t sffi__marshal_translate(const struct marshal *, uint64_t address);
/* The same for all pointers of a struct in host memory. */
void sffi__marshal_translate_record(const struct marshal *, const struct type *, char *image);
/* Gives back what the call took. */
void sffi__marshal_end(struct marshal *);

/* "strlen(s = NULL)" */
void sffi__describe_call(const sffi_function *, void *const *arguments, char *to, size_t size);

#endif
