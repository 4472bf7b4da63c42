/* SPDX-License-Identifier: MIT */
/*
 * Follows the phases of C11 5.1.1.2 as far as they matter here: a backslash before the end
 * of a line joins it with the next one, anywhere, also inside a token; comments are white
 * space. There is no preprocessor and no string pasting.
 */
#include "type/lexer.h"

#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "type/scope.h"

/* ---- characters ---- */

static void skip_joined_lines(struct cursor *cursor)
{
	for (;;) {
		const char *at = cursor->at;

		if (at[0] == '\\' && at[1] == '\n')
			cursor->at += 2;
		else if (at[0] == '\\' && at[1] == '\r' && at[2] == '\n')
			cursor->at += 3;
		else
			return;
		cursor->line++;
		cursor->column = 1;
	}
}

/* Afterwards, as always, the cursor is at a character that counts. */
static void advance(struct cursor *cursor)
{
	if (*cursor->at == '\n') {
		cursor->line++;
		cursor->column = 1;
	} else {
		cursor->column++;
	}
	cursor->at++;
	skip_joined_lines(cursor);
}

static char second(const struct cursor *cursor)
{
	struct cursor next = *cursor;

	advance(&next);
	return *next.at;
}

static bool is_name_start(char c)
{
	return isalpha((unsigned char)c) || c == '_' || c == '$';
}

static bool is_name_part(char c)
{
	return is_name_start(c) || isdigit((unsigned char)c);
}

static void __attribute__((format(printf, 3, 4)))
bad(struct lexer *lexer, struct token *token, const char *format, ...)
{
	va_list arguments;

	token->kind = TOKEN_BAD;
	va_start(arguments, format);
	vsnprintf(lexer->problem, sizeof lexer->problem, format, arguments);
	va_end(arguments);
}

/* ---- white space ---- */

static void skip_line(struct cursor *cursor)
{
	while (*cursor->at && *cursor->at != '\n')
		advance(cursor);
}

/* false: the comment does not end. */
static bool skip_comment(struct cursor *cursor)
{
	advance(cursor);
	advance(cursor);
	while (*cursor->at) {
		bool star = *cursor->at == '*';

		advance(cursor);
		if (star && *cursor->at == '/') {
			advance(cursor);
			return true;
		}
	}
	return false;
}

/* false: stopped before a comment that does not end. */
static bool skip_space(struct cursor *cursor)
{
	for (;;) {
		char c = *cursor->at;

		if (c == ' ' || (c >= '\t' && c <= '\r')) {
			advance(cursor);
		} else if (c == '/' && second(cursor) == '/') {
			skip_line(cursor);
		} else if (c == '/' && second(cursor) == '*') {
			struct cursor start = *cursor;

			if (skip_comment(cursor))
				continue;
			*cursor = start;
			return false;
		} else {
			return true;
		}
	}
}

/* ---- names and numbers ---- */

/* Collects the characters of a name or number; 0: there are more than IDENTIFIER_MAX. */
static size_t collect(struct cursor *cursor, char text[IDENTIFIER_MAX + 1])
{
	size_t length = 0;

	while (is_name_part(*cursor->at) || *cursor->at == '.') {
		if (*cursor->at == '.' && !isdigit((unsigned char)text[0]))
			break;
		if (length == IDENTIFIER_MAX)
			return 0;
		text[length++] = *cursor->at;
		advance(cursor);
	}
	text[length] = '\0';
	return length;
}

static void read_name(struct lexer *lexer, struct token *token)
{
	char text[IDENTIFIER_MAX + 1] = "";
	size_t length = collect(&lexer->cursor, text);

	if (!length) {
		bad(lexer, token, "this name is longer than %d characters", IDENTIFIER_MAX);
		return;
	}
	token->name = sffi__scope_enter(lexer->scope, text, length);
	if (!token->name) {
		lexer->out_of_memory = true;
		bad(lexer, token, "out of memory");
		return;
	}
	token->code = token->name->keyword;
	token->kind = token->code ? TOKEN_KEYWORD : TOKEN_NAME;
}

