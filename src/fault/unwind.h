/* SPDX-License-Identifier: MIT */
#ifndef SFFI_FAULT_UNWIND_H
#define SFFI_FAULT_UNWIND_H

#include "fault/fault.h"
#include "fault/maps.h"

/* Whether the pc is no code, as after a call of NULL. Then the registers become those of
 * the caller, right after its call. False also if the return address is not to be had. */
bool sffi__unwind_bad_call(const sffi_fault *, const struct maps *, struct machine_registers *);

#endif
