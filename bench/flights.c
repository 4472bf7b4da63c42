/* SPDX-License-Identifier: MIT */
#include "flights.h"

#include "host.h"
#include "machine.h"

#include <math.h>
#include <poll.h>
#include <string.h>

enum { FLIGHTS = 100, NAP_US = 1000 };

struct flight {
	sffi_thread *thread;
	sffi_invocation *invocation;
};

static struct host host;
static sffi_function *nap;
static struct flight flights[FLIGHTS];
static struct pollfd pollers[FLIGHTS];

static sffi_status make_threads(void)
{
	sffi_status status = SFFI_OK;

	for (int i = 0; i < FLIGHTS && !status; i++)
		status = sffi_thread_new(&flights[i].thread, host.domain);
	return status;
}

static sffi_status take_off(struct flight *flight, sffi_function *function, void *const *arguments)
{
	return sffi_start(&flight->invocation, flight->thread, function, arguments);
}

/* 1: it has landed; 0: it flies; negative: it has crashed. */
static int look(struct flight *flight)
{
	sffi_event event;
	int result;

	if (sffi_next(flight->invocation, 0, &event) || event == SFFI_FAULTED)
		return -1;
	if (event != SFFI_RETURNED)
		return 0;
	if (sffi_finish(flight->invocation, &result, NULL))
		return -1;
	sffi_invocation_release(&flight->invocation);
	return 1;
}

/* All of them at once, as an event loop has them. */
static bool fly(sffi_function *function, void *const *arguments)
{
	int landed = 0;

	for (int i = 0; i < FLIGHTS; i++) {
		sffi_status status = take_off(&flights[i], function, arguments);

		if (status != SFFI_OK)
			return host_cannot("sffi_start", status);
		pollers[i].fd = sffi_invocation_fd(flights[i].invocation);
		pollers[i].events = POLLIN;
	}
	while (landed < FLIGHTS) {
		if (poll(pollers, FLIGHTS, 60000) <= 0)
			return cannot("a call did not come back within a minute");
		for (int i = 0; i < FLIGHTS; i++) {
			int seen = pollers[i].revents ? look(&flights[i]) : 0;

			if (seen < 0)
				return cannot("a call failed: %s", sffi_error());
			landed += seen;
			if (seen)
				pollers[i].fd = -1;
		}
	}
	return true;
}

/* The threads come with the first flight; then the worker can be pinned. */
static bool ready(void)
{
	int microseconds = 1;
	sffi_status status;

	if (nap)
		return true;
	if (!host_open(&host, NULL))
		return false;
	status = sffi_function_get(&nap, host.library, "int nap(int microseconds)");
	if (status == SFFI_OK)
		status = make_threads();
	if (status != SFFI_OK)
		return host_cannot("preparing the flights", status);
	return fly(nap, (void *[]){ &microseconds }) &&
	       (pin_process(sffi_domain_pid(host.domain), machine.peer) ||
		cannot("cannot pin the worker"));
}

/* Nanoseconds of one of the calls; count is a number of rounds. */
static double in_flight(sffi_function *function, void *const *arguments, unsigned count)
{
	uint64_t start = now_ns();

	for (unsigned i = 0; i < count; i++)
		if (!fly(function, arguments))
			return NAN;
	return (double)(now_ns() - start) / (count * FLIGHTS);
}

static double one_by_one(sffi_function *function, void *const *arguments, unsigned count)
{
	uint64_t start = now_ns();

	for (unsigned i = 0; i < count; i++) {
		int result;
		sffi_status status = sffi_call_array(function, &result, arguments);

		if (status != SFFI_OK)
			return host_failed("sffi_call_array", status);
	}
	return (double)(now_ns() - start) / count;
}

static double op_naps(unsigned count)
{
	int microseconds = NAP_US;

	return ready() ? in_flight(nap, (void *[]){ &microseconds }, count) : NAN;
}

static double op_nap(unsigned count)
{
	int microseconds = NAP_US;

	return ready() ? one_by_one(nap, (void *[]){ &microseconds }, count) : NAN;
}

static double op_adds(unsigned count)
{
	int a = 1, b = 2;

	return ready() ? in_flight(host.add, (void *[]){ &a, &b }, count) : NAN;
}

static double op_add(unsigned count)
{
	int a = 1, b = 2;

	return ready() ? one_by_one(host.add, (void *[]){ &a, &b }, count) : NAN;
}

static bool set_up(void)
{
	sffi_status status;

	if (machine.peer == CPU_ANY)
		return cannot("there is only one processor here");
	status = sffi_init();
	return (status == SFFI_OK || host_cannot("sffi_init", status)) && pin_self(machine.host);
}

static const struct operation operations[] = {
	{ "naps", op_naps },
	{ "nap", op_nap },
	{ "adds", op_adds },
	{ "add", op_add },
	{ NULL, NULL },
};

const struct agent_kind flights_two_cores = { .set_up = set_up, .operations = operations };
