/* SPDX-License-Identifier: MIT */
#include "entry.h"

#include <string.h>

/* libffi's rule for results: an integer narrower than ffi_arg becomes one. */
union narrow {
	uint8_t u8;
	int8_t s8;
	uint16_t u16;
	int16_t s16;
	uint32_t u32;
	int32_t s32;
};

static bool widen(const ffi_type *type, const union narrow *from, ffi_arg *to)
{
	switch (type->type) {
	case FFI_TYPE_UINT8:
		*to = from->u8;
		return true;
	case FFI_TYPE_SINT8:
		*to = (ffi_arg)(ffi_sarg)from->s8;
		return true;
	case FFI_TYPE_UINT16:
		*to = from->u16;
		return true;
	case FFI_TYPE_SINT16:
		*to = (ffi_arg)(ffi_sarg)from->s16;
		return true;
	case FFI_TYPE_UINT32:
		*to = from->u32;
		return true;
	case FFI_TYPE_INT:
	case FFI_TYPE_SINT32:
		*to = (ffi_arg)(ffi_sarg)from->s32;
		return true;
	default:
		return false;
	}
}

static sffi_status call(sffi_function *function, const ffi_type *type, void *rvalue, void **avalues)
{
	union narrow narrow = { 0 };
	ffi_arg word;
	sffi_status status;

	if (!rvalue || !widen(type, &narrow, &word))
		return sffi_call_array(function, rvalue, avalues);
	status = sffi_call_array(function, &narrow, avalues);
	if (status)
		return status;
	widen(type, &narrow, &word);
	memcpy(rvalue, &word, sizeof word);
	return SFFI_OK;
}

sffi_status sffi_ffi_call(sffi_domain *domain, ffi_cif *cif, void (*fn)(void), void *rvalue,
			  void **avalues)
{
	struct signature signature;
	struct known *known = NULL;
	sffi_status status;

	sffi__ffi_begin();
	if (!domain || !cif || !fn)
		return sffi__ffi_fail(SFFI_EINVAL, "sffi_ffi_call needs a domain, a cif and a function; "
						   "it got NULL");
	status = sffi__ffi_signature(&signature, cif);
	if (!status)
		status = sffi__ffi_know(&known, domain, (void *)fn, &signature);
	sffi__ffi_signature_end(&signature);
	if (status)
		return status;
	status = call(sffi__ffi_function(known), cif->rtype, rvalue, avalues);
	sffi__ffi_leave(known);
	return status;
}
