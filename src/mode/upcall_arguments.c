/* SPDX-License-Identifier: MIT */
/*
 * Pointers in an upcall. What the callee passes points into its memory: what the callback's
 * declaration gives an extent is fetched, and goes back if the handler may change it. What
 * lies in the arena is there already. What the handler gives must be the callee's or the
 * arena's; strings and functions of the host are lent to the callee.
 */
#include "mode/upcall.h"

#include "error.h"
#include "memory/travel.h"
#include "memory/zone.h"

#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 64, STRING_MAX = 64 << 20, PAGE = 4096 };

static sffi_status fetch_inside(struct upcall *, const struct type *, char *at, unsigned depth);

/* ---- fetching ---------------------------------------------------------------------------- */

static bool is_in_arena(const struct upcall *upcall, uint64_t address)
{
	sffi_domain *owner = NULL;

	return sffi__zone_owner(address, &owner, NULL) == SFFI_OWNER_ARENA &&
	       owner == upcall->work->domain;
}

static const struct fetched *find_fetched(const struct upcall *upcall, uint64_t address,
					  const struct type *type, size_t count)
{
	for (const struct fetched *f = upcall->fetched; f; f = f->next)
		if (f->address == address && f->type == type && f->count >= count)
			return f;
	return NULL;
}

static struct fetched *new_fetched(struct upcall *upcall, uint64_t address, const struct type *type,
				   size_t count, size_t size)
{
	struct fetched *fetched = calloc(1, sizeof *fetched + size);

	if (!fetched)
		return NULL;
	fetched->address = address;
	fetched->type = type;
	fetched->count = count;
	fetched->next = upcall->fetched;
	upcall->fetched = fetched;
	return fetched;
}

static sffi_status no_memory(const struct upcall *upcall)
{
	return sffi__fail(SFFI_ENOMEM, "out of memory for the arguments of %s", upcall->callback->name);
}

/* Page by page: where the string ends nobody knows, nor what comes after it. */
static sffi_status fetch_string(struct upcall *upcall, uint64_t *value)
{
	size_t have = 0, room = 0;
	char *text = NULL;
	struct fetched *fetched;
	sffi_status status;

	for (;;) {
		size_t step = PAGE - (*value + have) % PAGE;

		if (have + step > room) {
			char *grown = have < STRING_MAX ? realloc(text, room = 2 * (have + step)) : NULL;

			if (!grown) {
				free(text);
				return no_memory(upcall);
			}
			text = grown;
		}
		status = upcall->work->reach->read(upcall->work, text + have, *value + have, step);
		if (status || memchr(text + have, '\0', step))
			break;
		have += step;
	}
	if (!status) {
		size_t size = strlen(text) + 1;

		fetched = new_fetched(upcall, *value, NULL, size, size);
		if (fetched)
			*value = (uintptr_t)memcpy(fetched->data, text, size);
		else
			status = no_memory(upcall);
	}
	free(text);
	return status;
}

struct extent {
	const struct type *type;
	size_t count;
	bool in, back;
};

static sffi_status fetch_object(struct upcall *upcall, uint64_t *value, const struct extent *extent,
				unsigned depth)
{
	const struct fetched *same = find_fetched(upcall, *value, extent->type, extent->count);
	struct fetched *fetched;
	sffi_status status = SFFI_OK;
	size_t size;

	if (same) {
		*value = (uintptr_t)same->data;
		return SFFI_OK;
	}
	if (__builtin_mul_overflow(extent->type->size, extent->count, &size) || size > ARENA_RANGE)
		return sffi__fail(SFFI_EADDRESS, "an argument of %s is to have %zu elements",
				  upcall->callback->name, extent->count);
	fetched = new_fetched(upcall, *value, extent->type, extent->count, size);
	if (!fetched)
		return no_memory(upcall);
	fetched->back = extent->back;
	if (extent->in)
		status = upcall->work->reach->read(upcall->work, fetched->data, *value, size);
	*value = (uintptr_t)fetched->data;
	for (size_t i = 0; extent->in && i < extent->count && !status; i++)
		status = fetch_inside(upcall, extent->type, fetched->data + i * extent->type->size,
				      depth + 1);
	return status;
}

