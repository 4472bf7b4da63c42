/* SPDX-License-Identifier: MIT */
/* A cif's contents, and the C declaration that says the same. */
#include "entry.h"

#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 64, SCALARS = FFI_TYPE_LAST + 1 };

struct layout {
	size_t size, alignment;
};

/* What libffi's codes are in C, and what their sizes must be. */
static const struct scalar {
	const char *name;
	struct layout layout;
} scalars[SCALARS] = {
#define SCALAR(c_type) { #c_type, { sizeof(c_type), _Alignof(c_type) } }
	[FFI_TYPE_INT] = SCALAR(int),
	[FFI_TYPE_FLOAT] = SCALAR(float),
	[FFI_TYPE_DOUBLE] = SCALAR(double),
#if FFI_TYPE_LONGDOUBLE != FFI_TYPE_DOUBLE
	[FFI_TYPE_LONGDOUBLE] = SCALAR(long double),
#endif
	[FFI_TYPE_UINT8] = SCALAR(uint8_t),
	[FFI_TYPE_SINT8] = SCALAR(int8_t),
	[FFI_TYPE_UINT16] = SCALAR(uint16_t),
	[FFI_TYPE_SINT16] = SCALAR(int16_t),
	[FFI_TYPE_UINT32] = SCALAR(uint32_t),
	[FFI_TYPE_SINT32] = SCALAR(int32_t),
	[FFI_TYPE_UINT64] = SCALAR(uint64_t),
	[FFI_TYPE_SINT64] = SCALAR(int64_t),
	[FFI_TYPE_POINTER] = SCALAR(void *),
#undef SCALAR
};

/* ---- from the cif --------------------------------------------------------------------------- */

/* Where in the cif the type is, for sentences. */
struct place {
	unsigned argument; /* from 1; 0: the result */
	unsigned depth;
};

static sffi_status refuse(const struct place *place, const char *why)
{
	char where[32] = "the result";

	if (place->argument)
		snprintf(where, sizeof where, "argument %u", place->argument);
	return sffi__ffi_fail(SFFI_ETYPE, "%s of the cif %s", where, why);
}

static bool grow(struct signature *signature)
{
	size_t capacity = signature->capacity * 4;
	uint8_t *bytes = malloc(capacity);

	if (!bytes)
		return false;
	memcpy(bytes, signature->bytes, signature->size);
	if (signature->bytes != signature->few)
		free(signature->bytes);
	signature->bytes = bytes;
	signature->capacity = capacity;
	return true;
}

static inline sffi_status add(struct signature *signature, unsigned code)
{
	if (signature->size == signature->capacity && !grow(signature))
		return sffi__ffi_fail(SFFI_ENOMEM, "out of memory for a signature");
	signature->bytes[signature->size++] = (uint8_t)code;
	return SFFI_OK;
}

static sffi_status add_type(struct signature *, const ffi_type *, struct place *, struct layout *);

static sffi_status add_elements(struct signature *signature, const ffi_type *type,
				struct place *place, struct layout *layout)
{
	struct layout element;
	sffi_status status = SFFI_OK;

	layout->size = 0;
	layout->alignment = 1;
	for (ffi_type **each = type->elements; *each && !status; each++) {
		status = add_type(signature, *each, place, &element);
		if (status)
			break;
		layout->size = (layout->size + element.alignment - 1) & ~(element.alignment - 1);
		layout->size += element.size;
		if (element.alignment > layout->alignment)
			layout->alignment = element.alignment;
	}
	layout->size = (layout->size + layout->alignment - 1) & ~(layout->alignment - 1);
	return status;
}

/* libffi classifies a struct by its elements where C would lay them, whatever its size says:
 * of one that was laid out by hand nobody knows what it stands for. */
static sffi_status add_struct(struct signature *signature, const ffi_type *type,
			      struct place *place, struct layout *layout)
{
	sffi_status status;

	if (!type->elements || !type->elements[0])
		return refuse(place, "is a struct without elements");
	if (place->depth == DEPTH_MAX)
		return refuse(place, "is a struct more than 64 structs deep");
	place->depth++;
	status = add(signature, FFI_TYPE_STRUCT);
	if (!status)
		status = add_elements(signature, type, place, layout);
	place->depth--;
	if (status)
		return status;
	if (type->size != layout->size || type->alignment != layout->alignment)
		return refuse(place, "is a struct whose size or alignment is not what its elements have "
				     "in C, as of a union or a packed struct: pass a pointer to it, or "
				     "declare the function to sffi_function_at");
	return add(signature, SIGNATURE_END);
}

static sffi_status add_complex(struct signature *signature, const ffi_type *type,
			       const struct place *place, struct layout *layout)
{
	const ffi_type *base = type->elements ? type->elements[0] : NULL;
	sffi_status status;

	if (!base || (base->type != FFI_TYPE_FLOAT && base->type != FFI_TYPE_DOUBLE &&
		      base->type != FFI_TYPE_LONGDOUBLE))
		return refuse(place, "is a complex number of something else than float, double or "
				     "long double");
	*layout = scalars[base->type].layout;
	layout->size *= 2;
	status = add(signature, FFI_TYPE_COMPLEX);
	return status ? status : add(signature, base->type);
}

