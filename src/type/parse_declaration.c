/* SPDX-License-Identifier: MIT */
/* A text of declarations, and what of it is for others. */
#include <string.h>

#include "error.h"
#include "type/parser.h"

/* ---- names ---- */

static bool conflicts(const struct binding *former, const struct binding *now)
{
	if (!former)
		return false;
	return former->kind != now->kind || former->type.is_const != now->type.is_const ||
	       !sffi__compatible(former->type.type, now->type.type);
}

static bool declare_name(struct parser *parser, const struct declarator *declarator,
			 const struct binding *binding)
{
	struct name *name = declarator->name;

	if (conflicts(name->ordinary, binding))
		return sffi__fail_at(parser, &declarator->token,
				     "'%s' was declared before, and differently", name->text);
	/* What an outer scope or the standard calls so is hidden from now on. */
	return sffi__bind(parser, &name->ordinary, binding);
}

/* What ends a declarator in C, but says nothing about a call. */
static bool refuse_definition(struct parser *parser, const struct declarator *declarator)
{
	if (sffi__at(parser, '{'))
		return sffi__fail_at(parser, &parser->token,
				     "expected ';', found '{': only declarations are read, so give '%s' "
				     "without its body", declarator->name->text);
	if (sffi__at(parser, '='))
		return sffi__fail_at(parser, &parser->token,
				     "expected ';', found '=': only declarations are read, so give '%s' "
				     "without its value", declarator->name->text);
	return true;
}

static bool check_type(struct parser *parser, const struct specifiers *specifiers,
		       const struct declarator *declarator, const struct type *type)
{
	if (specifiers->is_function_only && type->kind != TYPE_FUNCTION)
		return sffi__fail_at(parser, &declarator->token, "only a function can be inline");
	if (specifiers->storage == STORAGE_TYPEDEF || type->kind == TYPE_FUNCTION ||
	    (type->kind == TYPE_ARRAY && !type->is_complete))
		return true;
	if (type->kind == TYPE_BUFFER)
		return sffi__fail_at(parser, &declarator->token,
				     "'buffer' can only be the type of a parameter");
	/* `extern FILE *f` is complete; `extern struct x y` need not be. */
	return specifiers->storage == STORAGE_EXTERN ||
	       sffi__must_be_complete(parser, type, &declarator->token);
}

static enum binding_kind kind_of(const struct specifiers *specifiers, const struct type *type)
{
	if (specifiers->storage == STORAGE_TYPEDEF)
		return BINDING_TYPEDEF;
	return type->kind == TYPE_FUNCTION ? BINDING_FUNCTION : BINDING_GLOBAL;
}

/* `typedef struct { ... } name`: messages call it by that name. */
static void name_unnamed(const struct specifiers *specifiers, const struct declarator *declarator)
{
	struct type *type = (struct type *)specifiers->type.type;

	if (specifiers->is_unnamed && specifiers->storage == STORAGE_TYPEDEF && !declarator->first &&
	    type->name[0] == '<')
		type->name = declarator->name->text;
}

static size_t asked_alignment(const struct specifiers *specifiers, const struct declarator *declarator)
{
	size_t left = specifiers->attributes.alignment, right = declarator->attributes.alignment;

	return left > right ? left : right;
}

static bool parse_one(struct parser *parser, const struct specifiers *specifiers)
{
	struct binding binding = { 0 };
	struct declarator declarator;
	size_t alignment;

	if (!sffi__parse_declarator(parser, NAME_REQUIRED, &declarator) ||
	    !sffi__derive(parser, specifiers, &declarator, &binding.type) ||
	    !refuse_definition(parser, &declarator) ||
	    !check_type(parser, specifiers, &declarator, binding.type.type))
		return false;
	binding.kind = kind_of(specifiers, binding.type.type);
	alignment = asked_alignment(specifiers, &declarator);
	if (alignment && binding.kind == BINDING_TYPEDEF) {
		binding.type.type = sffi__realigned(parser, binding.type.type, alignment,
						    &declarator.token);
		if (!binding.type.type)
			return false;
	}
	name_unnamed(specifiers, &declarator);
	return declare_name(parser, &declarator, &binding);
}

static bool parse_declaration(struct parser *parser)
{
	struct specifiers specifiers;

	if (!sffi__parse_specifiers(parser, PLACE_DECLARATION, &specifiers))
		return false;
	if (!(specifiers.has_tag && sffi__at(parser, ';'))) {
		do
			if (!parse_one(parser, &specifiers))
				return false;
		while (sffi__accept(parser, ','));
	}
	return sffi__expect(parser, ';', "';' after the declaration");
}

sffi_status sffi__scope_declare(struct scope *scope, const char *text)
{
	struct parser parser;

	if (sffi__parser_start(&parser, scope, text)) {
		bool good = true;

		while (good && parser.token.kind != TOKEN_END)
			good = sffi__accept(&parser, ';') || parse_declaration(&parser);
	}
	return sffi__parser_end(&parser);
}

/* ---- one function ---- */

static const struct type *as_function(const struct type *type)
{
	if (type->kind == TYPE_POINTER)
		type = type->target;
	return type->kind == TYPE_FUNCTION ? type : NULL;
}

static bool parse_function(struct parser *parser, const char **name, const struct function_type **result)
{
	struct specifiers specifiers;
	struct declarator declarator;
	struct qualified type;
	const struct type *function;

	if (!sffi__parse_specifiers(parser, PLACE_DECLARATION, &specifiers) ||
	    !sffi__parse_declarator(parser, name ? NAME_REQUIRED : NAME_OPTIONAL, &declarator) ||
	    !sffi__derive(parser, &specifiers, &declarator, &type) ||
	    (declarator.name && !refuse_definition(parser, &declarator)))
		return false;
	function = name ? type.type : as_function(type.type);
	if (!function || function->kind != TYPE_FUNCTION)
		return sffi__fail_at(parser, &declarator.token, "expected a function, found something "
								"without parameters");
	sffi__accept(parser, ';');
	if (parser->token.kind != TOKEN_END)
		return sffi__expected(parser, "the end of the declaration");
	if (name)
		*name = declarator.name->text;
	*result = function->function;
	return true;
}

sffi_status sffi__scope_declare_function(struct scope *scope, const char *text, const char **name,
					 const struct function_type **function)
{
	struct parser parser;

	if (sffi__parser_start(&parser, scope, text))
		parse_function(&parser, name, function);
	return sffi__parser_end(&parser);
}

const struct type *sffi__scope_type(struct scope *scope, const char *text)
{
	struct qualified type = { 0 };
	struct parser parser;

	if (sffi__parser_start(&parser, scope, text)) {
		parser.only_known_tags = true;
		if (sffi__parse_type_name(&parser, &type) && parser.token.kind != TOKEN_END)
			sffi__expected(&parser, "the end of the type");
	}
	return sffi__parser_end(&parser) ? NULL : type.type;
}
