/* SPDX-License-Identifier: MIT */
/* C11 6.7.2.1 to 6.7.2.3: structs, unions, enums, and their tags. */
#include <stdio.h>
#include <string.h>

#include "type/parser.h"

/* ---- tags ---- */

static const char *kind_word(enum type_kind kind)
{
	return kind == TYPE_STRUCT ? "struct" : kind == TYPE_UNION ? "union" : "enum";
}

static enum type_kind kind_of_tag(const struct type *type)
{
	return type->kind == TYPE_STRUCT || type->kind == TYPE_UNION ? type->kind : TYPE_INTEGER;
}

static const char *spelling(struct parser *parser, enum type_kind kind, const char *tag)
{
	const char *word = kind_word(kind);
	size_t size = strlen(word) + strlen(tag) + 2;
	char *text = sffi__new(parser, size);

	if (text)
		snprintf(text, size, "%s %s", word, tag);
	return text;
}

struct binding *sffi__parse_tag(struct parser *parser, const struct token *tag, enum type_kind kind,
				bool own)
{
	struct name *name = tag->name;
	const struct binding *found = own ? name->tag : sffi__scope_tag(parser->scope, name);
	struct binding binding = { .kind = BINDING_TAG };
	struct type *type;

	if (found) {
		if (kind_of_tag(found->type.type) == kind)
			return (struct binding *)found;
		sffi__fail_at(parser, tag, "'%s' was declared before as '%s %s'", name->text,
			      kind_word(kind_of_tag(found->type.type)), name->text);
		return NULL;
	}
	if (parser->only_known_tags) {
		sffi__fail_at(parser, tag, "'%s %s' is not declared", kind_word(kind), name->text);
		return NULL;
	}
	type = sffi__new(parser, sizeof *type);
	if (!type)
		return NULL;
	type->kind = kind;
	type->name = spelling(parser, kind, name->text);
	binding.type.type = type;
	if (!type->name || !sffi__bind(parser, &name->tag, &binding))
		return NULL;
	return name->tag;
}

/* ---- members ---- */

struct body {
	struct field *first, *last;
	uint64_t list; /* of names, each once */
	size_t count;
};

static bool note_name(struct parser *parser, struct body *body, const struct declarator *declarator)
{
	struct name *name = declarator->name;

	if (!name)
		return true;
	if (name->list == body->list)
		return sffi__fail_at(parser, &declarator->token, "two members have the name '%s'",
				     name->text);
	name->list = body->list;
	return true;
}

static struct field *append(struct parser *parser, struct body *body)
{
	struct field *field = sffi__new_scratch(parser, sizeof *field);

	if (!field)
		return NULL;
	if (body->last)
		body->last->next = field;
	else
		body->first = field;
	body->last = field;
	body->count++;
	return field;
}

/* After ':'. */
static bool parse_width(struct parser *parser, struct field *field, bool is_named)
{
	const struct type *type = field->type;
	__int128 width;
	struct token start;

	if ((type->kind != TYPE_INTEGER && type->kind != TYPE_BOOL) || type->size > 8)
		return sffi__fail_at(parser, &field->token, "a bit-field must be of an integer type");
	if (!sffi__parse_constant(parser, &width, &start))
		return false;
	if (width < 0 || width > (__int128)(type->kind == TYPE_BOOL ? 1 : type->size * 8))
		return sffi__fail_at(parser, &start, "the width of a bit-field must fit its type");
	if (!width && is_named)
		return sffi__fail_at(parser, &start, "a bit-field of width 0 has no name");
	field->is_bit_field = true;
	field->width = (unsigned)width;
	return true;
}

static bool check_member(struct parser *parser, const struct type *type, const struct token *token)
{
	if (type->kind == TYPE_BUFFER || type->kind == TYPE_FUNCTION)
		return sffi__fail_at(parser, token, type->kind == TYPE_BUFFER
						       ? "'buffer' can only be the type of a parameter"
						       : "a member cannot be a function");
	/* An array without a length may come last; the layout sees to that. */
	if (type->kind == TYPE_ARRAY && !type->is_complete)
		return true;
	return sffi__must_be_complete(parser, type, token);
}

