/* SPDX-License-Identifier: MIT */
#include "values.h"

#include <ctype.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint64_t load(const struct type *type, const void *from)
{
	size_t size = type->kind == TYPE_FD ? sizeof(int) : type->size;
	bool is_signed = type->is_signed || type->kind == TYPE_FD;
	uint64_t value = 0;
	unsigned shift;

	if (size > sizeof value || size == 0)
		return 0;
	memcpy(&value, from, size);
	shift = 64 - 8 * (unsigned)size;
	return is_signed ? (uint64_t)((int64_t)(value << shift) >> shift) : value;
}

static void *load_pointer(const void *from)
{
	void *pointer;

	memcpy(&pointer, from, sizeof pointer);
	return pointer;
}

/* ---- text -------------------------------------------------------------------- */

static void print_character(FILE *to, unsigned char c, char quote)
{
	static const char special[] = "\a\b\f\n\r\t\v\\";
	static const char letters[] = "abfnrtv\\";
	const char *found = c ? strchr(special, c) : NULL;

	if (found)
		fprintf(to, "\\%c", letters[found - special]);
	else if (c == (unsigned char)quote)
		fprintf(to, "\\%c", quote);
	else if (c < 0x20 || c == 0x7f)
		fprintf(to, "\\%03o", c);
	else
		fputc(c, to);
}

static void print_text(FILE *to, const char *text, size_t size)
{
	fputc('"', to);
	for (size_t i = 0; i < size; i++)
		print_character(to, (unsigned char)text[i], '"');
	fputc('"', to);
}

/* The shortest decimal that reads back as the same value. */
static void print_float_of(FILE *to, size_t size, const void *value)
{
	long double number;
	char text[80];
	int most = LDBL_DECIMAL_DIG;

	if (size == sizeof(float)) {
		float f;

		memcpy(&f, value, sizeof f);
		number = (long double)f;
		for (int digits = FLT_DIG; digits <= FLT_DECIMAL_DIG; digits++) {
			snprintf(text, sizeof text, "%.*g", digits, (double)f);
			if (strtof(text, NULL) == f)
				break;
		}
	} else if (size == sizeof(double)) {
		double d;

		memcpy(&d, value, sizeof d);
		number = (long double)d;
		for (int digits = DBL_DIG; digits <= DBL_DECIMAL_DIG; digits++) {
			snprintf(text, sizeof text, "%.*g", digits, d);
			if (strtod(text, NULL) == d)
				break;
		}
	} else {
		memcpy(&number, value, sizeof number);
		snprintf(text, sizeof text, "%.*Lg", most, number);
	}
	fputs(isnan(number) ? "nan" : text, to);
}

static void print_float(FILE *to, const struct type *type, const void *value)
{
	print_float_of(to, type->size, value);
}

static void print_complex(FILE *to, const struct type *type, const void *value)
{
	size_t half = type->size / 2;

	print_float_of(to, half, value);
	fputs(" + ", to);
	print_float_of(to, half, (const char *)value + half);
	fputc('i', to);
}

static void print_int128(FILE *to, const struct type *type, const void *value)
{
	unsigned __int128 number;
	char digits[48];
	size_t at = sizeof digits - 1;
	bool is_negative;

	memcpy(&number, value, sizeof number);
	is_negative = type->is_signed && number >> 127;
	if (is_negative)
		number = -number;
	digits[at] = '\0';
	do
		digits[--at] = (char)('0' + (int)(number % 10));
	while (number /= 10);
	fprintf(to, "%s%s", is_negative ? "-" : "", digits + at);
}

static void print_integer(FILE *to, const struct type *type, const void *value)
{
	uint64_t number = load(type, value);

	if (type->size > sizeof number) {
		print_int128(to, type, value);
	} else if (type->is_plain_char) {
		fputc('\'', to);
		print_character(to, (unsigned char)number, '\'');
		fputc('\'', to);
	} else if (type->is_signed || type->kind == TYPE_FD) {
		fprintf(to, "%lld", (long long)number);
	} else {
		fprintf(to, "%llu", (unsigned long long)number);
	}
}

static void print_hex(FILE *to, const unsigned char *bytes, size_t count)
{
	fputs("hex:", to);
	for (size_t i = 0; i < count; i++)
		fprintf(to, "%02x", bytes[i]);
}

void cli_print_elements(FILE *to, const struct type *element, const void *values, size_t count)
{
	if (element->is_plain_char) {
		print_text(to, values, strnlen(values, count));
		return;
	}
	if (element->is_character && !element->is_signed) {
		print_hex(to, values, count);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			fputs(", ", to);
		cli_print_value(to, element, (const char *)values + i * element->size, false);
	}
}

