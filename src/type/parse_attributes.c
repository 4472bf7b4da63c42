/* SPDX-License-Identifier: MIT */
/*
 * `packed` and `aligned` change layouts, and are obeyed; some others change how a function
 * is called or a value is kept, and are refused; the rest speaks to a compiler that
 * generates code or warns, and is skipped.
 */
#include <stddef.h>
#include <string.h>

#include "type/parser.h"

static const char *const refused[] = {
	"mode",
	"vector_size",
	"ms_abi",
	"ms_struct",
	"transparent_union",
	"scalar_storage_order",
	"regcall",
	"vectorcall",
	"regparm",
	"stdcall",
	"fastcall",
	"thiscall",
	"address_space",
	"alias",
	"ifunc",
	"preserve_all",
	"preserve_most",
};

/* An attribute may be written with two underscores on each side. */
static bool is_attribute(const struct name *name, const char *attribute)
{
	size_t length = strlen(attribute);

	if (!strcmp(name->text, attribute))
		return true;
	return name->length == length + 4 && !strncmp(name->text, "__", 2) &&
	       !strncmp(name->text + 2, attribute, length) &&
	       !strcmp(name->text + 2 + length, "__");
}

static bool is_refused(const struct name *name)
{
	size_t i;

	for (i = 0; i < sizeof refused / sizeof *refused; i++)
		if (is_attribute(name, refused[i]))
			return true;
	return false;
}

static bool skip_parentheses(struct parser *parser)
{
	unsigned open = 0;

	do {
		if (sffi__at(parser, '('))
			open++;
		else if (sffi__at(parser, ')'))
			open--;
		else if (parser->token.kind == TOKEN_END || parser->token.kind == TOKEN_BAD)
			return sffi__expected(parser, "')' after the attribute");
		sffi__next(parser);
	} while (open);
	return true;
}

/* An alignment of 0 has no effect (C11 6.7.5). */
static bool set_alignment(struct parser *parser, struct attributes *attributes, __int128 alignment,
                          const struct token *token)
{
	if (alignment < 0 || alignment > (__int128)TYPE_ALIGNMENT_MAX ||
	    (alignment & (alignment - 1)))
		return sffi__fail_at(parser, token,
		                     "expected an alignment that is a power of two up to %zu",
		                     TYPE_ALIGNMENT_MAX);
	if ((size_t)alignment > attributes->alignment)
		attributes->alignment = (size_t)alignment;
	return true;
}

static bool parse_aligned(struct parser *parser, struct attributes *attributes)
{
	__int128 alignment;
	struct token start;

	if (!sffi__accept(parser, '('))
		return set_alignment(parser, attributes, __BIGGEST_ALIGNMENT__, &parser->token);
	if (!sffi__parse_constant(parser, &alignment, &start))
		return false;
	if (!sffi__expect(parser, ')', "')' after the alignment"))
		return false;
	return set_alignment(parser, attributes, alignment, &start);
}

static bool parse_attribute(struct parser *parser, struct attributes *attributes)
{
	struct token token = parser->token;

	if (!token.name)
		return sffi__expected(parser, "the name of an attribute");
	if (is_refused(token.name))
		return sffi__fail_at(
		        parser, &token,
		        "the attribute '%s' is not understood, and changes calls or layouts",
		        token.name->text);
	sffi__next(parser);
	if (is_attribute(token.name, "packed")) {
		attributes->is_packed = true;
		attributes->token = token;
	} else if (is_attribute(token.name, "aligned")) {
		attributes->token = token;
		return parse_aligned(parser, attributes);
	}
	return !sffi__at(parser, '(') || skip_parentheses(parser);
}

static bool parse_attribute_list(struct parser *parser, struct attributes *attributes)
{
	if (!sffi__expect(parser, '(', "'((' after '__attribute__'") ||
	    !sffi__expect(parser, '(', "'((' after '__attribute__'"))
		return false;
	while (!sffi__at(parser, ')')) {
		if (sffi__accept(parser, ','))
			continue;
		if (!parse_attribute(parser, attributes))
			return false;
		if (!sffi__at(parser, ',') && !sffi__at(parser, ')'))
			return sffi__expected(parser, "',' or '))' after the attribute");
	}
	sffi__next(parser);
	return sffi__expect(parser, ')', "'))' after the attributes");
}

bool sffi__parse_attributes(struct parser *parser, struct attributes *attributes)
{
	bool good = true;

	while (good && sffi__at_keyword(parser, K_ATTRIBUTE)) {
		if (!sffi__nest(parser))
			return false;
		sffi__next(parser);
		good = parse_attribute_list(parser, attributes);
		sffi__unnest(parser);
	}
	return good;
}

bool sffi__parse_harmless_attributes(struct parser *parser)
{
	struct attributes attributes = { 0 };

	if (!sffi__parse_attributes(parser, &attributes))
		return false;
	if (attributes.alignment || attributes.is_packed)
		return sffi__fail_at(parser, &attributes.token,
		                     "'%s' is not understood at this place: put it after the name",
		                     attributes.token.name->text);
	return true;
}

bool sffi__parse_alignas(struct parser *parser, struct attributes *attributes)
{
	struct token start = parser->token;
	struct qualified type;
	__int128 alignment;

	sffi__next(parser);
	attributes->token = start;
	if (!sffi__expect(parser, '(', "'(' after '_Alignas'"))
		return false;
	if (sffi__starts_type(parser, &parser->token)) {
		if (!sffi__parse_type_name(parser, &type) ||
		    !sffi__must_be_complete(parser, type.type, &start))
			return false;
		alignment = sffi__type_view(type.type)->alignment;
	} else if (!sffi__parse_constant(parser, &alignment, &start)) {
		return false;
	}
	return sffi__expect(parser, ')', "')' after the alignment") &&
	       set_alignment(parser, attributes, alignment, &start);
}
