/* SPDX-License-Identifier: MIT */
/*
 * What one thread needs in a domain to pass arguments and to serve upcalls, wherever the
 * callee runs: used by one thread at a time. A lane has one, and so has a fiber.
 */
#ifndef SFFI_WORKSPACE_H
#define SFFI_WORKSPACE_H

#include "domain.h"

struct workspace;

/* How the host reaches a callee's memory, and the callee the host's. */
struct reach {
	/* Whether the callee may be given the address as it is. SFFI_OK: yes; SFFI_ETYPE: it is
	 * the host's, no sentence is set; SFFI_ESTALE; SFFI_EADDRESS: another domain's. opaque:
	 * nothing could be copied instead. */
	sffi_status (*check)(const struct workspace *, uint64_t address, bool opaque);
	/* The same for a function: SFFI_ETYPE for one that is the host's own, to be called as an
	 * upcall. */
	sffi_status (*check_code)(const struct workspace *, uint64_t address);
	/* The host uses the callee's pointers as they are: handlers get no copies. */
	bool shares;
	/* The callee's memory; all or nothing. SFFI_EADDRESS. */
	sffi_status (*read)(struct workspace *, void *to, uintptr_t from, size_t size);
	sffi_status (*write)(struct workspace *, uintptr_t to, const void *from, size_t size);
	/* A page that neither side can read, for pointers that nobody is to follow. */
	uintptr_t (*nowhere)(const struct workspace *);
	/* The callee can call all of the domain's callbacks from now on. */
	sffi_status (*make_thunks)(struct workspace *);
	/* A large copy is being made before the callee gets to work. */
	void (*nudge)(struct workspace *);
};

struct workspace {
	sffi_domain *domain; /* referenced */
	const struct reach *reach;
	unsigned depth;      /* upcalls in work: calls of this thread wait below */
	/* Marshalled arguments lie here, in the arena. */
	char *scratch;
	size_t scratch_size, scratch_used;
	sffi_callback *callback; /* the one called last, referenced: found without a lock */
	/* Arena blocks that upcalls lent to the callees below, until the outermost call ends. */
	void **loans;
	size_t loan_count;
	/* A string result's copy, until the next call. */
	char *string;
	size_t string_size;
	uint32_t calls;      /* marshalled ones: no two of them have the same fences */
	char refusal[256];   /* what sffi_upcall_fail said, of the last upcall that was abandoned */
};

void sffi__workspace_init(struct workspace *, sffi_domain *, const struct reach *);
/* is_forked: in a child that the host forked all that lies in the arena is the parent's. */
void sffi__workspace_end(struct workspace *, bool is_forked);

/* Scratch of at least that size; the content is lost. NULL: the arena is full, or outer calls
 * have theirs in the scratch that there is. */
char *sffi__workspace_scratch(struct workspace *, size_t size);
/* Gives back what upcalls lent, once no call is left that could use it. */
void sffi__workspace_end_loans(struct workspace *);

#endif
