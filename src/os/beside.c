/* SPDX-License-Identifier: MIT */
#include "os/os.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void sffi__os_beside_library(const char *name, char *path)
{
	Dl_info info;
	const char *slash;

	if (dladdr((void *)(uintptr_t)sffi__os_beside_library, &info) &&
	    (slash = strrchr(info.dli_fname, '/'))) {
		snprintf(path, PATH_MAX, "%.*s/%s", (int)(slash - info.dli_fname), info.dli_fname, name);
		if (!access(path, R_OK))
			return;
	}
	snprintf(path, PATH_MAX, "%s/%s", SFFI_LIBEXECDIR, name);
}
