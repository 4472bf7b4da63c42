/* SPDX-License-Identifier: MIT */
#include "abi/abi.h"

/*
 *	endbr64                    f3 0f 1e fa
 *	mov    $index, %r11d       41 bb imm32
 *	jmp    *entry(%rip)        ff 25 rel32
 *
 * r11 is the one register that neither passes arguments nor belongs to the caller, r10
 * being the static chain (System V psABI for AMD64, figure 3.4). The entry's address is
 * data at the end of the bytes: the page itself is never written again.
 */
static void write_one(unsigned char *at, uint32_t index, uint32_t distance)
{
	static const unsigned char code[ABI_THUNK_SIZE] = {
		0xf3, 0x0f, 0x1e, 0xfa, 0x41, 0xbb, 0, 0, 0, 0, 0xff, 0x25, 0, 0, 0, 0,
	};

	memcpy(at, code, sizeof code);
	memcpy(at + 6, &index, sizeof index);
	memcpy(at + 12, &distance, sizeof distance);
}

size_t sffi__abi_thunks_write(void *page, size_t bytes, uint64_t first_index, uint64_t entry)
{
	size_t count = (bytes - sizeof entry) / ABI_THUNK_SIZE, data = bytes - sizeof entry;
	unsigned char *at = page;

	for (size_t i = 0; i < count; i++, at += ABI_THUNK_SIZE)
		write_one(at, (uint32_t)(first_index + i),
			  (uint32_t)(data - (i + 1) * ABI_THUNK_SIZE));
	memset(at, 0xcc, bytes - count * ABI_THUNK_SIZE);
	memcpy((char *)page + data, &entry, sizeof entry);
	return count;
}
