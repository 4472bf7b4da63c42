/* SPDX-License-Identifier: MIT */
#include "values.h"

#include "cli.h"
#include "error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* More than this in one argument is a slip of the pen, such as n = -1. */
static const uint64_t data_max = 1ULL << 30;

static sffi_status no_memory(void)
{
	return sffi__fail(SFFI_ENOMEM, "out of memory for the arguments");
}

static bool is_text_pointer(const struct type *type)
{
	return type->kind == TYPE_POINTER && type->target_const && type->target->is_plain_char;
}

/* A pointer that travels as the bare address: its extent is not known. */
static bool is_raw_pointer(const struct type *type)
{
	return !type->target->is_complete || type->target->size == 0 || type->target->is_character;
}

/* ---- bytes: "text", hex:00ff, @file, zeros:8 ------------------------------- */

static sffi_status read_file(const char *path, unsigned char **bytes, size_t *size)
{
	size_t capacity = 0, got;
	unsigned char *more;
	FILE *file = fopen(path, "re");

	if (!file)
		return sffi__fail(SFFI_EINVAL, "cannot open the file %s: %s", path, strerror(errno));
	do {
		capacity = capacity ? 2 * capacity : 4096;
		more = capacity <= data_max ? realloc(*bytes, capacity) : NULL;
		if (!more) {
			fclose(file);
			return sffi__fail(SFFI_ENOMEM, "the file %s is too large for an argument",
					  path);
		}
		*bytes = more;
		got = fread(*bytes + *size, 1, capacity - *size, file);
		*size += got;
	} while (got > 0 && *size == capacity);
	if (ferror(file)) {
		fclose(file);
		return sffi__fail(SFFI_EINVAL, "cannot read the file %s: %s", path, strerror(errno));
	}
	fclose(file);
	return SFFI_OK;
}

static sffi_status read_hex(const char *digits, unsigned char **bytes, size_t *size)
{
	size_t length = strlen(digits);

	if (length % 2 != 0 || strspn(digits, "0123456789abcdefABCDEF") != length)
		return sffi__fail(SFFI_ETYPE, "hex:%.20s is not pairs of hexadecimal digits", digits);
	*bytes = malloc(length / 2 + 1);
	if (!*bytes)
		return no_memory();
	for (; digits[2 * *size]; ++*size)
		sscanf(digits + 2 * *size, "%2hhx", *bytes + *size);
	return SFFI_OK;
}

/* "text" with escapes, quotes included. */
static sffi_status read_quoted(const char *text, unsigned char **bytes, size_t *size)
{
	const char *cursor = text + 1;

	*bytes = malloc(strlen(text) + 1);
	if (!*bytes)
		return no_memory();
	while (cli_parse_character(&cursor, '"', *bytes + *size))
		++*size;
	if (strcmp(cursor, "\"") != 0)
		return sffi__fail(SFFI_ETYPE, "%.40s is not a string in quotes", text);
	return SFFI_OK;
}

static sffi_status read_zeros(const char *number, unsigned char **bytes, size_t *size)
{
	char *end;

	*size = strtoull(number, &end, 0);
	if (*number < '0' || *number > '9' || *end != '\0' || *size > data_max)
		return sffi__fail(SFFI_ETYPE, "zeros:%.20s is not a number of bytes", number);
	*bytes = calloc(*size + 1, 1);
	return *bytes ? SFFI_OK : no_memory();
}

/* Reads any of these into *bytes, owned by the caller; *is_bytes: text was one of them. */
static sffi_status read_bytes(const char *text, unsigned char **bytes, size_t *size, bool *is_bytes)
{
	*bytes = NULL;
	*size = 0;
	*is_bytes = true;
	if (*text == '@')
		return read_file(text + 1, bytes, size);
	if (*text == '"')
		return read_quoted(text, bytes, size);
	if (strncmp(text, "hex:", 4) == 0)
		return read_hex(text + 4, bytes, size);
	if (strncmp(text, "zeros:", 6) == 0)
		return read_zeros(text + 6, bytes, size);
	*is_bytes = false;
	return SFFI_OK;
}

/* ---- plain parameters -------------------------------------------------------- */

static void set_pointer(struct cli_value *value, void *data)
{
	value->data = data;
	*(void **)value->value = data;
}

