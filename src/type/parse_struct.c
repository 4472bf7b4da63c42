/* SPDX-License-Identifier: MIT */
/* C11 6.7.2.1 and 6.7.2.3: structs, unions, and tags. */
#include <stdio.h>
#include <string.h>

#include "type/parser.h"

static const char *tag_word(enum type_kind kind)
{
	return kind == TYPE_STRUCT ? "struct" : kind == TYPE_UNION ? "union" : "enum";
}

/* ---- tags ---- */

static struct type *tagged_type(struct parser *parser, const struct token *tag, enum type_kind kind)
{
	const char *word = tag_word(kind);
	struct type *type = sffi__new(parser, sizeof *type);
	char *name = sffi__new(parser, strlen(word) + tag->name->length + 2);

	if (!type || !name)
		return NULL;
	sprintf(name, "%s %s", word, tag->name->text);
	type->kind = kind == TYPE_STRUCT || kind == TYPE_UNION ? kind : TYPE_INTEGER;
	type->is_enum = type->kind == TYPE_INTEGER;
	type->name = name;
	return type;
}

/* A tag that was declared before must have been so for the same kind of type. */
static bool check_kind(struct parser *parser, const struct token *tag, const struct type *type,
                       enum type_kind kind)
{
	enum type_kind former = type->is_enum ? TYPE_INTEGER : type->kind;

	if (former == kind)
		return true;
	return sffi__fail_at(parser, tag, "'%s %s' is declared as '%s %s' already", tag_word(kind),
	                     tag->name->text, tag_word(former), tag->name->text);
}

struct binding *sffi__parse_tag(struct parser *parser, const struct token *tag, enum type_kind kind,
                                bool own)
{
	struct binding binding = { .kind = BINDING_TAG };
	const struct binding *found =
	        own ? tag->name->tag : sffi__scope_tag(parser->scope, tag->name);

	if (found)
		return check_kind(parser, tag, found->type.type, kind) ? (struct binding *)found
		                                                       : NULL;
	if (parser->only_known_tags && !own) {
		sffi__fail_at(parser, tag, "'%s %s' is not declared", tag_word(kind),
		              tag->name->text);
		return NULL;
	}
	binding.type.type = tagged_type(parser, tag, kind);
	if (!binding.type.type || !sffi__bind(parser, &tag->name->tag, &binding))
		return NULL;
	return tag->name->tag;
}

/* ---- members ---- */

struct member_list {
	struct field *first, **end;
	enum type_kind kind; /* STRUCT, UNION */
};

static struct field *field_new(struct parser *parser, struct member_list *list,
                               const struct specifiers *specifiers, const struct token *token)
{
	struct field *field = sffi__new_scratch(parser, sizeof *field);

	if (!field)
		return NULL;
	field->token = *token;
	field->type = specifiers->type.type;
	field->is_packed = specifiers->attributes.is_packed;
	field->alignment = specifiers->attributes.alignment;
	*list->end = field;
	list->end = &field->next;
	return field;
}

static bool parse_width(struct parser *parser, struct field *field)
{
	const struct type *type = field->type;
	unsigned limit = type->kind == TYPE_BOOL ? 1 : 8 * (unsigned)type->size;
	struct token start;
	__int128 width;

	if (type->kind != TYPE_INTEGER && type->kind != TYPE_BOOL)
		return sffi__fail_at(parser, &field->token,
		                     "a bit-field must have an integer type");
	/* Integers are aligned to their size, unless a typedef changed that. */
	if (type->alignment != type->size)
		return sffi__fail_at(
		        parser, &field->token,
		        "compilers disagree on bit-fields of a type with an alignment of "
		        "its own");
	if (!sffi__parse_constant(parser, &width, &start))
		return false;
	if (width < 0 || width > (__int128)limit)
		return sffi__fail_at(parser, &start,
		                     "the width of this bit-field is not between 0 and %u", limit);
	if (!width && field->name)
		return sffi__fail_at(parser, &start,
		                     "a bit-field with a name cannot have the width 0");
	field->is_bit_field = true;
	field->width = (unsigned)width;
	return true;
}

/* A function has no size; an array of unknown length neither, but may be the last member. */
static bool check_member(struct parser *parser, const struct field *field)
{
	bool is_flexible = field->type->kind == TYPE_ARRAY && !field->type->is_complete;

	if (field->type->kind == TYPE_BUFFER)
		return sffi__fail_at(
		        parser, &field->token,
		        "'buffer' can only be the type of a parameter, not of a member");
	if (field->type->kind == TYPE_FUNCTION)
		return sffi__fail_at(parser, &field->token,
		                     "a member cannot be a function: "
		                     "write a pointer to one");
	return is_flexible || sffi__must_be_complete(parser, field->type, &field->token);
}

