/* SPDX-License-Identifier: MIT */
/*
 * Tests in a host of their own: a child in which nothing is of the test runner's but what is
 * inherited, and whose own descriptors may be at stake.
 */
#ifndef TEST_LONE_HOST_H
#define TEST_LONE_HOST_H

#include "helper.h"

#include <stdio.h>
#include <unistd.h>

/* Ends this host with a line on its standard error output. */
#define require(condition)                                                                   \
	do {                                                                                 \
		if (!(condition)) {                                                          \
			dprintf(2, "%s:%d: not %s (%s)\n", __FILE__, __LINE__, #condition,   \
				sffi_error());                                               \
			_exit(1);                                                            \
		}                                                                            \
	} while (0)

/* Above all numbers that such a host has. */
enum { NUMBERS = 1200 };

/* Runs it in a child, which is to exit with 0. */
void run_host(void (*host)(void));
sffi_domain *open_domain(unsigned share);
sffi_function *function_of(sffi_domain *, const char *victim, const char *declaration);
/* add(int, int) of the victim "good". */
void require_adds(sffi_function *add);
/* The last fault as text; never freed. */
char *report_of(sffi_status print(const sffi_fault *, FILE *));
/* How many descriptors are open, but for those of processes: SafeFFI has them until it has seen
 * these end. */
int count_open(void);

#endif
