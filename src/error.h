/* SPDX-License-Identifier: MIT */
/* The calling thread's last failure, as one sentence. */
#ifndef SFFI_ERROR_H
#define SFFI_ERROR_H

#include "safeffi.h"

/* Stores the sentence for sffi_error() and returns status, so that a failing
 * function can end with `return sffi__fail(SFFI_EINVAL, "...");`. */
sffi_status sffi__fail(sffi_status status, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Writes a sentence when it is asked for, which may be never; drop is called once in any
 * case, on the same thread. */
struct sentence_writer {
	void (*write)(char *text, size_t size, const void *data);
	void (*drop)(void *data);
};
sffi_status sffi__fail_later(sffi_status status, const struct sentence_writer *, void *data);

/* The same for a failed system call: "cannot <what>: <strerror(error)>". error is
 * positive or negative. ENOMEM becomes SFFI_ENOMEM, everything else SFFI_ESYSTEM. */
sffi_status sffi__fail_system(int error, const char *what);

#endif
