/* SPDX-License-Identifier: MIT */
/*
 * From the registers, stack and mappings of a fault to its frames.
 *
 * symbolize.c does what needs no debugging information; one of symbolize_dwfl.c (with
 * elfutils) and symbolize_none.c is linked and does the rest. The backend is called by one
 * thread at a time.
 */
#ifndef SFFI_FAULT_SYMBOLIZE_H
#define SFFI_FAULT_SYMBOLIZE_H

#include "fault/fault.h"
#include "fault/maps.h"

#include <string.h>

/* Says function, file and line of one frame; appends further frames. */
void sffi__backend_symbolize(sffi_fault *, const struct maps *);

/* Keeps every thread from symbolizing: around a fork. */
void sffi__symbolize_lock(void);
void sffi__symbolize_unlock(void);

/* Whether symbols and frames beyond the first can be had in this build. */
bool sffi__backend_exists(void);

/* For the backend: appends a frame with its pc, library and offset. NULL: there are
 * enough. */
sffi_frame *sffi__frame_add(sffi_fault *, const struct maps *, uintptr_t pc);
/* A copy that lives as long as the fault; NULL: out of memory, or for NULL. */
const char *sffi__frame_string(sffi_fault *, const char *);

/* Reads one word from the copied stack; false: it is not in there. */
bool sffi__fault_read_stack(const sffi_fault *, uintptr_t address, uint64_t *word);

/* Frees the frames' strings. */
void sffi__frame_strings_free(sffi_fault *);

/* Whether the function is where a callee is called from: what called that is not the callee's. */
static inline bool is_entry(const char *function)
{
	return function && (!strcmp(function, "sffi__enter") || !strcmp(function, "sffi__fiber_enter") ||
			    !strcmp(function, "sffi__fiber_resume"));
}

#endif
