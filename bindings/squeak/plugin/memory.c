/* SPDX-License-Identifier: MIT */
/*
 * Memory outside the object memory, as the image reads and writes it outside calls.
 *
 * Every access goes to where the address's owner has it, through the library, which refuses what
 * is not there. Handles that are ByteArrays are memory of the image itself.
 */
#include "plugin.h"

#include <stdlib.h>
#include <string.h>

enum { LARGEST = 256 << 20 };

/* ---- one access -------------------------------------------------------------------------- */

/* The stack's object and index, from 1, as every primitive here has them. */
static bool bytes_within(oop object, int64_t offset, size_t size)
{
	size_t all = (size_t)vm->byteSizeOf(object);

	return (offset >= 0 && (uint64_t)offset <= all && size <= all - (uint64_t)offset) ||
	       fail(SFFI_EADDRESS, "bytes %lld to %lld are not in an object of %zu", (long long)offset + 1,
		    (long long)offset + (long long)size, all);
}

static bool in_callee(oop object, int64_t offset, void *bytes, size_t size, bool is_write)
{
	uint64_t address;
	unsigned mode;
	sffi_domain *domain;
	sffi_status status;

	if (!address_of(object, &address, &mode))
		return false;
	if (!address)
		return fail(SFFI_EADDRESS, "the address is NULL");
	address += (uint64_t)offset;
	if (range_meets_heap(address, size))
		return fail(SFFI_EADDRESS, "%#llx lies in the object memory", (unsigned long long)address);
	if (!(domain = domain_of(mode)))
		return false;
	status = is_write ? sffi_write(domain, (void *)(uintptr_t)address, bytes, size) :
			    sffi_read(domain, bytes, (void *)(uintptr_t)address, size);
	return !status || fail_sffi(status);
}

static bool access_object(oop object, int64_t offset, void *bytes, size_t size, bool is_write)
{
	char *contents;

	if (is_small_integer(object) || vm->isPointers(object) || !vm->isBytes(object))
		return fail(SFFI_EINVAL, "only a ByteArray or an ExternalAddress is memory");
	if (is_address(object))
		return in_callee(object, offset, bytes, size, is_write);
	if (!bytes_within(object, offset, size))
		return false;
	contents = (char *)vm->firstIndexableField(object) + offset;
	memcpy(is_write ? contents : bytes, is_write ? bytes : contents, size);
	return true;
}

static bool access_at(int depth, void *bytes, size_t size, bool is_write)
{
	int64_t index;

	if (!take_integer(vm->stackValue(depth - 1), &index))
		return fail(SFFI_EINVAL, "an index is to be an Integer");
	return access_object(vm->stackValue(depth), index - 1, bytes, size, is_write);
}

/* ---- atoms ------------------------------------------------------------------------------------ */

static bool take_atom_type(int depth, struct type *type)
{
	oop number = vm->stackValue(depth);
	unsigned atom = (unsigned)number >> 1;

	if (!is_small_integer(number) || atom >= ATOMS || !atom_size(atom))
		return fail(SFFI_EINVAL, "there is no atomic type of that number");
	*type = (struct type){ TYPE_ATOM, atom, atom_size(atom) };
	return true;
}

/* memory: object at: index atom: number */
PRIMITIVE int primitiveAt(void)
{
	struct type type;
	uint64_t word = 0;

	if (take_atom_type(0, &type) && access_at(2, &word, type.size, false))
		vm->popthenPush(4, value_object(&type, &word, 0, NULL));
	return 0;
}

/* memory: object at: index atom: number put: value */
PRIMITIVE int primitiveAtPut(void)
{
	struct type type;
	struct value value;
	oop object = vm->stackValue(0);

	if (take_atom_type(1, &type) && value_take(&value, &type, object, 0, 4) &&
	    access_at(3, &value.integer, type.size, true))
		vm->popthenPush(5, vm->stackValue(0));
	return 0;
}

