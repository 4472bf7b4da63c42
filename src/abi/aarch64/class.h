/* SPDX-License-Identifier: MIT */
/* How the Procedure Call Standard for the Arm 64-bit Architecture (AAPCS64) passes a type. */
#ifndef SFFI_ABI_AARCH64_CLASS_H
#define SFFI_ABI_AARCH64_CLASS_H

#include "abi/abi.h"

enum class {
	CLASS_NONE,      /* of size 0 */
	CLASS_INTEGER,   /* count x registers */
	CLASS_VECTOR,    /* count v registers: floating point, or a homogeneous aggregate of it */
	CLASS_REFERENCE, /* the address of a copy */
};

/* Classifies any complete type. *dispute is set to why gcc and clang do not pass such a type
 * alike; no registers will do then. */
struct abi_class sffi__abi_classify(const struct type *, const char **dispute);

#endif
