/* SPDX-License-Identifier: MIT */
/* What the examples with real libraries share: how they give up.
 *
 * A call has two results. Its status says whether there was a call at all: must() ends the program
 * when there was none, with the report if the callee crashed. What the library says of its own work
 * is the call's result, and each example's own business. */
#ifndef EXAMPLES_MUST_H
#define EXAMPLES_MUST_H

#include <safeffi.h>

#include <stdlib.h>

static inline void must_have_worked(sffi_status status, const char *what)
{
	if (status == SFFI_OK)
		return;
	fprintf(stderr, "%s: %s: %s\n", what, sffi_status_name(status), sffi_error());
	if (sffi_last_fault())
		sffi_fault_print(sffi_last_fault(), stderr);
	exit(1);
}

#define must(call) must_have_worked(call, #call)

/* The declarations that lie beside an example's source; EXAMPLES is the folder of examples. */
static inline sffi_library *must_load(sffi_domain *domain, const char *name, const char *declarations,
				      const sffi_symbol *symbols)
{
	sffi_library *library = NULL;

	must(sffi_library_open(&library, domain, name));
	must(sffi_library_declare_file(library, declarations));
	must(sffi_functions_get(library, symbols));
	return library;
}

#endif
