/* SPDX-License-Identifier: MIT */
#include "memory/callbacks.h"

#include "error.h"
#include "memory/arena.h"

#include <stdlib.h>
#include <string.h>

enum { PAGE = 4096, HASHES = 256 };

struct callbacks {
	sffi_domain *domain;
	pthread_mutex_t lock;
	char *low;               /* of the thunks: an arena block, taken with the first one */
	sffi_callback **list;    /* by index */
	_Atomic uint32_t count;  /* read without the lock by sffi__callbacks_pages */
	uint32_t capacity;
	uint32_t oldest;         /* released ones are looked for from here on */
	sffi_callback *wrapped[HASHES];
};

sffi_status sffi__callbacks_new(struct callbacks **result, sffi_domain *domain)
{
	struct callbacks *table = calloc(1, sizeof *table);

	if (!table)
		return sffi__fail(SFFI_ENOMEM, "out of memory for a domain's callbacks");
	table->domain = domain;
	pthread_mutex_init(&table->lock, NULL);
	*result = table;
	return SFFI_OK;
}

void sffi__callback_unreference(sffi_callback *callback)
{
	if (!callback || atomic_fetch_sub(&callback->references, 1) > 1)
		return;
	free(callback->plan);
	free(callback->marshal);
	free(callback->name);
	sffi__scope_free(callback->scope);
	sffi_function_release(&callback->declared_by);
	sffi__library_release(callback->library);
	free(callback);
}

void sffi__callbacks_close(struct callbacks *table)
{
	sffi_callback **list;
	uint32_t count;

	if (!table)
		return;
	pthread_mutex_lock(&table->lock);
	list = table->list;
	count = table->count;
	table->list = NULL;
	table->count = 0;
	table->capacity = 0;
	memset(table->wrapped, 0, sizeof table->wrapped);
	pthread_mutex_unlock(&table->lock);
	for (uint32_t i = 0; i < count; i++)
		sffi__callback_unreference(list[i]);
	free(list);
}

void sffi__callbacks_free(struct callbacks *table)
{
	if (!table)
		return;
	sffi__callbacks_close(table);
	pthread_mutex_destroy(&table->lock);
	free(table);
}

/* ---- indices and addresses ------------------------------------------------------------- */

static uintptr_t address_of(const struct callbacks *table, uint32_t index)
{
	return (uintptr_t)table->low + (uintptr_t)(index / ABI_PAGE_THUNKS) * PAGE +
	       index % ABI_PAGE_THUNKS * ABI_THUNK_SIZE;
}

static bool grow(struct callbacks *table)
{
	uint32_t capacity = table->capacity ? table->capacity * 2 : 64;
	sffi_callback **grown;

	if (table->count < table->capacity)
		return true;
	grown = realloc(table->list, capacity * sizeof *grown);
	if (!grown)
		return false;
	table->list = grown;
	table->capacity = capacity;
	return true;
}

/* The one released longest ago gives its index: what still calls it then calls another, which
 * is why numbers are used up first. */
static bool reuse(struct callbacks *table, uint32_t *index)
{
	for (uint32_t i = 0; i < table->count; i++) {
		uint32_t at = (table->oldest + i) % table->count;

		if (!atomic_load(&table->list[at]->released))
			continue;
		sffi__callback_unreference(table->list[at]);
		table->oldest = at + 1;
		*index = at;
		return true;
	}
	return false;
}

/* The lock is held. */
static sffi_status enter(struct callbacks *table, sffi_callback *callback)
{
	if (!table->low)
		table->low = sffi__arena_take(table->domain->arena,
					      CALLBACKS_MAX / ABI_PAGE_THUNKS * PAGE, false);
	if (!table->low)
		return sffi__fail(SFFI_ENOMEM, "the arena has no room for callbacks");
	if (table->count < CALLBACKS_MAX) {
		if (!grow(table))
			return sffi__fail(SFFI_ENOMEM, "out of memory for a callback");
		callback->index = table->count++;
	} else if (!reuse(table, &callback->index)) {
		return sffi__fail(SFFI_ENOMEM, "the domain has %d callbacks, which is the most; "
					       "release some", CALLBACKS_MAX);
	}
	callback->address = (void *)address_of(table, callback->index);
	table->list[callback->index] = callback;
	return SFFI_OK;
}

sffi_status sffi__callback_enter(struct callbacks *table, sffi_callback *callback)
{
	sffi_status status;

	pthread_mutex_lock(&table->lock);
	status = enter(table, callback);
	if (!status)
		atomic_fetch_add(&callback->references, 1);
	pthread_mutex_unlock(&table->lock);
	return status;
}