static bool parse_member(struct parser *parser, struct body *body, const struct specifiers *specifiers)
{
	struct declarator declarator = { .token = parser->token };
	struct qualified type;
	struct field *field;

	if (!sffi__at(parser, ':') && !sffi__parse_declarator(parser, NAME_REQUIRED, &declarator))
		return false;
	if (!sffi__derive(parser, specifiers, &declarator, &type) || !note_name(parser, body, &declarator))
		return false;
	field = append(parser, body);
	if (!field)
		return false;
	field->name = declarator.name;
	field->type = type.type;
	field->token = declarator.token;
	if (sffi__accept(parser, ':') && !parse_width(parser, field, declarator.name))
		return false;
	if (!sffi__parse_attributes(parser, &declarator.attributes))
		return false;
	field->is_packed = specifiers->attributes.is_packed || declarator.attributes.is_packed;
	field->alignment = specifiers->attributes.alignment > declarator.attributes.alignment
				   ? specifiers->attributes.alignment
				   : declarator.attributes.alignment;
	return check_member(parser, type.type, &field->token);
}

/* `struct { ... };` without a name: its members are the outer struct's. */
static bool add_anonymous(struct parser *parser, struct body *body, const struct specifiers *specifiers)
{
	struct field *field;

	if (!specifiers->is_unnamed) {
		/* `struct x;` or `enum { A };` inside declares no member. */
		if (specifiers->has_tag)
			return true;
		return sffi__expected(parser, "the name of a member");
	}
	field = append(parser, body);
	if (!field)
		return false;
	field->type = specifiers->type.type;
	field->token = specifiers->start;
	field->is_packed = specifiers->attributes.is_packed;
	field->alignment = specifiers->attributes.alignment;
	return true;
}

static bool parse_members(struct parser *parser, struct body *body)
{
	while (!sffi__at(parser, '}')) {
		struct specifiers specifiers;

		if (sffi__accept(parser, ';'))
			continue;
		if (parser->token.kind == TOKEN_END)
			return sffi__expected(parser, "a member or '}'");
		if (!sffi__parse_specifiers(parser, PLACE_MEMBER, &specifiers))
			return false;
		if (sffi__at(parser, ';')) {
			if (!add_anonymous(parser, body, &specifiers))
				return false;
		} else {
			do
				if (!parse_member(parser, body, &specifiers))
					return false;
			while (sffi__accept(parser, ','));
		}
		if (!sffi__expect(parser, ';', "';' after the member"))
			return false;
	}
	sffi__next(parser);
	return true;
}

/* ---- structs and unions ---- */

/* From after '{'. The type is the one that the tag stands for. */
static bool parse_body(struct parser *parser, struct type *type, struct attributes *attributes,
		       const struct token *start)
{
	struct body body = { .list = ++parser->scope->last_list };
	struct type *laid_out = sffi__new(parser, sizeof *laid_out);

	if (!laid_out || !parse_members(parser, &body) || !sffi__parse_attributes(parser, attributes))
		return false;
	laid_out->kind = type->kind;
	laid_out->name = type->name;
	if (!sffi__lay_out(parser, laid_out, body.first, attributes))
		return false;
	if (!sffi__type_view(type)->is_complete)
		return sffi__transaction_complete(&parser->transaction, type, laid_out) ||
		       sffi__out_of_memory(parser);
	return sffi__same_body(sffi__type_view(type), laid_out) ||
	       sffi__fail_at(parser, start, "'%s' was declared before with other members", type->name);
}

static struct type *new_unnamed(struct parser *parser, enum type_kind kind)
{
	struct type *type = sffi__new(parser, sizeof *type);

	if (type) {
		type->kind = kind;
		type->name = kind == TYPE_STRUCT ? "<unnamed struct>" : "<unnamed union>";
	}
	return type;
}

static const struct type *define(struct parser *parser, enum type_kind kind, const struct token *tag,
				 struct attributes *attributes, const struct token *start)
{
	struct binding *binding = NULL;
	struct type *type;
	bool good;

	if (tag) {
		binding = sffi__parse_tag(parser, tag, kind, true);
		if (!binding)
			return NULL;
		if (binding->is_open) {
			sffi__fail_at(parser, tag, "'%s' is declared inside itself",
				      binding->type.type->name);
			return NULL;
		}
		binding->is_open = true;
		type = (struct type *)binding->type.type;
	} else {
		type = new_unnamed(parser, kind);
	}
	good = type && sffi__nest(parser);
	if (good) {
		good = parse_body(parser, type, attributes, start);
		sffi__unnest(parser);
	}
	if (binding)
		binding->is_open = false;
	return good ? type : NULL;
}

const struct type *sffi__parse_struct(struct parser *parser, enum keyword keyword,
				      struct specifiers *specifiers)
{
	enum type_kind kind = keyword == K_STRUCT ? TYPE_STRUCT : TYPE_UNION;
	struct attributes attributes = { 0 };
	struct token start = parser->token, tag = start;
	struct binding *binding;
	bool has_tag;

