/* SPDX-License-Identifier: MIT */
/* Writes and reads past buffers. */
#include "victim.h"

#include <stddef.h>
#include <string.h>

/* Fills size bytes, and `extra` more behind them. */
void write_past(unsigned char *buffer, size_t size, size_t extra)
{
	memset(launder((uintptr_t)buffer), 0x5a, size + extra);
}

/* Fills size bytes, and `extra` before them. */
void write_before(unsigned char *buffer, size_t size, size_t extra)
{
	memset(launder((uintptr_t)buffer - extra), 0x5a, size + extra);
}

/* Only one byte, at a distance from the start. */
void poke(unsigned char *buffer, long distance, int value)
{
	*(volatile unsigned char *)launder((uintptr_t)buffer + (uintptr_t)distance) = (unsigned char)value;
}

/* Writes where the fence is what it was: nothing to be seen. */
void rewrite_past(unsigned char *buffer, size_t size)
{
	volatile unsigned char *behind = launder((uintptr_t)buffer + size);

	*behind = *behind;
}

unsigned char peek(const unsigned char *buffer, long distance)
{
	return *(volatile unsigned char *)launder((uintptr_t)buffer + (uintptr_t)distance);
}

/* The classic: no room for the NUL. */
void copy_name(char *to, size_t size)
{
	memset(launder((uintptr_t)to), 'n', size);
	*(volatile char *)launder((uintptr_t)to + size) = '\0';
}

void ints_past(int *numbers, size_t n)
{
	for (size_t i = 0; i <= n; i++)
		*(volatile int *)launder((uintptr_t)(numbers + i)) = (int)i;
}

/* Into the read-only text of the caller. */
void change_text(const char *text)
{
	*(volatile char *)launder((uintptr_t)text) = '!';
}
