/* SPDX-License-Identifier: MIT */
/* The module's door: what the backend calls in the library goes through the services. */
#include "fault/symbols_module.h"

static const struct symbols_services *services;

sffi_frame *sffi__frame_add(sffi_fault *fault, const struct maps *maps, uintptr_t pc)
{
	return services->frame_add(fault, maps, pc);
}

const char *sffi__frame_string(sffi_fault *fault, const char *text)
{
	return services->frame_string(fault, text);
}

bool sffi__fault_read_stack(const sffi_fault *fault, uintptr_t address, uint64_t *word)
{
	return services->read_stack(fault, address, word);
}

const struct mapping *sffi__maps_find(const struct maps *maps, uintptr_t address)
{
	return services->maps_find(maps, address);
}

/* Called by one thread at a time: symbolize.c. */
void safeffi_symbols(sffi_fault *fault, const struct maps *maps, const struct symbols_services *given)
{
	services = given;
	sffi__backend_symbolize(fault, maps);
}