/* The value of a digit, or 99. */
static unsigned digit_value(char c)
{
	if (isdigit((unsigned char)c))
		return (unsigned)(c - '0');
	if (isxdigit((unsigned char)c))
		return (unsigned)(tolower((unsigned char)c) - 'a') + 10;
	return 99;
}

/* The digits after the prefix; NULL: none, or too large. */
static const char *read_digits(const char *at, unsigned base, uint64_t *value)
{
	const char *start = at;

	for (*value = 0; digit_value(*at) < base; at++)
		if (__builtin_mul_overflow(*value, base, value) ||
		    __builtin_add_overflow(*value, digit_value(*at), value))
			return NULL;
	return at == start ? NULL : at;
}

/* C11 6.4.4.1: u and one of l, ll, in any order. */
static bool read_suffix(const char *at, struct token *token)
{
	static const char *const suffixes[] = { "",    "u",   "l",  "ul",  "lu", "ll",
		                                "ull", "llu", "LL", "uLL", "LLu" };
	char text[4];
	size_t i, length = strlen(at);

	if (length > 3)
		return false;
	/* LL may not be mixed, but u may be of either case. */
	for (i = 0; i <= length; i++)
		text[i] = at[i] == 'U' ? 'u' : at[i] == 'L' && !strstr(at, "LL") ? 'l' : at[i];
	if (strstr(at, "Ll") || strstr(at, "lL"))
		return false;
	for (i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		if (strcmp(text, suffixes[i]))
			continue;
		token->is_unsigned = strchr(text, 'u');
		token->is_long = strpbrk(text, "lL");
		return true;
	}
	return false;
}

/* The first type that holds the value: decimal constants become unsigned only by suffix. */
static bool choose_type(struct token *token, bool is_decimal)
{
	bool may_be_unsigned = token->is_unsigned || !is_decimal;

	if (token->number > INT64_MAX) {
		token->is_long = true;
		token->is_unsigned = true;
		return may_be_unsigned;
	}
	if (token->is_long)
		return true;
	if (token->number > INT32_MAX && !(may_be_unsigned && token->number <= UINT32_MAX))
		token->is_long = true;
	else if (token->number > INT32_MAX)
		token->is_unsigned = true;
	return true;
}

static void read_number(struct lexer *lexer, struct token *token)
{
	char text[IDENTIFIER_MAX + 1] = "";
	const char *digits = text, *suffix;
	unsigned base = 10;

	token->kind = TOKEN_NUMBER;
	text[0] = *lexer->cursor.at;
	if (!collect(&lexer->cursor, text)) {
		bad(lexer, token, "this number has too many digits");
		return;
	}
	if (text[0] == '0' && tolower((unsigned char)text[1]) == 'x') {
		base = 16;
		digits += 2;
	} else if (text[0] == '0' && tolower((unsigned char)text[1]) == 'b') {
		base = 2;
		digits += 2;
	} else if (text[0] == '0') {
		base = 8;
	}
	suffix = read_digits(digits, base, &token->number);
	if (!suffix && digit_value(*digits) < base)
		bad(lexer, token, "the number '%s' does not fit into 64 bits", text);
	else if (!suffix || !read_suffix(suffix, token))
		bad(lexer, token, "expected an integer, found '%s'", text);
	else if (!choose_type(token, base == 10))
		bad(lexer, token, "the number '%s' does not fit into a signed integer: write %su",
		    text, text);
}

/* ---- character constants and strings ---- */

static bool read_escape(struct cursor *cursor, unsigned *value)
{
	static const char letters[] = "abtnvfre'\"?\\", values[] = "\a\b\t\n\v\f\r\033'\"?\\";
	const char *letter;
	unsigned digits;

	*value = 0;
	if (*cursor->at == 'x') {
		advance(cursor);
		for (digits = 0; digit_value(*cursor->at) < 16 && *value < 256; digits++) {
			*value = *value * 16 + digit_value(*cursor->at);
			advance(cursor);
		}
		return digits && *value < 256;
	}
	for (digits = 0; digits < 3 && digit_value(*cursor->at) < 8; digits++) {
		*value = *value * 8 + digit_value(*cursor->at);
		advance(cursor);
	}
	if (digits)
		return *value < 256;
	letter = *cursor->at ? strchr(letters, *cursor->at) : NULL;
	if (!letter)
		return false;
	*value = (unsigned char)values[letter - letters];
	advance(cursor);
	return true;
}

