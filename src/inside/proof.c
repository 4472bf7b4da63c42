/* SPDX-License-Identifier: MIT */
#include "inside/proof.h"

#include "error.h"
#include "inside/guard.h"
#include "os/os.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Nothing is ever mapped there (mmap_min_addr). */
enum { NOWHERE = 24 };

static int fault(void)
{
	const volatile int *volatile nowhere = (const volatile int *)NOWHERE;

	return *nowhere;
}

/* Runs the faulting callee; what is wrong with what came of it, or NULL. */
static const char *attempt(struct fiber *fiber)
{
	struct call_frame frame;
	struct call_result result;

	memset(&frame, 0, sizeof frame);
	frame.stack_alignment = 4;
	frame.target = (uintptr_t)fault;
	if (sffi__fiber_run(fiber, &frame, &result) != FIBER_FAULTED)
		return "a read of an address where nothing is was no fault";
	sffi__fiber_drop(fiber);
	if (fiber->record.signal != SIGSEGV || !fiber->record.address_known ||
	    fiber->record.address != NOWHERE)
		return "the fault was told with another signal or address than its own";
	return NULL;
}

/* In a child first: where handlers are not called the fault ends the process. */
static const char *attempt_in_child(struct fiber *fiber)
{
	pid_t child = sffi__os_fork(0, 0, NULL);
	int status;

	if (child < 0)
		return "a child to try it in could not be made";
	if (!child)
		_exit(attempt(fiber) ? 1 : 0);
	while (waitpid(child, &status, __WALL) < 0)
		;
	if (WIFSIGNALED(status))
		return "a fault ended the process, in spite of the handler that was installed for it";
	return WEXITSTATUS(status) ? attempt(fiber) : NULL;
}

sffi_status sffi__prove_guard(void)
{
	struct fiber *fiber = calloc(1, sizeof *fiber);
	const char *wrong = NULL;
	sffi_status status;

	if (!fiber)
		return sffi__fail(SFFI_ENOMEM, "out of memory for the proof of the guard");
	status = sffi__fiber_prepare(fiber);
	if (!status) {
		wrong = attempt_in_child(fiber);
		if (!wrong)
			wrong = attempt(fiber);
		sffi__fiber_unprepare(fiber);
	}
	free(fiber);
	if (wrong)
		return sffi__fail(SFFI_ENOTSUP, "faults of callees cannot be caught in this process: %s; "
						"use the mode 'isolated'", wrong);
	return status;
}
