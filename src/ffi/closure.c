/* SPDX-License-Identifier: MIT */
/* Closures: callbacks whose handler is told so in libffi's way. */
#include "entry.h"

#include <stdlib.h>
#include <string.h>

struct sffi_ffi_closure {
	sffi_domain *domain;
	sffi_callback *callback; /* NULL: not prepared */
	ffi_cif *cif;
	void (*fun)(ffi_cif *, void *, void **, void *);
	void *user_data;
};

/* What fun stored is an ffi_arg; the result has the low bytes of it. */
static size_t narrow_size(const ffi_type *type)
{
	switch (type->type) {
	case FFI_TYPE_INT:
	case FFI_TYPE_UINT8:
	case FFI_TYPE_SINT8:
	case FFI_TYPE_UINT16:
	case FFI_TYPE_SINT16:
	case FFI_TYPE_UINT32:
	case FFI_TYPE_SINT32:
		return type->size;
	default:
		return 0;
	}
}

/* On a big-endian machine the low bytes are the last ones. */
static const char *low_bytes(const ffi_arg *word, size_t size)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	return (const char *)(word + 1) - size;
#else
	(void)size;
	return (const char *)word;
#endif
}

/* fun may free the closure: nothing of it is used afterwards. */
static void run(const sffi_ffi_closure *closure, void *result, void **arguments)
{
	ffi_cif *cif = closure->cif;
	size_t size = narrow_size(cif->rtype);
	ffi_arg word = 0;
	void *ret = size || cif->rtype->type == FFI_TYPE_VOID ? &word : result;

	closure->fun(cif, ret, arguments, closure->user_data);
	if (size)
		memcpy(result, low_bytes(&word, size), size);
}

/* The list of addresses is fun's to change, as ffi_call does when it is passed on. */
static void handle(void *result, void *const *arguments, void *data)
{
	enum { FEW = 32 };
	const sffi_ffi_closure *closure = data;
	unsigned count = closure->cif->nargs;
	void *few[FEW], **list = count <= FEW ? few : malloc(count * sizeof *list);

	if (!list) {
		sffi_upcall_fail("out of memory for the arguments of a closure");
		return;
	}
	if (count)
		memcpy(list, arguments, count * sizeof *list);
	run(closure, result, list);
	if (list != few)
		free(list);
}

sffi_status sffi_ffi_closure_alloc(sffi_ffi_closure **result, sffi_domain *domain)
{
	sffi__ffi_begin();
	if (!result || !domain)
		return sffi__ffi_fail(SFFI_EINVAL, "sffi_ffi_closure_alloc needs a place for the closure "
						   "and a domain; it got NULL");
	*result = calloc(1, sizeof **result);
	if (!*result)
		return sffi__ffi_fail(SFFI_ENOMEM, "out of memory for a closure");
	(*result)->domain = domain;
	return SFFI_OK;
}

static sffi_status make_callback(sffi_callback **callback, sffi_ffi_closure *closure,
				 const ffi_cif *cif)
{
	struct signature signature;
	sffi_status status = sffi__ffi_signature(&signature, cif);
	char *text = status ? NULL : sffi__ffi_declaration(&signature, "closure");

	sffi__ffi_signature_end(&signature);
	if (!status && !text)
		status = sffi__ffi_fail(SFFI_ENOMEM, "out of memory for a declaration");
	if (!status)
		status = sffi_callback_new(callback, closure->domain, text, handle, closure);
	free(text);
	return status;
}

sffi_status sffi_ffi_prep_closure(sffi_ffi_closure *closure, ffi_cif *cif,
				  void (*fun)(ffi_cif *, void *, void **, void *), void *user_data,
				  void **code)
{
	sffi_callback *callback = NULL;
	sffi_status status;

	sffi__ffi_begin();
	if (!closure || !cif || !fun || !code)
		return sffi__ffi_fail(SFFI_EINVAL, "sffi_ffi_prep_closure needs a closure, a cif, a function "
						   "and a place for the code; it got NULL");
	status = make_callback(&callback, closure, cif);
	if (status)
		return status;
	sffi_callback_release(&closure->callback);
	closure->callback = callback;
	closure->cif = cif;
	closure->fun = fun;
	closure->user_data = user_data;
	*code = sffi_callback_address(callback);
	return SFFI_OK;
}

void sffi_ffi_closure_free(sffi_ffi_closure **freed)
{
	sffi_ffi_closure *closure = freed ? *freed : NULL;

	if (!closure)
		return;
	*freed = NULL;
	sffi_callback_release(&closure->callback);
	free(closure);
}
