/* SPDX-License-Identifier: MIT */
#include "fault/text.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The length of the well-formed UTF-8 sequence at `at`, 0 if there is none; reads no byte
 * behind a NUL. The ranges are those of RFC 3629, section 4. */
static size_t sequence_length(const unsigned char *at)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t length;

	if (at[0] < 0x80)
		return 1;
	if (at[0] < 0xc2 || at[0] > 0xf4)
		return 0;
	length = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
	if (at[0] == 0xe0)
		low = 0xa0; /* shorter forms exist */
	else if (at[0] == 0xed)
		high = 0x9f; /* surrogates */
	else if (at[0] == 0xf0)
		low = 0x90;
	else if (at[0] == 0xf4)
		high = 0x8f; /* above U+10FFFF */
	for (size_t i = 1; i < length; i++) {
		if (at[i] < low || at[i] > high)
			return 0;
		low = 0x80;
		high = 0xbf;
	}
	return length;
}

/* C0, DEL and C1: a terminal would obey them. */
static bool is_control(const unsigned char *at)
{
	return at[0] < 0x20 || at[0] == 0x7f || (at[0] == 0xc2 && at[1] < 0xa0);
}

const char *sffi__text_clean(char *to, size_t size, const char *from)
{
	const unsigned char *at = (const unsigned char *)(from ? from : "");
	size_t used = 0;

	while (*at) {
		size_t length = sequence_length(at);

		if (length && !is_control(at)) {
			if (used + length >= size)
				break;
			memcpy(to + used, at, length);
			used += length;
			at += length;
		} else {
			if (used + 4 >= size)
				break;
			snprintf(to + used, 5, "\\x%02x", *at);
			used += 4;
			at++;
		}
	}
	if (size)
		to[used] = '\0';
	return to;
}

void sffi__text_append(char *to, size_t size, const char *format, ...)
{
	size_t used = strnlen(to, size);
	va_list arguments;

	if (used >= size)
		return;
	va_start(arguments, format);
	vsnprintf(to + used, size - used, format, arguments);
	va_end(arguments);
}

const char *sffi__text_file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

const char *sffi__text_of_word(char to[9], uint64_t value)
{
	size_t length = 0;

	for (; length < 8 && (value & 0xff); value >>= 8) {
		char byte = (char)(value & 0xff);

		if (byte < 0x20 || byte > 0x7e)
			return strcpy(to, "");
		to[length++] = byte;
	}
	to[length] = '\0';
	if (value || length < 6)
		to[0] = '\0';
	return to;
}
