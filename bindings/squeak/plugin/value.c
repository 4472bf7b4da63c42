/* SPDX-License-Identifier: MIT */
/* Objects of the image to C values, and back. */
#include "plugin.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool refuse(size_t number, const struct type *type, const char *why)
{
	return fail(SFFI_ETYPE, "argument %zu: %s cannot be passed as %s%s", number, why,
		    type->form == TYPE_STRUCT ? "a structure" : atom_c(type->atom),
		    type->form == TYPE_POINTER ? " *" : "");
}

static const char *what_is(oop object)
{
	if (object == vm->nilObject())
		return "nil";
	if (is_small_integer(object))
		return "an Integer";
	if (is_string(object))
		return "a String";
	if (vm->isFloatObject(object))
		return "a Float";
	if (is_kind_of(object, vm->classLargePositiveInteger()))
		return "an Integer";
	return "this object";
}

/* ---- numbers ----------------------------------------------------------------------------- */

static bool take_number(oop object, bool *is_real, int64_t *integer, double *real)
{
	*is_real = false;
	*integer = 0;
	if (object == vm->nilObject() || object == vm->falseObject())
		return true;
	if (object == vm->trueObject()) {
		*integer = 1;
		return true;
	}
	if (is_small_integer(object)) {
		*integer = object >> 1;
		return true;
	}
	if (vm->isFloatObject(object)) {
		*is_real = true;
		*real = vm->floatValueOf(object);
		return true;
	}
	if (vm->fetchClassOf(object) == vm->classCharacter()) {
		*integer = vm->fetchIntegerofObject(0, object);
		return true;
	}
	return take_integer(object, integer);
}

/* As a C compiler would convert it: what is too large loses its upper bits. */
static void store_integer(struct value *value, const struct type *type, int64_t integer)
{
	if (atom_kind(type->atom) == KIND_boolean)
		value->truth = integer != 0;
	else
		value->integer = integer;
}

static bool take_atom(struct value *value, const struct type *type, oop object, size_t number)
{
	bool is_real;
	int64_t integer;
	double real;

	if (!take_number(object, &is_real, &integer, &real))
		return refuse(number, type, what_is(object));
	if (atom_kind(type->atom) != KIND_floating) {
		if (is_real && !(real > -9.3e18 && real < 9.3e18))
			return refuse(number, type, "a Float without an Integer of 64 bits");
		store_integer(value, type, is_real ? (int64_t)real : integer);
		return true;
	}
	if (!is_real)
		real = (double)integer;
	if (type->atom == ATOM_float)
		value->single = (float)real;
	else
		value->real = real;
	return true;
}

/* ---- pointers --------------------------------------------------------------------------------- */

static bool take_address(struct value *value, oop address, unsigned mode)
{
	uint64_t number;

	if (!address_for(address, mode, &number))
		return false;
	value->buffer = (sffi_buffer){ (void *)(uintptr_t)number, 0, 0 };
	return true;
}

static void take_contents(struct value *value, oop object, unsigned direction)
{
	size_t size = (size_t)vm->byteSizeOf(object);

	value->is_movable = true;
	value->buffer = (sffi_buffer){ vm->firstIndexableField(object), size, direction };
	/* An object without contents still has an address that is not NULL. */
	if (!size) {
		value->is_movable = false;
		value->copy = calloc(1, 1);
		value->buffer = (sffi_buffer){ value->copy, value->copy ? 1 : 0, SFFI_IN };
	}
}

static bool take_text(struct value *value, oop string)
{
	size_t length = (size_t)vm->byteSizeOf(string);

	value->copy = malloc(length + 1);
	if (!value->copy)
		return fail(SFFI_ENOMEM, "out of memory");
	memcpy(value->copy, vm->firstIndexableField(string), length);
	((char *)value->copy)[length] = '\0';
	value->buffer = (sffi_buffer){ value->copy, length + 1, SFFI_IN };
	return true;
}

/* What an ExternalObject stands for; nil: nothing. */
static oop handle_of(oop object)
{
	if (is_kind_of(object, vm->classExternalStructure()) ||
	    is_kind_of(object, vm->classExternalFunction()))
		return vm->fetchPointerofObject(0, object);
	return vm->nilObject();
}

static bool take_pointer(struct value *value, const struct type *type, oop object, unsigned mode,
			 size_t number)
{
	if (object == vm->nilObject()) {
		value->buffer = (sffi_buffer){ NULL, 0, 0 };
		return true;
	}
	if (is_small_integer(object))
		return refuse(number, type, "an Integer");
	if (vm->isPointers(object)) {
		oop handle = handle_of(object);

		if (is_small_integer(handle) || handle == vm->nilObject() || vm->isPointers(handle))
			return refuse(number, type, "an object without a handle");
		object = handle;
	}
	if (is_address(object))
		return take_address(value, object, mode);
	if (!vm->isWordsOrBytes(object) || vm->isFloatObject(object) ||
	    is_kind_of(object, vm->classLargePositiveInteger()))
		return refuse(number, type, what_is(object));
	if (is_string(object) && atom_kind(type->atom) == KIND_character)
		return take_text(value, object);
	take_contents(value, object, SFFI_IN | SFFI_OUT);
	return true;
}

/* ---- structures by value ------------------------------------------------------------------------ */

