/* SPDX-License-Identifier: MIT */
#include "abi/x86_64/upcall_entry.h"

	upcall_entry sffi__upcall_enter, sffi__upcall

	.section .note.GNU-stack, "", @progbits
