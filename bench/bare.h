/* SPDX-License-Identifier: MIT */
/* What the modes in the host's process are measured against. All in nanoseconds. */
#ifndef BENCH_BARE_H
#define BENCH_BARE_H

double op_pointer(unsigned count);   /* add(int, int) through a pointer */
double op_ffi(unsigned count);       /* add(int, int) by libffi, prepared once */
double op_ffi_mixed(unsigned count); /* add_mixed, likewise */
/* A store to NULL whose handler edits the context and returns. To be used in a process of its
 * own: the handler stays. */
double op_signal(unsigned count);

#endif
