/* SPDX-License-Identifier: MIT */
/* C11 6.7 and 6.9: declarations at file level, and the reader's entry points. */
#include <string.h>

#include "error.h"
#include "type/parser.h"

static const char *const kind_names[] = {
	[BINDING_TYPEDEF] = "a type",    [BINDING_FUNCTION] = "a function",
	[BINDING_GLOBAL] = "a variable", [BINDING_CONSTANT] = "an enum constant",
	[BINDING_TAG] = "a tag",
};

/* ---- binding what was declared ---- */

/* `int table[];` and then `int table[4];`: the second one says more. */
static bool completes(const struct binding *former, const struct binding *binding)
{
	return former->kind == BINDING_GLOBAL && !former->type.type->is_complete &&
	       binding->type.type->is_complete;
}

static bool bind_again(struct parser *parser, const struct declarator *declarator,
                       const struct binding *binding)
{
	const struct binding *former = declarator->name->ordinary;

	if (former->kind != binding->kind)
		return sffi__fail_at(parser, &declarator->token, "'%s' is declared as %s already",
		                     declarator->name->text, kind_names[former->kind]);
	if (former->type.is_const != binding->type.is_const ||
	    !sffi__compatible(former->type.type, binding->type.type))
		return sffi__fail_at(parser, &declarator->token,
		                     "'%s' is declared differently already",
		                     declarator->name->text);
	return !completes(former, binding) ||
	       sffi__bind(parser, &declarator->name->ordinary, binding);
}

static bool bind(struct parser *parser, const struct declarator *declarator,
                 const struct binding *binding)
{
	if (declarator->name->ordinary)
		return bind_again(parser, declarator, binding);
	return sffi__bind(parser, &declarator->name->ordinary, binding);
}

/* ---- one declarator ---- */

/* gcc obeys `aligned` on a typedef, also a smaller one; and `packed` only on structs. */
static bool bind_typedef(struct parser *parser, const struct specifiers *specifiers,
                         const struct declarator *declarator, struct binding *binding)
{
	size_t alignment = specifiers->attributes.alignment;

	if (declarator->attributes.alignment > alignment)
		alignment = declarator->attributes.alignment;
	binding->kind = BINDING_TYPEDEF;
	/* This struct or enum was made by this very declaration: nobody has its name yet. */
	if (specifiers->has_tag && !declarator->first && binding->type.type->name[0] == '<')
		((struct type *)binding->type.type)->name = declarator->name->text;
	if (alignment) {
		binding->type.type =
		        sffi__realigned(parser, binding->type.type, alignment, &declarator->token);
		if (!binding->type.type)
			return false;
	}
	return bind(parser, declarator, binding);
}

static bool bind_global(struct parser *parser, const struct declarator *declarator,
                        struct binding *binding)
{
	const struct type *type = binding->type.type;

	binding->kind = BINDING_GLOBAL;
	if (type->kind == TYPE_VOID)
		return sffi__fail_at(parser, &declarator->token,
		                     "a variable cannot be of the type void");
	if (type->kind == TYPE_BUFFER)
		return sffi__fail_at(
		        parser, &declarator->token,
		        "'buffer' can only be the type of a parameter, not of a variable");
	return bind(parser, declarator, binding);
}

static bool bind_object(struct parser *parser, const struct specifiers *specifiers,
                        const struct declarator *declarator, struct binding *binding)
{
	if (binding->type.type->kind == TYPE_FUNCTION) {
		binding->kind = BINDING_FUNCTION;
		return bind(parser, declarator, binding);
	}
	if (specifiers->is_function_only)
		return sffi__fail_at(parser, &declarator->token,
		                     "'inline' and '_Noreturn' can only stand before a function");
	return bind_global(parser, declarator, binding);
}

static bool declare(struct parser *parser, const struct specifiers *specifiers)
{
	struct declarator declarator;
	struct binding binding = { 0 };

	if (!sffi__parse_declarator(parser, NAME_REQUIRED, &declarator) ||
	    !sffi__derive(parser, specifiers, &declarator, &binding.type))
		return false;
	if (specifiers->storage == STORAGE_TYPEDEF)
		return bind_typedef(parser, specifiers, &declarator, &binding);
	return bind_object(parser, specifiers, &declarator, &binding);
}

