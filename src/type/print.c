/* SPDX-License-Identifier: MIT */
/* Types as C text: what stands before the place of the name, and what after it. */
#include <stdarg.h>
#include <stdio.h>

#include "type/type.h"

struct output {
	char *at;
	size_t left; /* with the NUL */
};

static void __attribute__((format(printf, 2, 3)))
put(struct output *output, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(output->at, output->left, format, arguments);
	va_end(arguments);
	if (length < 0)
		return;
	if ((size_t)length >= output->left)
		length = (int)output->left - 1;
	output->at += length;
	output->left -= (size_t)length;
}

/* Types share parts, so a text can be of any length; nothing is done for what is cut. */
static bool is_full(const struct output *output)
{
	return output->left <= 1;
}

/* Between a type and what follows it, but not after a '*'. */
static void put_space(struct output *output)
{
	char last = output->at[-1];

	put(output, "%s", last == '*' || last == ' ' ? "" : " ");
}

static void print(struct output *, const struct type *);

static bool binds_closer(const struct type *type)
{
	return type->kind == TYPE_ARRAY || type->kind == TYPE_FUNCTION;
}

static void put_before(struct output *output, const struct type *type, bool is_const)
{
	if (is_full(output))
		return;
	switch (type->kind) {
	case TYPE_POINTER:
		put_before(output, type->target, type->target_const);
		if (is_full(output))
			return;
		put_space(output);
		put(output, "%s*%s", binds_closer(type->target) ? "(" : "",
		    is_const ? "const " : "");
		break;
	case TYPE_ARRAY:
		put_before(output, type->target, type->target_const);
		break;
	case TYPE_FUNCTION:
		put_before(output, type->function->result, false);
		break;
	default:
		put(output, "%s%s", is_const ? "const " : "", type->name);
		break;
	}
}

static void put_parameters(struct output *output, const struct function_type *function)
{
	size_t i;

	put(output, "(");
	for (i = 0; i < function->count && !is_full(output); i++) {
		put(output, "%s", i ? ", " : "");
		if (i == function->fixed_count)
			put(output, "..., ");
		print(output, function->parameters[i].type);
	}
	if (!function->count)
		put(output, "void");
	if (function->is_variadic && function->count == function->fixed_count)
		put(output, function->is_open ? ", ..." : ", ..., void");
	put(output, ")");
}

static void put_after(struct output *output, const struct type *type)
{
	if (is_full(output))
		return;
	switch (type->kind) {
	case TYPE_POINTER:
		put(output, "%s", binds_closer(type->target) ? ")" : "");
		put_after(output, type->target);
		break;
	case TYPE_ARRAY:
		if (type->is_complete)
			put(output, "[%zu]", type->count);
		else
			put(output, "[]");
		put_after(output, type->target);
		break;
	case TYPE_FUNCTION:
		put_parameters(output, type->function);
		put_after(output, type->function->result);
		break;
	default:
		break;
	}
}

/* As deep as the type, which is at most TYPE_DEPTH_MAX: structs are only named. */
static void print(struct output *output, const struct type *type)
{
	put_before(output, type, false);
	if (!is_full(output) && binds_closer(type))
		put_space(output);
	put_after(output, type);
}

void sffi__type_print(const struct type *type, char *to, size_t size)
{
	struct output output = { to, size };

	if (!size)
		return;
	*to = '\0';
	print(&output, type);
}
