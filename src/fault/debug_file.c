/* SPDX-License-Identifier: MIT */
#include "fault/debug_file.h"
#include "fault/elf_image.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char debug_root[] = "/usr/lib/debug";

/* The copy, and the name that it came from. */
static int take(const char *path, const uint32_t *checksum, char **name)
{
	int fd = sffi__elf_copy(path, checksum);

	if (fd >= 0)
		*name = strdup(path);
	return fd;
}

static int find_by_build_id(Dwfl_Module *module, char **name)
{
	const unsigned char *id;
	GElf_Addr address;
	int size = dwfl_module_build_id(module, &id, &address);
	char path[PATH_MAX];
	int used;

	if (size < 3 || size > 64)
		return -1;
	used = snprintf(path, sizeof path, "%s/.build-id/%02x/", debug_root, id[0]);
	for (int i = 1; i < size; i++)
		used += snprintf(path + used, sizeof path - (size_t)used, "%02x", id[i]);
	snprintf(path + used, sizeof path - (size_t)used, ".debug");
	return take(path, NULL, name);
}

static int find_by_link(const char *file, const char *link, uint32_t checksum, char **name)
{
	/* GDB's order: beside the file, in .debug there, under the root. */
	static const char *const formats[] = { "%s%.*s/%s", "%s%.*s/.debug/%s", "%s%.*s/%s" };
	const char *roots[] = { "", "", debug_root };
	const char *slash = strrchr(file, '/');
	char path[PATH_MAX];

	if (!slash || strchr(link, '/'))
		return -1;
	for (size_t i = 0; i < 3; i++) {
		int fd;

		if (snprintf(path, sizeof path, formats[i], roots[i], (int)(slash - file), file,
			     link) >= (int)sizeof path)
			continue;
		/* A link to the file's own name would find the file itself. */
		if (!strcmp(path, file))
			continue;
		fd = take(path, &checksum, name);
		if (fd >= 0)
			return fd;
	}
	return -1;
}

/* The file that several debug files share (dwz), relative to the one that names it. */
static int find_alternate(const char *file, const char *link, char **name)
{
	const char *slash = strrchr(file, '/');
	char path[PATH_MAX];

	if (link[0] == '/')
		return take(link, NULL, name);
	if (!slash || snprintf(path, sizeof path, "%.*s/%s", (int)(slash - file), file, link) >=
		      (int)sizeof path)
		return -1;
	return take(path, NULL, name);
}

int sffi__find_debug_file(Dwfl_Module *module, void **data, const char *module_name,
			  Dwarf_Addr base, const char *file, const char *link, GElf_Word checksum,
			  char **name)
{
	int fd;

	(void)data;
	(void)module_name;
	(void)base;
	if (!file || file[0] != '/')
		return -1;
	/* libdwfl asks for the alternate file with a name and no checksum. */
	if (link && checksum == 0)
		return find_alternate(file, link, name);
	fd = find_by_build_id(module, name);
	if (fd < 0 && link)
		fd = find_by_link(file, link, checksum, name);
	return fd;
}
