/* SPDX-License-Identifier: MIT */
#ifndef SFFI_PROOF_H
#define SFFI_PROOF_H

#include "safeffi.h"

/* Makes one fault as a callee would, and sees whether it is caught: under an emulator, a
 * debugger or a security policy, handlers that are installed may not be called, or not come
 * back. SFFI_ENOTSUP. */
sffi_status sffi__prove_guard(void);

#endif
