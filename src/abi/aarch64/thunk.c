/* SPDX-License-Identifier: MIT */
#include "abi/abi.h"

/*
 *	bti  c
 *	movz w17, #index & 0xffff
 *	movk w17, #index >> 16, lsl #16
 *	ldr  x16, entry
 *	br   x16
 *
 * x16 and x17 are for such stubs (AAPCS64 6.1.1). The entry's address is data at the end of
 * the bytes: the page itself is never written again.
 */
static void write_one(char *at, uint32_t index, uint32_t distance)
{
	const uint32_t code[] = {
		0xd503245f,
		0x52800011 | (index & 0xffff) << 5,
		0x72a00011 | index >> 16 << 5,
		0x58000010 | distance / 4 << 5,
		0xd61f0200,
		0, 0, 0, /* udf */
	};

	_Static_assert(sizeof code == ABI_THUNK_SIZE, "a thunk is that long");
	memcpy(at, code, sizeof code);
}

size_t sffi__abi_thunks_write(void *page, size_t bytes, uint64_t first_index, uint64_t entry)
{
	enum { LOAD = 12 }; /* where the ldr is: distances count from it */
	size_t data = bytes - sizeof entry, count = data / ABI_THUNK_SIZE;
	char *at = page;

	memset(page, 0, bytes);
	for (size_t i = 0; i < count; i++)
		write_one(at + i * ABI_THUNK_SIZE, (uint32_t)(first_index + i),
			  (uint32_t)(data - i * ABI_THUNK_SIZE - LOAD));
	memcpy(at + data, &entry, sizeof entry);
	return count;
}
