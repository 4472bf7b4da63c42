/* SPDX-License-Identifier: MIT */
/*
 * One elfutils session for the process, kept warm between reports.
 *
 * A library has a place of its own in the session, whatever its address in a worker:
 * each new worker has its libraries elsewhere, and reading their symbols and debugging
 * information anew would cost tens of milliseconds. So addresses are translated: into
 * the session's on the way in, back on the way out. The session's places are no user
 * addresses, so the two cannot be mistaken for each other.
 *
 * Not for two threads at once.
 */
#ifndef SFFI_FAULT_DWFL_MODULES_H
#define SFFI_FAULT_DWFL_MODULES_H

#include "fault/maps.h"

#include <elfutils/libdwfl.h>

/* The session, with the libraries of these mappings translated until the next call; NULL:
 * elfutils refused. The callbacks are attached once, with NULL as their argument. */
Dwfl *sffi__dwfl_session(const struct maps *, pid_t, const Dwfl_Thread_Callbacks *);

/* An address of the worker as the session's; one that is in no library stays itself, one
 * that could be taken for a place of the session becomes 0. */
Dwarf_Addr sffi__dwfl_from_worker(uintptr_t address);
/* And back. */
uintptr_t sffi__dwfl_to_worker(Dwarf_Addr address);

/* The source file of an address of the session, until the next call of
 * sffi__dwfl_session, or NULL; stores the line. */
const char *sffi__dwfl_source(Dwfl_Module *, Dwarf_Addr, int *line);

#endif
