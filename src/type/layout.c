/* SPDX-License-Identifier: MIT */
/*
 * Layouts of structs and unions: System V ABI for x86-64 (and AAPCS64) 3.1.2, and what
 * gcc's place_field (stor-layout.c) does where attributes leave the ABI.
 *
 * Positions are counted in bits; TYPE_SIZE_MAX keeps them far from overflow.
 */
#include <string.h>

#include "type/parser.h"

#define BITS_MAX ((uint64_t)TYPE_SIZE_MAX * 8)

struct layout {
	struct parser *parser;
	struct type *body;
	bool is_packed;
	uint64_t end;     /* of the last member of a struct; of the longest one of a union */
	size_t alignment; /* in bytes */
	bool has_named;   /* a member before */
};

static uint64_t rounded_up(uint64_t position, uint64_t unit)
{
	return (position + unit - 1) / unit * unit;
}

static void align_record(struct layout *layout, size_t alignment)
{
	if (alignment > layout->alignment)
		layout->alignment = alignment;
}

/* ---- where a field may begin ---- */

/* A bit-field may not cross more boundaries of its type's alignment than the type itself
 * would: then it moves to the next boundary. A packed one may. */
static uint64_t place_bit_field(const struct field *field, const struct type *type,
                                uint64_t position)
{
	uint64_t unit = 8 * (uint64_t)type->alignment, start;

	if (field->alignment)
		position = rounded_up(position, 8 * (uint64_t)field->alignment);
	if (!field->width)
		return rounded_up(position, unit);
	start = position % unit;
	if (!field->is_packed && (start + field->width + unit - 1) / unit > 8 * type->size / unit)
		position = rounded_up(position, unit);
	return position;
}

/* `packed` takes the type's alignment away, but not one that the member itself asks for. */
static size_t field_alignment(const struct field *field, const struct type *type)
{
	if (field->is_packed)
		return field->alignment ? field->alignment : 1;
	return field->alignment > type->alignment ? field->alignment : type->alignment;
}

/* An unnamed bit-field does not align the struct (System V ABI 3.1.2). */
static void align_for_bit_field(struct layout *layout, const struct field *field,
                                const struct type *type)
{
	if (!field->name)
		return;
	align_record(layout, field->is_packed ? 1 : type->alignment);
	align_record(layout, field->alignment);
}

static bool place(struct layout *layout, struct field *field)
{
	const struct type *type = sffi__type_view(field->type);
	bool is_union = layout->body->kind == TYPE_UNION;
	uint64_t position = is_union ? 0 : layout->end, length;

	if (field->is_bit_field) {
		position = place_bit_field(field, type, position);
		align_for_bit_field(layout, field, type);
		length = field->width;
	} else {
		position = rounded_up(position, 8 * (uint64_t)field_alignment(field, type));
		align_record(layout, field_alignment(field, type));
		length = 8 * (uint64_t)type->size;
	}
	field->bit_position = position;
	if (position + length > BITS_MAX)
		return sffi__fail_at(layout->parser, &field->token, "'%s' is larger than %zu bytes",
		                     layout->body->name, TYPE_SIZE_MAX);
	if (position + length > layout->end)
		layout->end = position + length;
	return true;
}

/* ---- what the struct is like ---- */

static bool is_open_array(const struct type *type)
{
	return type->kind == TYPE_ARRAY && !type->is_complete;
}

/* C11 6.7.2.1p18, but like gcc in allowing it inside of other structs. */
static bool note_tail(struct layout *layout, const struct field *field)
{
	const struct type *type = sffi__type_view(field->type);
	bool is_open = is_open_array(type), is_struct = layout->body->kind == TYPE_STRUCT;

	if (is_open && (!is_struct || field->next || !layout->has_named))
		return sffi__fail_at(
		        layout->parser, &field->token,
		        "an array of unknown length can only be the last member of a struct, "
		        "after another one");
	if (is_struct && !field->next && !field->is_bit_field)
		layout->body->has_flexible_tail = is_open || type->has_flexible_tail ||
		                                  (type->kind == TYPE_ARRAY && !type->count);
	return true;
}

