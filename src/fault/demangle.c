/* SPDX-License-Identifier: MIT */
/*
 * Names of C++ as their authors know them. Who has a crash in C++ has libstdc++: its own
 * __cxa_demangle (Itanium C++ ABI, 3.4) is used if it can be had, else names stay as they are.
 */
#include "fault/demangle.h"

#include <ctype.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static char *(*demangle)(const char *, char *, size_t *, int *);

static void load(void)
{
	void *library = dlopen("libstdc++.so.6", RTLD_LAZY | RTLD_LOCAL);

	if (library)
		*(void **)&demangle = dlsym(library, "__cxa_demangle");
}

/* A name may say "the same again" of its own parts (5.1.10), and then of what came of that: a
 * few hundred characters from a hostile file can stand for gigabytes. N times gives at most
 * 3^(N/3) the length. */
static bool is_modest(const char *name)
{
	enum { LENGTH = 512, AGAIN = 24, PACK = 8 };
	int again = 0;

	for (size_t i = 2; name[i]; i++) {
		size_t first = i - 1;

		if (i == LENGTH)
			return false;
		if (name[i] == 'p' && (name[i - 1] == 'D' || name[i - 1] == 's'))
			again += PACK;
		while (name[i] == '_' && first > 1 && isalnum((unsigned char)name[first]) &&
		       name[first] != 'S' && name[first] != 'T')
			first--;
		if (name[i] == '_' && (name[first] == 'S' || name[first] == 'T'))
			again++;
	}
	return again <= AGAIN;
}

char *sffi__demangle(const char *name)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	if (strncmp(name, "_Z", 2) || !is_modest(name))
		return NULL;
	pthread_once(&once, load);
	return demangle ? demangle(name, NULL, NULL, NULL) : NULL;
}