/* ---- one declaration ---- */

static bool refuse_code(struct parser *parser)
{
	if (sffi__at(parser, '{'))
		return sffi__fail_at(parser, &parser->token,
		                     "expected ';', found the body of a function: "
		                     "only its declaration is read");
	if (sffi__at(parser, '='))
		return sffi__fail_at(parser, &parser->token,
		                     "expected ';', found the value of a variable: "
		                     "only its declaration is read");
	return true;
}

static bool end_declaration(struct parser *parser)
{
	return refuse_code(parser) && sffi__expect(parser, ';', "';' after the declaration");
}

static bool parse_declaration(struct parser *parser)
{
	struct specifiers specifiers;

	if (sffi__accept(parser, ';'))
		return true;
	if (!sffi__parse_specifiers(parser, PLACE_DECLARATION, &specifiers))
		return false;
	if (specifiers.has_tag && sffi__accept(parser, ';'))
		return true;
	do {
		if (!declare(parser, &specifiers) || !refuse_code(parser))
			return false;
	} while (sffi__accept(parser, ','));
	return end_declaration(parser);
}

static bool parse_all(struct parser *parser)
{
	while (parser->token.kind != TOKEN_END) {
		struct pool_mark mark = sffi__pool_mark(&parser->scratch);

		if (!parse_declaration(parser))
			return false;
		sffi__pool_release(&parser->scratch, mark);
	}
	return true;
}

sffi_status sffi__scope_declare(struct scope *scope, const char *text)
{
	struct parser parser;

	if (sffi__parser_start(&parser, scope, text))
		parse_all(&parser);
	return sffi__parser_end(&parser);
}

/* ---- one function ---- */

/* unnamed: a pointer to a function will do. */
static const struct function_type *function_of(const struct type *type, bool unnamed)
{
	if (unnamed && type->kind == TYPE_POINTER)
		type = type->target;
	return type->kind == TYPE_FUNCTION ? type->function : NULL;
}

static bool parse_end(struct parser *parser)
{
	if (!refuse_code(parser))
		return false;
	sffi__accept(parser, ';');
	return parser->token.kind == TOKEN_END ||
	       sffi__expected(parser, "the end of the text after one declaration");
}

static bool parse_function(struct parser *parser, bool unnamed, const char **name,
                           const struct function_type **function)
{
	struct specifiers specifiers;
	struct declarator declarator;
	struct qualified type;

	if (!sffi__parse_specifiers(parser, PLACE_DECLARATION, &specifiers) ||
	    !sffi__parse_declarator(parser, unnamed ? NAME_OPTIONAL : NAME_REQUIRED, &declarator) ||
	    !sffi__derive(parser, &specifiers, &declarator, &type) || !parse_end(parser))
		return false;
	*function = function_of(type.type, unnamed);
	if (specifiers.storage == STORAGE_TYPEDEF || !*function)
		return sffi__fail_at(parser, &declarator.token,
		                     "expected the declaration of a function, found one of %s",
		                     specifiers.storage == STORAGE_TYPEDEF ? "a type"
		                                                           : "a variable");
	*name = declarator.name ? declarator.name->text : NULL;
	return true;
}

sffi_status sffi__scope_declare_function(struct scope *scope, const char *text, const char **name,
                                         const struct function_type **function)
{
	struct parser parser;
	const char *found = NULL;

	*function = NULL;
	if (sffi__parser_start(&parser, scope, text) &&
	    parse_function(&parser, !name, &found, function) && name)
		*name = found;
	if (parser.status)
		*function = NULL;
	return sffi__parser_end(&parser);
}

/* ---- one type ---- */

const struct type *sffi__scope_type(struct scope *scope, const char *text)
{
	struct parser parser;
	struct qualified type = { NULL, false };

	if (sffi__parser_start(&parser, scope, text)) {
		parser.only_known_tags = true;
		if (sffi__parse_type_name(&parser, &type) && parser.token.kind != TOKEN_END)
			sffi__expected(&parser, "the end of the text after the type");
	}
	return sffi__parser_end(&parser) ? NULL : type.type;
}
