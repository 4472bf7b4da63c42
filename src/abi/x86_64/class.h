/* SPDX-License-Identifier: MIT */
/* The classes of the System V psABI for AMD64, 3.2.3. */
#ifndef SFFI_ABI_X86_64_CLASS_H
#define SFFI_ABI_X86_64_CLASS_H

#include "abi/abi.h"

enum class {
	CLASS_NONE,
	CLASS_INTEGER,
	CLASS_SSE,
	CLASS_X87,
	CLASS_X87UP,
	CLASS_COMPLEX_X87,
	CLASS_MEMORY
};

/* Classifies any complete type. *dispute, if not NULL, is set to why gcc and clang do not pass
 * such a type alike; no registers will do then. */
struct abi_class sffi__abi_classify(const struct type *, const char **dispute);

struct class_registers {
	unsigned integers, vectors;
};

/* As an argument: class X87 and its like go to memory. */
static inline bool class_is_memory(struct abi_class class)
{
	return class.word[0] > CLASS_SSE || class.word[1] > CLASS_SSE;
}

static inline struct class_registers class_registers(struct abi_class class)
{
	return (struct class_registers){
		.integers = (class.word[0] == CLASS_INTEGER) + (class.word[1] == CLASS_INTEGER),
		.vectors = (class.word[0] == CLASS_SSE) + (class.word[1] == CLASS_SSE),
	};
}

#endif
