/* SPDX-License-Identifier: MIT */
/* Generated libraries, as the programs that test with them load them. */
#ifndef TEST_ABI_LOAD_H
#define TEST_ABI_LOAD_H

#include "case.h"

/* Ends the program with a sentence if it cannot be loaded. */
struct abi_library *load_library(const char *path);

/* Room for one value of any type in a case. */
struct image {
	_Alignas(4096) char bytes[ABI_CASE_SIZE_MAX];
};

/* Makes all arguments of a case; addresses of them in `arguments`. */
void make_arguments(const struct abi_library *, unsigned number, struct image *images, void **arguments);

/* Some types are refused, since compilers do not agree on them, and with a sentence that says
 * so. Whether that is the reason. */
bool is_fair_refusal(const char *sentence);

#endif