/* A string, or the bytes that a pointer of unknown extent points to: NUL-terminated. */
static sffi_status make_text(struct cli_value *value)
{
	unsigned char *bytes, *terminated;
	size_t size;
	bool is_bytes;
	sffi_status status = read_bytes(value->text, &bytes, &size, &is_bytes);

	if (status == SFFI_OK && !is_bytes) {
		bytes = (unsigned char *)strdup(value->text);
		size = strlen(value->text);
	}
	terminated = status == SFFI_OK && bytes ? realloc(bytes, size + 1) : NULL;
	if (!terminated) {
		free(bytes);
		return status == SFFI_OK ? no_memory() : status;
	}
	terminated[size] = '\0';
	set_pointer(value, terminated);
	value->count = size;
	return SFFI_OK;
}

static bool is_bytes_text(const char *text)
{
	return *text == '@' || *text == '"' || strncmp(text, "hex:", 4) == 0 ||
	       strncmp(text, "zeros:", 6) == 0;
}

static sffi_status make_pointer(struct cli_value *value)
{
	const struct type *type = value->parameter->type;
	const char *cursor = value->text;
	void *data;

	if (strcmp(value->text, "NULL") == 0)
		return SFFI_OK;
	if (is_text_pointer(type))
		return make_text(value);
	if (is_raw_pointer(type) || type->target->kind == TYPE_FUNCTION) {
		/* The library will refuse memory of ours here, and say what to declare. */
		if (is_bytes_text(value->text) ||
		    (type->target->is_character && (*cursor < '0' || *cursor > '9')))
			return make_text(value);
		return cli_parse_value(type, &cursor, value->value, false);
	}
	data = calloc(1, type->target->size + 16);
	if (!data)
		return no_memory();
	set_pointer(value, data);
	value->count = 1;
	if (strcmp(value->text, "-") == 0)
		return SFFI_OK;
	return cli_parse_value(type->target, &cursor, data, false);
}

static sffi_status make_buffer(struct cli_value *value)
{
	sffi_buffer *buffer = value->value;
	unsigned char *bytes;
	size_t size;
	bool is_bytes;
	sffi_status status = read_bytes(value->text, &bytes, &size, &is_bytes);

	value->data = bytes;
	if (status != SFFI_OK || strcmp(value->text, "NULL") == 0)
		return status;
	if (!is_bytes)
		return sffi__fail(SFFI_ETYPE,
				  "'%.40s' is no buffer: give \"text\", hex:00ff, @file or zeros:SIZE",
				  value->text);
	value->count = size;
	buffer->address = bytes;
	buffer->size = size;
	return SFFI_OK;
}

static sffi_status make_descriptor(struct cli_value *value)
{
	const char *cursor = value->text;

	if (*cursor != '@')
		return cli_parse_value(value->parameter->type, &cursor, value->value, false);
	value->descriptor = open(cursor + 1, O_RDONLY | O_CLOEXEC);
	if (value->descriptor < 0)
		return sffi__fail(SFFI_EINVAL, "cannot open the file %s: %s", cursor + 1,
				  strerror(errno));
	*(int *)value->value = value->descriptor;
	return SFFI_OK;
}

/* An integer given as "-": the number of elements of the array whose length it is. */
static sffi_status make_count(struct cli_values *values, struct cli_value *value)
{
	const char *name = value->parameter->name ? value->parameter->name : "";
	char number[32];
	const char *cursor = number;

	for (size_t i = 0; i < values->count; i++) {
		const struct parameter *array = values->values[i].parameter;

		if (!array->length || strcmp(sffi__expression_text(array->length), name) != 0)
			continue;
		snprintf(number, sizeof number, "%zu", values->values[i].count);
		return cli_parse_value(value->parameter->type, &cursor, value->value, false);
	}
	return sffi__fail(SFFI_ETYPE, "'-' stands for the length of an array, and no array has the "
				      "length '%s'", name);
}

static sffi_status make_plain(struct cli_values *values, struct cli_value *value)
{
	const char *cursor = value->text;

	switch (value->parameter->type->kind) {
	case TYPE_POINTER:
		return make_pointer(value);
	case TYPE_BUFFER:
		return make_buffer(value);
	case TYPE_FD:
		return make_descriptor(value);
	case TYPE_INTEGER:
		if (strcmp(value->text, "-") == 0)
			return make_count(values, value);
		/* fall through */
	default:
		return cli_parse_value(value->parameter->type, &cursor, value->value, false);
	}
}

