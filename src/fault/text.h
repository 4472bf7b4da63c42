/* SPDX-License-Identifier: MIT */
/* Text for reports, from bytes that a hostile process may have chosen. */
#ifndef SFFI_FAULT_TEXT_H
#define SFFI_FAULT_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Copies at most size - 1 bytes of printable UTF-8; control characters and bytes that are
 * no UTF-8 (RFC 3629) become \xNN. NULL counts as "". Returns `to`. */
const char *sffi__text_clean(char *to, size_t size, const char *from);

/* Appends to the NUL-terminated text in `to`, as far as there is room. */
void sffi__text_append(char *to, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The part behind the last slash. */
const char *sffi__text_file_name(const char *path);

/* If at least six bytes of the value, from its lowest, are printable characters and the
 * rest is 0: them, as a string; else "". */
const char *sffi__text_of_word(char to[9], uint64_t value);

#endif
