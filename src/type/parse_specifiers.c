/* SPDX-License-Identifier: MIT */
/* C11 6.7p1: what stands to the left of a declarator, in any order. */
#include <string.h>

#include "type/parser.h"

/* The keywords that name a type together, and how often each may occur. */
enum part {
	PART_VOID,
	PART_BOOL,
	PART_CHAR,
	PART_SHORT,
	PART_INT,
	PART_LONG,
	PART_INT128,
	PART_FLOAT,
	PART_DOUBLE,
	PART_SIGNED,
	PART_UNSIGNED,
	PART_COMPLEX,
	PART_COUNT
};

/* Two bits for each part hold how often it occurred. */
#define ONE(part) (1u << 2 * (part))
#define COUNT(parts, part) ((parts) >> 2 * (part)&3)

struct combination {
	unsigned parts;
	enum basic_type type;
};

/* C11 6.7.2p2, and gcc's __int128. `int` next to short, long, signed and unsigned, and
 * `signed` where it changes nothing, are taken away before. */
static const struct combination combinations[] = {
	{ ONE(PART_VOID), BASIC_VOID },
	{ ONE(PART_BOOL), BASIC_BOOL },
	{ ONE(PART_CHAR), BASIC_CHAR },
	{ ONE(PART_SIGNED) + ONE(PART_CHAR), BASIC_SCHAR },
	{ ONE(PART_UNSIGNED) + ONE(PART_CHAR), BASIC_UCHAR },
	{ ONE(PART_SHORT), BASIC_SHORT },
	{ ONE(PART_UNSIGNED) + ONE(PART_SHORT), BASIC_USHORT },
	{ ONE(PART_INT), BASIC_INT },
	{ ONE(PART_UNSIGNED), BASIC_UINT },
	{ ONE(PART_LONG), BASIC_LONG },
	{ ONE(PART_UNSIGNED) + ONE(PART_LONG), BASIC_ULONG },
	{ 2 * ONE(PART_LONG), BASIC_LLONG },
	{ ONE(PART_UNSIGNED) + 2 * ONE(PART_LONG), BASIC_ULLONG },
	{ ONE(PART_INT128), BASIC_INT128 },
	{ ONE(PART_UNSIGNED) + ONE(PART_INT128), BASIC_UINT128 },
	{ ONE(PART_FLOAT), BASIC_FLOAT },
	{ ONE(PART_DOUBLE), BASIC_DOUBLE },
	{ ONE(PART_LONG) + ONE(PART_DOUBLE), BASIC_LDOUBLE },
	{ ONE(PART_COMPLEX) + ONE(PART_FLOAT), BASIC_CFLOAT },
	{ ONE(PART_COMPLEX) + ONE(PART_DOUBLE), BASIC_CDOUBLE },
	{ ONE(PART_COMPLEX) + ONE(PART_LONG) + ONE(PART_DOUBLE), BASIC_CLDOUBLE },
};

static unsigned without(unsigned parts, enum part part)
{
	return parts & ~(3 * ONE(part));
}

static unsigned normal_form(unsigned parts)
{
	unsigned sizes = 3 * (ONE(PART_SHORT) | ONE(PART_LONG));
	unsigned signs = ONE(PART_SIGNED) | ONE(PART_UNSIGNED);
	unsigned others = ONE(PART_CHAR) | ONE(PART_DOUBLE) | ONE(PART_INT128);
	unsigned rest = without(parts, PART_INT);

	if ((rest & (sizes | signs)) && !(rest & others))
		parts = rest;
	rest = without(parts, PART_SIGNED);
	if (COUNT(parts, PART_SIGNED) && (!rest || (rest & (sizes | ONE(PART_INT128)))) &&
	    !COUNT(parts, PART_DOUBLE) && !COUNT(parts, PART_UNSIGNED))
		parts = rest ? rest : ONE(PART_INT);
	return parts;
}

static const struct type *combined(unsigned parts)
{
	size_t i;

	parts = normal_form(parts);
	for (i = 0; i < sizeof combinations / sizeof *combinations; i++)
		if (combinations[i].parts == parts)
			return sffi__basic_type(combinations[i].type);
	return NULL;
}

/* ---- the state while they are read ---- */

struct reading {
	struct parser *parser;
	enum place place;
	struct specifiers *specifiers;
	unsigned parts;
	bool is_const;
};

static bool has_type(const struct reading *reading)
{
	return reading->parts || reading->specifiers->type.type;
}

static const struct {
	enum keyword keyword;
	const char *reason;
} refused[] = {
	{ K_ATOMIC, "'_Atomic' is not understood" },
	{ K_THREAD_LOCAL, "a variable of its thread cannot be reached from another one" },
	{ K_TYPEOF, "'typeof' is not understood: write the type" },
	{ K_STATIC_ASSERT, "'_Static_assert' is not understood: leave it out" },
	{ K_AUTO, "'auto' cannot stand before a declaration here" },
	{ K_FLOAT128, "the type '__float128' is not understood" },
	{ K_STATEMENT, "statements are not read: only declarations are" },
	{ K_ASM, "'asm' is not understood: leave it out" },
};

