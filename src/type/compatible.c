/* SPDX-License-Identifier: MIT */
/* C11 6.2.7: may the same name be declared with the one type and then with the other? */
#include <string.h>

#include "type/parser.h"

/* Types can share parts, so that a short text makes a type of very many paths; whoever
 * declares such a type twice is told that it differs. */
#define STEPS_MAX 20000

struct comparison {
	unsigned steps;
};

static bool same(struct comparison *, const struct type *, const struct type *);

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool has_tag(const struct type *type)
{
	return !strncmp(type->name, "struct ", 7) || !strncmp(type->name, "union ", 6);
}

static bool same_members(struct comparison *comparison, const struct type *a, const struct type *b)
{
	size_t i;

	if (a->count != b->count || a->size != b->size || a->alignment != b->alignment)
		return false;
	for (i = 0; i < a->count; i++) {
		const struct member *left = &a->members[i], *right = &b->members[i];

		if (!same_text(left->name, right->name) || left->offset != right->offset ||
		    left->bit_offset != right->bit_offset || left->bit_width != right->bit_width ||
		    !same(comparison, left->type, right->type))
			return false;
	}
	return true;
}

/* A tag names one type in a scope, so it need not be looked into; and must not: the struct
 * may contain a pointer to itself. Without a tag it cannot. */
static bool same_record(struct comparison *comparison, const struct type *a, const struct type *b)
{
	if (!same_text(a->name, b->name) || a->is_complete != b->is_complete)
		return false;
	if (has_tag(a) || !a->is_complete)
		return a->alignment == b->alignment;
	return same_members(comparison, a, b);
}

static bool same_parameter(struct comparison *comparison, const struct parameter *a,
                           const struct parameter *b)
{
	if (a->is_out != b->is_out || a->is_keep != b->is_keep || !a->length != !b->length)
		return false;
	if (a->length && !sffi__expression_equal(a->length->root, b->length->root))
		return false;
	return same(comparison, a->type, b->type);
}

static bool same_function(struct comparison *comparison, const struct function_type *a,
                          const struct function_type *b)
{
	/* What follows a `...` is one call's: where one of the two leaves it open, it may differ. */
	bool is_open = a->is_open || b->is_open;
	size_t i;

	if (a->fixed_count != b->fixed_count || a->is_variadic != b->is_variadic ||
	    (!is_open && a->count != b->count) || a->keep_result != b->keep_result ||
	    !same(comparison, a->result, b->result))
		return false;
	for (i = 0; i < (is_open ? a->fixed_count : a->count); i++)
		if (!same_parameter(comparison, &a->parameters[i], &b->parameters[i]))
			return false;
	return true;
}

/* C11 6.7.2.2p4: an enum is compatible with its integer type. */
static bool same_integer(const struct type *a, const struct type *b)
{
	if (a->alignment != b->alignment || a->size != b->size || a->is_signed != b->is_signed)
		return false;
	if (a->is_enum != b->is_enum)
		return true;
	return same_text(a->name, b->name);
}

static bool same_array(struct comparison *comparison, const struct type *a, const struct type *b)
{
	return (!a->is_complete || !b->is_complete || a->count == b->count) &&
	       a->target_const == b->target_const && same(comparison, a->target, b->target);
}

/* As deep as the types, which is at most TYPE_DEPTH_MAX: structs behind pointers are
 * compared by their tags, and without a tag there is no way back to themselves. */
static bool same(struct comparison *comparison, const struct type *a, const struct type *b)
{
	a = sffi__type_view(a);
	b = sffi__type_view(b);
	if (a == b)
		return true;
	if (a->kind != b->kind || ++comparison->steps > STEPS_MAX)
		return false;
	switch (a->kind) {
	case TYPE_POINTER:
		return a->target_const == b->target_const && a->alignment == b->alignment &&
		       same(comparison, a->target, b->target);
	case TYPE_ARRAY:
		return same_array(comparison, a, b);
	case TYPE_FUNCTION:
		return same_function(comparison, a->function, b->function);
	case TYPE_STRUCT:
	case TYPE_UNION:
		return same_record(comparison, a, b);
	case TYPE_INTEGER:
		return same_integer(a, b);
	default:
		return same_text(a->name, b->name) && a->alignment == b->alignment;
	}
}

bool sffi__compatible(const struct type *a, const struct type *b)
{
	struct comparison comparison = { 0 };

	return same(&comparison, a, b);
}

bool sffi__same_body(const struct type *a, const struct type *b)
{
	struct comparison comparison = { 0 };

	return same_members(&comparison, a, b);
}

bool sffi__type_compatible(const struct type *a, const struct type *b)
{
	return sffi__compatible(a, b);
}

bool sffi__function_compatible(const struct function_type *a, const struct function_type *b)
{
	const struct type of_a = { .kind = TYPE_FUNCTION, .function = a };
	const struct type of_b = { .kind = TYPE_FUNCTION, .function = b };

	return a == b || sffi__compatible(&of_a, &of_b);
}
