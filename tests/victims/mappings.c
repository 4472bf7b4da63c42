/* SPDX-License-Identifier: MIT */
/*
 * Destroys the address space it finds: takes mappings away, or overwrites those that it shares.
 *
 * When libc itself goes, only this library's own code and data and the stack are left, so the
 * last steps are bare system calls, and the list of mappings is in this library's data.
 */
#include "victim.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { RANGES_MAX = 1024 };

struct range {
	uintptr_t low, high;
	int readable, writable, executable, shared;
	int is_special; /* [vdso], [vvar], [vsyscall] */
};

static struct range ranges[RANGES_MAX];
static size_t range_count;
static char text[1 << 18];

static void read_ranges(void)
{
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t got;
	char *line = text;

	range_count = 0;
	while (fd >= 0 && (got = read(fd, text + used, sizeof text - 1 - used)) > 0)
		used += (size_t)got;
	close(fd);
	text[used] = '\0';
	while (*line && range_count < RANGES_MAX) {
		struct range *range = &ranges[range_count++];
		char *end = strchr(line, '\n');
		char *cursor;

		range->low = strtoul(line, &cursor, 16);
		range->high = strtoul(cursor + 1, &cursor, 16);
		range->readable = cursor[1] == 'r';
		range->writable = cursor[2] == 'w';
		range->executable = cursor[3] == 'x';
		range->shared = cursor[4] == 's';
		if (end)
			*end = '\0';
		range->is_special = strstr(line, "[v") != NULL;
		line = end ? end + 1 : line + strlen(line);
	}
}

/* Without libc, which may be gone. */
static inline long bare_call(long number, uintptr_t a, uintptr_t b, uintptr_t c)
{
#if defined __x86_64__
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "0"(number), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return result;
#elif defined __aarch64__
	register long x8 __asm__("x8") = number;
	register uintptr_t x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;

	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
	return (long)x0;
#endif
}

/* Whether this code runs on it: own code and data, and the stack. */
static inline int is_needed(const struct range *range, uintptr_t code, uintptr_t stack)
{
	uintptr_t data = (uintptr_t)ranges;

	return range->is_special || (range->low <= code && code < range->high) ||
	       (range->low <= stack && stack < range->high) ||
	       (range->low <= data + sizeof ranges && data < range->high);
}

/* Not inlined: its own address is the code's. */
static __attribute__((noinline)) int take_away(long number, uintptr_t argument, int writable_only)
{
	uintptr_t code = (uintptr_t)take_away, stack = (uintptr_t)__builtin_frame_address(0);
	int taken = 0;

	for (size_t i = 0; i < range_count; i++)
		if (!is_needed(&ranges[i], code, stack) && (!writable_only || ranges[i].writable))
			taken += bare_call(number, ranges[i].low, ranges[i].high - ranges[i].low,
					   argument) == 0;
	return taken;
}

int unmap_all(void)
{
	read_ranges();
	return take_away(SYS_munmap, 0, 0);
}

int protect_all(void)
{
	read_ranges();
	return take_away(SYS_mprotect, PROT_NONE, 0);
}

/* Code stays, so that handlers run, and find nothing to write to. */
int unmap_writable(void)
{
	read_ranges();
	return take_away(SYS_munmap, 0, 1);
}

int protect_writable(void)
{
	read_ranges();
	return take_away(SYS_mprotect, PROT_NONE, 1);
}

int write_protect_all(void)
{
	read_ranges();
	return take_away(SYS_mprotect, PROT_READ, 1);
}

static int apply_to_shared(long number, uintptr_t argument)
{
	int taken = 0;

	read_ranges();
	for (size_t i = 0; i < range_count; i++)
		if (ranges[i].shared)
			taken += bare_call(number, ranges[i].low, ranges[i].high - ranges[i].low,
					   argument) == 0;
	return taken;
}

int unmap_shared(void)
{
	return apply_to_shared(SYS_munmap, 0);
}

int protect_shared(void)
{
	return apply_to_shared(SYS_mprotect, PROT_NONE);
}

