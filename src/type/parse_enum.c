/* SPDX-License-Identifier: MIT */
/* C11 6.7.2.2, with the sizes that gcc and clang choose. */
#include "type/parser.h"

struct constant {
	struct constant *next;
	struct binding *binding;
};

struct constant_list {
	struct constant *newest;
	size_t count;
	__int128 lowest, highest, following;
};

/* ---- the type that holds all constants ---- */

struct candidate {
	enum basic_type is_unsigned, is_signed;
	unsigned size;
};

/* Without `packed`, nothing smaller than int. */
static const struct candidate candidates[] = {
	{ BASIC_UCHAR, BASIC_SCHAR, 1 },
	{ BASIC_USHORT, BASIC_SHORT, 2 },
	{ BASIC_UINT, BASIC_INT, 4 },
	{ BASIC_ULONG, BASIC_LONG, 8 },
};

static bool fits(const struct constant_list *list, unsigned size, bool is_signed)
{
	__int128 values = (__int128)1 << 8 * size;

	return is_signed ? list->lowest >= -values / 2 && list->highest < values / 2
	                 : list->highest < values;
}

/* NULL: there are negative constants, and some that only an unsigned type holds. */
static const struct type *choose_type(const struct constant_list *list, bool is_packed)
{
	bool is_signed = list->lowest < 0;
	size_t i;

	for (i = is_packed ? 0 : 2; i < sizeof candidates / sizeof *candidates; i++)
		if (fits(list, candidates[i].size, is_signed))
			return sffi__basic_type(is_signed ? candidates[i].is_signed
			                                  : candidates[i].is_unsigned);
	return NULL;
}

/* ---- constants ---- */

static bool is_same_constant(const struct binding *binding, __int128 number)
{
	return binding->kind == BINDING_CONSTANT && sffi__value_number(binding->value) == number;
}

static bool bind_constant(struct parser *parser, struct constant_list *list,
                          const struct token *token, __int128 number)
{
	struct binding binding = { .kind = BINDING_CONSTANT, .value = sffi__value_of(number) };
	struct constant *constant;

	list->count++;
	if (token->name->ordinary)
		return is_same_constant(token->name->ordinary, number) ||
		       sffi__fail_at(parser, token, "'%s' is declared differently already",
		                     token->name->text);
	constant = sffi__new_scratch(parser, sizeof *constant);
	if (!constant || !sffi__bind(parser, &token->name->ordinary, &binding))
		return false;
	constant->binding = token->name->ordinary;
	constant->next = list->newest;
	list->newest = constant;
	return true;
}

/* A constant that is no int is of the enum's type, as soon as that is known. */
static void widen_constants(const struct constant_list *list, const struct type *type)
{
	const struct constant *constant;

	for (constant = list->newest; constant; constant = constant->next) {
		struct value *value = &constant->binding->value;

		if (value->size == 4 && value->is_signed)
			continue;
		value->size = type->size == 8 ? 8 : 4;
		value->is_signed = type->is_signed;
	}
}

static bool parse_number(struct parser *parser, __int128 *number)
{
	struct token start;

	if (!sffi__accept(parser, '='))
		return true;
	return sffi__parse_constant(parser, number, &start);
}

static bool parse_constant(struct parser *parser, struct constant_list *list)
{
	struct attributes attributes = { 0 };
	struct token token = parser->token;
	__int128 number = list->following;

	if (token.kind != TOKEN_NAME)
		return sffi__expected(parser, "the name of an enum constant");
	sffi__next(parser);
	if (!sffi__parse_attributes(parser, &attributes) || !parse_number(parser, &number))
		return false;
	if (number > (__int128)UINT64_MAX)
		return sffi__fail_at(parser, &token, "the value of '%s' does not fit into 64 bits",
		                     token.name->text);
	if (number < list->lowest)
		list->lowest = number;
	if (number > list->highest)
		list->highest = number;
	list->following = number + 1;
	return bind_constant(parser, list, &token, number);
}

/* After '{', up to the '}'. */
static bool parse_constants(struct parser *parser, struct constant_list *list)
{
	do {
		if (list->count && sffi__at(parser, '}'))
			break;
		if (!parse_constant(parser, list))
			return false;
	} while (sffi__accept(parser, ','));
	return sffi__expect(parser, '}', "',' or '}' after the enum constant");
}

/* ---- the whole ---- */

static void become(struct type *type, const struct type *integer, size_t count)
{
	type->kind = TYPE_INTEGER;
	type->is_enum = true;
	type->is_signed = integer->is_signed;
	type->size = integer->size;
	type->alignment = integer->alignment;
	type->count = count;
	type->is_complete = true;
}

/* C23 6.7.2.3p1: the same constants again are fine. */
static const struct type *define(struct parser *parser, const struct token *tag,
                                 const struct type *integer, size_t count)
{
	struct binding *binding = sffi__parse_tag(parser, tag, TYPE_INTEGER, true);
	struct type *type;

	if (!binding)
		return NULL;
	type = (struct type *)binding->type.type;
	if (!type->is_complete)
		become(type, integer, count);
	if (type->count == count && type->size == integer->size)
		return type;
	sffi__fail_at(parser, tag, "'%s' is declared with other constants already", type->name);
	return NULL;
}

static const struct type *unnamed(struct parser *parser, const struct type *integer, size_t count)
{
	struct type *type = sffi__new(parser, sizeof *type);

	if (!type)
		return NULL;
	become(type, integer, count);
	type->name = "<unnamed enum>";
	return type;
}

static const struct type *parse_body(struct parser *parser, const struct token *tag,
                                     struct attributes *attributes)
{
	struct constant_list list = { 0 };
	const struct type *integer;

	sffi__next(parser);
	if (!parse_constants(parser, &list) || !sffi__parse_attributes(parser, attributes))
		return NULL;
	integer = choose_type(&list, attributes->is_packed);
	if (!integer) {
		sffi__fail_at(parser, tag, "no integer type holds all constants of this enum");
		return NULL;
	}
	widen_constants(&list, integer);
	return tag->kind == TOKEN_NAME ? define(parser, tag, integer, list.count)
	                               : unnamed(parser, integer, list.count);
}

const struct type *sffi__parse_enum(struct parser *parser)
{
	struct attributes attributes = { 0 };
	const struct binding *binding;
	struct token tag;

	if (!sffi__parse_attributes(parser, &attributes))
		return NULL;
	tag = parser->token;
	if (tag.kind == TOKEN_NAME)
		sffi__next(parser);
	if (sffi__at(parser, '{'))
		return parse_body(parser, &tag, &attributes);
	if (tag.kind != TOKEN_NAME) {
		sffi__expected(parser, "a tag or '{' after 'enum'");
		return NULL;
	}
	binding = sffi__scope_tag(parser->scope, tag.name);
	if (binding && binding->type.type->is_enum)
		return binding->type.type;
	sffi__fail_at(parser, &tag, "'enum %s' is not declared", tag.name->text);
	return NULL;
}
