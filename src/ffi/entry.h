/* SPDX-License-Identifier: MIT */
/* Between the files of libsafeffi-ffi, which use the public interface only. */
#ifndef SFFI_FFI_ENTRY_H
#define SFFI_FFI_ENTRY_H

#include "safeffi-ffi.h"

/* ---- error.c ---------------------------------------------------------------------------- */

/* Leaves a sentence of this library's own and returns the status. */
sffi_status sffi__ffi_fail(sffi_status, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* From here on sffi_ffi_error is what sffi_error is: every entry point begins so. */
void sffi__ffi_begin(void);

/* ---- signature.c ------------------------------------------------------------------------- */

/*
 * A cif by its contents, as bytes: the result, then the arguments. A type is the byte
 * FFI_TYPE_..., after FFI_TYPE_COMPLEX comes its base, after FFI_TYPE_STRUCT the elements and
 * SIGNATURE_END. Two cifs that are called alike have the same bytes.
 */
enum { SIGNATURE_END = 0xff, SIGNATURE_INLINE = 2048 };

struct signature {
	size_t size, capacity;
	uint8_t *bytes; /* `few`, or allocated */
	uint8_t few[SIGNATURE_INLINE];
};

/* To be ended in every case. SFFI_ETYPE, SFFI_ENOTSUP, SFFI_EINVAL, SFFI_ENOMEM. */
sffi_status sffi__ffi_signature(struct signature *, const ffi_cif *);
void sffi__ffi_signature_end(struct signature *);

/* The declaration of a function of that name, to be freed; NULL: out of memory. */
char *sffi__ffi_declaration(const struct signature *, const char *name);

/* ---- cache.c ----------------------------------------------------------------------------- */

struct known; /* a function that was called */

/* Finds it or makes it; in use until it is left. As sffi_function_at. */
sffi_status sffi__ffi_know(struct known **, sffi_domain *, void *address, const struct signature *);
void sffi__ffi_leave(struct known *);
sffi_function *sffi__ffi_function(const struct known *);

#endif
