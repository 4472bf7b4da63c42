/* SPDX-License-Identifier: MIT */
/* What a callee returned, for the host. */
#ifndef SFFI_RESULT_H
#define SFFI_RESULT_H

#include "memory/marshal.h"

struct answer {
	struct workspace *work;
	sffi_function *function;
	void *result;                  /* where the host wants it, or NULL */
	const struct marshal *marshal; /* or NULL: nothing was marshalled */
	const struct call_result *reply;
	const char *memory;            /* the call's, for a result that was left there */
};

/* Stores a result of any type; a descriptor as the callee's number. A string is copied, an
 * address in an argument's copy becomes the argument's own. SFFI_EADDRESS, SFFI_ENOMEM: a
 * string that cannot be read. */
sffi_status sffi__result_out(const struct answer *);

#endif
