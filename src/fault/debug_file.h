/* SPDX-License-Identifier: MIT */
#ifndef SFFI_FAULT_DEBUG_FILE_H
#define SFFI_FAULT_DEBUG_FILE_H

#include <elfutils/libdwfl.h>

/*
 * A Dwfl_Callbacks find_debuginfo: where GDB looks, by build ID and by .gnu_debuglink, under
 * /usr/lib/debug and beside the file. Unlike dwfl_standard_find_debuginfo it opens regular
 * files only, gives out copies (see elf_image.h), and never asks the network.
 */
int sffi__find_debug_file(Dwfl_Module *, void **, const char *module, Dwarf_Addr base,
			  const char *file, const char *link, GElf_Word checksum, char **name);

#endif