static void read_character(struct lexer *lexer, struct token *token)
{
	struct cursor *cursor = &lexer->cursor;
	unsigned value;
	bool good = true;

	token->kind = TOKEN_NUMBER;
	advance(cursor);
	value = (unsigned char)*cursor->at;
	if (value == '\\') {
		advance(cursor);
		good = read_escape(cursor, &value);
	} else if (value == '\'' || value == '\n' || !value) {
		good = false;
	} else {
		advance(cursor);
	}
	if (!good || *cursor->at != '\'') {
		bad(lexer, token, "expected one character between ' and '");
		return;
	}
	advance(cursor);
	token->number = (uint64_t)(int64_t)(char)value;
}

static void read_string(struct lexer *lexer, struct token *token)
{
	struct cursor *cursor = &lexer->cursor;

	token->kind = TOKEN_STRING;
	advance(cursor);
	while (*cursor->at != '"') {
		if (*cursor->at == '\\')
			advance(cursor);
		if (!*cursor->at || *cursor->at == '\n') {
			bad(lexer, token, "this string does not end on its line");
			return;
		}
		advance(cursor);
	}
	advance(cursor);
}

/* ---- punctuators ---- */

static void read_punctuator(struct lexer *lexer, struct token *token)
{
	static const struct {
		char text[4];
		int code;
	} longer[] = {
		{ "...", P_ELLIPSIS },     { "<<", P_SHIFT_LEFT }, { ">>", P_SHIFT_RIGHT },
		{ "<=", P_LESS_EQUAL },    { "==", P_EQUAL },      { "!=", P_NOT_EQUAL },
		{ ">=", P_GREATER_EQUAL }, { "&&", P_AND },        { "||", P_OR },
		{ "->", P_ARROW },
	};
	size_t i;

	token->kind = TOKEN_PUNCTUATOR;
	for (i = 0; i < sizeof longer / sizeof *longer; i++) {
		struct cursor cursor = lexer->cursor;
		const char *text = longer[i].text;

		for (; *text && *text == *cursor.at; text++)
			advance(&cursor);
		if (!*text) {
			token->code = longer[i].code;
			lexer->cursor = cursor;
			return;
		}
	}
	token->code = *lexer->cursor.at;
	advance(&lexer->cursor);
}

static void read_token(struct lexer *lexer, struct token *token)
{
	char c = *lexer->cursor.at;

	if (!c)
		token->kind = TOKEN_END;
	else if (is_name_start(c))
		read_name(lexer, token);
	else if (isdigit((unsigned char)c) ||
	         (c == '.' && isdigit((unsigned char)second(&lexer->cursor))))
		read_number(lexer, token);
	else if (c == '\'')
		read_character(lexer, token);
	else if (c == '"')
		read_string(lexer, token);
	else if (c == '#')
		bad(lexer, token,
		    "there is no preprocessor: paste the declarations without line %u",
		    token->line);
	else if (strchr("()[]{}<>=!&|^~+-*/%?:;,.", c))
		read_punctuator(lexer, token);
	else if (isprint((unsigned char)c))
		bad(lexer, token, "the character '%c' does not belong into a declaration", c);
	else
		bad(lexer, token, "the byte 0x%02x does not belong into a declaration",
		    (unsigned char)c);
}

void sffi__lexer_start(struct lexer *lexer, struct scope *scope, const char *text)
{
	memset(lexer, 0, sizeof *lexer);
	lexer->scope = scope;
	lexer->cursor.at = text;
	lexer->cursor.line = 1;
	lexer->cursor.column = 1;
	skip_joined_lines(&lexer->cursor);
}

void sffi__lexer_next(struct lexer *lexer, struct token *token)
{
	bool comment_ends = skip_space(&lexer->cursor);
	struct cursor start = lexer->cursor;

	memset(token, 0, sizeof *token);
	token->start = start.at;
	token->line = start.line;
	token->column = start.column;
	if (comment_ends)
		read_token(lexer, token);
	else
		bad(lexer, token, "this comment does not end");
	token->end = lexer->cursor.at;
	if (token->kind == TOKEN_BAD)
		lexer->cursor = start;
}
