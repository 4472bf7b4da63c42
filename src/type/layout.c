/* SPDX-License-Identifier: MIT */
/*
 * System V psABI for AMD64, 3.1.2 "Aggregates and Unions" and "Bit-Fields", as gcc does it:
 * a bit-field may not cross a boundary of its type, unless packed; an unnamed one does not
 * align the struct; one of width 0 goes on at the next boundary of its type.
 */
#include "type/parser.h"

struct layout {
	uint64_t bits; /* so far; of a union: of the largest member */
	size_t alignment;
	bool is_union, is_packed;
	unsigned depth;
	size_t members;
	bool has_bit_fields, has_flexible_tail;
};

static uint64_t round_up(uint64_t value, uint64_t to)
{
	return (value + to - 1) / to * to;
}

static size_t alignment_of(const struct layout *layout, const struct field *field)
{
	const struct type *view = sffi__type_view(field->type);
	size_t alignment = layout->is_packed || field->is_packed ? 1 : view->alignment;

	return field->alignment > alignment ? field->alignment : alignment;
}

static void place_bit_field(struct layout *layout, struct field *field)
{
	uint64_t unit = field->type->size * 8, position = layout->is_union ? 0 : layout->bits;
	bool is_packed = layout->is_packed || field->is_packed;

	if (!field->width) {
		position = round_up(position, unit);
	} else {
		if (field->alignment)
			position = round_up(position, field->alignment * 8);
		if (!is_packed && position / unit != (position + field->width - 1) / unit)
			position = round_up(position, unit);
		/* Only a named one aligns the struct. */
		if (field->name && alignment_of(layout, field) > layout->alignment)
			layout->alignment = alignment_of(layout, field);
	}
	field->bit_position = position;
	if (position + field->width > layout->bits)
		layout->bits = position + field->width;
	layout->has_bit_fields = true;
}

static void place_member(struct layout *layout, struct field *field)
{
	const struct type *view = sffi__type_view(field->type);
	size_t alignment = alignment_of(layout, field);
	uint64_t position = layout->is_union ? 0 : round_up(layout->bits, alignment * 8);

	field->bit_position = position;
	if (position + view->size * 8 > layout->bits)
		layout->bits = position + view->size * 8;
	if (alignment > layout->alignment)
		layout->alignment = alignment;
	layout->has_bit_fields |= view->has_bit_fields;
}

static bool is_flexible(const struct type *type)
{
	return type->kind == TYPE_ARRAY && (!type->is_complete || !type->count);
}

static bool place(struct parser *parser, struct layout *layout, struct field *field)
{
	const struct type *view = sffi__type_view(field->type);
	unsigned below = view->kind == TYPE_POINTER ? 0 : view->depth;

	if (below + 1 > TYPE_DEPTH_MAX)
		return sffi__fail_at(parser, &field->token, "this type is more than %d levels deep",
				     TYPE_DEPTH_MAX);
	if (below + 1 > layout->depth)
		layout->depth = below + 1;
	if (is_flexible(view) && !view->is_complete && (field->next || layout->is_union))
		return sffi__fail_at(parser, &field->token,
				     "an array without a length can only be the last member of a struct");
	if (field->is_bit_field) {
		place_bit_field(layout, field);
		layout->members += field->name != NULL;
	} else {
		place_member(layout, field);
		layout->members++;
		if (!field->next && !layout->is_union)
			layout->has_flexible_tail = is_flexible(view) || view->has_flexible_tail;
	}
	if (layout->bits / 8 > TYPE_SIZE_MAX)
		return sffi__fail_at(parser, &field->token, "this struct is larger than %zu bytes",
				     TYPE_SIZE_MAX);
	return true;
}

/* Where a program would load the field from: see struct member. */
static void locate_bits(const struct field *field, size_t size, struct member *member)
{
	size_t unit = field->type->size;
	uint64_t offset = field->bit_position / (unit * 8) * unit;

	member->bit_width = field->width;
	if (field->bit_position - offset * 8 + field->width > unit * 8 || offset + unit > size)
		offset = field->bit_position / 8;
	member->offset = offset;
	member->bit_offset = (unsigned)(field->bit_position - offset * 8);
}

static bool make_members(struct parser *parser, struct type *body, const struct field *field)
{
	struct member *member;

	body->members = sffi__new(parser, (body->count + !body->count) * sizeof *body->members);
	if (!body->members)
		return false;
	for (member = body->members; field; field = field->next) {
		if (field->is_bit_field && !field->name)
			continue;
		member->name = field->name ? field->name->text : NULL;
		member->type = field->type;
		if (field->is_bit_field)
			locate_bits(field, body->size, member);
		else
			member->offset = field->bit_position / 8;
		member++;
	}
	return true;
}

bool sffi__lay_out(struct parser *parser, struct type *body, struct field *fields,
		   const struct attributes *attributes)
{
	struct layout layout = {
		.alignment = 1,
		.is_union = body->kind == TYPE_UNION,
		.is_packed = attributes->is_packed,
	};

	for (struct field *field = fields; field; field = field->next)
		if (!place(parser, &layout, field))
			return false;
	if (attributes->alignment > layout.alignment)
		layout.alignment = attributes->alignment;
	body->alignment = layout.alignment;
	body->size = round_up(round_up(layout.bits, 8) / 8, layout.alignment);
	body->is_packed = attributes->is_packed;
	body->is_complete = true;
	body->has_bit_fields = layout.has_bit_fields;
	body->has_flexible_tail = layout.has_flexible_tail;
	body->depth = layout.depth;
	body->count = layout.members;
	return make_members(parser, body, fields);
}