/* A pointer inside of something: of what cannot be read the address is left, since it may
 * never have been set. */
static sffi_status fetch_inner(struct upcall *upcall, const struct type *type, uint64_t *value,
			       unsigned depth)
{
	struct extent one = { type->target, 1, true, !type->target_const };
	enum travel travel = sffi__pointer_travel(type);
	sffi_status status = SFFI_OK;
	uint64_t address = *value;

	if (!address || depth > DEPTH_MAX || is_in_arena(upcall, address))
		return SFFI_OK;
	if (travel == TRAVEL_STRING)
		status = fetch_string(upcall, value);
	else if (travel == TRAVEL_OBJECT)
		status = fetch_object(upcall, value, &one, depth);
	if (status != SFFI_EADDRESS)
		return status;
	*value = address;
	return SFFI_OK;
}

struct fetching {
	struct upcall *upcall;
	unsigned depth;
};

static sffi_status visit_to_fetch(void *context, const struct type *type, char *at)
{
	const struct fetching *fetching = context;
	sffi_status status;
	uint64_t value;

	memcpy(&value, at, sizeof value);
	status = fetch_inner(fetching->upcall, type, &value, fetching->depth);
	memcpy(at, &value, sizeof value);
	return status;
}

static sffi_status fetch_inside(struct upcall *upcall, const struct type *type, char *at, unsigned depth)
{
	struct fetching fetching = { upcall, depth };

	return sffi__visit_pointers(type, at, visit_to_fetch, &fetching);
}

/* The value of another argument, for a length. */
static bool look_up(void *context, size_t index, bool dereference, uint64_t *value, bool *is_signed)
{
	struct upcall *upcall = context;
	const struct type *type = upcall->callback->type->parameters[index].type;
	uint64_t word = sffi__abi_widen(type, upcall->arguments[index]);
	char target[8] = { 0 };

	if (dereference) {
		type = type->target;
		if (type->size > sizeof target ||
		    upcall->work->reach->read(upcall->work, target, word, type->size))
			return false;
		word = sffi__abi_widen(type, target);
	}
	*value = word;
	*is_signed = type->is_signed;
	return true;
}

static sffi_status fetch_pointer(struct upcall *upcall, const struct parameter *parameter,
				 uint64_t *value)
{
	struct extent extent = { parameter->type->target, 1, !parameter->is_out,
				 !parameter->type->target_const };
	enum travel travel = sffi__pointer_travel(parameter->type);
	uint64_t count = 1;
	sffi_status status = SFFI_OK;

	if (!*value || is_in_arena(upcall, *value))
		return SFFI_OK;
	if (parameter->length && parameter->type->target->size)
		travel = TRAVEL_OBJECT;
	if (travel == TRAVEL_STRING)
		return fetch_string(upcall, value);
	if (travel != TRAVEL_OBJECT)
		return SFFI_OK;
	if (parameter->length)
		status = sffi__expression_evaluate(parameter->length, look_up, upcall, &count);
	extent.count = count;
	return status ? status : fetch_object(upcall, value, &extent, 0);
}

sffi_status sffi__upcall_fetch(struct upcall *upcall, const struct parameter *parameter, void *at)
{
	sffi_status status;
	uint64_t value, address;

	if (upcall->work->reach->shares)
		return SFFI_OK;
	if (parameter->type->kind != TYPE_POINTER)
		return fetch_inside(upcall, parameter->type, at, 0);
	memcpy(&value, at, sizeof value);
	address = value;
	status = fetch_pointer(upcall, parameter, &value);
	if (status == SFFI_EADDRESS)
		return sffi__fail(status, "parameter '%s' of %s is %#lx, which cannot be read in the worker",
				  parameter->name ? parameter->name : "?", upcall->callback->name,
				  (unsigned long)address);
	memcpy(at, &value, sizeof value);
	return status;
}

