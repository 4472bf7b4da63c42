/* SPDX-License-Identifier: MIT */
#include "abi/aarch64/upcall_entry.h"

	upcall_entry sffi__inside_upcall_enter, sffi__inside_upcall

	.section .note.GNU-stack, "", %progbits
