/* SPDX-License-Identifier: MIT */
/*
 * Files that a worker's mappings name, taken into memory before they are parsed.
 *
 * The worker chooses the names and may write to the files at any time. So nothing but a
 * regular file is ever opened (a FIFO would block, a device may act), and no file is
 * mapped: one that is truncated meanwhile would end the host with SIGBUS.
 */
#ifndef SFFI_FAULT_ELF_IMAGE_H
#define SFFI_FAULT_ELF_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf_image {
	void *data; /* mapped, anonymous */
	size_t size;
};

/* The whole file; false: not there, not a regular file, too large, not an ELF file. */
bool sffi__elf_image_read(struct elf_image *, const char *path);
/* The vdso of this process, which is every process's. */
bool sffi__elf_image_vdso(struct elf_image *);
void sffi__elf_image_free(struct elf_image *);

/* What tells this version of the file from a later one of the same name, as text. */
bool sffi__elf_identity(const char *path, char *to, size_t size);

/* A copy of the file as an anonymous descriptor, or -1. With a checksum, the one of
 * .gnu_debuglink: -1 also if it is not the file's. */
int sffi__elf_copy(const char *path, const uint32_t *checksum);

#endif
