/* SPDX-License-Identifier: MIT */
/* The foreign library that is called by the benchmark: nothing in it takes time, so
 * that what is measured is the way there and back. */
#ifndef BENCH_CALLEE_H
#define BENCH_CALLEE_H

#include <stddef.h>
#include <stdint.h>

int add(int a, int b);
/* Writes the first and the last byte; returns their sum before that. */
int touch(uint8_t *bytes, size_t size);
uint64_t sum(const uint64_t *words, size_t count);

/* Neither of them returns. */
int crash_null(int depth);
int crash_heap(size_t size);

#endif
