/* SPDX-License-Identifier: MIT */
/*
 * Symbols and unwinding are a module of their own, safeffi-symbols.so, loaded when a report
 * is first read: elfutils and what it needs would otherwise be in every host and, cloned,
 * in every worker, where they cost a fifth of the time to start.
 */
#ifndef SFFI_SYMBOLS_MODULE_H
#define SFFI_SYMBOLS_MODULE_H

#include "fault/symbolize.h"

/* What the module calls in the library. */
struct symbols_services {
	sffi_frame *(*frame_add)(sffi_fault *, const struct maps *, uintptr_t pc);
	const char *(*frame_string)(sffi_fault *, const char *);
	bool (*read_stack)(const sffi_fault *, uintptr_t address, uint64_t *word);
	const struct mapping *(*maps_find)(const struct maps *, uintptr_t address);
};

#define SYMBOLS_MODULE "safeffi-symbols.so"
#define SYMBOLS_ENTRY "safeffi_symbols"

/* The module's one symbol. */
typedef void symbols_entry(sffi_fault *, const struct maps *, const struct symbols_services *);
__attribute__((visibility("default"))) symbols_entry safeffi_symbols;

#endif
