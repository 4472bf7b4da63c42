/* SPDX-License-Identifier: MIT */
/* Loads the module that knows elfutils, and does without it: then there is the frame at the
 * fault, and for a call of a bad address its caller, as library and offset. */
#include "fault/symbols_module.h"
#include "fault/unwind.h"
#include "os/os.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>

static const struct symbols_services services = {
	.frame_add = sffi__frame_add,
	.frame_string = sffi__frame_string,
	.read_stack = sffi__fault_read_stack,
	.maps_find = sffi__maps_find,
};

static symbols_entry *entry;

static void load(void)
{
	char path[PATH_MAX];
	void *module;

	sffi__os_beside_library(SYMBOLS_MODULE, path);
	module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (module)
		entry = (symbols_entry *)dlsym(module, SYMBOLS_ENTRY);
}

bool sffi__backend_exists(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, load);
	return entry;
}

void sffi__backend_symbolize(sffi_fault *fault, const struct maps *maps)
{
	struct machine_registers registers = fault->registers;

	if (sffi__backend_exists())
		entry(fault, maps, &services);
	else if (sffi__unwind_bad_call(fault, maps, &registers))
		sffi__frame_add(fault, maps, registers.value[REGISTER_PC]);
}