/* ---- giving ---------------------------------------------------------------------------------- */

static sffi_status lend(struct upcall *upcall, const void *data, size_t size, uint64_t *value)
{
	struct workspace *work = upcall->work;
	void **grown = realloc(work->loans, (work->loan_count + 1) * sizeof *grown);
	void *block;

	if (!grown)
		return no_memory(upcall);
	work->loans = grown;
	block = sffi__arena_take(work->domain->arena, size, false);
	if (!block)
		return sffi__fail(SFFI_ENOMEM, "the arena has no room for a result of %s",
				  upcall->callback->name);
	work->loans[work->loan_count++] = block;
	*value = (uintptr_t)memcpy(block, data, size);
	return SFFI_OK;
}

/* What was fetched is the callee's own, by its own address. */
static bool give_back(const struct upcall *upcall, uint64_t *value)
{
	for (const struct fetched *f = upcall->fetched; f; f = f->next) {
		size_t size = f->type ? f->count * f->type->size : f->count;

		if (*value - (uintptr_t)f->data > size)
			continue;
		*value = f->address + (*value - (uintptr_t)f->data);
		return true;
	}
	return false;
}

static sffi_status give_function(struct upcall *upcall, const struct type *type, uint64_t *value)
{
	sffi_callback *wrapped;
	sffi_status status;

	if (!upcall->callback->declared_by)
		return sffi__fail(SFFI_ETYPE, "%s gives a function of the host; make a callback of it, "
					      "by sffi_callback_new", upcall->callback->name);
	status = sffi__callback_wrap(upcall->work->domain->callbacks, (void *)*value,
				     type->target->function, upcall->callback->declared_by, &wrapped);
	if (!status)
		status = upcall->work->reach->make_thunks(upcall->work);
	if (!status)
		*value = (uintptr_t)wrapped->address;
	return status;
}

static sffi_status give_pointer(struct upcall *upcall, const struct type *type, uint64_t *value)
{
	enum travel travel = sffi__pointer_travel(type);
	sffi_status status;

	if (!*value || give_back(upcall, value))
		return SFFI_OK;
	status = travel == TRAVEL_FUNCTION
			 ? upcall->work->reach->check_code(upcall->work, *value)
			 : upcall->work->reach->check(upcall->work, *value, travel == TRAVEL_ADDRESS);
	if (status != SFFI_ETYPE)
		return status;
	if (travel == TRAVEL_STRING)
		return lend(upcall, (const char *)*value, strlen((const char *)*value) + 1, value);
	if (travel == TRAVEL_FUNCTION)
		return give_function(upcall, type, value);
	return sffi__fail(SFFI_ETYPE, "%s gives the callee a pointer to the host's own memory; take "
				      "arena memory for it, from sffi_alloc, or declare it 'token'",
			  upcall->callback->name);
}

static sffi_status visit_to_give(void *upcall, const struct type *type, char *at)
{
	sffi_status status;
	uint64_t value;

	memcpy(&value, at, sizeof value);
	status = give_pointer(upcall, type, &value);
	memcpy(at, &value, sizeof value);
	return status;
}

sffi_status sffi__upcall_give(struct upcall *upcall, const struct type *type, void *at)
{
	return upcall->work->reach->shares ? SFFI_OK
					   : sffi__visit_pointers(type, at, visit_to_give, upcall);
}

sffi_status sffi__upcall_write_back(struct upcall *upcall)
{
	sffi_status status = SFFI_OK;

	for (struct fetched *f = upcall->fetched; f && !status; f = f->next) {
		if (!f->back)
			continue;
		for (size_t i = 0; i < f->count && !status; i++)
			status = sffi__upcall_give(upcall, f->type, f->data + i * f->type->size);
		if (!status)
			status = upcall->work->reach->write(upcall->work, f->address, f->data,
						      f->count * f->type->size);
	}
	return status;
}
