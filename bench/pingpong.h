/* SPDX-License-Identifier: MIT */
/*
 * The bare ways to ask another process and wait for its answer: what a call is measured
 * against. Each has a process of its own on the other side, which sleeps while its
 * operation is not being measured.
 */
#ifndef BENCH_PINGPONG_H
#define BENCH_PINGPONG_H

#include <stdbool.h>

/* Makes the processes, pinned to peer; false after cannot(). To be called before there
 * is anything of SafeFFI in the process. They end with it. */
bool pingpong_set_up(int peer);

/* Nanoseconds for there and back. */
double op_spin(unsigned count);   /* both spin on a word of shared memory */
double op_futex(unsigned count);  /* both sleep on it */
double op_socket(unsigned count); /* 64 bytes each way through a unix stream socket */

#endif
