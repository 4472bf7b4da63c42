/* SPDX-License-Identifier: MIT */
/* The subject: a domain with the benchmark's library in it, as a program would have it. */
#ifndef BENCH_HOST_H
#define BENCH_HOST_H

#include "safeffi.h"

#include <stdint.h>

struct host {
	sffi_domain *domain;
	sffi_library *library;
	sffi_function *add;
	sffi_function *with_callback;
	sffi_function *add_mixed;
	sffi_function *take_wide;
	sffi_function *give_wide;
	sffi_function *touch;
	sffi_function *sum;
	sffi_function *crash_null;
	sffi_function *crash_heap;
};

/* Opens all of it and calls once; false after cannot(). NULL options: the defaults.
 * What was opened before a failure is closed again. */
bool host_open(struct host *, const sffi_options *);
void host_close(struct host *);

/* One call of add, with the result checked; false after cannot(). */
bool host_call(struct host *);

/* One call of a function that crashes: true if it did, and was reported as a fault. */
bool host_crash_null(struct host *);
bool host_crash_heap(struct host *);

/* failed() and cannot() with SafeFFI's own words for it. */
double host_failed(const char *what, sffi_status);
bool host_cannot(const char *what, sffi_status);

/* The arguments of add_mixed, all 1, and their addresses. */
enum { MIXED = 16 };
struct mixed {
	int a;
	double b;
	long c;
	float d;
	short e;
	double f;
	unsigned g;
	float h;
	int8_t i;
	double j;
	long k;
	double l;
	uint16_t m;
	float n;
	int64_t o;
	double p;
	void *arguments[MIXED];
};
void mixed_init(struct mixed *);

/* The library's path; static. */
const char *callee_path(void);
/* A symbol of the library, loaded into this process; NULL after failed(). Never before
 * sffi_init(): workers would find the library loaded already. */
void *callee_symbol(const char *name);

#endif
