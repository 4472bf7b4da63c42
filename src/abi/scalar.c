/* SPDX-License-Identifier: MIT */
/* Scalars between memory and 64-bit words; the same on every little-endian CPU. */
#include "abi/abi.h"

#include <string.h>

uint64_t sffi__abi_widen(const struct type *type, const void *address)
{
	bool is_signed = type->kind == TYPE_FD || (type->kind == TYPE_INTEGER && type->is_signed);
	uint64_t word = 0;

	switch (type->size) {
	case 1:
		if (type->kind == TYPE_BOOL)
			return *(const uint8_t *)address != 0;
		return is_signed ? (uint64_t)(int64_t) * (const int8_t *)address
				 : *(const uint8_t *)address;
	case 2: {
		uint16_t value;

		memcpy(&value, address, sizeof value);
		return is_signed ? (uint64_t)(int64_t)(int16_t)value : value;
	}
	case 4: {
		uint32_t value;

		memcpy(&value, address, sizeof value);
		return is_signed ? (uint64_t)(int64_t)(int32_t)value : value;
	}
	default:
		memcpy(&word, address, sizeof word);
		return word;
	}
}

void sffi__abi_narrow(const struct type *type, uint64_t word, void *address)
{
	/* A callee defines only the low eight bits of a bool result (System V psABI, 3.2.3). */
	if (type->kind == TYPE_BOOL)
		word = (word & 0xff) != 0;
	memcpy(address, &word, type->size <= sizeof word ? type->size : sizeof word);
}
