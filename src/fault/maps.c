/* SPDX-License-Identifier: MIT */
#include "fault/maps.h"

#include <stdlib.h>
#include <string.h>

/* The kernel's own limit on mappings, vm.max_map_count, is 65530 by default. */
enum { MAPPINGS_MAX = 1 << 20 };

static bool parse_number(const char **at, int base, char end, uint64_t *value)
{
	const char *p = *at;
	uint64_t number = 0;
	size_t digits = 0;

	for (;; p++, digits++) {
		unsigned digit;

		if (*p >= '0' && *p <= '9')
			digit = *p - '0';
		else if (base == 16 && *p >= 'a' && *p <= 'f')
			digit = *p - 'a' + 10;
		else
			break;
		if (digits == (base == 16 ? 16 : 19))
			return false;
		number = number * base + digit;
	}
	if (!digits || *p != end)
		return false;
	*at = p + 1;
	*value = number;
	return true;
}

/* The kernel writes a newline in a path as \012, and nothing else (proc(5)). */
static void unescape(char *name)
{
	char *to = name;

	while (*name) {
		if (!strncmp(name, "\\012", 4)) {
			*to++ = '\n';
			name += 4;
		} else {
			*to++ = *name++;
		}
	}
	*to = '\0';
}

static bool strip_suffix(char *name, const char *suffix)
{
	size_t length = strlen(name), cut = strlen(suffix);

	if (length < cut || strcmp(name + length - cut, suffix))
		return false;
	name[length - cut] = '\0';
	return true;
}

/* "7f0-7f1 r-xp 00001000 fd:01 1234      /usr/lib/libc.so.6"; the line is written to. */
static bool parse_line(char *line, struct mapping *mapping)
{
	const char *at = line, *permissions;
	uint64_t low, high, number;
	char *name;

	if (!parse_number(&at, 16, '-', &low) || !parse_number(&at, 16, ' ', &high) || low >= high)
		return false;
	permissions = at;
	if (strnlen(at, 5) < 5 || at[4] != ' ')
		return false;
	at += 5;
	if (!parse_number(&at, 16, ' ', &mapping->offset) || !parse_number(&at, 16, ':', &number) ||
	    !parse_number(&at, 16, ' ', &number))
		return false;
	/* The inode is followed by padding and a name, a single space, or nothing. */
	at += strspn(at, "0123456789");
	name = line + (at - line);
	name += strspn(name, " ");

	mapping->low = low;
	mapping->high = high;
	mapping->readable = permissions[0] == 'r';
	mapping->writable = permissions[1] == 'w';
	mapping->executable = permissions[2] == 'x';
	mapping->is_shared = permissions[3] == 's';
	mapping->is_file = name[0] == '/';
	mapping->is_deleted = mapping->is_file && strip_suffix(name, " (deleted)");
	unescape(name);
	mapping->name = name;
	return true;
}

static bool continues_library(const struct maps_library *library, const struct mapping *mapping,
			      uint64_t previous_offset)
{
	if (strcmp(library->path, mapping->name) || library->is_deleted != mapping->is_deleted)
		return false;
	/* From some offset back to 0: the same file loaded once more, right behind. */
	return mapping->offset != 0 || previous_offset == 0;
}

static void group_libraries(struct maps *maps)
{
	struct maps_library *library = NULL;
	uint64_t previous_offset = 0;

	maps->libraries = calloc(maps->count + 1, sizeof *maps->libraries);
	if (!maps->libraries)
		return;
	for (size_t i = 0; i < maps->count; i++) {
		const struct mapping *mapping = &maps->mappings[i];

		if (!mapping->is_file && strcmp(mapping->name, "[vdso]"))
			continue;
		if (!library || !continues_library(library, mapping, previous_offset)) {
			library = &maps->libraries[maps->library_count++];
			library->low = mapping->low;
			library->base = mapping->low - mapping->offset;
			library->path = mapping->name;
			library->is_deleted = mapping->is_deleted;
		}
		library->high = mapping->high;
		library->executable |= mapping->executable;
		previous_offset = mapping->offset;
	}
}

static size_t count_lines(const char *text)
{
	size_t lines = 0;

	for (; (text = strchr(text, '\n')) && lines < MAPPINGS_MAX; text++)
		lines++;
	return lines;
}

void sffi__maps_parse(struct maps *maps, const char *text)
{
	uintptr_t end = 0;
	size_t lines;

	memset(maps, 0, sizeof *maps);
	if (!text)
		return;
	lines = count_lines(text);
	maps->text = strdup(text);
	maps->mappings = calloc(lines + 1, sizeof *maps->mappings);
	if (!maps->text || !maps->mappings) {
		sffi__maps_free(maps);
		return;
	}
	/* A last line without its newline was cut off: its name may be, too. */
	for (char *line = maps->text; lines; lines--) {
		char *newline = strchr(line, '\n');
		struct mapping *mapping = &maps->mappings[maps->count];

		*newline = '\0';
		if (parse_line(line, mapping) && mapping->low >= end) {
			end = mapping->high;
			maps->count++;
		}
		line = newline + 1;
	}
	group_libraries(maps);
}

void sffi__maps_free(struct maps *maps)
{
	free(maps->text);
	free(maps->mappings);
	free(maps->libraries);
	memset(maps, 0, sizeof *maps);
}

/* How many mappings begin at or below the address. */
static size_t begun(const struct maps *maps, uintptr_t address)
{
	size_t from = 0, to = maps->count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (maps->mappings[middle].low <= address)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

const struct mapping *sffi__maps_find(const struct maps *maps, uintptr_t address)
{
	size_t index = begun(maps, address);

	return index && address < maps->mappings[index - 1].high ? &maps->mappings[index - 1]
								 : NULL;
}

const struct mapping *sffi__maps_before(const struct maps *maps, uintptr_t address)
{
	size_t index = begun(maps, address);

	while (index && maps->mappings[index - 1].high > address)
		index--;
	return index ? &maps->mappings[index - 1] : NULL;
}

const struct mapping *sffi__maps_after(const struct maps *maps, uintptr_t address)
{
	size_t index = begun(maps, address);

	return index < maps->count ? &maps->mappings[index] : NULL;
}

const struct maps_library *sffi__maps_library(const struct maps *maps, uintptr_t address)
{
	for (size_t i = 0; i < maps->library_count; i++) {
		const struct maps_library *library = &maps->libraries[i];

		if (address >= library->low && address < library->high)
			return library;
	}
	return NULL;
}
