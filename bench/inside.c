/* SPDX-License-Identifier: MIT */
#include "inside.h"

#include "bare.h"
#include "callee.h"
#include "host.h"
#include "machine.h"

#include <math.h>

static struct host host;
static sffi_thread *thread;
static sffi_callback *callback;

/* ---- calls ----------------------------------------------------------------- */

static double op_call(unsigned count)
{
	unsigned warm_up = count / 10 + 1;
	int a, b = 1, result = 0;
	void *arguments[] = { &a, &b };
	uint64_t start = 0;
	sffi_status status;

	for (unsigned i = 0; i < warm_up + count; i++) {
		if (i == warm_up)
			start = now_ns();
		a = (int)i;
		status = sffi_call_array(host.add, &result, arguments);
		if (status != SFFI_OK || result != a + b)
			return host_failed("sffi_call_array", status);
	}
	return (double)(now_ns() - start) / count;
}

static double op_mixed(unsigned count)
{
	unsigned warm_up = count / 10 + 1;
	struct mixed mixed;
	uint64_t start = 0;
	sffi_status status;
	double result = 0;

	mixed_init(&mixed);
	for (unsigned i = 0; i < warm_up + count; i++) {
		if (i == warm_up)
			start = now_ns();
		mixed.a = (int)i;
		status = sffi_call_array(host.add_mixed, &result, mixed.arguments);
		if (status != SFFI_OK || result != (double)i + MIXED - 1)
			return host_failed("a call with 16 arguments", status);
	}
	return (double)(now_ns() - start) / count;
}

/* ---- faults ---------------------------------------------------------------- */

static double op_fault(unsigned count)
{
	unsigned warm_up = count / 10 + 1;
	int depth = 0, result;
	void *arguments[] = { &depth };
	uint64_t start = 0;
	sffi_status status;

	for (unsigned i = 0; i < warm_up + count; i++) {
		if (i == warm_up)
			start = now_ns();
		status = sffi_call_array(host.crash_null, &result, arguments);
		if (status != SFFI_EFAULT)
			return host_failed("crash_null, which must fault", status);
	}
	return (double)(now_ns() - start) / count;
}

/* ---- steps ----------------------------------------------------------------- */

static void never(void *result, void *const *arguments, void *data)
{
	(void)arguments, (void)data;
	*(int *)result = -1;
}

static bool ready_for_steps(void)
{
	sffi_status status = SFFI_OK;

	if (!thread)
		status = sffi_thread_new(&thread, host.domain);
	if (status == SFFI_OK && !callback)
		status = sffi_callback_new(&callback, host.domain, "int (*)(int, int)", never, NULL);
	return status == SFFI_OK || host_cannot("preparing calls in steps", status);
}

static sffi_status answer(sffi_invocation *invocation)
{
	void *const *arguments;
	sffi_callback *called;
	sffi_status status = sffi_upcall_get(invocation, &called, &arguments);
	int result;

	if (status != SFFI_OK)
		return status;
	result = *(const int *)arguments[0] + *(const int *)arguments[1];
	return sffi_upcall_answer(invocation, &result);
}

static sffi_status in_steps(void *const *arguments, int *result)
{
	sffi_invocation *invocation;
	sffi_event event = SFFI_PENDING;
	sffi_status status = sffi_start(&invocation, thread, host.with_callback, arguments);

	while (status == SFFI_OK && event != SFFI_RETURNED && event != SFFI_FAULTED) {
		status = sffi_next(invocation, -1, &event);
		if (status == SFFI_OK && event == SFFI_UPCALL)
			status = answer(invocation);
	}
	if (status == SFFI_OK)
		status = sffi_finish(invocation, result, NULL);
	sffi_invocation_release(&invocation);
	return status;
}

static double op_step(unsigned count)
{
	unsigned warm_up = count / 10 + 1;
	void *address;
	int a, b = 1, result = 0;
	void *arguments[] = { &address, &a, &b };
	uint64_t start = 0;
	sffi_status status;

	if (!ready_for_steps())
		return NAN;
	address = sffi_callback_address(callback);
	for (unsigned i = 0; i < warm_up + count; i++) {
		if (i == warm_up)
			start = now_ns();
		a = (int)i;
		status = in_steps(arguments, &result);
		if (status != SFFI_OK || result != a + b)
			return host_failed("a call in steps", status);
	}
	return (double)(now_ns() - start) / count;
}

/* ---- the agents ---------------------------------------------------------------- */

static bool set_up(sffi_mode mode)
{
	sffi_options options;
	pid_t worker;

	if (!pin_self(machine.host))
		return cannot("cannot pin the host");
	sffi_options_init(&options);
	options.mode = mode;
	if (!host_open(&host, &options))
		return false;
	worker = sffi_domain_pid(host.domain);
	if (worker && machine.peer != CPU_ANY && !pin_process(worker, machine.peer))
		return cannot("cannot pin the worker");
	return true;
}

static bool set_up_direct(void)
{
	return set_up(SFFI_DIRECT);
}

static bool set_up_guarded(void)
{
	return set_up(SFFI_GUARDED);
}

static bool set_up_shielded(void)
{
	return set_up(SFFI_SHIELDED);
}

static bool set_up_rehearsed(void)
{
	return set_up(SFFI_REHEARSED);
}

static bool set_up_isolated(void)
{
	return set_up(SFFI_ISOLATED);
}

static bool set_up_bare(void)
{
	return pin_self(machine.host) || cannot("cannot pin the process");
}

static const struct operation operations[] = {
	{ "call", op_call },	   { "mixed", op_mixed }, { "fault", op_fault },
	{ "step", op_step },	   { "ffi", op_ffi },	  { "ffi-mixed", op_ffi_mixed },
	{ "pointer", op_pointer }, { NULL, NULL },
};

static const struct operation bare_operations[] = {
	{ "signal", op_signal },
	{ "pointer", op_pointer },
	{ "ffi", op_ffi },
	{ "ffi-mixed", op_ffi_mixed },
	{ NULL, NULL },
};

const struct agent_kind inside_direct = { .set_up = set_up_direct, .operations = operations };
const struct agent_kind inside_guarded = { .set_up = set_up_guarded, .operations = operations };
const struct agent_kind inside_shielded = { .set_up = set_up_shielded, .operations = operations };
const struct agent_kind inside_rehearsed = { .set_up = set_up_rehearsed, .operations = operations };
const struct agent_kind inside_isolated = { .set_up = set_up_isolated, .operations = operations };
const struct agent_kind inside_bare = { .set_up = set_up_bare, .operations = bare_operations };
