/* SPDX-License-Identifier: MIT */
/* C11 6.2.7: whether two declarations say the same. */
#include <string.h>

#include "type/parser.h"

static bool same_parameter(const struct parameter *a, const struct parameter *b)
{
	if (a->is_out != b->is_out || a->is_keep != b->is_keep || !a->length != !b->length)
		return false;
	if (a->length && !sffi__expression_equal(a->length->root, b->length->root))
		return false;
	return sffi__compatible(a->type, b->type);
}

static bool same_function(const struct function_type *a, const struct function_type *b)
{
	if (a->count != b->count || a->is_variadic != b->is_variadic ||
	    a->keep_result != b->keep_result || !sffi__compatible(a->result, b->result))
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!same_parameter(&a->parameters[i], &b->parameters[i]))
			return false;
	return true;
}

/* As deep as the types, at most TYPE_DEPTH_MAX: structs are told by their tags alone. */
bool sffi__compatible(const struct type *a, const struct type *b)
{
	if (a == b)
		return true;
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case TYPE_POINTER:
		return a->target_const == b->target_const && sffi__compatible(a->target, b->target);
	case TYPE_ARRAY:
		return (a->count == b->count || !a->is_complete || !b->is_complete) &&
		       a->target_const == b->target_const && sffi__compatible(a->target, b->target);
	case TYPE_FUNCTION:
		return same_function(a->function, b->function);
	case TYPE_STRUCT:
	case TYPE_UNION:
		return a->name && b->name && !strcmp(a->name, b->name) && a->size == b->size &&
		       sffi__type_view(a)->is_complete && sffi__type_view(b)->is_complete;
	case TYPE_INTEGER:
		return a->size == b->size && a->is_signed == b->is_signed && a->is_enum == b->is_enum &&
		       a->is_plain_char == b->is_plain_char && !strcmp(a->name, b->name);
	default:
		return a->size == b->size;
	}
}

static bool same_name(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool same_member_type(const struct type *a, const struct type *b)
{
	bool unnamed = a->name && b->name && a->name[0] == '<' && b->name[0] == '<';

	if (unnamed && a->kind == b->kind && (a->kind == TYPE_STRUCT || a->kind == TYPE_UNION))
		return sffi__same_body(sffi__type_view(a), sffi__type_view(b));
	return sffi__compatible(a, b);
}

bool sffi__same_body(const struct type *a, const struct type *b)
{
	if (a->size != b->size || a->alignment != b->alignment || a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		const struct member *x = &a->members[i], *y = &b->members[i];

		if (!same_name(x->name, y->name) || x->offset != y->offset ||
		    x->bit_offset != y->bit_offset || x->bit_width != y->bit_width ||
		    !same_member_type(x->type, y->type))
			return false;
	}
	return true;
}
