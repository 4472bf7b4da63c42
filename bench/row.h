/* SPDX-License-Identifier: MIT */
/* The rows of the result: what is measured, against what, and how good it should be. */
#ifndef BENCH_ROW_H
#define BENCH_ROW_H

#include "agent.h"

struct side {
	const struct agent_kind *agent; /* NULL: there is no baseline */
	const char *operation;
	unsigned count; /* of a chunk */
};

enum unit { NANOSECONDS, KIBIBYTES };

struct row {
	const char *name;
	const char *title;
	const char *against; /* the baseline in words, or NULL */
	struct side subject;
	struct side baseline;
	unsigned chunks; /* of each side */
	enum unit unit;
	/* At most: the ratio, or without a baseline the figure. 0: for information. */
	double target;
};

/* The last one has no name. */
extern const struct row rows[];

#endif
