/* SPDX-License-Identifier: MIT */
/* The calling thread's last failure, as one sentence. */
#ifndef SFFI_ERROR_H
#define SFFI_ERROR_H

#include "safeffi.h"

/* Stores the sentence for sffi_error() and returns status, so that a failing
 * function can end with `return sffi__fail(SFFI_EINVAL, "...");`. */
sffi_status sffi__fail(sffi_status status, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The same for a failed system call: "cannot <what>: <strerror(error)>". error is
 * positive or negative. ENOMEM becomes SFFI_ENOMEM, everything else SFFI_ESYSTEM. */
sffi_status sffi__fail_system(int error, const char *what);

#endif
