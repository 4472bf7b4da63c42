/* SPDX-License-Identifier: MIT */
#include "fault/tell.h"

#include "error.h"

#include <stdlib.h>

/* What sffi_error() is to say of a call that did not come back. */
struct failure {
	sffi_status status;
	sffi_fault *fault; /* one reference; or NULL */
	char what[160];
};

static void write_failure(char *text, size_t size, const void *data)
{
	const struct failure *failure = data;

	/* The summary begins with the call that is to blame. */
	if (!failure->fault)
		snprintf(text, size, "%s: the worker ended", failure->what);
	else if (failure->status == SFFI_ECOLLATERAL)
		snprintf(text, size, "%s was in work when the worker was brought down: %s",
			 failure->what, sffi_fault_get_summary(failure->fault));
	else
		snprintf(text, size, "%s", sffi_fault_get_summary(failure->fault));
}

static void drop_failure(void *data)
{
	struct failure *failure = data;

	sffi_fault_release(&failure->fault);
	free(failure);
}

static const struct sentence_writer failure_writer = { write_failure, drop_failure };

sffi_status sffi__fault_tell(sffi_status status, const sffi_fault *fault, const char *what)
{
	struct failure *failure = malloc(sizeof *failure);

	if (!failure)
		return sffi__fail(status, "%s did not return, and there is no memory to tell why", what);
	failure->status = status;
	failure->fault = sffi_fault_retain(fault);
	snprintf(failure->what, sizeof failure->what, "%s", what);
	return sffi__fail_later(status, &failure_writer, failure);
}
