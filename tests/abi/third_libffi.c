/* SPDX-License-Identifier: MIT */
/* libffi knows scalars, complex numbers, and plain structs of them: no unions, bit-fields,
 * packed or over-aligned ones, no __int128, no empty structs, nothing variadic that is
 * promoted. Arrays are spelled out. */
#include "third.h"

#include <ffi.h>
#include <stdio.h>

enum { TYPES_MAX = 4096, ELEMENTS_MAX = 16384 };

static struct {
	ffi_type types[TYPES_MAX];
	ffi_type *elements[ELEMENTS_MAX];
	size_t type_count, element_count;
} made;

static ffi_type *to_ffi(const struct type *type);

static ffi_type *integer(const struct type *type)
{
	switch (type->size) {
	case 1:
		return type->is_signed ? &ffi_type_sint8 : &ffi_type_uint8;
	case 2:
		return type->is_signed ? &ffi_type_sint16 : &ffi_type_uint16;
	case 4:
		return type->is_signed ? &ffi_type_sint32 : &ffi_type_uint32;
	case 8:
		return type->is_signed ? &ffi_type_sint64 : &ffi_type_uint64;
	default:
		return NULL;
	}
}

static bool add_element(const struct type *type, size_t *count)
{
	if (type->kind == TYPE_ARRAY) {
		for (size_t i = 0; i < type->count; i++)
			if (!add_element(type->target, count))
				return false;
		return true;
	}
	made.elements[made.element_count] = to_ffi(type);
	++*count;
	return made.elements[made.element_count++] && made.element_count < ELEMENTS_MAX - 100;
}

/* Nested structs come first: their elements must not lie among ours. */
static bool prepare_members(const struct type *type)
{
	for (size_t i = 0; i < type->count; i++) {
		const struct type *member = type->members[i].type;

		while (member->kind == TYPE_ARRAY)
			member = member->target;
		if (type->members[i].bit_width || member->kind == TYPE_STRUCT ||
		    type->members[i].type->size > 256)
			return false;
	}
	return true;
}

static ffi_type *structure(const struct type *type)
{
	ffi_type *result = &made.types[made.type_count];
	ffi_type **elements = &made.elements[made.element_count];
	size_t count = 0, offset = 0;

	if (!type->size || type->has_bit_fields || type->is_packed || made.type_count == TYPES_MAX - 1 ||
	    !prepare_members(type))
		return NULL;
	for (size_t i = 0; i < type->count; i++) {
		const struct type *member = type->members[i].type;

		/* As without attributes. */
		offset = (offset + member->alignment - 1) & ~(member->alignment - 1);
		if (offset != type->members[i].offset || member->alignment > 16)
			return NULL;
		offset += member->size;
		if (!add_element(member, &count))
			return NULL;
	}
	made.elements[made.element_count++] = NULL;
	*result = (ffi_type){ 0, 0, FFI_TYPE_STRUCT, elements };
	made.type_count++;
	if (ffi_get_struct_offsets(FFI_DEFAULT_ABI, result, NULL) || result->size != type->size ||
	    result->alignment != type->alignment)
		return NULL;
	return result;
}

static ffi_type *to_ffi(const struct type *type)
{
	switch (type->kind) {
	case TYPE_VOID:
		return &ffi_type_void;
	case TYPE_BOOL:
		return &ffi_type_uint8;
	case TYPE_INTEGER:
		return integer(type);
	case TYPE_POINTER:
		return &ffi_type_pointer;
	case TYPE_FLOAT:
		return type->size == 4 ? &ffi_type_float : type->size == 8 ? &ffi_type_double
									   : &ffi_type_longdouble;
	case TYPE_COMPLEX:
		return type->size == 8	? &ffi_type_complex_float
		       : type->size == 16 ? &ffi_type_complex_double
					  : &ffi_type_complex_longdouble;
	case TYPE_STRUCT:
		return structure(type);
	default:
		return NULL;
	}
}

/* libffi 3.4 does not look at st0 for a struct. */
static bool is_x87_struct(const struct type *type)
{
	return type->kind == TYPE_STRUCT && type->size == sizeof(long double) && type->count == 1;
}

/* libffi 3.4 copies all of a struct to the place of its first eightbyte: beyond r9, that is
 * xmm0's. */
static bool overwrites_xmm0(const struct abi_plan *plan)
{
	enum { R9 = 5 * 8 };

	for (size_t i = 0; i < plan->move_count; i++) {
		const struct abi_move *move = &plan->moves[i];

		if (move->place == ABI_FRAME && move->to == R9 &&
		    move->offset + 8 < plan->arguments[move->parameter].type->size)
			return true;
	}
	return false;
}

/* libffi widens small integer results to a register. */
static bool is_right(const struct abi_library *library, unsigned number, const void *result)
{
	unsigned byte;

	return !library->cases[number].result.size ||
	       abi_is_value(library, number, ABI_CASE_RESULT, result, &byte);
}

bool third_call(void *callee, const struct function_type *function, const struct abi_plan *plan,
		struct image *images, struct abi_library *library, unsigned number)
{
	static struct image result;
	ffi_type *types[ABI_CASE_ARGUMENTS_MAX], *result_type;
	void *arguments[ABI_CASE_ARGUMENTS_MAX];
	ffi_cif cif;

	made.type_count = made.element_count = 0;
	result_type = to_ffi(function->result);
	if (function->is_variadic || !result_type || is_x87_struct(function->result) ||
	    overwrites_xmm0(plan))
		return false;
	for (size_t i = 0; i < function->count; i++) {
		types[i] = to_ffi(function->parameters[i].type);
		if (!types[i])
			return false;
	}
	if (ffi_prep_cif(&cif, FFI_DEFAULT_ABI, (unsigned)function->count, result_type, types))
		return false;
	make_arguments(library, number, images, arguments);
	ffi_call(&cif, FFI_FN(callee), result.bytes, arguments);
	if (!is_right(library, number, result.bytes) && !library->failures++)
		snprintf(library->message, sizeof library->message, "another result");
	return true;
}
