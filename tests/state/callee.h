/* SPDX-License-Identifier: MIT */
/*
 * What the rows call: a library that uses the state of its process like any other, and knows
 * nothing of SafeFFI. Each function does one thing and says how it went.
 */
#ifndef STATE_CALLEE_H
#define STATE_CALLEE_H

#include "../victims/victim.h"

extern int counter; /* callee_library.c */
int write_text(int fd, const char *text);

#endif