static bool note_field(struct layout *layout, const struct field *field)
{
	struct type *body = layout->body;
	const struct type *type = sffi__type_view(field->type);

	if (type->depth + 1 > body->depth)
		body->depth = type->depth + 1;
	if (body->depth > TYPE_DEPTH_MAX)
		return sffi__fail_at(layout->parser, &field->token,
		                     "this type is more than %d levels deep", TYPE_DEPTH_MAX);
	body->has_bit_fields |= field->is_bit_field || type->has_bit_fields;
	if (!note_tail(layout, field))
		return false;
	body->has_unnamed_bits |= field->is_bit_field && !field->name && field->width;
	layout->has_named |= field->name || !field->is_bit_field;
	if (field->name || !field->is_bit_field)
		body->count++;
	return true;
}

/* ---- members ---- */

/* See struct member: its unit if there is one inside the struct, else its first byte. */
static void locate_bit_field(const struct type *body, const struct field *field,
                             struct member *member)
{
	uint64_t position = field->bit_position, unit = 8 * (uint64_t)field->type->size;

	if (position % unit + field->width > unit || position / unit * unit + unit > 8 * body->size)
		unit = 8;
	member->offset = position / unit * unit / 8;
	member->bit_offset = (unsigned)(position % unit);
	member->bit_width = field->width;
}

static bool make_members(struct layout *layout, const struct field *field)
{
	struct type *body = layout->body;
	struct member *member = sffi__new(layout->parser, body->count * sizeof *member);

	if (!member)
		return false;
	body->members = member;
	for (; field; field = field->next) {
		if (field->is_bit_field && !field->name)
			continue;
		member->name = field->name ? field->name->text : NULL;
		member->type = field->type;
		member->offset = field->bit_position / 8;
		if (field->is_bit_field)
			locate_bit_field(body, field, member);
		member++;
	}
	return true;
}

/* ---- names ---- */

static bool is_new(struct name *name, uint64_t list)
{
	bool is_repeated = name->list == list;

	name->list = list;
	return !is_repeated;
}

/* The members of an anonymous struct, which were declared in this scope, in this text. */
static bool check_inner_names(struct layout *layout, const struct type *type,
                              const struct token *token, uint64_t list)
{
	struct parser *parser = layout->parser;
	size_t i;

	for (i = 0; i < type->count; i++) {
		const char *text = type->members[i].name;
		struct name *name;

		if (!text) {
			if (!check_inner_names(layout, type->members[i].type, token, list))
				return false;
			continue;
		}
		name = sffi__scope_enter(parser->scope, text, strlen(text));
		if (!name)
			return sffi__out_of_memory(parser);
		if (!is_new(name, list))
			return sffi__fail_at(parser, token, "two members have the name '%s'", text);
	}
	return true;
}

static bool check_names(struct layout *layout, const struct field *field)
{
	uint64_t list = ++layout->parser->scope->last_list;

	for (; field; field = field->next) {
		if (field->name && !is_new(field->name, list))
			return sffi__fail_at(layout->parser, &field->token,
			                     "two members have the name '%s'", field->name->text);
		if (!field->name && !field->is_bit_field &&
		    !check_inner_names(layout, field->type, &field->token, list))
			return false;
	}
	return true;
}

/* ---- the whole ---- */

static bool place_all(struct layout *layout, struct field *field)
{
	for (; field; field = field->next) {
		field->is_packed |= layout->is_packed;
		if (!note_field(layout, field) || !place(layout, field))
			return false;
	}
	return true;
}

bool sffi__lay_out(struct parser *parser, struct type *body, struct field *fields,
                   const struct attributes *attributes)
{
	struct layout layout = { parser, body, attributes->is_packed, 0, 1, false };

	if (!place_all(&layout, fields) || !check_names(&layout, fields))
		return false;
	body->member_alignment = layout.alignment;
	align_record(&layout, attributes->alignment);
	body->is_packed = attributes->is_packed;
	body->alignment = body->natural_alignment = layout.alignment;
	body->size = rounded_up(rounded_up(layout.end, 8) / 8, layout.alignment);
	body->is_complete = true;
	return make_members(&layout, fields);
}
