/* SPDX-License-Identifier: MIT */
/*
 * Whether memory of the host can be read or written. An argument may be any number; the
 * host must not crash when it is copied. Asking the kernel costs some hundred nanoseconds,
 * so a thread remembers what it asked last for some calls: memory that the host unmaps
 * meanwhile and still passes is the host's own fault.
 */
#ifndef SFFI_PROBE_H
#define SFFI_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool sffi__host_readable(const void *address, size_t size);
bool sffi__host_writable(const void *address, size_t size);
/* Whether code may lie there. Reads the text of all mappings: not for every call. */
bool sffi__host_executable(const void *address);
/* The string's length, where all of it up to its end can be read; -1: it cannot. */
ptrdiff_t sffi__host_string_length(const char *address);

#endif
