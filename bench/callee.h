/* SPDX-License-Identifier: MIT */
/* The foreign library that is called by the benchmark: nothing in it takes time, so
 * that what is measured is the way there and back. */
#ifndef BENCH_CALLEE_H
#define BENCH_CALLEE_H

#include <stddef.h>
#include <stdint.h>

int add(int a, int b);
int with_callback(int (*function)(int, int), int a, int b);
/* What passes through registers and stack: eight integers and eight floating-point ones. */
double add_mixed(int a, double b, long c, float d, short e, double f, unsigned g, float h,
		 int8_t i, double j, long k, double l, uint16_t m, float n, int64_t o, double p);
struct wide {
	uint64_t words[8];
};
uint64_t take_wide(struct wide);
struct wide give_wide(int);
/* Writes the first and the last byte; returns their sum before that. */
int touch(uint8_t *bytes, size_t size);
/* Writes to every stride-th byte. */
int touch_apart(uint8_t *bytes, size_t stride, int times);
uint64_t sum(const uint64_t *words, size_t count);

/* As a function that waits for a disk or a network does. */
int nap(int microseconds);

/* Neither of them returns. */
int crash_null(int depth);
int crash_heap(size_t size);

#endif
