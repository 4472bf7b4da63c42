/* SPDX-License-Identifier: MIT */
#ifndef SFFI_FAULT_DEMANGLE_H
#define SFFI_FAULT_DEMANGLE_H

#include <stdbool.h>

/* The C++ name; free() it. NULL: it is none, or nobody knows. */
char *sffi__demangle(const char *name);

#endif
