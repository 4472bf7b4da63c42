/* SPDX-License-Identifier: MIT */
#include "values.h"

#include "error.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { TOKEN_MAX = 128 };

/* For messages: valid until the next call. */
static const char *spelling(const struct type *type)
{
	static char text[128];

	sffi__type_print(type, text, sizeof text);
	return text;
}

static void skip_space(const char **cursor)
{
	while (isspace((unsigned char)**cursor))
		(*cursor)++;
}

/* Copies one word, up to a comma, a closing brace or space, and moves behind it. */
static sffi_status take_word(const char **cursor, char word[TOKEN_MAX], const struct type *type)
{
	size_t length;

	skip_space(cursor);
	length = strcspn(*cursor, ",{}[] \t\n");
	if (length == 0)
		return sffi__fail(SFFI_ETYPE, "a value of type %s is missing%s%s", spelling(type),
				  **cursor ? " before " : "", *cursor);
	if (length >= TOKEN_MAX)
		return sffi__fail(SFFI_ETYPE, "'%.20s...' is too long for a value of type %s",
				  *cursor, spelling(type));
	memcpy(word, *cursor, length);
	word[length] = '\0';
	*cursor += length;
	return SFFI_OK;
}

static int hex_digit(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = tolower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The character that an escape means, after its backslash. */
static bool parse_escape(const char **cursor, unsigned char *to)
{
	static const char letters[] = "abefnrtv\\'\"?";
	static const char meanings[] = "\a\b\033\f\n\r\t\v\\'\"?";
	const char *letter;
	unsigned value = 0;
	int digits = 0;

	if (**cursor == 'x') {
		for ((*cursor)++; digits < 2 && hex_digit(**cursor) >= 0; digits++, (*cursor)++)
			value = value * 16 + (unsigned)hex_digit(**cursor);
		*to = (unsigned char)value;
		return digits > 0;
	}
	for (; digits < 3 && **cursor >= '0' && **cursor <= '7'; digits++, (*cursor)++)
		value = value * 8 + (unsigned)(**cursor - '0');
	if (digits > 0) {
		*to = (unsigned char)value;
		return value <= 255;
	}
	letter = **cursor ? strchr(letters, **cursor) : NULL;
	if (!letter)
		return false;
	*to = (unsigned char)meanings[letter - letters];
	(*cursor)++;
	return true;
}

bool cli_parse_character(const char **cursor, char quote, unsigned char *to)
{
	if (**cursor == quote || **cursor == '\0')
		return false;
	if (**cursor == '\\') {
		(*cursor)++;
		return parse_escape(cursor, to);
	}
	*to = (unsigned char)*(*cursor)++;
	return true;
}

static void store_integer(void *to, size_t size, uint64_t value)
{
	switch (size) {
	case 1:
		*(uint8_t *)to = (uint8_t)value;
		break;
	case 2:
		memcpy(to, &(uint16_t){ (uint16_t)value }, 2);
		break;
	case 4:
		memcpy(to, &(uint32_t){ (uint32_t)value }, 4);
		break;
	default:
		memcpy(to, &value, 8);
	}
}

static sffi_status out_of_range(const struct type *type, const char *word)
{
	unsigned bits = 8 * (unsigned)type->size;
	uint64_t most = UINT64_MAX >> (64 - bits + (type->is_signed ? 1 : 0));

	if (type->is_signed)
		return sffi__fail(SFFI_ETYPE, "%s does not fit a %s, which goes from %lld to %llu",
				  word, spelling(type), -(long long)most - 1, (unsigned long long)most);
	return sffi__fail(SFFI_ETYPE, "%s does not fit a %s, which goes from 0 to %llu", word,
			  spelling(type), (unsigned long long)most);
}

/* 3, -3, 0x10, 010 */
static sffi_status parse_number(const struct type *type, const char *word, void *to)
{
	bool negative = *word == '-';
	const char *digits = word + (negative || *word == '+');
	unsigned bits = 8 * (unsigned)type->size;
	uint64_t value, most;
	char *end;

	errno = 0;
	value = strtoull(digits, &end, 0);
	if (!isdigit((unsigned char)*digits) || *end != '\0')
		return sffi__fail(SFFI_ETYPE, "'%s' is not a number, as the type %s asks for", word,
				  spelling(type));
	most = UINT64_MAX >> (64 - bits + (type->is_signed ? 1 : 0));
	if (negative)
		most = type->is_signed ? most + 1 : 0;
	if (errno == ERANGE || value > most)
		return out_of_range(type, word);
	store_integer(to, type->size, negative ? -value : value);
	return SFFI_OK;
}

static sffi_status parse_integer(const struct type *type, const char **cursor, void *to)
{
	char word[TOKEN_MAX];
	unsigned char character;
	sffi_status status;

	if (type->size > 8)
		return sffi__fail(SFFI_ENOTSUP, "the command cannot read a value of type %s",
				  spelling(type));
	skip_space(cursor);
	if (**cursor == '\'') {
		const char *start = (*cursor)++;

		if (!cli_parse_character(cursor, '\'', &character) || **cursor != '\'')
			return sffi__fail(SFFI_ETYPE, "%s is not a character in quotes", start);
		(*cursor)++;
		store_integer(to, type->size,
			      type->is_signed ? (uint64_t)(signed char)character : character);
		return SFFI_OK;
	}
	status = take_word(cursor, word, type);
	return status == SFFI_OK ? parse_number(type, word, to) : status;
}

static sffi_status parse_bool(const struct type *type, const char **cursor, void *to)
{
	char word[TOKEN_MAX];
	sffi_status status = take_word(cursor, word, type);
	bool is_true = strcmp(word, "true") == 0 || strcmp(word, "1") == 0;

	if (status != SFFI_OK)
		return status;
	if (!is_true && strcmp(word, "false") != 0 && strcmp(word, "0") != 0)
		return sffi__fail(SFFI_ETYPE, "'%s' is neither true nor false", word);
	*(unsigned char *)to = is_true;
	return SFFI_OK;
}

static sffi_status parse_float(const struct type *type, const char **cursor, void *to)
{
	char word[TOKEN_MAX];
	char *end = NULL;
	sffi_status status = take_word(cursor, word, type);

	if (status != SFFI_OK)
		return status;
	if (type->size == sizeof(float))
		*(float *)to = strtof(word, &end);
	else if (type->size == sizeof(double))
		*(double *)to = strtod(word, &end);
	else
		*(long double *)to = strtold(word, &end);
	if (end == word || *end != '\0')
		return sffi__fail(SFFI_ETYPE, "'%s' is not a number, as the type %s asks for", word,
				  spelling(type));
	return SFFI_OK;
}

/* NULL, or a number: the address. */
static sffi_status parse_address(const struct type *type, const char **cursor, void *to)
{
	char word[TOKEN_MAX];
	unsigned long long number;
	char *end;
	sffi_status status = take_word(cursor, word, type);

	if (status != SFFI_OK)
		return status;
	errno = 0;
	number = strcmp(word, "NULL") == 0 ? 0 : strtoull(word, &end, 0);
	if (strcmp(word, "NULL") != 0 &&
	    (!isdigit((unsigned char)*word) || *end != '\0' || errno != 0))
		return sffi__fail(SFFI_ETYPE,
				  "'%s' is no address for a %s: give NULL, a number, or declare the "
				  "parameter as an array with its length",
				  word, spelling(type));
	*(void **)to = (void *)(uintptr_t)number;
	return SFFI_OK;
}

static const struct type *item_type(const struct type *type, size_t index)
{
	return type->kind == TYPE_ARRAY ? type->target : type->members[index].type;
}

static void *item_place(const struct type *type, size_t index, void *to)
{
	size_t offset = type->kind == TYPE_ARRAY ? index * type->target->size
						 : type->members[index].offset;

	return (char *)to + offset;
}

/* {1,2,3}: the members of a struct, the elements of an array, the first member of a union. */
static sffi_status parse_items(const struct type *type, const char **cursor, void *to)
{
	size_t count = type->kind == TYPE_UNION && type->count > 1 ? 1 : type->count;
	sffi_status status;

	skip_space(cursor);
	if (**cursor != '{')
		return sffi__fail(SFFI_ETYPE, "expected '{' before the values of %s, found '%.20s'",
				  spelling(type), *cursor);
	(*cursor)++;
	for (size_t i = 0; i < count; i++) {
		skip_space(cursor);
		if (**cursor == '}')
			break;
		if (i > 0 && *(*cursor)++ != ',')
			return sffi__fail(SFFI_ETYPE, "expected ',' before value %zu of %s", i + 1,
					  spelling(type));
		status = cli_parse_value(item_type(type, i), cursor, item_place(type, i, to), true);
		if (status != SFFI_OK)
			return status;
	}
	skip_space(cursor);
	if (**cursor != '}')
		return sffi__fail(SFFI_ETYPE, "expected '}' after the %zu value%s of %s, found '%.20s'",
				  count, count == 1 ? "" : "s", spelling(type),
				  *cursor);
	(*cursor)++;
	return SFFI_OK;
}

static sffi_status parse_one(const struct type *type, const char **cursor, void *to)
{
	static const struct type descriptor = {
		.kind = TYPE_INTEGER, .is_signed = true, .is_complete = true,
		.size = sizeof(int), .alignment = sizeof(int), .name = "fd",
	};

	switch (type->kind) {
	case TYPE_BOOL:
		return parse_bool(type, cursor, to);
	case TYPE_INTEGER:
		return parse_integer(type, cursor, to);
	case TYPE_FD:
		return parse_integer(&descriptor, cursor, to);
	case TYPE_FLOAT:
		return parse_float(type, cursor, to);
	case TYPE_POINTER:
	case TYPE_TOKEN:
		return parse_address(type, cursor, to);
	case TYPE_STRUCT:
	case TYPE_UNION:
		if (!type->is_complete || type->has_bit_fields || type->has_flexible_tail)
			break;
		return parse_items(type, cursor, to);
	case TYPE_ARRAY:
		if (!type->is_complete)
			break;
		return parse_items(type, cursor, to);
	default:
		break;
	}
	return sffi__fail(SFFI_ENOTSUP, "the command cannot read a value of type %s",
			  spelling(type));
}

sffi_status cli_parse_value(const struct type *type, const char **cursor, void *to, bool inside)
{
	sffi_status status = parse_one(type, cursor, to);

	if (status != SFFI_OK || inside)
		return status;
	skip_space(cursor);
	if (**cursor != '\0')
		return sffi__fail(SFFI_ETYPE, "unexpected '%.20s' after a value of type %s", *cursor,
				  spelling(type));
	return SFFI_OK;
}
