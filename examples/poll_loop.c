/* SPDX-License-Identifier: MIT */
/* Calls in steps: a program of one thread has several calls in flight, and waits for all of
 * them in one poll(), where it would wait for sockets and timers too.
 *
 * Three arrays are sorted by the C library's qsort, each on a thread of the callee's of its
 * own. Every comparison is an upcall, which comes here as an event; no code of the host runs
 * but this loop. A virtual machine would run its green threads in between. */
#include <safeffi.h>

#include <errno.h>
#include <poll.h>

enum { FLIGHTS = 3, COUNT = 8 };

static const char declaration[] =
	"void qsort(int base[count], size_t count, size_t size,"
	"           int (*compare)(const int *a, const int *b))";

struct flight {
	sffi_thread *thread;
	sffi_invocation *call;
	int numbers[COUNT];
	int upcalls;
	/* The values of the arguments. */
	int *base;
	size_t count, size;
	void *compare;
};

static int fail(void)
{
	fprintf(stderr, "poll_loop: %s\n", sffi_error());
	return 1;
}

/* For sffi_call. In steps the loop has the event, and calls this itself. */
static void compare(void *result, void *const *arguments, void *data)
{
	const int *a = *(const int *const *)arguments[0], *b = *(const int *const *)arguments[1];

	(void)data;
	*(int *)result = (*a > *b) - (*a < *b);
}

/* The arguments are copied; what is at their addresses now may move or go. */
static sffi_status start(struct flight *flight, sffi_domain *domain, sffi_function *function,
			 sffi_callback *callback, unsigned seed)
{
	void *arguments[] = { &flight->base, &flight->count, &flight->size, &flight->compare };
	sffi_status status = sffi_thread_new(&flight->thread, domain);

	for (int i = 0; i < COUNT; i++)
		flight->numbers[i] = (int)((seed = seed * 1103515245 + 12345) >> 16) % 100;
	flight->base = flight->numbers;
	flight->count = COUNT;
	flight->size = sizeof *flight->numbers;
	flight->compare = sffi_callback_address(callback);
	return status ? status : sffi_start(&flight->call, flight->thread, function, arguments);
}

static sffi_status answer(struct flight *flight)
{
	void *const *arguments;
	int result;
	sffi_status status = sffi_upcall_get(flight->call, NULL, &arguments);

	if (status)
		return status;
	flight->upcalls++;
	compare(&result, arguments, NULL);
	return sffi_upcall_answer(flight->call, &result);
}

/* What the callee wrote goes to the addresses that are valid now. */
static sffi_status finish(struct flight *flight, int number)
{
	void *arguments[] = { &flight->base, &flight->count, &flight->size, &flight->compare };
	sffi_status status = sffi_finish(flight->call, NULL, arguments);

	sffi_invocation_release(&flight->call);
	if (status)
		return status;
	printf("call %d, after %d upcalls:", number, flight->upcalls);
	for (int i = 0; i < COUNT; i++)
		printf(" %d", flight->numbers[i]);
	printf("\n");
	return SFFI_OK;
}

/* Deals with the next event, if there is one already. */
static sffi_status look(struct flight *flight, int number)
{
	sffi_event event;
	sffi_status status = sffi_next(flight->call, 0, &event);

	if (status || event == SFFI_PENDING)
		return status;
	return event == SFFI_UPCALL ? answer(flight) : finish(flight, number);
}

static sffi_status loop(struct flight *flights)
{
	for (;;) {
		struct pollfd polled[FLIGHTS];
		sffi_status status = SFFI_OK;
		int in_flight = 0;

		for (int i = 0; i < FLIGHTS; i++) {
			/* poll() passes over a negative descriptor. */
			polled[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
			if (!flights[i].call)
				continue;
			polled[i].fd = sffi_invocation_fd(flights[i].call);
			if (polled[i].fd < 0)
				return SFFI_ESYSTEM;
			in_flight++;
		}
		if (!in_flight)
			return SFFI_OK;
		if (poll(polled, FLIGHTS, -1) < 0 && errno != EINTR)
			return SFFI_ESYSTEM;
		for (int i = 0; i < FLIGHTS && !status; i++)
			if (polled[i].revents)
				status = look(&flights[i], i);
		if (status)
			return status;
	}
}

int main(void)
{
	struct flight flights[FLIGHTS] = { 0 };
	sffi_domain *domain = NULL;
	sffi_library *libc = NULL;
	sffi_function *function = NULL;
	sffi_callback *callback = NULL;
	int status = 0;

	if (sffi_init() != SFFI_OK || sffi_domain_open(&domain, NULL) != SFFI_OK ||
	    sffi_library_open(&libc, domain, "libc.so.6") != SFFI_OK ||
	    sffi_function_get(&function, libc, declaration) != SFFI_OK ||
	    sffi_callback_new(&callback, domain, "int (*)(const int *a, const int *b)", compare,
			      NULL) != SFFI_OK)
		status = fail();
	for (unsigned i = 0; i < FLIGHTS && !status; i++)
		if (start(&flights[i], domain, function, callback, i + 1) != SFFI_OK)
			status = fail();
	if (!status && loop(flights) != SFFI_OK)
		status = fail();
	for (int i = 0; i < FLIGHTS; i++) {
		sffi_invocation_release(&flights[i].call);
		sffi_thread_release(&flights[i].thread);
	}
	sffi_callback_release(&callback);
	sffi_function_release(&function);
	sffi_library_close(&libc);
	sffi_domain_close(&domain);
	return status;
}