static bool parse_field(struct parser *parser, struct member_list *list,
                        const struct specifiers *specifiers)
{
	struct declarator declarator = { 0 };
	struct qualified type;
	struct field *field;

	declarator.token = parser->token;
	if (!sffi__at(parser, ':') && !sffi__parse_declarator(parser, NAME_REQUIRED, &declarator))
		return false;
	field = field_new(parser, list, specifiers, &declarator.token);
	if (!field || !sffi__derive(parser, specifiers, &declarator, &type))
		return false;
	field->name = declarator.name;
	field->type = type.type;
	if (!check_member(parser, field))
		return false;
	if (sffi__accept(parser, ':') && !parse_width(parser, field))
		return false;
	if (!sffi__parse_attributes(parser, &declarator.attributes))
		return false;
	field->is_packed |= declarator.attributes.is_packed;
	if (declarator.attributes.alignment > field->alignment)
		field->alignment = declarator.attributes.alignment;
	return true;
}

/* `struct { ... };` adds the members of what is in its braces; an enum only its constants. */
static bool parse_anonymous(struct parser *parser, struct member_list *list,
                            const struct specifiers *specifiers)
{
	if (specifiers->is_unnamed) {
		struct field *field = field_new(parser, list, specifiers, &specifiers->start);

		sffi__next(parser);
		return field;
	}
	if (!specifiers->has_tag || !specifiers->type.type->is_enum)
		return sffi__expected(parser, "the name of a member");
	sffi__next(parser);
	return true;
}

static bool parse_member(struct parser *parser, struct member_list *list)
{
	struct specifiers specifiers;

	if (sffi__accept(parser, ';'))
		return true;
	if (!sffi__parse_specifiers(parser, PLACE_MEMBER, &specifiers))
		return false;
	if (sffi__at(parser, ';'))
		return parse_anonymous(parser, list, &specifiers);
	do {
		if (!parse_field(parser, list, &specifiers))
			return false;
	} while (sffi__accept(parser, ','));
	if (sffi__at(parser, '='))
		return sffi__expected(parser, "';' after the member (it cannot have a value)");
	return sffi__expect(parser, ';', "';' after the member");
}

/* ---- the whole ---- */

/* After '{': the members, the '}', and what the attributes after it say. */
static bool parse_body(struct parser *parser, struct type *body, struct attributes *attributes)
{
	struct member_list list = { NULL, &list.first, body->kind };

	while (!sffi__accept(parser, '}')) {
		if (parser->token.kind == TOKEN_END)
			return sffi__expected(parser, "'}' after the members");
		if (!parse_member(parser, &list))
			return false;
	}
	if (!sffi__parse_attributes(parser, attributes))
		return false;
	return sffi__lay_out(parser, body, list.first, attributes);
}

/* C23 6.7.2.3p1: the same members again are fine. */
static bool define(struct parser *parser, const struct token *tag, struct type *type,
                   struct type *body)
{
	const struct type *former = sffi__type_view(type);

	if (!former->is_complete)
		return sffi__transaction_complete(&parser->transaction, type, body) ||
		       sffi__out_of_memory(parser);
	return sffi__same_body(former, body) ||
	       sffi__fail_at(parser, tag, "'%s' is declared with other members already",
	                     type->name);
}

static const struct type *parse_tagged_body(struct parser *parser, const struct token *tag,
                                            enum type_kind kind, struct attributes *attributes)
{
	struct type *body = sffi__new(parser, sizeof *body);
	struct binding *binding = sffi__parse_tag(parser, tag, kind, true);
	bool good;

	if (!body || !binding)
		return NULL;
	if (binding->is_open) {
		sffi__fail_at(parser, tag, "'%s' cannot be declared inside itself",
		              binding->type.type->name);
		return NULL;
	}
	body->kind = kind;
	body->name = binding->type.type->name;
	sffi__next(parser);
	binding->is_open = true;
	good = parse_body(parser, body, attributes);
	binding->is_open = false;
	if (!good || !define(parser, tag, (struct type *)binding->type.type, body))
		return NULL;
	return binding->type.type;
}

static const struct type *parse_unnamed_body(struct parser *parser, enum type_kind kind,
                                             struct attributes *attributes)
{
	struct type *type = sffi__new(parser, sizeof *type);

	if (!type)
		return NULL;
	type->kind = kind;
	type->name = kind == TYPE_STRUCT ? "<unnamed struct>" : "<unnamed union>";
	sffi__next(parser);
	return parse_body(parser, type, attributes) ? type : NULL;
}

const struct type *sffi__parse_struct(struct parser *parser, enum keyword keyword,
                                      struct specifiers *specifiers)
{
	enum type_kind kind = keyword == K_STRUCT ? TYPE_STRUCT : TYPE_UNION;
	struct attributes attributes = { 0 };
	struct token tag = parser->token;
	struct binding *binding;

	if (!sffi__parse_attributes(parser, &attributes))
		return NULL;
	tag = parser->token;
	if (tag.kind == TOKEN_NAME) {
		sffi__next(parser);
		if (sffi__at(parser, '{'))
			return parse_tagged_body(parser, &tag, kind, &attributes);
		binding = sffi__parse_tag(parser, &tag, kind, sffi__at(parser, ';'));
		return binding ? binding->type.type : NULL;
	}
	if (sffi__at(parser, '{')) {
		specifiers->is_unnamed = true;
		return parse_unnamed_body(parser, kind, &attributes);
	}
	sffi__expected(parser, kind == TYPE_STRUCT ? "a tag or '{' after 'struct'"
	                                           : "a tag or '{' after 'union'");
	return NULL;
}
