/* SPDX-License-Identifier: MIT */
/* A call as text, for the report: arguments as declared. */
#include "memory/marshal.h"

#include "memory/probe.h"
#include "memory/travel.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>

struct text {
	char *to;
	size_t size, used;
};

static __attribute__((format(printf, 2, 3))) void add(struct text *text, const char *format, ...)
{
	va_list arguments;
	int length;

	if (text->used >= text->size)
		return;
	va_start(arguments, format);
	length = vsnprintf(text->to + text->used, text->size - text->used, format, arguments);
	va_end(arguments);
	if (length > 0)
		text->used += (size_t)length;
}

static void add_character(struct text *text, unsigned char c)
{
	if (c == '"' || c == '\\')
		add(text, "\\%c", c);
	else if (c == '\n')
		add(text, "\\n");
	else if (isprint(c))
		add(text, "%c", c);
	else
		add(text, "\\x%02x", c);
}

static void add_string(struct text *text, const char *string)
{
	enum { SHOWN = 48 };
	ptrdiff_t length = sffi__host_string_length(string);

	if (length < 0) {
		add(text, "%p", (const void *)string);
		return;
	}
	add(text, "\"");
	for (ptrdiff_t i = 0; i < length && i < SHOWN; i++)
		add_character(text, (unsigned char)string[i]);
	add(text, length > SHOWN ? "\"... (%td bytes)" : "\"", length);
}

static void add_pointer(struct text *text, enum travel travel, const struct type *type,
			const void *value)
{
	if (!value)
		add(text, "NULL");
	else if (travel == TRAVEL_STRING)
		add_string(text, value);
	else if (travel == TRAVEL_OBJECT && type->target->kind == TYPE_INTEGER &&
		 !type->target->is_character && sffi__host_readable(value, type->target->size))
		add(text, "%p -> %lld", value, (long long)sffi__abi_widen(type->target, value));
	else
		add(text, "%p", value);
}

static void add_float(struct text *text, size_t size, const void *at)
{
	long double longest;
	double real;
	float single;

	if (size == sizeof single) {
		memcpy(&single, at, sizeof single);
		add(text, "%g", (double)single);
	} else if (size == sizeof real) {
		memcpy(&real, at, sizeof real);
		add(text, "%g", real);
	} else {
		memcpy(&longest, at, sizeof longest);
		add(text, "%Lg", longest);
	}
}

static void add_complex(struct text *text, const struct type *type, const char *at)
{
	add_float(text, type->size / 2, at);
	add(text, " + ");
	add_float(text, type->size / 2, at + type->size / 2);
	add(text, "i");
}

/* Decimal where 64 bits will do, else hexadecimal. */
static void add_int128(struct text *text, const struct type *type, const void *at)
{
	unsigned __int128 value;
	uint64_t low, high;

	memcpy(&value, at, sizeof value);
	low = (uint64_t)value;
	high = (uint64_t)(value >> 64);
	if (type->is_signed && high == (uint64_t)((int64_t)low >> 63))
		add(text, "%lld", (long long)low);
	else if (!high)
		add(text, "%llu", (unsigned long long)low);
	else
		add(text, "0x%llx%016llx", (unsigned long long)high, (unsigned long long)low);
}

static void add_integer(struct text *text, const struct type *type, const void *at)
{
	if (type->size > 8)
		add_int128(text, type, at);
	else if (type->kind == TYPE_FD || type->is_signed)
		add(text, "%lld", (long long)sffi__abi_widen(type, at));
	else
		add(text, "%llu", (unsigned long long)sffi__abi_widen(type, at));
}

static void add_bit_field(struct text *text, const struct member *member, const char *at)
{
	unsigned __int128 bits = 0;
	unsigned shift = 64 - member->bit_width;
	size_t last = (member->bit_offset + member->bit_width + 7) / 8;
	uint64_t value;

	memcpy(&bits, at, last < sizeof bits ? last : sizeof bits);
	value = (uint64_t)(bits >> member->bit_offset) << shift;
	if (member->type->is_signed)
		add(text, "%lld", (long long)value >> shift);
	else
		add(text, "%llu", (unsigned long long)(value >> shift));
}

static void add_value(struct text *text, enum travel travel, const struct type *type, const void *at);

static void add_member(struct text *text, const struct type *type, const void *at)
{
	add_value(text, type->kind == TYPE_POINTER ? sffi__pointer_travel(type) : TRAVEL_VALUE, type, at);
}

/* A struct that is passed by value; of a union, whose member in use nobody knows, all. The
 * text is cut somewhere: nothing is done for what no longer fits. */
static void add_record(struct text *text, const struct type *type, const char *at)
{
	add(text, "{");
	for (size_t i = 0; i < type->count && text->used < text->size; i++) {
		const struct member *member = &type->members[i];

		add(text, i ? ", " : "");
		if (member->name)
			add(text, "%s = ", member->name);
		if (member->bit_width)
			add_bit_field(text, member, at + member->offset);
		else
			add_member(text, member->type, at + member->offset);
	}
	add(text, "}");
}

static void add_array(struct text *text, const struct type *type, const char *at)
{
	enum { SHOWN = 16 };

	add(text, "{");
	for (size_t i = 0; i < type->count && i < SHOWN && text->used < text->size; i++) {
		add(text, i ? ", " : "");
		add_member(text, type->target, at + i * type->target->size);
	}
	add(text, type->count > SHOWN ? ", ...}" : "}");
}

static void add_value(struct text *text, enum travel travel, const struct type *type, const void *at)
{
	const sffi_buffer *buffer = at;
	const void *pointer;

	switch (type->kind) {
	case TYPE_STRUCT:
	case TYPE_UNION:
		add_record(text, type, at);
		break;
	case TYPE_ARRAY:
		add_array(text, type, at);
		break;
	case TYPE_COMPLEX:
		add_complex(text, type, at);
		break;
	case TYPE_BUFFER:
		add(text, buffer->address ? "%p" : "NULL", buffer->address);
		if (buffer->size)
			add(text, " (%zu bytes)", buffer->size);
		break;
	case TYPE_POINTER:
	case TYPE_TOKEN:
		memcpy(&pointer, at, sizeof pointer);
		add_pointer(text, travel, type, pointer);
		break;
	case TYPE_BOOL:
		add(text, sffi__abi_widen(type, at) ? "true" : "false");
		break;
	case TYPE_FLOAT:
		add_float(text, type->size, at);
		break;
	default:
		add_integer(text, type, at);
	}
}

void sffi__describe_call(const sffi_function *function, void *const *arguments, char *to, size_t size)
{
	struct text text = { to, size, 0 };

	add(&text, "%s(", function->name);
	for (size_t i = 0; i < function->type->count; i++) {
		const struct parameter *parameter = &function->type->parameters[i];

		add(&text, i ? ", " : "");
		if (parameter->name)
			add(&text, "%s = ", parameter->name);
		add_value(&text, function->marshal->travels[i], parameter->type, arguments[i]);
	}
	add(&text, ")");
}