static void print_struct(FILE *to, const struct type *type, const void *value)
{
	fputc('{', to);
	for (size_t i = 0; i < type->count; i++) {
		const struct member *member = &type->members[i];

		fputs(i > 0 ? ", " : " ", to);
		if (member->name)
			fprintf(to, "%s = ", member->name);
		if (member->bit_width > 0)
			fputs("(a bit-field)", to);
		else
			cli_print_value(to, member->type, (const char *)value + member->offset, false);
	}
	fputs(" }", to);
}

static void print_pointer(FILE *to, const void *pointer)
{
	if (pointer)
		fprintf(to, "%p", pointer);
	else
		fputs("NULL", to);
}

static bool is_text(const struct type *type)
{
	return type->kind == TYPE_POINTER && type->target_const && type->target->is_plain_char;
}

void cli_print_value(FILE *to, const struct type *type, const void *value, bool is_result)
{
	switch (type->kind) {
	case TYPE_BOOL:
		fputs(*(const unsigned char *)value ? "true" : "false", to);
		break;
	case TYPE_INTEGER:
	case TYPE_FD:
		print_integer(to, type, value);
		break;
	case TYPE_FLOAT:
		print_float(to, type, value);
		break;
	case TYPE_COMPLEX:
		print_complex(to, type, value);
		break;
	case TYPE_ARRAY:
		fputc('{', to);
		cli_print_elements(to, type->target, value, type->count);
		fputc('}', to);
		break;
	case TYPE_STRUCT:
	case TYPE_UNION:
		print_struct(to, type, value);
		break;
	case TYPE_POINTER:
		if (is_result && is_text(type) && load_pointer(value)) {
			const char *text = load_pointer(value);

			print_text(to, text, strlen(text));
			break;
		}
		/* fall through */
	case TYPE_TOKEN:
	case TYPE_BUFFER:
		print_pointer(to, load_pointer(value));
		break;
	default:
		fputs("(a value that the command cannot print)", to);
	}
}

/* ---- JSON -------------------------------------------------------------------- */

/* Text of a C library need not be UTF-8; then it is a list of its bytes. */
static json_t *json_text(const char *text, size_t size)
{
	json_t *list, *string = json_stringn(text, size);

	if (string)
		return string;
	list = json_array();
	for (size_t i = 0; list && i < size; i++)
		json_array_append_new(list, json_integer((unsigned char)text[i]));
	return list;
}

static json_t *json_through_text(const struct type *type, const void *value)
{
	char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);
	json_t *string;

	if (!to)
		return NULL;
	cli_print_value(to, type, value, false);
	string = fclose(to) == 0 ? json_text(text, size) : NULL;
	free(text);
	return string;
}

/* What JSON cannot say as a number, it says as a string: inf, 2^64-1, addresses. */
static json_t *json_number(const struct type *type, const void *value)
{
	uint64_t number = load(type, value);
	double d;

	if (type->kind == TYPE_FLOAT) {
		if (type->size != sizeof d)
			return type->size == sizeof(float) && isfinite(*(const float *)value)
				       ? json_real((double)*(const float *)value)
				       : json_through_text(type, value);
		memcpy(&d, value, sizeof d);
		return isfinite(d) ? json_real(d) : json_through_text(type, value);
	}
	if (type->size > sizeof number || (!type->is_signed && number > INT64_MAX))
		return json_through_text(type, value);
	return json_integer((json_int_t)number);
}

json_t *cli_json_elements(const struct type *element, const void *values, size_t count)
{
	json_t *list;

	if (element->is_plain_char)
		return json_text(values, strnlen(values, count));
	list = json_array();
	for (size_t i = 0; list && i < count; i++)
		json_array_append_new(
			list, cli_json_value(element, (const char *)values + i * element->size, false));
	return list;
}

static json_t *json_struct(const struct type *type, const void *value)
{
	json_t *object = json_object();

	for (size_t i = 0; object && i < type->count; i++) {
		const struct member *member = &type->members[i];

		if (member->bit_width == 0)
			json_object_set_new(object, member->name ? member->name : "",
					    cli_json_value(member->type,
							   (const char *)value + member->offset, false));
	}
	return object;
}

json_t *cli_json_value(const struct type *type, const void *value, bool is_result)
{
	switch (type->kind) {
	case TYPE_VOID:
		return json_null();
	case TYPE_BOOL:
		return json_boolean(*(const unsigned char *)value);
	case TYPE_INTEGER:
	case TYPE_FD:
	case TYPE_FLOAT:
		return json_number(type, value);
	case TYPE_ARRAY:
		return cli_json_elements(type->target, value, type->count);
	case TYPE_STRUCT:
	case TYPE_UNION:
		return json_struct(type, value);
	case TYPE_POINTER:
		if (is_result && is_text(type) && load_pointer(value))
			return json_text(load_pointer(value), strlen(load_pointer(value)));
		/* fall through */
	default:
		if (type->kind != TYPE_COMPLEX && !load_pointer(value))
			return json_null();
		return json_through_text(type, value);
	}
}