static const char *refusal(int keyword)
{
	size_t i;

	for (i = 0; i < sizeof refused / sizeof *refused; i++)
		if ((int)refused[i].keyword == keyword)
			return refused[i].reason;
	return NULL;
}

static bool add_part(struct reading *reading, enum part part)
{
	unsigned limit = part == PART_LONG ? 2 : 1;
	struct parser *parser = reading->parser;

	if (reading->specifiers->type.type || COUNT(reading->parts, part) == limit)
		return sffi__fail_at(parser, &parser->token,
		                     "'%s' cannot be combined with the type before it",
		                     parser->token.name->text);
	reading->parts += ONE(part);
	sffi__next(parser);
	return true;
}

static bool read_tag(struct reading *reading, enum keyword keyword)
{
	struct parser *parser = reading->parser;
	struct specifiers *specifiers = reading->specifiers;

	if (has_type(reading))
		return sffi__fail_at(parser, &parser->token,
		                     "'%s' cannot be combined with the type before it",
		                     parser->token.name->text);
	if (!sffi__nest(parser))
		return false;
	sffi__next(parser);
	specifiers->has_tag = true;
	specifiers->type.type = keyword == K_ENUM ? sffi__parse_enum(parser)
	                                          : sffi__parse_struct(parser, keyword, specifiers);
	sffi__unnest(parser);
	return specifiers->type.type;
}

static bool set_storage(struct reading *reading, enum storage storage)
{
	struct parser *parser = reading->parser;

	if (reading->place != PLACE_DECLARATION)
		return sffi__fail_at(parser, &parser->token, "'%s' cannot stand here",
		                     parser->token.name->text);
	if (reading->specifiers->storage)
		return sffi__fail_at(parser, &parser->token,
		                     "'%s' cannot be combined with the word before it",
		                     parser->token.name->text);
	reading->specifiers->storage = storage;
	sffi__next(parser);
	return true;
}

static bool read_function_word(struct reading *reading)
{
	struct parser *parser = reading->parser;

	if (reading->place != PLACE_DECLARATION)
		return sffi__fail_at(parser, &parser->token, "'%s' cannot stand here",
		                     parser->token.name->text);
	reading->specifiers->is_function_only = true;
	sffi__next(parser);
	return true;
}

/* ---- keywords ---- */

static bool read_word(struct reading *reading)
{
	struct parser *parser = reading->parser;

	switch (parser->token.code) {
	case K_CONST:
		reading->is_const = true;
		break;
	case K_VOLATILE:
	case K_RESTRICT:
	case K_EXTENSION:
		break;
	case K_REGISTER:
		if (reading->place == PLACE_PARAMETER)
			break;
		return sffi__fail_at(parser, &parser->token, "'register' cannot stand here");
	case K_TYPEDEF:
		return set_storage(reading, STORAGE_TYPEDEF);
	case K_EXTERN:
		return set_storage(reading, STORAGE_EXTERN);
	case K_STATIC:
		return set_storage(reading, STORAGE_STATIC);
	case K_INLINE:
	case K_NORETURN:
		return read_function_word(reading);
	case K_ATTRIBUTE:
		return sffi__parse_attributes(parser, &reading->specifiers->attributes);
	case K_ALIGNAS:
		return sffi__parse_alignas(parser, &reading->specifiers->attributes);
	default:
		return sffi__expected(parser, "a type");
	}
	sffi__next(parser);
	return true;
}

static int part_of(int keyword)
{
	switch (keyword) {
	case K_VOID:
		return PART_VOID;
	case K_BOOL:
		return PART_BOOL;
	case K_CHAR:
		return PART_CHAR;
	case K_SHORT:
		return PART_SHORT;
	case K_INT:
		return PART_INT;
	case K_LONG:
		return PART_LONG;
	case K_INT128:
		return PART_INT128;
	case K_FLOAT:
		return PART_FLOAT;
	case K_DOUBLE:
		return PART_DOUBLE;
	case K_SIGNED:
		return PART_SIGNED;
	case K_UNSIGNED:
		return PART_UNSIGNED;
	case K_COMPLEX:
		return PART_COMPLEX;
	default:
		return -1;
	}
}

static bool read_keyword(struct reading *reading)
{
	struct parser *parser = reading->parser;
	int keyword = parser->token.code, part = part_of(keyword);
	const char *reason = refusal(keyword);

	if (reason)
		return sffi__fail_at(parser, &parser->token, "%s", reason);
	if (part >= 0)
		return add_part(reading, (enum part)part);
	if (keyword == K_STRUCT || keyword == K_UNION || keyword == K_ENUM)
		return read_tag(reading, (enum keyword)keyword);
	return read_word(reading);
}

/* ---- names ---- */

static const struct qualified *typedef_of(const struct parser *parser, const struct name *name)
{
	const struct binding *binding = sffi__scope_ordinary(parser->scope, name);

	return binding && binding->kind == BINDING_TYPEDEF ? &binding->type : NULL;
}

bool sffi__starts_type(const struct parser *parser, const struct token *token)
{
	if (token->kind == TOKEN_KEYWORD)
		return token->code != K_SIZEOF && token->code != K_ALIGNOF &&
		       token->code != K_STATEMENT && token->code != K_ASM;
	return token->kind == TOKEN_NAME && typedef_of(parser, token->name);
}

