/* SPDX-License-Identifier: MIT */
/*
 * The image's compiled types, as C.
 *
 * A compiled type is an array of words. Bits 0 to 15 of each are a size; three bits above say what
 * it is; bits 24 to 27 which atomic type. A structure's first word is followed by those of its
 * fields, nested structures in place; newer images mark the end of one by a word of size 0.
 */
#include "plugin.h"

#include <stdlib.h>
#include <string.h>

enum {
	SIZE_MASK = 0xffff,
	IS_STRUCT = 0x10000,
	IS_POINTER = 0x20000,
	IS_ATOMIC = 0x40000,
	MAX_DEPTH = 8,
	MAX_WORDS = 1024
};

static const struct {
	const char *c;
	size_t size;
	enum atom_kind kind;
} atoms[] = {
#define ATOM(number, name, c, size, kind) [number] = { c, size, KIND_##kind },
#include "atoms.h"
#undef ATOM
};

const char *atom_c(enum atom atom)
{
	return atoms[atom].c;
}

enum atom_kind atom_kind(enum atom atom)
{
	return atoms[atom].kind;
}

size_t atom_size(enum atom atom)
{
	return atoms[atom].size;
}

/* Where reading a compiled structure has come to. */
struct fields {
	const uint32_t *words;
	size_t count, next;
	FILE *out;
	size_t name; /* fields are numbered */
};

struct extent {
	size_t size, align;
};

static void place(struct extent *whole, struct extent part)
{
	whole->size = (whole->size + part.align - 1) / part.align * part.align + part.size;
	if (part.align > whole->align)
		whole->align = part.align;
}

static bool write_struct(struct fields *, struct extent *, unsigned depth);

static bool write_field(struct fields *fields, uint32_t word, struct extent *extent, unsigned depth)
{
	unsigned atom = word >> 24 & 15;

	if (word & IS_POINTER) {
		*extent = (struct extent){ 8, 8 };
		fprintf(fields->out, "void *f%zu; ", fields->name++);
		return true;
	}
	if (word & IS_STRUCT) {
		if (!write_struct(fields, extent, depth + 1))
			return false;
		fprintf(fields->out, " f%zu; ", fields->name++);
		return true;
	}
	if (!(word & IS_ATOMIC) || atom >= ATOMS || !atoms[atom].size)
		return fail(SFFI_ETYPE, "a field's compiled type is %#x, which is no type", word);
	*extent = (struct extent){ atoms[atom].size, atoms[atom].size };
	fprintf(fields->out, "%s f%zu; ", atoms[atom].c, fields->name++);
	return true;
}

/* Nested structures end where their fields' sizes say so, or at the mark. */
static bool write_struct(struct fields *fields, struct extent *whole, unsigned depth)
{
	uint32_t head = fields->words[fields->next++];
	size_t size = head & SIZE_MASK, end;

	*whole = (struct extent){ 0, 1 };
	if (depth > MAX_DEPTH)
		return fail(SFFI_ETYPE, "structures are nested more than %d deep", MAX_DEPTH);
	fprintf(fields->out, "struct { ");
	while (fields->next < fields->count) {
		uint32_t word = fields->words[fields->next];
		struct extent part;

		if (word == IS_STRUCT) {
			fields->next++;
			break;
		}
		if (depth && whole->size >= size)
			break;
		if (!(word & IS_STRUCT) || word & IS_POINTER)
			fields->next++;
		if (!write_field(fields, word, &part, depth))
			return false;
		place(whole, part);
	}
	fprintf(fields->out, "}");
	end = (whole->size + whole->align - 1) / whole->align * whole->align;
	if (!size || end != size)
		return fail(SFFI_ETYPE, "a structure of the image has %zu bytes, but as C lays its fields "
					"out it has %zu: add the padding, or the missing fields", size, end);
	whole->size = end;
	return true;
}

