/* SPDX-License-Identifier: MIT */
#include "measure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNKS_MAX = 64 };

/* The chunks of one side, in the order in which they were measured. */
struct series {
	double values[CHUNKS_MAX];
	unsigned count;
	bool broken, not_offered;
	char why[WHY_SIZE];
};

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Of a copy: the order of the original says which chunks are a pair. */
static void sorted(const double *values, unsigned count, double *to)
{
	memcpy(to, values, count * sizeof(values[0]));
	qsort(to, count, sizeof(to[0]), compare);
}

static void one_chunk(const struct side *side, bool quick, struct series *series)
{
	struct reply reply;
	unsigned count = quick && side->count >= 100 ? side->count / 5 : side->count;

	if (series->broken || !side->agent)
		return;
	agent_ask(side->agent, side->operation, count, &reply);
	if (isnan(reply.value)) {
		series->broken = true;
		series->not_offered = reply.not_offered;
		snprintf(series->why, sizeof(series->why), "%s", reply.why);
		return;
	}
	series->values[series->count++] = reply.value;
}

static void summarize(const struct series *series, struct figure *figure)
{
	double values[CHUNKS_MAX];

	memset(figure, 0, sizeof(*figure));
	memcpy(figure->why, series->why, sizeof(figure->why));
	figure->not_offered = series->not_offered;
	if (series->broken || !series->count)
		return;
	sorted(series->values, series->count, values);
	figure->chunks = series->count;
	figure->median = values[series->count / 2];
	figure->low = values[series->count / 4];
	figure->high = values[series->count * 3 / 4];
}

static double median_ratio(const struct series *subject, const struct series *baseline)
{
	double ratios[CHUNKS_MAX], values[CHUNKS_MAX];

	for (unsigned i = 0; i < subject->count; i++)
		ratios[i] = subject->values[i] / baseline->values[i];
	sorted(ratios, subject->count, values);
	return values[subject->count / 2];
}

/* A side that does not work is not asked again; the other one is measured still. */
void measure(const struct row *row, bool quick, struct result *result)
{
	struct series subject = { .count = 0 }, baseline = { .count = 0 };
	unsigned chunks = quick ? (row->chunks + 4) / 5 : row->chunks;

	for (unsigned i = 0; i < chunks && i < CHUNKS_MAX; i++) {
		one_chunk(&row->subject, quick, &subject);
		one_chunk(&row->baseline, quick, &baseline);
	}
	result->row = row;
	summarize(&subject, &result->subject);
	summarize(&baseline, &result->baseline);
	result->ratio = 0;
	if (result->subject.chunks && result->baseline.chunks)
		result->ratio = median_ratio(&subject, &baseline);
}

const char *result_why(const struct result *result)
{
	if (!result->subject.chunks)
		return result->subject.why;
	if (result->row->baseline.agent && !result->baseline.chunks)
		return result->baseline.why;
	return NULL;
}

double result_compared(const struct result *result)
{
	return result->row->baseline.agent ? result->ratio : result->subject.median;
}

enum verdict result_verdict(const struct result *result)
{
	if (result_why(result))
		return result->subject.not_offered ? NOT_OFFERED : NOT_WORKING;
	if (result->row->target <= 0)
		return FOR_INFORMATION;
	return result_compared(result) <= result->row->target ? MET : MISSED;
}
