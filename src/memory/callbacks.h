/* SPDX-License-Identifier: MIT */
/*
 * The functions of the host that a domain's callees can call. Each has a thunk, a piece of
 * code in the worker, at an address in the arena: the same in every worker of the domain,
 * and never another callback's while there are others left to use.
 */
#ifndef SFFI_CALLBACKS_H
#define SFFI_CALLBACKS_H

#include "memory/marshal.h"

/* So many at once, released ones that are not used again yet included. */
enum { CALLBACKS_MAX = 256 * ABI_PAGE_THUNKS };

struct sffi_callback {
	_Atomic unsigned references;
	_Atomic bool released;
	uint32_t index;
	void *address;                /* of its thunk */
	struct scope *scope;          /* of its own declaration, or NULL */
	sffi_library *library;        /* whose types the scope uses, or NULL; referenced */
	sffi_function *declared_by;   /* whose declaration has its type, or NULL; referenced */
	char *name;                   /* for messages */
	const struct function_type *type;
	struct abi_plan *plan;
	struct marshal_plan *marshal;
	sffi_handler handler;         /* NULL: the function is called as C calls it */
	void *data;
	void *function;
	sffi_callback *next;          /* of those with the same hash of `function` */
};

struct callbacks;

sffi_status sffi__callbacks_new(struct callbacks **, sffi_domain *);
/* The domain closes: the table lets go of its callbacks. */
void sffi__callbacks_close(struct callbacks *);
void sffi__callbacks_free(struct callbacks *);

/* Enters a callback whose type, plans and handler are set, and gives it its address. The
 * table takes a reference of its own. SFFI_ENOMEM: there are too many. */
sffi_status sffi__callback_enter(struct callbacks *, sffi_callback *);
/* A plain C function of the host as a callee may call it: a callback made at its first
 * passing, and then always the same. function: whose declaration says so. */
sffi_status sffi__callback_wrap(struct callbacks *, void *function, const struct function_type *,
				sffi_function *declared_by, sffi_callback **);
/* The live or released callback of the index, referenced; NULL: never one, or the table is
 * that of a domain that has closed. */
sffi_callback *sffi__callback_find(struct callbacks *, uint32_t index);
/* The callback of a thunk's address, borrowed; NULL: it is no thunk of this domain. */
sffi_callback *sffi__callback_at(struct callbacks *, uintptr_t address);
void sffi__callback_unreference(sffi_callback *);
/* Whether a callback of one type can be called as the other says: pointers are all alike. */
bool sffi__callback_fits(const struct function_type *, const struct function_type *);

/* Where the thunks begin, and how many pages of them are in use. */
uintptr_t sffi__callbacks_low(struct callbacks *);
uint32_t sffi__callbacks_pages(const struct callbacks *);

#endif