static bool words_of(oop type, const uint32_t **words, size_t *count)
{
	oop spec;

	if (is_small_integer(type) || !vm->isPointers(type) || vm->slotSizeOf(type) < 1)
		return fail(SFFI_ETYPE, "a type in the signature is no ExternalType");
	spec = vm->fetchPointerofObject(0, type);
	if (is_small_integer(spec) || !vm->isWordsOrBytes(spec) || vm->byteSizeOf(spec) < 4)
		return fail(SFFI_ETYPE, "a type in the signature was never compiled");
	*words = vm->firstIndexableField(spec);
	*count = (size_t)vm->byteSizeOf(spec) / 4;
	return *count <= MAX_WORDS || fail(SFFI_ETYPE, "a type in the signature has %zu words", *count);
}

static bool describe(oop object, struct type *type, FILE *out)
{
	struct fields fields = { .out = out };
	struct extent extent;

	if (!words_of(object, &fields.words, &fields.count))
		return false;
	type->atom = fields.words[0] >> 24 & 15;
	type->size = fields.words[0] & SIZE_MASK;
	if (fields.words[0] & IS_POINTER) {
		type->form = TYPE_POINTER;
		if (!(fields.words[0] & IS_ATOMIC))
			type->atom = ATOM_void;
		return type->atom < ATOMS || fail(SFFI_ETYPE, "an unknown type %d", type->atom);
	}
	if (fields.words[0] & IS_STRUCT) {
		type->form = TYPE_STRUCT;
		return write_struct(&fields, &extent, 0);
	}
	type->form = TYPE_ATOM;
	if (!(fields.words[0] & IS_ATOMIC) || type->atom >= ATOMS)
		return fail(SFFI_ETYPE, "the compiled type %#x is no type", fields.words[0]);
	fprintf(out, "%s", atoms[type->atom].c);
	return true;
}

static bool is_character(const struct type *type)
{
	return type->form == TYPE_POINTER && atoms[type->atom].kind == KIND_character;
}

/* A callee's text is copied out of it with the call, its other pointers are addresses. */
static bool describe_result(oop object, struct type *type, FILE *out)
{
	if (!describe(object, type, out))
		return false;
	if (type->form == TYPE_POINTER)
		fprintf(out, is_character(type) ? "const char *" : "void *");
	return true;
}

static bool describe_parameter(oop object, struct type *type, FILE *out, bool is_callback)
{
	if (!describe(object, type, out))
		return false;
	if (type->form == TYPE_ATOM && type->atom == ATOM_void)
		return fail(SFFI_ETYPE, "a parameter has the type void");
	if (type->form == TYPE_POINTER)
		fprintf(out, is_callback ? (is_character(type) ? "const char *" : "void *") : "buffer");
	return true;
}

static bool describe_all(struct signature *signature, oop types, const char *name, bool is_callback,
			 FILE *out)
{
	if (!describe_result(vm->fetchPointerofObject(0, types), &signature->result, out))
		return false;
	fprintf(out, is_callback ? " (*)%s(" : " %s(", name);
	for (size_t i = 0; i < signature->count; i++) {
		fprintf(out, "%s", i ? ", " : "");
		if (!describe_parameter(vm->fetchPointerofObject((int)i + 1, types),
					&signature->parameters[i], out, is_callback))
			return false;
	}
	fprintf(out, signature->count ? ")" : "void)");
	return true;
}

bool signature_of(struct signature *signature, oop types, const char *name, bool is_callback)
{
	size_t size;
	FILE *out;
	bool done;

	*signature = (struct signature){ 0 };
	if (is_small_integer(types) || !vm->isPointers(types) || vm->slotSizeOf(types) < 1)
		return fail(SFFI_ETYPE, "the function has no types");
	signature->count = (size_t)vm->slotSizeOf(types) - 1;
	if (signature->count > MAX_PARAMETERS)
		return fail(SFFI_ETYPE, "%zu parameters are more than the %d that can be passed",
			    signature->count, MAX_PARAMETERS);
	out = open_memstream(&signature->text, &size);
	if (!out)
		return fail(SFFI_ENOMEM, "out of memory");
	done = describe_all(signature, types, name, is_callback, out);
	fclose(out);
	if (!done)
		signature_free(signature);
	return done;
}

void signature_free(struct signature *signature)
{
	free(signature->text);
	signature->text = NULL;
}