/* memory: object pointerAt: index */
PRIMITIVE int primitivePointerAt(void)
{
	uint64_t word = 0, address;
	unsigned mode = domain_default_mode();

	if (!access_at(1, &word, sizeof word, false))
		return 0;
	if (is_address(vm->stackValue(1)) && !address_of(vm->stackValue(1), &address, &mode))
		return 0;
	return vm->popthenPush(3, make_address(word, mode));
}

/* memory: object pointerAt: index put: address */
PRIMITIVE int primitivePointerAtPut(void)
{
	oop object = vm->stackValue(0);
	uint64_t word = 0;

	if (object != vm->nilObject()) {
		if (is_small_integer(object) || vm->isPointers(object) || !is_address(object))
			return fail(SFFI_ETYPE, "a pointer in memory is to be an ExternalAddress or nil");
		if (!address_for(object, domain_default_mode(), &word))
			return 0;
	}
	if (access_at(2, &word, sizeof word, true))
		vm->popthenPush(4, vm->stackValue(0));
	return 0;
}

/* ---- stretches -------------------------------------------------------------------------------- */

/* memory: object at: index read: size */
PRIMITIVE int primitiveRead(void)
{
	int64_t size;
	char *bytes;
	oop copy;

	if (!take_integer(vm->stackValue(0), &size) || size < 0 || size > LARGEST)
		return fail(SFFI_EINVAL, "a size is to be an Integer from 0 to %d", LARGEST);
	bytes = malloc((size_t)size + 1);
	if (!bytes)
		return fail(SFFI_ENOMEM, "out of memory");
	if (access_at(2, bytes, (size_t)size, false)) {
		copy = vm->instantiateClassindexableSize(vm->classByteArray(), (int)size);
		memcpy(vm->firstIndexableField(copy), bytes, (size_t)size);
		vm->popthenPush(4, copy);
	}
	free(bytes);
	return 0;
}

/* memory: object at: index write: bytes */
PRIMITIVE int primitiveWrite(void)
{
	oop bytes = vm->stackValue(0);

	if (is_small_integer(bytes) || vm->isPointers(bytes) || !vm->isBytes(bytes) || is_address(bytes))
		return fail(SFFI_EINVAL, "what is written is to be a ByteArray or a String");
	if (access_at(2, vm->firstIndexableField(bytes), (size_t)vm->byteSizeOf(bytes), true))
		vm->pop(3);
	return 0;
}

/* memoryString: address. Up to the NUL. */
PRIMITIVE int primitiveString(void)
{
	uint64_t address;
	unsigned mode;
	char *text = NULL;
	sffi_domain *domain;
	sffi_status status = SFFI_EINVAL;

	if (!is_address(vm->stackValue(0)))
		return fail(SFFI_EINVAL, "only an ExternalAddress has a string");
	if (!address_of(vm->stackValue(0), &address, &mode) || !(domain = domain_of(mode)))
		return 0;
	if (!address || address_is_heap(address))
		return fail(SFFI_EADDRESS, address ? "the address lies in the object memory" :
						     "the address is NULL");
	for (size_t room = 4096; status == SFFI_EINVAL && room <= LARGEST; room *= 4) {
		char *larger = realloc(text, room);

		if (!larger)
			break;
		text = larger;
		status = sffi_read_string(domain, text, (const char *)(uintptr_t)address, room);
	}
	if (status)
		fail_sffi(status);
	else
		vm->popthenPush(2, make_text(text));
	free(text);
	return 0;
}

/* ---- allocation ----------------------------------------------------------------------------------- */

/* allocate: size. In the arena of the default mode's domain: zeroed, and the callee's too. */
PRIMITIVE int primitiveAllocate(void)
{
	unsigned mode = domain_default_mode();
	sffi_domain *domain = domain_of(mode);
	int64_t size;
	void *address;
	sffi_status status;

	if (!domain)
		return 0;
	if (!take_integer(vm->stackValue(0), &size) || size < 0)
		return fail(SFFI_EINVAL, "a size is to be an Integer, and not negative");
	status = sffi_alloc(domain, &address, size ? (size_t)size : 1);
	if (status)
		return fail_sffi(status);
	return vm->popthenPush(2, make_address((uintptr_t)address, mode));
}