/* ---- arrays ------------------------------------------------------------------ */

/* Room for `count` elements, the new ones zero. */
static sffi_status resize(struct cli_value *value, uint64_t count)
{
	size_t size = value->parameter->type->target->size;
	uint64_t bytes;
	char *data;

	if (__builtin_mul_overflow(count, (uint64_t)size, &bytes) || bytes > data_max)
		return sffi__fail(SFFI_EINVAL, "%llu elements of %zu bytes are more than the command "
					       "passes in one argument",
				  (unsigned long long)count, size);
	data = realloc(value->data, bytes + 16);
	if (!data)
		return no_memory();
	if (count > value->count)
		memset(data + value->count * size, 0, (count - value->count) * size + 16);
	set_pointer(value, data);
	value->count = count;
	return SFFI_OK;
}

static sffi_status parse_list(struct cli_value *value)
{
	const struct type *element = value->parameter->type->target;
	const char *cursor = value->text;
	size_t used = 0;
	sffi_status status = SFFI_OK;

	while (status == SFFI_OK) {
		if (used == value->count)
			status = resize(value, used ? 2 * used : 16);
		if (status == SFFI_OK)
			status = cli_parse_value(element, &cursor,
						 (char *)value->data + used * element->size, true);
		if (status != SFFI_OK)
			return status;
		used++;
		cursor += strspn(cursor, " \t\n");
		if (*cursor == '\0')
			break;
		if (*cursor++ != ',')
			return sffi__fail(SFFI_ETYPE, "expected ',' after element %zu, found '%.20s'",
					  used, cursor - 1);
	}
	value->count = used;
	return status;
}

/* What was given for an array, before its length is known. */
static sffi_status make_items(struct cli_value *value)
{
	const struct type *element = value->parameter->type->target;
	unsigned char *bytes;
	size_t size;
	bool is_bytes;
	sffi_status status;

	if (!element->is_complete || element->size == 0)
		return sffi__fail(SFFI_ETYPE, "an array of elements of unknown size");
	if (strcmp(value->text, "-") == 0 || strcmp(value->text, "NULL") == 0)
		return SFFI_OK;
	if (element->is_plain_char && !is_bytes_text(value->text)) {
		status = make_text(value);
		return status;
	}
	status = read_bytes(value->text, &bytes, &size, &is_bytes);
	if (status == SFFI_OK && !is_bytes)
		return parse_list(value);
	if (status == SFFI_OK && size % element->size != 0)
		status = sffi__fail(SFFI_ETYPE, "%zu bytes are not a whole number of elements of %zu "
						"bytes", size, element->size);
	if (status != SFFI_OK) {
		free(bytes);
		return status;
	}
	set_pointer(value, bytes);
	value->count = size / element->size;
	return SFFI_OK;
}

static uint64_t load_integer(const struct type *type, const void *from)
{
	uint64_t value = 0;
	unsigned shift = 64 - 8 * (unsigned)type->size;

	memcpy(&value, from, type->size);
	if (type->is_signed)
		return (uint64_t)((int64_t)(value << shift) >> shift);
	return value;
}

/* An expression_lookup over the arguments. */
static bool look_up(void *context, size_t index, bool dereference, uint64_t *number, bool *is_signed)
{
	const struct cli_values *values = context;
	const struct cli_value *value = &values->values[index];
	const struct type *type = value->parameter->type;
	const void *from = value->value;

	if (dereference) {
		from = value->data;
		type = type->kind == TYPE_POINTER ? type->target : type;
	}
	if (!from || (type->kind != TYPE_INTEGER && type->kind != TYPE_BOOL) || type->size > 8) {
		sffi__fail(SFFI_EINVAL, "the value of parameter %zu is needed for a length, and cannot "
					"be had", index + 1);
		return false;
	}
	*number = load_integer(type, from);
	*is_signed = type->is_signed;
	return true;
}

