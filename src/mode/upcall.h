/* SPDX-License-Identifier: MIT */
/*
 * A callee calls the host: its arguments are taken down, the handler is run, its result is
 * made what the callee is to see. How the callee waits meanwhile is its mode's.
 */
#ifndef SFFI_UPCALL_H
#define SFFI_UPCALL_H

#include "memory/callbacks.h"
#include "memory/workspace.h"

/* Memory of the callee that a pointer argument led to, as the handler sees it. */
struct fetched {
	struct fetched *next;
	uint64_t address;        /* in the callee's memory */
	const struct type *type; /* of the elements; NULL: a string */
	size_t count;
	bool back;               /* what the handler changes goes back */
	_Alignas(16) char data[];
};

/* Bytes of a block that need no allocation. */
enum { UPCALL_FEW = 320 };

/* Not to be moved: it points into itself. */
struct upcall {
	struct workspace *work;
	sffi_callback *callback; /* referenced */
	struct upcall_registers registers; /* copies: nobody can change them any more */
	uint64_t *stack;
	void **arguments;        /* addresses of the arguments' values */
	void *result;            /* room for it, zeroed */
	char *block;             /* has stack, arguments and result; `few`, or allocated */
	struct fetched *fetched;
	bool refused;            /* by the handler: work->refusal says why */
	_Alignas(16) char few[UPCALL_FEW];
};

/* Takes down an upcall, whose registers are in memory that the callee may write to, and makes
 * its arguments. SFFI_EADDRESS: an argument cannot be read, and which; SFFI_EFAULT: there is
 * no such callback, or no more; SFFI_ENOMEM. In every case to be ended by sffi__upcall_end. */
sffi_status sffi__upcall_take(struct upcall *, struct workspace *, uint32_t index,
			      const struct upcall_registers *);
/* Runs the handler. */
void sffi__upcall_run(struct upcall *);
/* Writes back what the handler changed, and makes registers of upcall->result. SFFI_ETYPE: a
 * pointer to the host's own memory cannot be given to the callee. */
sffi_status sffi__upcall_result(struct upcall *, struct call_result *);
/* The callee will be abandoned, for that reason. */
void sffi__upcall_refuse(struct upcall *, const char *reason);
void sffi__upcall_end(struct upcall *);

/* ---- upcall_arguments.c --------------------------------------------------------------- */

/* What is behind the pointers in a value of the type, for the handler. */
sffi_status sffi__upcall_fetch(struct upcall *, const struct parameter *, void *value);
/* Pointers in a value that the handler made, for the callee. */
sffi_status sffi__upcall_give(struct upcall *, const struct type *, void *value);
/* What the handler changed of what was fetched. */
sffi_status sffi__upcall_write_back(struct upcall *);

#endif
