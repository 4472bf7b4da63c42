/* SPDX-License-Identifier: MIT */
/* A third opinion on a signature, after the compiler's and ours. */
#ifndef TEST_ABI_THIRD_H
#define TEST_ABI_THIRD_H

#include "abi/abi.h"
#include "load.h"

/* Calls by libffi. false: it does not know such types, or is not there. A callee that got
 * something wrong says so itself; a wrong result is noted likewise. */
bool third_call(void *callee, const struct function_type *, const struct abi_plan *,
		struct image *images, struct abi_library *, unsigned number);

#endif