	if (!sffi__parse_attributes(parser, &attributes))
		return NULL;
	tag = parser->token;
	has_tag = tag.kind == TOKEN_NAME;
	if (has_tag)
		sffi__next(parser);
	if (sffi__accept(parser, '{')) {
		specifiers->is_unnamed = !has_tag;
		return define(parser, kind, has_tag ? &tag : NULL, &attributes, &start);
	}
	if (!has_tag) {
		sffi__expected(parser, "a tag or '{'");
		return NULL;
	}
	binding = sffi__parse_tag(parser, &tag, kind, sffi__at(parser, ';'));
	return binding ? binding->type.type : NULL;
}

/* ---- enums ---- */

struct enumeration {
	__int128 lowest, highest, next;
};

static bool parse_enumerator(struct parser *parser, struct enumeration *all)
{
	struct token token = parser->token, start;
	struct binding constant = { .kind = BINDING_CONSTANT };

	if (token.kind != TOKEN_NAME)
		return sffi__expected(parser, "the name of an enum constant");
	sffi__next(parser);
	if (sffi__accept(parser, '=') && !sffi__parse_constant(parser, &all->next, &start))
		return false;
	if (all->next > (__int128)UINT64_MAX || all->next < INT64_MIN)
		return sffi__fail_at(parser, &token, "the value of '%s' does not fit an integer",
				     token.name->text);
	constant.value = sffi__value_of(all->next);
	constant.type.type = sffi__basic_type(BASIC_INT);
	if (token.name->ordinary &&
	    (token.name->ordinary->kind != BINDING_CONSTANT ||
	     sffi__value_number(token.name->ordinary->value) != all->next))
		return sffi__fail_at(parser, &token, "'%s' was declared before as something else",
				     token.name->text);
	if (all->next < all->lowest)
		all->lowest = all->next;
	if (all->next > all->highest)
		all->highest = all->next;
	all->next++;
	return sffi__bind(parser, &token.name->ordinary, &constant);
}

/* gcc: unsigned int, int if a value is negative, the same of long where they do not fit. */
static const struct type *integer_for(const struct enumeration *all)
{
	bool is_signed = all->lowest < 0;
	bool is_long = is_signed ? all->lowest < INT32_MIN || all->highest > INT32_MAX
				 : all->highest > UINT32_MAX;

	if (is_long)
		return sffi__basic_type(is_signed ? BASIC_LONG : BASIC_ULONG);
	return sffi__basic_type(is_signed ? BASIC_INT : BASIC_UINT);
}

static struct type *parse_enumerators(struct parser *parser, const struct token *tag)
{
	struct enumeration all = { 0 };
	struct attributes attributes = { 0 };
	struct type *type;

	while (!sffi__at(parser, '}')) {
		if (!parse_enumerator(parser, &all))
			return NULL;
		if (!sffi__accept(parser, ','))
			break;
	}
	if (!sffi__expect(parser, '}', "',' or '}' after the enum constant") ||
	    !sffi__parse_attributes(parser, &attributes))
		return NULL;
	type = sffi__new(parser, sizeof *type);
	if (!type)
		return NULL;
	*type = *integer_for(&all);
	type->is_enum = true;
	type->name = tag ? spelling(parser, TYPE_INTEGER, tag->name->text) : "<unnamed enum>";
	return type->name ? type : NULL;
}

const struct type *sffi__parse_enum(struct parser *parser)
{
	struct attributes attributes = { 0 };
	struct token tag;
	struct binding binding = { .kind = BINDING_TAG };
	const struct binding *found;
	bool has_tag;

	if (!sffi__parse_attributes(parser, &attributes))
		return NULL;
	tag = parser->token;
	has_tag = tag.kind == TOKEN_NAME;
	if (has_tag)
		sffi__next(parser);
	if (sffi__accept(parser, '{')) {
		binding.type.type = parse_enumerators(parser, has_tag ? &tag : NULL);
		if (binding.type.type && has_tag && !sffi__bind(parser, &tag.name->tag, &binding))
			return NULL;
		return binding.type.type;
	}
	if (!has_tag) {
		sffi__expected(parser, "a tag or '{'");
		return NULL;
	}
	found = sffi__scope_tag(parser->scope, tag.name);
	if (found && found->type.type->kind == TYPE_INTEGER)
		return found->type.type;
	sffi__fail_at(parser, &tag, found ? "'%s' was declared before, not as an enum"
					  : "'enum %s' is not declared", tag.name->text);
	return NULL;
}
