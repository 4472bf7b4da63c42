/* SPDX-License-Identifier: MIT */
/* "z" means libz.so, or where only the versioned file of the run-time package is there, its
 * highest version. */
#include "library_path.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A file named .so may be a linker script: libc.so, libm.so. */
static int is_elf(const char *path)
{
	char magic[4] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int found;

	if (fd < 0)
		return 0;
	found = read(fd, magic, sizeof magic) == sizeof magic && !memcmp(magic, "\177ELF", 4);
	close(fd);
	return found;
}

/* The directory's library of that name, in a malloc'd string, or NULL. */
static char *look_in(const char *directory, const char *name)
{
	char pattern[PATH_MAX];
	char *best = NULL;
	glob_t found;

	snprintf(pattern, sizeof pattern, "%s/lib%s.so", directory, name);
	if (is_elf(pattern))
		return strdup(pattern);
	snprintf(pattern, sizeof pattern, "%s/lib%s.so.[0-9]*", directory, name);
	if (glob(pattern, 0, NULL, &found))
		return NULL;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		if (!is_elf(found.gl_pathv[i]) || (best && strverscmp(found.gl_pathv[i], best) < 0))
			continue;
		free(best);
		best = strdup(found.gl_pathv[i]);
	}
	globfree(&found);
	return best;
}

/* The directories that the loader itself searches: dlinfo(3), RTLD_DI_SERINFO. */
static Dl_serinfo *search_path(void)
{
	void *self = dlopen(NULL, RTLD_NOW);
	Dl_serinfo size, *path;

	if (!self || dlinfo(self, RTLD_DI_SERINFOSIZE, &size))
		return NULL;
	path = malloc(size.dls_size);
	if (path) {
		*path = size;
		if (dlinfo(self, RTLD_DI_SERINFO, path)) {
			free(path);
			path = NULL;
		}
	}
	dlclose(self);
	return path;
}

char *sffi__library_path(const char *name)
{
	Dl_serinfo *path;
	char *found = NULL;

	if (strchr(name, '/') || strstr(name, ".so"))
		return strdup(name);
	path = search_path();
	for (unsigned i = 0; path && i < path->dls_cnt && !found; i++)
		found = look_in(path->dls_serpath[i].dls_name, name);
	free(path);
	/* From ld.so.conf, which dlinfo does not know. */
	if (!found)
		found = look_in("/usr/local/lib", name);
	return found ? found : strdup(name);
}
