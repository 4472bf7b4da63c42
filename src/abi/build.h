/* SPDX-License-Identifier: MIT */
/* Making a plan: what the classifiers of all CPUs share. */
#ifndef SFFI_ABI_BUILD_H
#define SFFI_ABI_BUILD_H

#include "abi/abi.h"

struct abi_build {
	struct abi_plan *plan;
	size_t parameter;    /* in work, from 0; ABI_RESULT: the result */
	bool is_promoted;    /* the parameter stands after the `...` */
	uint64_t stack_size; /* bytes, so far */
	uint64_t memory_size;
};

#define ABI_RESULT ((size_t)-1)

/* What a CPU's folder defines: places the parameter in work, and the result, which comes
 * first. SFFI_ETYPE with a sentence. */
struct abi_convention {
	sffi_status (*pass)(struct abi_build *, const struct type *);
	sffi_status (*pass_result)(struct abi_build *, const struct type *);
};
extern const struct abi_convention sffi__convention;

/* What no CPU passes by value; false with a sentence. */
bool abi_build_check(const struct abi_build *, const struct type *);
/* SFFI_ETYPE: "parameter 2 of the type 'struct s' cannot be passed by value: <why>" */
sffi_status abi_build_refuse(const struct abi_build *, const struct type *, const char *why);

/* How many bytes from offset on belong to the eightbyte there, and how they are moved. */
size_t abi_piece_size(const struct type *, size_t offset);
enum abi_kind abi_piece_kind(const struct type *, size_t size);

void abi_build_move(struct abi_build *, struct abi_move);
/* The eightbyte at offset of the parameter's value. */
void abi_build_piece(struct abi_build *, const struct type *, uint32_t offset, enum abi_place,
		     uint32_t to);
/* All of the parameter's value to the next stack words of that alignment. */
void abi_build_stack(struct abi_build *, const struct type *, size_t alignment);
/* The offset of the next stack word of that alignment; takes size bytes. */
uint32_t abi_build_stack_room(struct abi_build *, size_t size, size_t alignment);
/* A copy in the call's memory, whose address is passed in the place. */
void abi_build_reference(struct abi_build *, const struct type *, enum abi_place, uint32_t to);
void abi_build_result_in_memory(struct abi_build *, uint32_t result_pointer);

#endif