sffi_callback *sffi__callback_find(struct callbacks *table, uint32_t index)
{
	sffi_callback *callback = NULL;

	pthread_mutex_lock(&table->lock);
	if (index < table->count) {
		callback = table->list[index];
		atomic_fetch_add(&callback->references, 1);
	}
	pthread_mutex_unlock(&table->lock);
	return callback;
}

sffi_callback *sffi__callback_at(struct callbacks *table, uintptr_t address)
{
	sffi_callback *callback = NULL;
	uintptr_t offset;
	uint32_t index;

	pthread_mutex_lock(&table->lock);
	offset = address - (uintptr_t)table->low;
	if (table->low && offset < CALLBACKS_MAX / ABI_PAGE_THUNKS * PAGE) {
		index = (uint32_t)(offset / PAGE * ABI_PAGE_THUNKS + offset % PAGE / ABI_THUNK_SIZE);
		if (index < table->count && address_of(table, index) == address)
			callback = table->list[index];
	}
	pthread_mutex_unlock(&table->lock);
	return callback;
}

uintptr_t sffi__callbacks_low(struct callbacks *table)
{
	return (uintptr_t)table->low;
}

uint32_t sffi__callbacks_pages(const struct callbacks *table)
{
	return (atomic_load_explicit(&table->count, memory_order_acquire) + ABI_PAGE_THUNKS - 1) /
	       ABI_PAGE_THUNKS;
}

/* ---- types --------------------------------------------------------------------------------- */

static bool is_address(const struct type *type)
{
	return type->kind == TYPE_POINTER || type->kind == TYPE_TOKEN;
}

static bool fits(const struct type *a, const struct type *b)
{
	if (is_address(a) || is_address(b))
		return is_address(a) && is_address(b);
	if (a->kind == TYPE_STRUCT || a->kind == TYPE_UNION)
		return sffi__type_compatible(a, b);
	return a->kind == b->kind && a->size == b->size && a->is_signed == b->is_signed;
}

bool sffi__callback_fits(const struct function_type *a, const struct function_type *b)
{
	if (a->count != b->count || a->is_variadic != b->is_variadic || !fits(a->result, b->result))
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!fits(a->parameters[i].type, b->parameters[i].type))
			return false;
	return true;
}

/* ---- plain functions --------------------------------------------------------------------- */

static unsigned hash(const void *function)
{
	return (unsigned)((uintptr_t)function * 0x9e3779b97f4a7c15u >> 56) % HASHES;
}

static sffi_callback *find_wrapped(const struct callbacks *table, void *function,
				   const struct function_type *type)
{
	sffi_callback *callback = table->wrapped[hash(function)];

	while (callback && (callback->function != function ||
			    !sffi__function_compatible(callback->type, type)))
		callback = callback->next;
	return callback;
}

static sffi_status new_wrapped(void *function, const struct function_type *type,
			       sffi_function *declared_by, sffi_callback **result)
{
	sffi_callback *callback = calloc(1, sizeof *callback);
	sffi_status status;

	if (!callback)
		return sffi__fail(SFFI_ENOMEM, "out of memory for a callback");
	atomic_store(&callback->references, 1);
	callback->function = function;
	callback->type = type;
	callback->name = strdup("a host function");
	status = sffi__abi_plan(type, &callback->plan);
	if (!status)
		status = sffi__marshal_plan(type, &callback->marshal);
	if (status) {
		sffi__callback_unreference(callback);
		return status;
	}
	atomic_fetch_add(&declared_by->references, 1);
	callback->declared_by = declared_by;
	*result = callback;
	return SFFI_OK;
}

sffi_status sffi__callback_wrap(struct callbacks *table, void *function,
				const struct function_type *type, sffi_function *declared_by,
				sffi_callback **result)
{
	sffi_callback *made = NULL;
	sffi_status status = SFFI_OK;

	pthread_mutex_lock(&table->lock);
	*result = find_wrapped(table, function, type);
	if (!*result) {
		status = new_wrapped(function, type, declared_by, &made);
		if (!status)
			status = enter(table, made);
		if (!status) {
			made->next = table->wrapped[hash(function)];
			table->wrapped[hash(function)] = *result = made;
		}
	}
	pthread_mutex_unlock(&table->lock);
	if (status)
		sffi__callback_unreference(made);
	return status;
}
