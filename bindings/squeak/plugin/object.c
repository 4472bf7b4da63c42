/* SPDX-License-Identifier: MIT */
/* Objects of the image: strings, integers, addresses. */
#include "plugin.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

oop make_string(const char *text, size_t length)
{
	oop string = vm->instantiateClassindexableSize(vm->classString(), (int)length);

	if (length)
		memcpy(vm->firstIndexableField(string), text, length);
	return string;
}

oop make_text(const char *text)
{
	return text ? make_string(text, strlen(text)) : vm->nilObject();
}

bool is_kind_of(oop object, oop class)
{
	return !is_small_integer(object) && class != vm->nilObject() &&
	       vm->includesBehaviorThatOf(vm->fetchClassOf(object), class);
}

bool is_string(oop object)
{
	return is_kind_of(object, vm->classString()) && vm->isBytes(object);
}

bool is_address(oop object)
{
	return is_kind_of(object, vm->classExternalAddress()) && vm->isBytes(object);
}

char *take_string(int depth, const char *what)
{
	oop object = vm->stackValue(depth);
	char *text;
	size_t length;

	if (!is_string(object)) {
		fail(SFFI_EINVAL, "%s is to be a String", what);
		return NULL;
	}
	length = (size_t)vm->byteSizeOf(object);
	text = strndup(vm->firstIndexableField(object), length);
	if (!text)
		fail(SFFI_ENOMEM, "out of memory");
	return text;
}

/* Any integer of 64 bits, signed or not. */
bool take_integer(oop object, int64_t *integer)
{
	if (is_small_integer(object)) {
		*integer = object >> 1;
		return true;
	}
	if (vm->isPointers(object) || !vm->isBytes(object) || vm->byteSizeOf(object) > 8)
		return false;
	*integer = vm->fetchClassOf(object) == vm->classLargePositiveInteger() ?
			   (int64_t)vm->positive64BitValueOf(object) :
			   vm->signed64BitValueOf(object);
	return !vm->failed();
}

/* ---- addresses ------------------------------------------------------------------------- */

/* The 16 bits that no address of a program uses: the mode of the domain it came from, and the
 * session of the virtual machine. Both 0: somebody made it out of a number. */
enum { ADDRESS_BITS = 48, SESSION_BITS = 13, CALLBACK = 7 };

static unsigned session;
static uint64_t heap_low, heap_end;

unsigned address_this_session(void)
{
	return session;
}

/* How far it may still grow, where it is: a function of the virtual machine's, or 0. */
static uint64_t room_to_grow(void)
{
	int (*left)(int with_swap) = (int (*)(int))dlsym(RTLD_DEFAULT, "sqMemoryExtraBytesLeft");
	int bytes = left ? left(1) : 0;

	return bytes > 0 ? (uint64_t)bytes : 0;
}

/* The object memory begins with nil. The virtual machine has mapped all that it may become, at
 * its start; the mapping itself tells nothing: the kernel has made one of it and of what lies
 * beside it. */
static void find_heap(uint64_t size)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	heap_low = (uintptr_t)vm->firstIndexableField(vm->nilObject()) & ~(page - 1);
	/* 0: the image does not say. */
	heap_end = size ? (heap_low + size + room_to_grow()) & ~(page - 1) : heap_low;
}

/* Never the one that the image was saved in. */
void address_session(unsigned previous, uint64_t heap_size)
{
	if (!session)
		session = previous % ((1u << SESSION_BITS) - 1) + 1;
	find_heap(heap_size);
}

bool heap_bounds(void **low, size_t *size)
{
	*low = (void *)heap_low;
	*size = heap_end - heap_low;
	return heap_end > heap_low;
}

bool range_meets_heap(uint64_t address, uint64_t size)
{
	return address < heap_end && address + size > heap_low;
}

bool address_is_heap(uint64_t address)
{
	return range_meets_heap(address, 1);
}

static oop make_kept(uint64_t address, unsigned mode)
{
	uint64_t kept = address | (uint64_t)(mode << SESSION_BITS | session) << ADDRESS_BITS;
	oop object = vm->instantiateClassindexableSize(vm->classExternalAddress(), 8);

	memcpy(vm->firstIndexableField(object), &kept, sizeof kept);
	return object;
}

oop make_address(uint64_t address, unsigned mode)
{
	oop object;

	if (address && !(address >> ADDRESS_BITS))
		return make_kept(address, mode);
	object = vm->instantiateClassindexableSize(vm->classExternalAddress(), 8);
	memcpy(vm->firstIndexableField(object), &address, sizeof address);
	return object;
}

/* A callback has an address in every domain; the image has its number. */
oop make_callback_handle(uint32_t index)
{
	return make_kept(index, CALLBACK);
}

static bool take_address(oop object, uint64_t *address, unsigned *mode)
{
	int size = vm->byteSizeOf(object);
	uint64_t kept = 0;
	unsigned tag;

	if (!process_is_attached()) {
		vm->primitiveFail();
		return false;
	}
	if (size != 4 && size != 8)
		return fail(SFFI_ETYPE, "an ExternalAddress has %d bytes instead of 8", size);
	memcpy(&kept, vm->firstIndexableField(object), (size_t)size);
	tag = kept >> ADDRESS_BITS;
	*address = kept & ((1ull << ADDRESS_BITS) - 1);
	*mode = tag >> SESSION_BITS;
	if (tag && (tag & ((1u << SESSION_BITS) - 1)) != session)
		return fail(SFFI_ESTALE, "%#llx is an address of an earlier session of this image; get it "
					 "again", (unsigned long long)*address);
	if (*mode >= MODES && *mode != CALLBACK)
		return fail(SFFI_ETYPE, "%#llx is no address", (unsigned long long)kept);
	if (!*mode)
		*mode = domain_default_mode();
	return true;
}

bool address_of(oop object, uint64_t *address, unsigned *mode)
{
	if (!take_address(object, address, mode))
		return false;
	return *mode != CALLBACK || fail(SFFI_EADDRESS, "a callback's handle is no memory");
}

bool address_for(oop object, unsigned mode, uint64_t *address)
{
	unsigned from;

	if (!take_address(object, address, &from))
		return false;
	if (from == CALLBACK)
		return (*address = callback_address((uint32_t)*address, mode)) != 0;
	if (address_is_heap(*address))
		return fail(SFFI_EADDRESS, "%#llx lies in the object memory; pass the object, or memory of "
					   "ExternalAddress allocate:", (unsigned long long)*address);
	return true;
}
