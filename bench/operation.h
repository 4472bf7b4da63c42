/* SPDX-License-Identifier: MIT */
/*
 * Operations, and the process that serves them.
 *
 * Everything that is measured is an operation of an agent, a process of its own: so
 * the memory of one host does not change the figures of another, and a crash or a hang
 * costs one row only. An agent sleeps until the benchmark asks for one chunk of one
 * operation, and answers with its figure.
 */
#ifndef BENCH_OPERATION_H
#define BENCH_OPERATION_H

#include <stdbool.h>
#include <stddef.h>

struct operation {
	const char *name;
	/* Does it count times and returns what one time cost, in nanoseconds (or what
	 * else the operation is about), or failed(). */
	double (*run)(unsigned count);
};

enum { WHY_SIZE = 400, OPERATION_NAME_SIZE = 32 };

/* name "" asks whether the agent is ready. */
struct request {
	char name[OPERATION_NAME_SIZE];
	unsigned count;
};

struct reply {
	double value; /* NaN: it did not work */
	bool not_offered; /* the machine has no such thing, which is no failure */
	char why[WHY_SIZE];
};

/* Keeps the reason for the reply and returns NaN. */
double failed(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same for a function that says whether it worked: returns false. */
bool cannot(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same where the machine, or this build, has no such thing to be measured. */
bool not_offered(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Serves the operations, up to one without a name, until the other side closes.
 * ready false: setting up failed, every request gets failed()'s reason. */
void serve(int socket, const struct operation *operations, bool ready);

#endif