/* `out` and `keep` are words only where C has no use for a name: before a type. */
static bool is_our_word(const struct reading *reading)
{
	const char *text = reading->parser->token.name->text;

	if (typedef_of(reading->parser, reading->parser->token.name))
		return false;
	if (!strcmp(text, "out"))
		return reading->place == PLACE_PARAMETER;
	return !strcmp(text, "keep") && reading->place != PLACE_TYPE_NAME;
}

static bool read_our_word(struct reading *reading)
{
	struct specifiers *specifiers = reading->specifiers;
	bool *word = reading->parser->token.name->text[0] == 'o' ? &specifiers->is_out
	                                                         : &specifiers->is_keep;

	if (*word)
		return sffi__fail_at(reading->parser, &reading->parser->token,
		                     "'%s' stands here twice", reading->parser->token.name->text);
	*word = true;
	specifiers->word = reading->parser->token;
	sffi__next(reading->parser);
	return true;
}

static bool read_typedef(struct reading *reading)
{
	struct parser *parser = reading->parser;
	const struct name *name = parser->token.name;
	const struct qualified *type = typedef_of(parser, name);

	if (!type && (!strcmp(name->text, "va_list") || !strcmp(name->text, "__builtin_va_list") ||
	              !strcmp(name->text, "__gnuc_va_list")))
		return sffi__fail_at(parser, &parser->token,
		                     "a va_list cannot be passed: "
		                     "use the function that takes '...'");
	if (!type)
		return sffi__fail_at(parser, &parser->token,
		                     "expected a type, found '%s', which is not declared as one",
		                     name->text);
	reading->specifiers->type.type = type->type;
	reading->is_const |= type->is_const;
	sffi__next(parser);
	return true;
}

/* `double complex z`, as <complex.h> and manual pages have it. At the end of a parameter it
 * might be a name as well as a type: that must not be guessed. */
static bool is_complex_word(const struct reading *reading)
{
	const struct token *ahead = &reading->parser->ahead;

	if (strcmp(reading->parser->token.name->text, "complex") ||
	    COUNT(reading->parts, PART_COMPLEX) ||
	    !(COUNT(reading->parts, PART_FLOAT) || COUNT(reading->parts, PART_DOUBLE)))
		return false;
	return ahead->kind == TOKEN_NAME || ahead->kind == TOKEN_KEYWORD ||
	       (ahead->kind == TOKEN_PUNCTUATOR &&
	        (ahead->code == '*' || ahead->code == ',' || ahead->code == ')'));
}

static bool read_complex_word(struct reading *reading)
{
	struct parser *parser = reading->parser;
	const struct token *ahead = &parser->ahead;

	if (ahead->kind == TOKEN_PUNCTUATOR && ahead->code != '*')
		return sffi__fail_at(
		        parser, &parser->token,
		        "'complex' is a name or a type here: write '_Complex' for the type");
	return add_part(reading, PART_COMPLEX);
}

/* *done: the name is not part of the specifiers. */
static bool read_name(struct reading *reading, bool *done)
{
	if (is_complex_word(reading))
		return read_complex_word(reading);
	if (has_type(reading)) {
		*done = true;
		return true;
	}
	return is_our_word(reading) ? read_our_word(reading) : read_typedef(reading);
}

/* ---- the whole ---- */

static bool finish(struct reading *reading)
{
	struct specifiers *specifiers = reading->specifiers;
	struct parser *parser = reading->parser;

	if (!has_type(reading))
		return sffi__expected(parser, "a type");
	if (reading->parts)
		specifiers->type.type = combined(reading->parts);
	if (!specifiers->type.type)
		return sffi__fail_at(parser, &specifiers->start, "these words do not make a type");
	return !reading->is_const || sffi__qualify(parser, &specifiers->type);
}

bool sffi__parse_specifiers(struct parser *parser, enum place place, struct specifiers *specifiers)
{
	struct reading reading = { parser, place, specifiers, 0, false };
	bool done = false;

	*specifiers = (struct specifiers){ 0 };
	specifiers->start = parser->token;
	while (!done) {
		bool good = true;

		if (parser->token.kind == TOKEN_NAME)
			good = read_name(&reading, &done);
		else if (parser->token.kind == TOKEN_KEYWORD && parser->token.code != K_SIZEOF &&
		         !(has_type(&reading) && parser->token.code == K_ASM))
			good = read_keyword(&reading);
		else
			done = true;
		if (!good)
			return false;
	}
	return finish(&reading);
}

bool sffi__parse_type_name(struct parser *parser, struct qualified *type)
{
	struct specifiers specifiers;
	struct declarator declarator;

	if (!sffi__nest(parser))
		return false;
	if (!sffi__parse_specifiers(parser, PLACE_TYPE_NAME, &specifiers) ||
	    !sffi__parse_declarator(parser, NAME_NONE, &declarator) ||
	    !sffi__derive(parser, &specifiers, &declarator, type))
		return false;
	sffi__unnest(parser);
	return true;
}
