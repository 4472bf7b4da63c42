/* SPDX-License-Identifier: MIT */
#include "load.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

struct abi_library *load_library(const char *path)
{
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	struct abi_library *library = handle ? dlsym(handle, "abi_library") : NULL;

	if (library)
		return library;
	fprintf(stderr, "%s\n", dlerror());
	exit(1);
}

void make_arguments(const struct abi_library *library, unsigned number, struct image *images,
		    void **arguments)
{
	for (unsigned i = 0; i < library->cases[number].count; i++) {
		arguments[i] = images[i].bytes;
		abi_fill(library, number, i, arguments[i]);
	}
}

bool is_fair_refusal(const char *sentence)
{
	static const char *const reasons[] = {
		"counts for gcc but not for clang",
		"count for gcc but not for clang",
		"counts for clang but not for gcc",
		"has less alignment than its type needs",
		"only some elements of a packed array are aligned",
		"array of unknown or no length",
		"nothing but unnamed bit-fields",
		"it is empty and over-aligned",
	};

	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		if (strstr(sentence, reasons[i]))
			return true;
	return false;
}
