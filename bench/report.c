/* SPDX-License-Identifier: MIT */
#include "report.h"

#include "host.h"
#include "machine.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct host host;
static FILE *nowhere;

/* Prints the report of the crash that just was; the time of printing only. */
static double print_report(void)
{
	const sffi_fault *fault = sffi_last_fault();
	sffi_status status;
	uint64_t start = now_ns();

	if (!fault)
		return failed("there is no fault after a crash");
	status = sffi_fault_print(fault, nowhere);
	fflush(nowhere);
	if (status != SFFI_OK)
		return host_failed("sffi_fault_print", status);
	return (double)(now_ns() - start);
}

/* A report without the names is not one. */
static bool has_symbol(const char *expected)
{
	const sffi_fault *fault = sffi_last_fault();
	sffi_frame frame;

	for (size_t i = 0; i < sffi_fault_frame_count(fault); i++)
		if (sffi_fault_get_frame(fault, i, &frame) && frame.function &&
		    !strcmp(frame.function, expected))
			return true;
	return cannot("the report's stack does not name %s", expected);
}

static double crash_and_print(bool (*crash)(struct host *), const char *expected)
{
	double time;

	pause_ms(1);
	if (!crash(&host))
		return NAN;
	time = print_report();
	if (isnan(time) || !has_symbol(expected) || !host_call(&host))
		return NAN;
	return time;
}

/* The first report loads what the later ones use. */
struct kind {
	bool (*crash)(struct host *);
	const char *expected;
	bool done;
	double first;
};

static double first_report(struct kind *kind)
{
	if (!kind->done)
		kind->first = crash_and_print(kind->crash, kind->expected);
	kind->done = true;
	return kind->first;
}

static double later_reports(struct kind *kind, unsigned count)
{
	double total = 0;

	if (isnan(first_report(kind)))
		return NAN;
	for (unsigned i = 0; i < count; i++)
		total += crash_and_print(kind->crash, kind->expected);
	return total / count;
}

static struct kind null_pointer = { .crash = host_crash_null, .expected = "crash_null" };
static struct kind heap_abort = { .crash = host_crash_heap, .expected = "crash_heap" };

static double op_null(unsigned count)
{
	return later_reports(&null_pointer, count);
}

static double op_abort(unsigned count)
{
	return later_reports(&heap_abort, count);
}

static double op_first_null(unsigned count)
{
	(void)count;
	return first_report(&null_pointer);
}

static double op_first_abort(unsigned count)
{
	(void)count;
	return first_report(&heap_abort);
}

/* The allocator writes a line to stderr before it aborts: not into the table. */
static bool set_up(void)
{
	sffi_status status;
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	nowhere = fopen("/dev/null", "we");
	if (null < 0 || !nowhere || dup2(null, STDERR_FILENO) < 0)
		return cannot("cannot open /dev/null");
	close(null);
	if (!pin_self(machine.host))
		return cannot("cannot pin the host");
	status = sffi_init();
	if (status != SFFI_OK)
		return host_cannot("sffi_init", status);
	return host_open(&host, NULL);
}

static const struct operation operations[] = {
	{ "null", op_null },
	{ "abort", op_abort },
	{ "first-null", op_first_null },
	{ "first-abort", op_first_abort },
	{ NULL, NULL },
};

const struct agent_kind reports = { .set_up = set_up, .operations = operations };
