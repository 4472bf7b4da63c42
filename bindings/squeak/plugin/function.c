/* SPDX-License-Identifier: MIT */
/*
 * Functions of libraries, looked up once.
 *
 * An ExternalLibraryFunction's handle holds the function's place in the table and the epoch of that
 * table. Another session, or another choice of modes, is another epoch, so that a saved image and
 * a changed mind find the function again by its name.
 */
#include "plugin.h"

#include <stdlib.h>
#include <string.h>

/* The fields of an ExternalLibraryFunction, which has all; those of an ExternalFunction end
 * with its types. */
enum { HANDLE, FLAGS, TYPES, NAME, MODULE };

static struct function **table;
static uint32_t count, room;

static void destroy(struct function *function)
{
	sffi_function_release(&function->handle);
	signature_free(&function->signature);
	free(function->module);
	free(function->name);
	free(function);
}

void function_done(struct function *function)
{
	if (function && !function->calls && !function->is_kept)
		destroy(function);
}

void function_close_all(void)
{
	/* Calls in work hold on to theirs: they are given back one by one. */
	for (uint32_t i = 0; i < count; i++)
		if (table[i]->calls)
			table[i]->is_kept = false;
		else
			destroy(table[i]);
	free(table);
	table = NULL;
	count = room = 0;
}

static struct function *keep(struct function *function)
{
	struct function **larger;

	if (count == room) {
		larger = realloc(table, (room + 64) * sizeof *table);
		if (!larger)
			return function; /* of this call only */
		table = larger;
		room += 64;
	}
	function->is_kept = true;
	function->place = count;
	table[count++] = function;
	return function;
}

/* ---- the handle that remembers -------------------------------------------------------- */

struct memory {
	uint32_t place, epoch;
};

static bool can_remember(oop handle)
{
	return !is_small_integer(handle) && is_address(handle) && vm->byteSizeOf(handle) == 8;
}

static struct function *remembered(oop handle)
{
	struct memory memory;

	if (!can_remember(handle))
		return NULL;
	memcpy(&memory, vm->firstIndexableField(handle), sizeof memory);
	return memory.epoch == domain_epoch() && memory.place < count ? table[memory.place] : NULL;
}

static void remember(oop handle, const struct function *function)
{
	struct memory memory = { function->place, domain_epoch() };

	if (function->is_kept && can_remember(handle))
		memcpy(vm->firstIndexableField(handle), &memory, sizeof memory);
}

/* ---- by name ----------------------------------------------------------------------------- */

static char *field_text(oop object, int field)
{
	oop text = vm->fetchPointerofObject(field, object);

	if (is_string(text))
		return strndup(vm->firstIndexableField(text), (size_t)vm->byteSizeOf(text));
	return text == vm->nilObject() ? strdup("") : NULL;
}

static struct function *same(const struct function *wanted)
{
	for (uint32_t i = 0; i < count; i++)
		if (!strcmp(table[i]->name, wanted->name) && !strcmp(table[i]->module, wanted->module) &&
		    !strcmp(table[i]->signature.text, wanted->signature.text))
			return table[i];
	return NULL;
}

static bool look_up(struct function *function)
{
	sffi_library *library;
	unsigned timeout;
	sffi_status status = domain_library(function->module, &library, &function->mode, &timeout);

	if (!status && !library)
		return false;
	if (!status)
		status = sffi_function_get(&function->handle, library, function->signature.text);
	if (status)
		return fail_sffi(status);
	sffi_function_set_timeout(function->handle, timeout);
	return true;
}

static struct function *by_name(oop object)
{
	struct function *function = calloc(1, sizeof *function), *found;

	if (!function) {
		fail(SFFI_ENOMEM, "out of memory");
		return NULL;
	}
	function->name = field_text(object, NAME);
	function->module = field_text(object, MODULE);
	if (!function->name || !*function->name || !function->module)
		fail(SFFI_EINVAL, "a function's name, and its library's, are to be Strings");
	else if (signature_of(&function->signature, vm->fetchPointerofObject(TYPES, object),
			      function->name, false)) {
		found = same(function);
		if (found) {
			destroy(function);
			return found;
		}
		if (look_up(function))
			return keep(function);
	}
	destroy(function);
	return NULL;
}

/* ---- by address ------------------------------------------------------------------------------ */

static struct function *by_address(oop object)
{
	oop handle = vm->fetchPointerofObject(HANDLE, object);
	struct function *function;
	uint64_t address;
	unsigned mode;
	sffi_status status;

	if (is_small_integer(handle) || !is_address(handle)) {
		fail(SFFI_EINVAL, "a function without a name is to have an address");
		return NULL;
	}
	if (!address_of(handle, &address, &mode) || !domain_of(mode))
		return NULL;
	function = calloc(1, sizeof *function);
	if (!function) {
		fail(SFFI_ENOMEM, "out of memory");
		return NULL;
	}
	function->mode = mode;
	if (signature_of(&function->signature, vm->fetchPointerofObject(TYPES, object), "function",
			 false)) {
		status = sffi_function_at(&function->handle, domain_of(mode),
					  (void *)(uintptr_t)address, function->signature.text);
		if (!status) {
			sffi_function_set_timeout(function->handle, domain_default_timeout());
			return function;
		}
		fail_sffi(status);
	}
	destroy(function);
	return NULL;
}

struct function *function_of(oop object)
{
	struct function *function;
	oop handle;

	if (!is_kind_of(object, vm->classExternalFunction()) || vm->slotSizeOf(object) <= TYPES) {
		fail(SFFI_EINVAL, "no ExternalFunction is where the callout should have one");
		return NULL;
	}
	if (vm->slotSizeOf(object) <= MODULE || !is_string(vm->fetchPointerofObject(NAME, object)))
		return by_address(object);
	handle = vm->fetchPointerofObject(HANDLE, object);
	function = remembered(handle);
	if (function)
		return function;
	function = by_name(object);
	if (function)
		remember(handle, function);
	return function;
}
