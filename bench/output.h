/* SPDX-License-Identifier: MIT */
/* The results: a table for people, JSON for programs, columns for the plots. */
#ifndef BENCH_OUTPUT_H
#define BENCH_OUTPUT_H

#include "measure.h"

#include <stdio.h>

void table_head(FILE *);
void table_row(FILE *, const struct result *);
void table_foot(FILE *, const struct result *, unsigned count);

/* false: the stream refused it. */
bool write_json(FILE *, const struct result *, unsigned count);
/* name, title, what was compared, its target, both as text, met (1) or not (0); rows
 * that have a target only. Separated by tabs, the first line names them. */
bool write_columns(FILE *, const struct result *, unsigned count);
/* name, title, median in nanoseconds, the same as text; of all rows that have times. */
bool write_figures(FILE *, const struct result *, unsigned count);

#endif
