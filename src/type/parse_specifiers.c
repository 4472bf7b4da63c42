/* SPDX-License-Identifier: MIT */
/* C11 6.7.1 to 6.7.5: what stands left of the declarators, in any order. */
#include <string.h>

#include "type/parser.h"

/* How often each word of a basic type was there; combined by the table below. */
enum word {
	WORD_VOID, WORD_BOOL, WORD_CHAR, WORD_SHORT, WORD_INT, WORD_LONG, WORD_INT128, WORD_FLOAT,
	WORD_DOUBLE, WORD_SIGNED, WORD_UNSIGNED, WORD_COMPLEX, WORD_COUNT
};

struct combination {
	const char *words; /* sorted as enum word: v b c s i l q f d S U C */
	enum basic_type type;
};

static const char letters[WORD_COUNT + 1] = "vbcsilqfdSUC";

static const struct combination combinations[] = {
	{ "v", BASIC_VOID },	  { "b", BASIC_BOOL },	    { "c", BASIC_CHAR },
	{ "cS", BASIC_SCHAR },	  { "cU", BASIC_UCHAR },    { "s", BASIC_SHORT },
	{ "si", BASIC_SHORT },	  { "sS", BASIC_SHORT },    { "siS", BASIC_SHORT },
	{ "sU", BASIC_USHORT },	  { "siU", BASIC_USHORT },  { "i", BASIC_INT },
	{ "S", BASIC_INT },	  { "iS", BASIC_INT },	    { "U", BASIC_UINT },
	{ "iU", BASIC_UINT },	  { "l", BASIC_LONG },	    { "il", BASIC_LONG },
	{ "lS", BASIC_LONG },	  { "ilS", BASIC_LONG },    { "lU", BASIC_ULONG },
	{ "ilU", BASIC_ULONG },	  { "ll", BASIC_LLONG },    { "ill", BASIC_LLONG },
	{ "llS", BASIC_LLONG },	  { "illS", BASIC_LLONG },  { "llU", BASIC_ULLONG },
	{ "illU", BASIC_ULLONG }, { "q", BASIC_INT128 },    { "qS", BASIC_INT128 },
	{ "qU", BASIC_UINT128 },  { "f", BASIC_FLOAT },	    { "d", BASIC_DOUBLE },
	{ "ld", BASIC_LDOUBLE },  { "fC", BASIC_CFLOAT },   { "dC", BASIC_CDOUBLE },
	{ "ldC", BASIC_CLDOUBLE },
};

struct reading {
	struct specifiers *specifiers;
	enum place place;
	unsigned words[WORD_COUNT];
	unsigned word_count;
	bool has_type; /* a struct, enum or typedef name */
	bool is_const;
};

static bool has_any_type(const struct reading *reading)
{
	return reading->has_type || reading->word_count;
}

static bool is_typedef(const struct parser *parser, const struct token *token)
{
	const struct binding *binding;

	if (token->kind != TOKEN_NAME)
		return false;
	binding = sffi__scope_ordinary(parser->scope, token->name);
	return binding && binding->kind == BINDING_TYPEDEF;
}

bool sffi__starts_type(const struct parser *parser, const struct token *token)
{
	if (token->kind != TOKEN_KEYWORD)
		return is_typedef(parser, token);
	return (token->code >= K_VOID && token->code <= K_ENUM) || token->code == K_CONST ||
	       token->code == K_VOLATILE || token->code == K_EXTENSION;
}

/* ---- words ---- */

static bool add_word(struct parser *parser, struct reading *reading, enum word word)
{
	unsigned most = word == WORD_LONG ? 2 : 1;

	if (reading->has_type || reading->words[word] == most)
		return sffi__fail_at(parser, &parser->token, "'%s' cannot be added to this type",
				     parser->token.name->text);
	reading->words[word]++;
	reading->word_count++;
	sffi__next(parser);
	return true;
}

static bool combine(struct parser *parser, struct reading *reading)
{
	char words[2 * WORD_COUNT + 1];
	size_t length = 0;

	for (int word = 0; word < WORD_COUNT; word++)
		for (unsigned i = 0; i < reading->words[word]; i++)
			words[length++] = letters[word];
	words[length] = '\0';
	for (size_t i = 0; i < sizeof combinations / sizeof *combinations; i++) {
		if (strcmp(combinations[i].words, words))
			continue;
		reading->specifiers->type.type = sffi__basic_type(combinations[i].type);
		return true;
	}
	return sffi__fail_at(parser, &reading->specifiers->start,
			     "these words do not make a type together");
}

static bool set_storage(struct parser *parser, struct reading *reading, enum storage storage)
{
	if (reading->place != PLACE_DECLARATION)
		return sffi__expected(parser, "a type");
	/* `static inline`, `extern inline`: the same declaration to us. */
	if (reading->specifiers->storage && reading->specifiers->storage != storage)
		return sffi__fail_at(parser, &parser->token,
				     "a declaration has only one of typedef, extern and static");
	reading->specifiers->storage = storage;
	sffi__next(parser);
	return true;
}

static bool refuse(struct parser *parser, const char *why)
{
	return sffi__fail_at(parser, &parser->token, "'%s' %s", parser->token.name->text, why);
}

/* ---- types with a name ---- */

static bool take_type(struct parser *parser, struct reading *reading, const struct type *type)
{
	if (!type)
		return false;
	if (has_any_type(reading))
		return sffi__fail_at(parser, &reading->specifiers->start,
				     "this declaration has two types");
	reading->specifiers->type.type = type;
	reading->has_type = true;
	return true;
}