static sffi_status fit_length(struct cli_values *values, struct cli_value *value)
{
	const struct expression *length = value->parameter->length;
	uint64_t count = value->count;
	sffi_status status = SFFI_OK;

	if (strcmp(value->text, "NULL") == 0)
		return SFFI_OK;
	if (length)
		status = sffi__expression_evaluate(length, look_up, values, &count);
	if (status != SFFI_OK)
		return status;
	if (!length && count == 0)
		return sffi__fail(SFFI_ETYPE, "'-' needs a declared length, as in %s[n]",
				  value->parameter->name ? value->parameter->name : "p");
	if (count < value->count)
		return sffi__fail(SFFI_ETYPE, "%zu elements were given, but the length '%s' is %llu",
				  value->count, sffi__expression_text(length),
				  (unsigned long long)count);
	return resize(value, count);
}

size_t cli_values_length(const struct cli_values *values, size_t index)
{
	const struct cli_value *value = &values->values[index];
	uint64_t count = value->count;

	if (value->parameter->length &&
	    sffi__expression_evaluate(value->parameter->length, look_up, (void *)values, &count) !=
		    SFFI_OK)
		cli_error(); /* taken and dropped: what was given counts, then */
	return count < value->count ? (size_t)count : value->count;
}

/* ---- all of them --------------------------------------------------------------- */

bool cli_value_is_output(const struct cli_value *value)
{
	const struct type *type = value->parameter->type;

	if (!value->data)
		return false;
	if (type->kind == TYPE_BUFFER)
		return true;
	return type->kind == TYPE_POINTER && !type->target_const &&
	       type->target->kind != TYPE_FUNCTION &&
	       (value->parameter->is_array || !is_raw_pointer(type));
}

static sffi_status name_parameter(const struct cli_value *value, size_t index, sffi_status status)
{
	char reason[512];

	snprintf(reason, sizeof reason, "%s", cli_error());
	return sffi__fail(status, "argument %zu%s%s: %s", index + 1,
			  value->parameter->name ? ", " : "",
			  value->parameter->name ? value->parameter->name : "", reason);
}

/* Arrays first, since a length may be their count; their lengths last, since they are
 * computed from the others. */
enum pass { PASS_ITEMS, PASS_PLAIN, PASS_LENGTHS };

static sffi_status make(struct cli_values *values, size_t index, enum pass pass)
{
	struct cli_value *value = &values->values[index];
	bool is_array = value->parameter->is_array;

	if (pass == PASS_ITEMS)
		return is_array ? make_items(value) : SFFI_OK;
	if (pass == PASS_PLAIN)
		return is_array ? SFFI_OK : make_plain(values, value);
	return is_array ? fit_length(values, value) : SFFI_OK;
}

static sffi_status allocate(struct cli_values *values, const struct function_type *type,
			    char *const *text)
{
	values->type = type;
	values->values = calloc(type->count + 1, sizeof *values->values);
	values->addresses = calloc(type->count + 1, sizeof *values->addresses);
	if (!values->values || !values->addresses)
		return no_memory();
	for (size_t i = 0; i < type->count; i++) {
		struct cli_value *value = &values->values[i];

		value->parameter = &type->parameters[i];
		value->text = text[i];
		value->descriptor = -1;
		value->value = calloc(1, type->parameters[i].type->size + sizeof(sffi_buffer) + 16);
		values->addresses[i] = value->value;
		values->count = i + 1;
		if (!value->value)
			return no_memory();
	}
	return SFFI_OK;
}

sffi_status cli_values_new(struct cli_values *values, const struct function_type *type,
			   char *const *text)
{
	sffi_status status;

	memset(values, 0, sizeof *values);
	status = allocate(values, type, text);
	for (enum pass pass = PASS_ITEMS; status == SFFI_OK && pass <= PASS_LENGTHS; pass++)
		for (size_t i = 0; status == SFFI_OK && i < values->count; i++) {
			status = make(values, i, pass);
			if (status != SFFI_OK)
				status = name_parameter(&values->values[i], i, status);
		}
	if (status != SFFI_OK)
		cli_values_free(values);
	return status;
}

void cli_values_free(struct cli_values *values)
{
	for (size_t i = 0; i < values->count; i++) {
		if (values->values[i].descriptor >= 0)
			close(values->values[i].descriptor);
		free(values->values[i].data);
		free(values->values[i].value);
	}
	free(values->values);
	free(values->addresses);
	memset(values, 0, sizeof *values);
}
