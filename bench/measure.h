/* SPDX-License-Identifier: MIT */
/* Measuring one row: chunks of the subject and of the baseline in turn, so that both
 * see the same machine, however its speed changes meanwhile. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include "row.h"

struct figure {
	unsigned chunks; /* 0: it did not work, see why */
	double median;
	double low, high; /* quartiles */
	bool not_offered;
	char why[WHY_SIZE];
};

struct result {
	const struct row *row;
	struct figure subject;
	struct figure baseline;
	double ratio; /* median of the pairs' ratios; 0: there is none */
};

/* quick: fewer and smaller chunks. */
void measure(const struct row *, bool quick, struct result *);

/* What did not work of the row, NULL if nothing. */
const char *result_why(const struct result *);

enum verdict { FOR_INFORMATION, MET, MISSED, NOT_OFFERED, NOT_WORKING };
enum verdict result_verdict(const struct result *);

/* What the target is about: the ratio, or the figure itself. */
double result_compared(const struct result *);

#endif
