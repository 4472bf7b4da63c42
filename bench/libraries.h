/* SPDX-License-Identifier: MIT */
/* Whole jobs of real libraries, isolated and in process: what it costs a program in the end. */
#ifndef BENCH_LIBRARIES_H
#define BENCH_LIBRARIES_H

#include "agent.h"

/* Operations: isolated, here; for SQLite also batch. In nanoseconds for a job: 100 MB hashed, 20
 * pages of a PDF, 100,000 rows inserted, a log of 10,000 commits. Host and worker are pinned to a
 * processor each, what is done in process to the host's. */
extern const struct agent_kind library_sodium;
extern const struct agent_kind library_pdf;
extern const struct agent_kind library_sqlite;
extern const struct agent_kind library_git;

#endif
