/* SPDX-License-Identifier: MIT */
/*
 * C11 6.7.6 and 6.7.7. A declarator reads from its name outwards, suffixes before
 * pointers, and is kept as a list of steps in the opposite order, from the type at the
 * left to the name: of `*(*x)[3]`, pointer, array, pointer.
 */
#include "type/parser.h"

static struct derivation *step_new(struct parser *parser, enum type_kind kind,
                                   const struct token *token)
{
	struct derivation *step = sffi__new_scratch(parser, sizeof *step);

	if (step) {
		step->kind = kind;
		step->token = *token;
	}
	return step;
}

static void append(struct declarator *declarator, struct derivation *step)
{
	if (declarator->last)
		declarator->last->next = step;
	else
		declarator->first = step;
	declarator->last = step;
}

/* const, volatile, restrict, and attributes that may stand among them. */
static bool parse_qualifiers(struct parser *parser, bool *is_const)
{
	for (;;) {
		if (sffi__at_keyword(parser, K_CONST))
			*is_const = true;
		if (sffi__at_keyword(parser, K_ATTRIBUTE)) {
			if (!sffi__parse_harmless_attributes(parser))
				return false;
		} else if (!sffi__accept_keyword(parser, K_CONST) &&
		           !sffi__accept_keyword(parser, K_VOLATILE) &&
		           !sffi__accept_keyword(parser, K_RESTRICT) &&
		           !sffi__accept_keyword(parser, K_EXTENSION)) {
			return true;
		}
	}
}

static bool parse_pointers(struct parser *parser, struct declarator *declarator)
{
	while (sffi__at(parser, '*')) {
		struct derivation *step = step_new(parser, TYPE_POINTER, &parser->token);

		if (!step)
			return false;
		sffi__next(parser);
		if (!parse_qualifiers(parser, &step->is_const))
			return false;
		append(declarator, step);
	}
	return true;
}

/* ---- suffixes ---- */

/* After '['. `[]`, `[n]`, `[static n]`, `[*]`: C11 6.7.6.2. */
static bool parse_array(struct parser *parser, struct derivation *step)
{
	const char *start;
	bool is_const = false, is_static;

	is_static = sffi__accept_keyword(parser, K_STATIC);
	if (!parse_qualifiers(parser, &is_const))
		return false;
	is_static |= sffi__accept_keyword(parser, K_STATIC);
	if (!is_static && sffi__at(parser, '*') && parser->ahead.kind == TOKEN_PUNCTUATOR &&
	    parser->ahead.code == ']')
		sffi__next(parser);
	if (!is_static && sffi__accept(parser, ']'))
		return true;
	start = parser->token.start;
	step->length = sffi__parse_expression(parser);
	if (!step->length)
		return false;
	step->length_text = sffi__source_text(parser, start);
	return step->length_text && sffi__expect(parser, ']', "']' after the array's length");
}

/* Each suffix is applied before the one to the left of it. */
static bool parse_suffixes(struct parser *parser, struct declarator *declarator)
{
	struct derivation *suffixes = NULL, *step;

	while (sffi__at(parser, '[') || sffi__at(parser, '(')) {
		bool is_array = sffi__at(parser, '[');

		step = step_new(parser, is_array ? TYPE_ARRAY : TYPE_FUNCTION, &parser->token);
		if (!step)
			return false;
		sffi__next(parser);
		if (is_array && !parse_array(parser, step))
			return false;
		if (!is_array && !(step->function = sffi__parse_parameters(parser)))
			return false;
		step->next = suffixes;
		suffixes = step;
	}
	while (suffixes) {
		step = suffixes;
		suffixes = step->next;
		step->next = NULL;
		append(declarator, step);
	}
	return true;
}

/* ---- the whole ---- */

static bool parse_nested(struct parser *, enum naming, struct declarator *);

/* Does the '(' enclose a declarator, or parameters? (C11 6.7.6.3p11: a type's name in
 * parentheses is a parameter.) */
static bool encloses_declarator(const struct parser *parser, enum naming naming)
{
	const struct token *ahead = &parser->ahead;

	if (naming == NAME_REQUIRED)
		return true;
	if (ahead->kind == TOKEN_KEYWORD && ahead->code == K_ATTRIBUTE)
		return true;
	if (ahead->kind == TOKEN_PUNCTUATOR && (ahead->code == ')' || ahead->code == P_ELLIPSIS))
		return false;
	return !sffi__starts_type(parser, ahead);
}

static bool parse_parenthesized(struct parser *parser, enum naming naming,
                                struct declarator *declarator)
{
	bool good;

	if (!sffi__nest(parser))
		return false;
	sffi__next(parser);
	good = sffi__parse_harmless_attributes(parser) &&
	       parse_nested(parser, naming, declarator) &&
	       sffi__expect(parser, ')', "')' after the declarator");
	sffi__unnest(parser);
	return good;
}

/* The name, or what is in parentheses in its place; or nothing. */
static bool parse_core(struct parser *parser, enum naming naming, struct declarator *declarator)
{
	declarator->token = parser->token;
	if (parser->token.kind == TOKEN_NAME && naming != NAME_NONE) {
		declarator->name = parser->token.name;
		sffi__next(parser);
		return true;
	}
	if (sffi__at(parser, '(') && encloses_declarator(parser, naming))
		return parse_parenthesized(parser, naming, declarator);
	return naming != NAME_REQUIRED || sffi__expected(parser, "a name");
}

static bool parse_nested(struct parser *parser, enum naming naming, struct declarator *declarator)
{
	struct declarator inner = { 0 };

	if (!parse_pointers(parser, declarator) || !parse_core(parser, naming, &inner) ||
	    !parse_suffixes(parser, declarator))
		return false;
	declarator->name = inner.name;
	declarator->token = inner.token;
	if (inner.first) {
		append(declarator, inner.first);
		declarator->last = inner.last;
	}
	return true;
}

static bool refuse_rest(struct parser *parser)
{
	if (sffi__at_keyword(parser, K_ASM))
		return sffi__fail_at(parser, &parser->token,
		                     "names given by __asm__ are not understood: "
		                     "declare the function by its symbol's name");
	return true;
}

bool sffi__parse_declarator(struct parser *parser, enum naming naming,
                            struct declarator *declarator)
{
	*declarator = (struct declarator){ 0 };
	return parse_nested(parser, naming, declarator) && refuse_rest(parser) &&
	       sffi__parse_attributes(parser, &declarator->attributes) && refuse_rest(parser);
}
