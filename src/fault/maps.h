/* SPDX-License-Identifier: MIT */
/*
 * What was mapped in the worker: the text of /proc/<pid>/maps, parsed.
 *
 * The worker chooses the names of its mappings and can be killed while the text is read:
 * lines that make no sense, that run backwards or that are cut off are left out.
 */
#ifndef SFFI_FAULT_MAPS_H
#define SFFI_FAULT_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mapping {
	uintptr_t low, high;
	bool readable, writable, executable;
	bool is_shared;
	bool is_deleted; /* the file is no longer there: another one may have its name */
	bool is_file;
	uint64_t offset; /* in the file */
	const char *name; /* path, "[heap]", "" for anonymous memory */
};

/* The mappings of one file that make up a loaded library or program. */
struct maps_library {
	uintptr_t low, high;
	uintptr_t base; /* where the file's first byte is, or would be */
	bool executable; /* some of it */
	bool is_deleted;
	const char *path; /* or "[vdso]" */
};

struct maps {
	char *text;
	struct mapping *mappings; /* ascending, without overlaps */
	size_t count;
	struct maps_library *libraries; /* likewise */
	size_t library_count;
};

/* Parses the text; NULL: none is known. Never fails: out of memory makes it empty. */
void sffi__maps_parse(struct maps *, const char *text);
void sffi__maps_free(struct maps *);

/* The mapping that contains the address, the last one that ends at or below it, the first
 * one that begins above it; or NULL. */
const struct mapping *sffi__maps_find(const struct maps *, uintptr_t address);
const struct mapping *sffi__maps_before(const struct maps *, uintptr_t address);
const struct mapping *sffi__maps_after(const struct maps *, uintptr_t address);
const struct maps_library *sffi__maps_library(const struct maps *, uintptr_t address);

#endif
