/* SPDX-License-Identifier: MIT */
/* What the jobs with real libraries share. */
#ifndef BENCH_JOB_H
#define BENCH_JOB_H

#include "host.h"
#include "machine.h"
#include "operation.h"

struct job {
	sffi_domain *domain;
	sffi_library *library;
};

/* Opens the library as the examples declare it, gets the functions, and pins host and worker. */
bool job_open(struct job *, const char *library, const char *declarations, const sffi_symbol *);
/* The same library in this process; after job_open, so that no worker begins with it. NULL after
 * cannot(). */
void *job_here(const char *library);

/* A directory for the job's files. NULL after cannot(). */
const char *job_directory(void);
void job_remove_directory(void);

/* A function of the library in this process, as a pointer of the type. */
#define job_symbol(here, type, name) ((type)dlsym(here, name))

#endif
