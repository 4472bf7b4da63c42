/* SPDX-License-Identifier: MIT */
#ifndef SFFI_LIBRARY_PATH_H
#define SFFI_LIBRARY_PATH_H

/* What the loader is to be given for a name as in "z", "libz.so.1" or a path: a malloc'd
 * string; NULL: out of memory. A name that is not found stays as it is, for the loader's
 * own words. */
char *sffi__library_path(const char *name);

#endif
