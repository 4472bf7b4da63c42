/* SPDX-License-Identifier: MIT */
/*
 * SafeFFI for programs that are written against libffi: the call and the closure in its
 * terms, so that a virtual machine moves by changing one call. A library of its own,
 * libsafeffi-ffi (pkg-config: safeffi-ffi), on top of safeffi.h, whose rules hold here too.
 *
 *	ffi_call(&cif, fn, &result, values);
 *	status = sffi_ffi_call(domain, &cif, fn, &result, values);
 *
 * What a cif says and what it does not:
 * - Types: all of libffi's: integers, float, double, long double, complex, pointers, void
 *   results, structs of them by value. A struct whose size and alignment are not those that
 *   its elements have in C (a union or a packed struct laid out by hand) is refused.
 * - Only FFI_DEFAULT_ABI.
 * - Pointers: a cif does not say what is behind one, nor how much, so every pointer travels
 *   as `void *`: NULL, memory of the domain's arena (sffi_alloc) and of the callee, numbers
 *   that are no address, and the code of closures pass as they are. The host's own memory is
 *   refused with SFFI_ETYPE, and the function is not called. A function of the host is no
 *   exception: make a closure. Whoever knows how much is behind a pointer says so in a
 *   declaration, to sffi_function_at.
 * - Results that are pointers are the callee's: read them with sffi_read.
 * - Variadic functions: a cif from ffi_prep_cif_var does not keep which arguments are the
 *   variadic ones, and here nothing hangs on it: on x86-64 and aarch64 Linux they are passed
 *   as the others are, and ffi_prep_cif_var itself refuses the types that C promotes.
 */
#ifndef SAFEFFI_FFI_H
#define SAFEFFI_FFI_H

#include <ffi.h>
#include <safeffi.h>

#ifdef __cplusplus
extern "C" {
#endif

/* This thread's last failure of a function of this library, in one sentence, or "". Valid
 * until this thread's next call of a SafeFFI function. (sffi_error() has those sentences only
 * that come from the functions of safeffi.h underneath.) */
SFFI_API const char *sffi_ffi_error(void);

/* ffi_call in the domain. cif: as ffi_prep_cif left it; it may change or end after the call.
 * fn: any code of the host's program and libraries, static functions and libraries that were
 * loaded later included, or of the domain's worker. What the program itself has, a worker of
 * SFFI_SPAWN_EXEC has not: SFFI_EADDRESS; so too code outside of all files, as compilers at
 * run time make. avalues: the addresses of the arguments' values; may be NULL without any.
 * rvalue: room for the result as ffi_call wants it, NULL to drop it: an integer narrower than
 * ffi_arg is widened to an ffi_arg. Nothing is stored there unless the call returns SFFI_OK.
 *
 * What a call needs is worked out with the first one of a function and signature in a domain
 * and kept, for 4096 of them; a later one finds it without allocating memory. Any thread.
 *
 * As sffi_call, and: SFFI_EADDRESS: no code at fn; SFFI_ETYPE: the cif has a type that cannot
 * be passed; SFFI_ENOTSUP: the cif is not of FFI_DEFAULT_ABI; SFFI_EINVAL: a NULL that is
 * needed, or a cif that ffi_prep_cif has not seen. */
SFFI_API sffi_status sffi_ffi_call(sffi_domain *, ffi_cif *cif, void (*fn)(void), void *rvalue,
				   void **avalues);

/* Drops what sffi_ffi_call keeps for the domain, at best right before sffi_domain_close. It
 * is no must: of domains that were closed it is dropped when a new domain is first called.
 * No other thread may be about to close the domain. */
SFFI_API void sffi_ffi_release(sffi_domain *);

/* A function of the host that callees of one domain can call, as ffi_closure is. The caller
 * owns it. */
typedef struct sffi_ffi_closure sffi_ffi_closure;

/* Makes one that has no code yet. It does not keep the domain open. SFFI_ENOMEM,
 * SFFI_EINVAL. */
SFFI_API sffi_status sffi_ffi_closure_alloc(sffi_ffi_closure **, sffi_domain *);
/* What the closure is and does; *code, unlike with libffi, is known only now: the address that
 * callees call, the same in every worker of the domain. Prepared again, it gets another *code
 * and the former is stale. cif must stay as it is until the closure is freed; fun has libffi's
 * rules: a result that is an integer narrower than ffi_arg is stored as an ffi_arg, and ret
 * has room for one in any case. Arguments that are pointers are the callee's (sffi_read) or
 * the arena's. Where and when fun runs, and sffi_upcall_fail, are as for sffi_callback_new.
 * SFFI_ETYPE, SFFI_ENOTSUP, SFFI_EINVAL: the cif, as above; SFFI_ENOMEM: too many;
 * SFFI_ECLOSED. */
SFFI_API sffi_status sffi_ffi_prep_closure(sffi_ffi_closure *, ffi_cif *cif,
					   void (*fun)(ffi_cif *, void *ret, void **args,
						       void *user_data),
					   void *user_data, void **code);
/* A callee that still calls the code faults (SFFI_FAULT_STALE_CALLBACK). fun itself may free
 * its closure; other threads must know that no call of it is about to begin. */
SFFI_API void sffi_ffi_closure_free(sffi_ffi_closure **);

#ifdef __cplusplus
}
#endif
#endif