/* Two bytes are read only if one block has both. */
static bool is_inside_block(sffi_domain *owner, uint64_t address)
{
	char bytes[2];

	return sffi_read(owner, bytes, (void *)(uintptr_t)(address - 1), sizeof bytes) == SFFI_OK;
}

/* The address of free() where callees of that mode have it. */
static int answer_free(unsigned mode)
{
	void *address;
	sffi_status status;

	if (!domain_of(mode))
		return 0;
	status = domain_global(mode, "", "free", &address);

	if (status)
		return fail_sffi(status);
	return vm->popthenPush(2, make_address((uintptr_t)address, mode));
}

/* free: address. True: it was memory of allocate:. Else it is the callee's, for its own free(),
 * whose address is answered. */
PRIMITIVE int primitiveFree(void)
{
	uint64_t number;
	unsigned mode;
	sffi_domain *owner = NULL;
	char byte;
	void *address;
	sffi_status status;

	if (!is_address(vm->stackValue(0)) || !address_of(vm->stackValue(0), &number, &mode))
		return vm->primitiveFail();
	if (!number)
		return fail(SFFI_EADDRESS, "the address is NULL");
	if (address_is_heap(number))
		return fail(SFFI_EADDRESS, "the address lies in the object memory");
	address = (void *)(uintptr_t)number;
	switch (sffi_address_owner(address, &owner, NULL)) {
	case SFFI_OWNER_ARENA:
		status = owner ? sffi_read(owner, &byte, address, 1) : SFFI_ESTALE;
		if (status)
			return owner ? fail_sffi(status) :
				       fail(status, "%#llx is of a domain that is closed",
					    (unsigned long long)number);
		if (is_inside_block(owner, number))
			return fail(SFFI_EADDRESS, "%#llx is in the middle of a block of allocate:",
				    (unsigned long long)number);
		sffi_free(owner, address);
		return vm->popthenPush(2, vm->trueObject());
	case SFFI_OWNER_STALE:
		return fail(SFFI_ESTALE, "%#llx belongs to a worker that is gone, and its memory with it",
			    (unsigned long long)number);
	default:
		return answer_free(mode);
	}
}

/* ownerOf: address. A name, or nil for an address of an earlier session. */
PRIMITIVE int primitiveOwner(void)
{
	static const char *const names[] = {
		[SFFI_OWNER_NONE] = "none",   [SFFI_OWNER_HOST] = "host",   [SFFI_OWNER_ARENA] = "arena",
		[SFFI_OWNER_CALLEE] = "callee", [SFFI_OWNER_STALE] = "stale",
	};
	uint64_t address;
	unsigned mode;

	if (!is_address(vm->stackValue(0)) || !address_of(vm->stackValue(0), &address, &mode))
		return vm->primitiveFail();
	return vm->popthenPush(
		2, make_text(names[sffi_address_owner((void *)(uintptr_t)address, NULL, NULL)]));
}

/* global: name library: name-or-empty. Its address. */
PRIMITIVE int primitiveGlobal(void)
{
	char *name = take_string(1, "a variable's name"), *library_name = NULL;
	sffi_library *library = NULL;
	unsigned mode, timeout;
	void *address;
	sffi_status status = SFFI_OK;

	if (name)
		library_name = take_string(0, "a library's name");
	if (library_name)
		status = domain_library(library_name, &library, &mode, &timeout);
	if (library && !status)
		status = sffi_global(library, name, &address);
	if (status)
		fail_sffi(status);
	else if (library)
		vm->popthenPush(3, make_address((uintptr_t)address, mode));
	free(name);
	free(library_name);
	return 0;
}