static sffi_status add_type(struct signature *signature, const ffi_type *type, struct place *place,
			    struct layout *layout)
{
	const struct scalar *scalar;

	if (!type)
		return refuse(place, "has no type: it is NULL");
	if (type->type == FFI_TYPE_STRUCT)
		return add_struct(signature, type, place, layout);
	if (type->type == FFI_TYPE_COMPLEX)
		return add_complex(signature, type, place, layout);
	scalar = type->type < SCALARS ? &scalars[type->type] : NULL;
	if (!scalar || !scalar->name)
		return refuse(place, type->type == FFI_TYPE_VOID ? "is or has a void" :
								   "has a type that libffi does not have");
	if (type->size != scalar->layout.size)
		return refuse(place, "has a number of another size than the machine's");
	*layout = scalar->layout;
	return add(signature, type->type);
}

static sffi_status check(const ffi_cif *cif)
{
	if (cif->abi != FFI_DEFAULT_ABI)
		return sffi__ffi_fail(SFFI_ENOTSUP, "the cif is of the calling convention %d; only "
						    "FFI_DEFAULT_ABI, %d, can be called",
				      (int)cif->abi, (int)FFI_DEFAULT_ABI);
	if (!cif->rtype || (cif->nargs && !cif->arg_types))
		return sffi__ffi_fail(SFFI_EINVAL, "the cif is not prepared: give it to ffi_prep_cif "
						   "first");
	return SFFI_OK;
}

sffi_status sffi__ffi_signature(struct signature *signature, const ffi_cif *cif)
{
	struct place place = { 0 };
	struct layout layout;
	sffi_status status;

	signature->size = 0;
	signature->capacity = sizeof signature->few;
	signature->bytes = signature->few;
	status = check(cif);
	if (status)
		return status;
	status = cif->rtype->type == FFI_TYPE_VOID ? add(signature, FFI_TYPE_VOID)
						   : add_type(signature, cif->rtype, &place, &layout);
	for (unsigned i = 0; i < cif->nargs && !status; i++) {
		place.argument = i + 1;
		status = add_type(signature, cif->arg_types[i], &place, &layout);
	}
	return status;
}

void sffi__ffi_signature_end(struct signature *signature)
{
	if (signature->bytes != signature->few)
		free(signature->bytes);
}

/* ---- to a declaration ------------------------------------------------------------------------ */

static const uint8_t *skip(const uint8_t *at)
{
	if (*at == FFI_TYPE_COMPLEX)
		return at + 2;
	if (*at != FFI_TYPE_STRUCT)
		return at + 1;
	at++;
	while (*at != SIGNATURE_END)
		at = skip(at);
	return at + 1;
}

/* How many types like the one at `at` follow each other, up to `end`. libffi has no arrays:
 * they are spelled out. */
static size_t run_length(const uint8_t *at, const uint8_t **after)
{
	const uint8_t *next = skip(at);
	size_t size = (size_t)(next - at), count = 1;

	while (*next == *at && (size_t)(skip(next) - next) == size && !memcmp(next, at, size)) {
		next += size;
		count++;
	}
	*after = next;
	return count;
}

static void print_type(FILE *, const uint8_t *at);

static void print_members(FILE *to, const uint8_t *at)
{
	const uint8_t *after;
	unsigned number = 0;

	for (; *at != SIGNATURE_END; at = after) {
		size_t count = run_length(at, &after);

		print_type(to, at);
		fprintf(to, " m%u", number++);
		if (count > 1)
			fprintf(to, "[%zu]", count);
		fputs("; ", to);
	}
}

static void print_type(FILE *to, const uint8_t *at)
{
	switch (*at) {
	case FFI_TYPE_VOID:
		fputs("void", to);
		break;
	case FFI_TYPE_COMPLEX:
		fprintf(to, "%s _Complex", scalars[at[1]].name);
		break;
	case FFI_TYPE_STRUCT:
		fputs("struct { ", to);
		print_members(to, at + 1);
		fputs("}", to);
		break;
	default:
		fputs(scalars[*at].name, to);
	}
}

char *sffi__ffi_declaration(const struct signature *signature, const char *name)
{
	const uint8_t *at = signature->bytes, *end = at + signature->size;
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);
	bool failed;

	if (!to)
		return NULL;
	print_type(to, at);
	fprintf(to, " %s(", name);
	at = skip(at);
	if (at == end)
		fputs("void", to);
	for (; at < end; at = skip(at)) {
		print_type(to, at);
		if (skip(at) < end)
			fputs(", ", to);
	}
	fputs(")", to);
	failed = ferror(to);
	if (!fclose(to) && !failed)
		return text;
	free(text);
	return NULL;
}