static bool take_record(struct parser *parser, struct reading *reading)
{
	enum keyword keyword = (enum keyword)parser->token.code;

	sffi__next(parser);
	reading->specifiers->has_tag = true;
	return take_type(parser, reading,
			 keyword == K_ENUM ? sffi__parse_enum(parser)
					   : sffi__parse_struct(parser, keyword, reading->specifiers));
}

static bool take_typedef(struct parser *parser, struct reading *reading)
{
	const struct binding *binding = sffi__scope_ordinary(parser->scope, parser->token.name);

	reading->is_const |= binding->type.is_const;
	sffi__next(parser);
	return take_type(parser, reading, binding->type.type);
}

/* `out` and `keep` are words only where a type follows them. */
static bool take_word(struct parser *parser, struct reading *reading)
{
	const char *text = parser->token.name->text;
	bool is_out = !strcmp(text, "out"), is_keep = !strcmp(text, "keep");
	const struct token *ahead = &parser->ahead;
	bool word_follows = ahead->kind == TOKEN_NAME &&
			    (!strcmp(ahead->name->text, "out") || !strcmp(ahead->name->text, "keep"));

	if ((!is_out && !is_keep) || has_any_type(reading) ||
	    (!word_follows && !sffi__starts_type(parser, ahead)))
		return false;
	if (is_out && reading->place != PLACE_PARAMETER)
		return false;
	if (reading->place != PLACE_PARAMETER && reading->place != PLACE_DECLARATION)
		return false;
	reading->specifiers->is_out |= is_out;
	reading->specifiers->is_keep |= is_keep;
	reading->specifiers->word = parser->token;
	sffi__next(parser);
	return true;
}

/* ---- the loop ---- */

enum step { STEP_DONE, STEP_AGAIN, STEP_FAILED };

static enum step step_of(bool good)
{
	return good ? STEP_AGAIN : STEP_FAILED;
}

static enum step skip(struct parser *parser)
{
	sffi__next(parser);
	return STEP_AGAIN;
}

static enum step take_keyword(struct parser *parser, struct reading *reading)
{
	struct specifiers *specifiers = reading->specifiers;
	int code = parser->token.code;

	if (code >= K_VOID && code <= K_COMPLEX)
		return step_of(add_word(parser, reading, (enum word)(code - K_VOID)));
	switch (code) {
	case K_STRUCT:
	case K_UNION:
	case K_ENUM:
		return step_of(take_record(parser, reading));
	case K_CONST:
		reading->is_const = true;
		return skip(parser);
	case K_VOLATILE:
	case K_RESTRICT:
	case K_EXTENSION:
	case K_REGISTER:
		return skip(parser);
	case K_INLINE:
	case K_NORETURN:
		specifiers->is_function_only = true;
		return skip(parser);
	case K_ATTRIBUTE:
		return step_of(sffi__parse_attributes(parser, &specifiers->attributes));
	case K_ALIGNAS:
		return step_of(sffi__parse_alignas(parser, &specifiers->attributes));
	case K_TYPEDEF:
		return step_of(set_storage(parser, reading, STORAGE_TYPEDEF));
	case K_EXTERN:
		return step_of(set_storage(parser, reading, STORAGE_EXTERN));
	case K_STATIC:
		return step_of(set_storage(parser, reading, STORAGE_STATIC));
	case K_ATOMIC:
	case K_THREAD_LOCAL:
	case K_TYPEOF:
	case K_AUTO:
	case K_FLOAT128:
		return step_of(refuse(parser, "is not understood here"));
	case K_STATIC_ASSERT:
	case K_STATEMENT:
		return step_of(refuse(parser, "has no place in a declaration"));
	default:
		return STEP_DONE;
	}
}

static enum step take_token(struct parser *parser, struct reading *reading)
{
	if (parser->token.kind == TOKEN_KEYWORD)
		return take_keyword(parser, reading);
	if (parser->token.kind != TOKEN_NAME)
		return STEP_DONE;
	if (take_word(parser, reading))
		return STEP_AGAIN;
	if (!has_any_type(reading) && is_typedef(parser, &parser->token))
		return step_of(take_typedef(parser, reading));
	return STEP_DONE;
}

bool sffi__parse_specifiers(struct parser *parser, enum place place, struct specifiers *specifiers)
{
	struct reading reading = { .specifiers = specifiers, .place = place };
	enum step step;

	memset(specifiers, 0, sizeof *specifiers);
	specifiers->start = parser->token;
	if (!sffi__nest(parser))
		return false;
	do
		step = take_token(parser, &reading);
	while (step == STEP_AGAIN);
	sffi__unnest(parser);
	if (step == STEP_FAILED)
		return false;
	if (!has_any_type(&reading)) {
		if (parser->token.kind == TOKEN_NAME)
			return sffi__fail_at(parser, &parser->token,
					     "expected a type, found '%s', which is not declared",
					     parser->token.name->text);
		return sffi__expected(parser, "a type");
	}
	if (reading.word_count && !combine(parser, &reading))
		return false;
	if (reading.is_const)
		return sffi__qualify(parser, &specifiers->type);
	return true;
}

bool sffi__parse_type_name(struct parser *parser, struct qualified *type)
{
	struct specifiers specifiers;
	struct declarator declarator;

	return sffi__parse_specifiers(parser, PLACE_TYPE_NAME, &specifiers) &&
	       sffi__parse_declarator(parser, NAME_NONE, &declarator) &&
	       sffi__derive(parser, &specifiers, &declarator, type);
}