/* Gives the pages behind shared mappings back: they read as zero on both sides. */
int punch_shared(void)
{
	return apply_to_shared(SYS_madvise, MADV_REMOVE);
}

/* ---- overwriting what is shared ------------------------------------------------------- */

enum { CHUNK = 1 << 16, HEAD_MAX = 4 << 20, TAIL_MAX = 1 << 20 };

/* The system call, so that a page without a file behind it is an error and no SIGBUS. */
static void overwrite(uintptr_t low, uintptr_t high, unsigned char *chunk)
{
	while (low < high) {
		size_t size = high - low < CHUNK ? high - low : CHUNK;
		struct iovec from = { chunk, size }, to = { (void *)low, size };

		process_vm_writev(getpid(), &from, 1, &to, 1, 0);
		low += size;
	}
}

/* A sparse mapping of a terabyte is overwritten at both ends only. */
static int overwrite_shared(unsigned char *chunk)
{
	int filled = 0;

	for (size_t i = 0; i < range_count; i++) {
		uintptr_t low = ranges[i].low, high = ranges[i].high;

		if (!ranges[i].shared || !ranges[i].writable)
			continue;
		if (high - low <= HEAD_MAX + TAIL_MAX) {
			overwrite(low, high, chunk);
		} else {
			overwrite(low, low + HEAD_MAX, chunk);
			overwrite(high - TAIL_MAX, high, chunk);
		}
		filled++;
	}
	return filled;
}

enum pattern { ZEROS, ONES, NOISE };

static void make_chunk(unsigned char *chunk, int pattern, unsigned seed)
{
	for (size_t i = 0; i < CHUNK; i++) {
		seed = seed * 1664525u + 1013904223u;
		chunk[i] = pattern == NOISE ? (unsigned char)(seed >> 24)
			   : pattern == ONES ? 0xff : 0x00;
	}
}

/* 0: zeros, 1: ones, 2: noise. Then returns, or tries to. */
int fill_shared(int pattern)
{
	static unsigned char chunk[CHUNK];

	read_ranges();
	make_chunk(chunk, pattern, 12345);
	return overwrite_shared(chunk);
}

static int filler_pattern, filler_delay_us;

static void *fill_for_ever(void *unused)
{
	static unsigned char chunk[CHUNK];
	unsigned seed = 1;

	(void)unused;
	for (;;) {
		if (filler_delay_us > 0)
			usleep((useconds_t)filler_delay_us);
		make_chunk(chunk, filler_pattern, seed++);
		overwrite_shared(chunk);
	}
	return NULL;
}

/* A thread that goes on overwriting: during this call, after it, and during later ones. */
int start_filler(int pattern, int delay_us)
{
	pthread_t thread;

	read_ranges();
	filler_pattern = pattern;
	filler_delay_us = delay_us;
	if (pthread_create(&thread, NULL, fill_for_ever, NULL) != 0)
		return -1;
	return pthread_detach(thread);
}

/* Flips single bits here and there, as a slow memory error would. */
int flip_shared(unsigned seed, int count)
{
	int flipped = 0;

	read_ranges();
	for (int i = 0; i < count; i++) {
		for (size_t r = 0; r < range_count; r++) {
			uintptr_t size = ranges[r].high - ranges[r].low;
			struct iovec here, there;
			unsigned char byte;

			if (!ranges[r].shared || !ranges[r].writable)
				continue;
			seed = seed * 1664525u + 1013904223u;
			size = size < HEAD_MAX ? size : HEAD_MAX;
			here = (struct iovec){ &byte, 1 };
			there = (struct iovec){ (void *)(ranges[r].low + seed % size), 1 };
			if (process_vm_readv(getpid(), &here, 1, &there, 1, 0) != 1)
				continue;
			byte ^= (unsigned char)(1u << (seed >> 29));
			flipped += process_vm_writev(getpid(), &here, 1, &there, 1, 0) == 1;
		}
	}
	return flipped;
}

/* How many mappings are shared and writable: what the ones above have to work with. */
int count_shared(void)
{
	int count = 0;

	read_ranges();
	for (size_t i = 0; i < range_count; i++)
		count += ranges[i].shared && ranges[i].writable;
	return count;
}
