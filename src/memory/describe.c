/* SPDX-License-Identifier: MIT */
/* A call as text, for the report: arguments as declared. */
#include "memory/marshal.h"

#include "memory/probe.h"

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

static void add_value(struct text *text, enum travel travel, const struct type *type, const void *at)
{
	const sffi_buffer *buffer = at;

	switch (type->kind) {
	case TYPE_BUFFER:
		add(text, "%p (%zu bytes)", buffer->address, buffer->size);
		break;
	case TYPE_POINTER:
	case TYPE_TOKEN:
		add_pointer(text, travel, type, *(void *const *)at);
		break;
	case TYPE_BOOL:
		add(text, sffi__abi_widen(type, at) ? "true" : "false");
		break;
	case TYPE_FLOAT:
		add(text, "%g", type->size == 4 ? (double)*(const float *)at : *(const double *)at);
		break;
	default:
		if (type->kind == TYPE_FD || type->is_signed)
			add(text, "%lld", (long long)sffi__abi_widen(type, at));
		else
			add(text, "%llu", (unsigned long long)sffi__abi_widen(type, at));
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
