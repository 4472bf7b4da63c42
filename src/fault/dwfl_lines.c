/* SPDX-License-Identifier: MIT */
#include "fault/dwfl_lines.h"

#include <stdlib.h>
#include <string.h>

enum { RANGES_MAX = 1 << 21 };

static bool add_range(struct line_index *index, Dwarf_Die *unit, Dwarf_Addr low, Dwarf_Addr high)
{
	if (index->count == index->capacity) {
		size_t capacity = index->capacity ? 2 * index->capacity : 256;
		struct unit_range *ranges;

		if (capacity > RANGES_MAX)
			return false;
		ranges = realloc(index->ranges, capacity * sizeof *ranges);
		if (!ranges)
			return false;
		index->ranges = ranges;
		index->capacity = capacity;
	}
	index->ranges[index->count++] = (struct unit_range){ low, high, unit };
	return true;
}

static int compare(const void *a, const void *b)
{
	Dwarf_Addr left = ((const struct unit_range *)a)->low;
	Dwarf_Addr right = ((const struct unit_range *)b)->low;

	return (left > right) - (left < right);
}

static void fill(struct line_index *index, Dwfl_Module *module)
{
	Dwarf_Die *unit = NULL;
	Dwarf_Addr bias;

	index->is_filled = true;
	while ((unit = dwfl_module_nextcu(module, unit, &bias))) {
		Dwarf_Addr base, low, high;
		ptrdiff_t next = 0;

		while ((next = dwarf_ranges(unit, next, &base, &low, &high)) > 0) {
			if (low < high && !add_range(index, unit, low, high))
				break;
		}
	}
	if (index->count)
		qsort(index->ranges, index->count, sizeof *index->ranges, compare);
}

static Dwarf_Die *find_unit(const struct line_index *index, Dwarf_Addr address)
{
	size_t from = 0, to = index->count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (index->ranges[middle].low <= address)
			from = middle + 1;
		else
			to = middle;
	}
	return from && address < index->ranges[from - 1].high ? index->ranges[from - 1].unit : NULL;
}

const char *sffi__dwfl_line(Dwfl_Module *module, struct line_index *index, Dwarf_Addr address,
			    int *number)
{
	Dwfl_Line *found = dwfl_module_getsrc(module, address);
	Dwarf_Addr bias;
	Dwarf_Die *unit;
	Dwarf_Line *line;

	if (found)
		return dwfl_lineinfo(found, NULL, number, NULL, NULL, NULL);
	if (!dwfl_module_getdwarf(module, &bias))
		return NULL;
	if (!index->is_filled)
		fill(index, module);
	unit = find_unit(index, address - bias);
	line = unit ? dwarf_getsrc_die(unit, address - bias) : NULL;
	if (!line || dwarf_lineno(line, number) != 0)
		return NULL;
	return dwarf_linesrc(line, NULL, NULL);
}

void sffi__dwfl_lines_free(struct line_index *index)
{
	free(index->ranges);
	memset(index, 0, sizeof *index);
}