static bool read_structure(struct value *value, oop address, size_t size)
{
	uint64_t number;
	unsigned mode;
	sffi_domain *domain;
	sffi_status status;

	if (!address_of(address, &number, &mode) || !(domain = domain_of(mode)))
		return false;
	if (range_meets_heap(number, size))
		return fail(SFFI_EADDRESS, "%#llx lies in the object memory", (unsigned long long)number);
	status = sffi_read(domain, value->copy, (void *)(uintptr_t)number, size);
	return !status || fail_sffi(status);
}

static bool take_structure(struct value *value, const struct type *type, oop object, size_t number)
{
	oop handle;

	if (!is_kind_of(object, vm->classExternalStructure()))
		return refuse(number, type, what_is(object));
	handle = vm->fetchPointerofObject(0, object);
	if (is_small_integer(handle) || vm->isPointers(handle) || !vm->isBytes(handle))
		return refuse(number, type, "a structure without contents");
	value->copy = malloc(type->size);
	if (!value->copy)
		return fail(SFFI_ENOMEM, "out of memory");
	if (is_address(handle))
		return read_structure(value, handle, type->size);
	if ((size_t)vm->byteSizeOf(handle) != type->size)
		return refuse(number, type, "a structure of another size");
	memcpy(value->copy, vm->firstIndexableField(handle), type->size);
	return true;
}

/* ---- parameters ------------------------------------------------------------------------------------ */

bool value_take(struct value *value, const struct type *type, oop object, unsigned mode, size_t number)
{
	bool taken;

	*value = (struct value){ 0 };
	switch (type->form) {
	case TYPE_POINTER:
		taken = take_pointer(value, type, object, mode, number);
		break;
	case TYPE_STRUCT:
		taken = take_structure(value, type, object, number);
		break;
	default:
		taken = take_atom(value, type, object, number);
	}
	if (!taken)
		value_free(value);
	return taken;
}

/* What was passed is a buffer in an object; it must be there still, and as large. */
bool value_find_again(struct value *value, oop object)
{
	if (!value->is_movable)
		return true;
	if (!is_small_integer(object) && vm->isPointers(object))
		object = handle_of(object);
	if (is_small_integer(object) || !vm->isWordsOrBytes(object) ||
	    (size_t)vm->byteSizeOf(object) < value->buffer.size)
		return fail(SFFI_EADDRESS, "an argument is not what it was when the call began");
	value->buffer.address = vm->firstIndexableField(object);
	return true;
}

void value_free(struct value *value)
{
	free(value->copy);
	value->copy = NULL;
}

void *value_place(struct value *value, const struct type *type)
{
	return type->form == TYPE_STRUCT ? value->copy : &value->integer;
}

/* ---- objects ----------------------------------------------------------------------------------------- */

static oop make_integer(const struct type *type, const void *value)
{
	bool is_signed = atom_kind(type->atom) == KIND_signed;
	unsigned unused = 64 - 8 * (unsigned)type->size;
	uint64_t bits = 0;

	memcpy(&bits, value, type->size);
	if (is_signed)
		return vm->signed64BitIntegerFor((int64_t)(bits << unused) >> unused);
	return vm->positive64BitIntegerFor(bits);
}

static oop make_atom(const struct type *type, const void *value)
{
	struct type exact = *type;

	exact.size = atom_size(type->atom);
	switch (atom_kind(type->atom)) {
	case KIND_boolean:
		return *(const bool *)value ? vm->trueObject() : vm->falseObject();
	case KIND_character:
		return vm->fetchPointerofObject(*(const unsigned char *)value, vm->characterTable());
	case KIND_floating:
		return vm->floatObjectOf(type->atom == ATOM_float ? *(const float *)value :
								    *(const double *)value);
	case KIND_void:
		return vm->nilObject();
	default:
		return make_integer(&exact, value);
	}
}

/* An instance of what the type refers to, else ExternalData, with that handle. */
static oop make_external(oop handle, oop (*type_object)(void))
{
	enum { TYPE_REFERENT = 1, OBJECT_HANDLE = 0, DATA_TYPE = 1 };
	oop class, object;

	vm->pushRemappableOop(handle);
	class = vm->fetchPointerofObject(TYPE_REFERENT, type_object());
	if (class == vm->nilObject())
		class = vm->classExternalData();
	object = vm->instantiateClassindexableSize(class, 0);
	vm->storePointerofObjectwithValue(OBJECT_HANDLE, object, vm->popRemappableOop());
	if (vm->fetchClassOf(object) == vm->classExternalData())
		vm->storePointerofObjectwithValue(DATA_TYPE, object, type_object());
	return object;
}

static oop make_pointer(const struct type *type, const void *value, unsigned mode,
			oop (*type_object)(void))
{
	uint64_t address = 0;
	const char *text;

	memcpy(&address, value, sizeof address);
	if (!address)
		return vm->nilObject();
	if (atom_kind(type->atom) != KIND_character)
		return make_external(make_address(address, mode), type_object);
	memcpy(&text, value, sizeof text);
	return make_text(text);
}

oop value_object(const struct type *type, const void *value, unsigned mode, oop (*type_object)(void))
{
	oop bytes;

	switch (type->form) {
	case TYPE_POINTER:
		return make_pointer(type, value, mode, type_object);
	case TYPE_STRUCT:
		bytes = vm->instantiateClassindexableSize(vm->classByteArray(), (int)type->size);
		memcpy(vm->firstIndexableField(bytes), value, type->size);
		return make_external(bytes, type_object);
	default:
		return make_atom(type, value);
	}
}
