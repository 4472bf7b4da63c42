/* SPDX-License-Identifier: MIT */
/* Running one row in all columns. */
#ifndef TEST_STATE_RUN_H
#define TEST_STATE_RUN_H

#include "state.h"

struct notes {
	size_t seen_size, told_size;
	char seen[2048], told[6144];
};

struct row_result {
	struct notes notes[COLUMN_COUNT];
};

void run_row(const struct row *, struct row_result *);
const char *column_name(enum column);
bool same(const struct row_result *, enum column);
bool row_differs(const struct row *, enum column);

#endif
