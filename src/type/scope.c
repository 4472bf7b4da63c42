/* SPDX-License-Identifier: MIT */
#include "type/scope.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_BUCKETS 64

struct scope *sffi__scope_new(const struct scope *outer)
{
	struct scope *scope = calloc(1, sizeof *scope);

	if (!scope)
		return NULL;
	scope->outer = outer;
	scope->bucket_count = FIRST_BUCKETS;
	scope->buckets = calloc(FIRST_BUCKETS, sizeof *scope->buckets);
	if (!scope->buckets) {
		free(scope);
		return NULL;
	}
	return scope;
}

void sffi__scope_free(struct scope *scope)
{
	if (!scope)
		return;
	sffi__pool_free(&scope->pool);
	free(scope->buckets);
	free(scope);
}

/* ---- names ---- */

/* FNV-1a. It starts from the scope's own address, which no text can know, so that no text
 * can be made of names that all fall into one bucket. */
static uint64_t hash_of(const struct scope *scope, const char *text, size_t length)
{
	uint64_t hash = 0xcbf29ce484222325u ^ (uint64_t)(uintptr_t)scope * 0x9e3779b97f4a7c15u;
	size_t i;

	for (i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3u;
	return hash ^ hash >> 32;
}

static struct name **bucket_of(const struct scope *scope, uint64_t hash)
{
	return &scope->buckets[hash & (scope->bucket_count - 1)];
}

static struct name *find(const struct scope *scope, const char *text, size_t length)
{
	uint64_t hash = hash_of(scope, text, length);
	struct name *name;

	for (name = *bucket_of(scope, hash); name; name = name->chain)
		if (name->hash == hash && name->length == length &&
		    !memcmp(name->text, text, length))
			return name;
	return NULL;
}

/* Twice the buckets. Without memory the table stays as it is: slower, not wrong. */
static void grow(struct scope *scope)
{
	size_t count = 2 * scope->bucket_count;
	struct name **buckets = calloc(count, sizeof *buckets), *name;

	if (!buckets)
		return;
	free(scope->buckets);
	scope->buckets = buckets;
	scope->bucket_count = count;
	for (name = scope->newest; name; name = name->earlier) {
		struct name **bucket = bucket_of(scope, name->hash);

		name->chain = *bucket;
		*bucket = name;
	}
}

struct name *sffi__scope_enter(struct scope *scope, const char *text, size_t length)
{
	struct name *name = find(scope, text, length), **bucket;

	if (name)
		return name;
	name = sffi__pool_alloc(&scope->pool, sizeof *name + length + 1);
	if (!name)
		return NULL;
	memcpy(name->text, text, length);
	name->length = (unsigned)length;
	name->hash = hash_of(scope, text, length);
	name->keyword = sffi__keyword(name->text);
	name->earlier = scope->newest;
	scope->newest = name;
	if (++scope->name_count > scope->bucket_count) {
		name->chain = NULL;
		grow(scope);
		if (find(scope, text, length))
			return name;
	}
	bucket = bucket_of(scope, name->hash);
	name->chain = *bucket;
	*bucket = name;
	return name;
}

static void remove_newest(struct scope *scope)
{
	struct name *name = scope->newest, **link = bucket_of(scope, name->hash);

	while (*link != name)
		link = &(*link)->chain;
	*link = name->chain;
	scope->newest = name->earlier;
	scope->name_count--;
}

/* ---- lookup ---- */

static const struct binding *look_up(const struct scope *scope, const char *text, size_t length,
                                     bool tag)
{
	for (; scope; scope = scope->outer) {
		const struct name *name = find(scope, text, length);
		const struct binding *binding = !name ? NULL : tag ? name->tag : name->ordinary;

		if (binding)
			return binding;
	}
	return tag ? NULL : sffi__standard_name(text);
}

const struct binding *sffi__scope_ordinary(const struct scope *scope, const struct name *name)
{
	return name->ordinary ? name->ordinary
	                      : look_up(scope->outer, name->text, name->length, false);
}

const struct binding *sffi__scope_tag(const struct scope *scope, const struct name *name)
{
	return name->tag ? name->tag : look_up(scope->outer, name->text, name->length, true);
}

static const struct type *declared(const struct scope *scope, const char *text,
                                   enum binding_kind kind)
{
	const struct binding *binding = look_up(scope, text, strlen(text), false);

	return binding && binding->kind == kind ? binding->type.type : NULL;
}

const struct function_type *sffi__scope_function(const struct scope *scope, const char *name)
{
	const struct type *type = declared(scope, name, BINDING_FUNCTION);

	return type ? type->function : NULL;
}

const struct type *sffi__scope_global(const struct scope *scope, const char *name)
{
	return declared(scope, name, BINDING_GLOBAL);
}

/* ---- transactions ---- */

void sffi__transaction_begin(struct transaction *transaction, struct scope *scope)
{
	memset(transaction, 0, sizeof *transaction);
	transaction->scope = scope;
	transaction->memory = sffi__pool_mark(&scope->pool);
	transaction->newest_name = scope->newest;
}

static struct change *note(struct transaction *transaction)
{
	struct change *change = sffi__pool_alloc(&transaction->notes, sizeof *change);

	if (!change)
		return NULL;
	change->earlier = transaction->newest;
	transaction->newest = change;
	return change;
}

bool sffi__transaction_bind(struct transaction *transaction, struct binding **slot,
                            struct binding *binding)
{
	struct change *change = note(transaction);

	if (!change)
		return false;
	change->slot = slot;
	change->former = *slot;
	*slot = binding;
	return true;
}

bool sffi__transaction_complete(struct transaction *transaction, struct type *type,
                                struct type *body)
{
	struct change *change = note(transaction);

	if (!change)
		return false;
	change->type = type;
	type->staged = body;
	return true;
}

/* Other threads may be reading the incomplete type: they see is_complete last. */
static void become(struct type *type)
{
	const struct type *body = type->staged;

	type->has_flexible_tail = body->has_flexible_tail;
	type->is_packed = body->is_packed;
	type->has_unnamed_bits = body->has_unnamed_bits;
	type->natural_alignment = body->natural_alignment;
	type->member_alignment = body->member_alignment;
	type->has_bit_fields = body->has_bit_fields;
	type->depth = body->depth;
	type->size = body->size;
	type->alignment = body->alignment;
	type->count = body->count;
	type->members = body->members;
	type->staged = NULL;
	__atomic_store_n(&type->is_complete, true, __ATOMIC_RELEASE);
}

void sffi__transaction_keep(struct transaction *transaction)
{
	struct change *change;

	for (change = transaction->newest; change; change = change->earlier)
		if (change->type)
			become(change->type);
	sffi__pool_free(&transaction->notes);
}

void sffi__transaction_undo(struct transaction *transaction)
{
	struct scope *scope = transaction->scope;
	struct change *change;

	for (change = transaction->newest; change; change = change->earlier) {
		if (change->type)
			change->type->staged = NULL;
		else
			*change->slot = change->former;
	}
	while (scope->newest != transaction->newest_name)
		remove_newest(scope);
	sffi__pool_release(&scope->pool, transaction->memory);
	sffi__pool_free(&transaction->notes);
}
