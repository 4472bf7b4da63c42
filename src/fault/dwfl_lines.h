/* SPDX-License-Identifier: MIT */
/*
 * Source lines of addresses. elfutils finds the compilation unit of an address by
 * .debug_aranges only, which clang and rustc do not write; for those the units' own
 * ranges are gathered once for each module.
 */
#ifndef SFFI_FAULT_DWFL_LINES_H
#define SFFI_FAULT_DWFL_LINES_H

#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stddef.h>

struct unit_range {
	Dwarf_Addr low, high; /* as in the file */
	Dwarf_Die *unit;      /* libdwfl's */
};

/* Belongs to a module; all zero at first. */
struct line_index {
	bool is_filled;
	struct unit_range *ranges; /* by low */
	size_t count, capacity;
};

/* The file, which is libdw's until the session ends, or NULL; stores the line. */
const char *sffi__dwfl_line(Dwfl_Module *, struct line_index *, Dwarf_Addr, int *line);
void sffi__dwfl_lines_free(struct line_index *);

#endif
