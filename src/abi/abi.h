/* SPDX-License-Identifier: MIT */
/*
 * How a CPU passes arguments: the part of SafeFFI that a new CPU writes anew.
 * Everything named here lives in abi/<cpu>/: classify.c, enter.S, regs.h.
 */
#ifndef SFFI_ABI_H
#define SFFI_ABI_H

#include "safeffi.h"

#include <stdint.h>

#if defined __x86_64__
#include "abi/x86_64/regs.h"
#elif defined __aarch64__
#include "abi/aarch64/regs.h"
#else
#error "SafeFFI knows x86-64 and aarch64; a port writes src/abi/<cpu>/"
#endif

#endif
