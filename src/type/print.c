/* SPDX-License-Identifier: MIT */
/* A type as C text: from the name outwards, as a declarator is read. */
#include <stdio.h>
#include <string.h>

#include "type/parser.h"

enum { TEXT_LENGTH = 256 };

/* Wraps the text; what does not fit is cut. */
static void wrap(char text[TEXT_LENGTH], const char *before, const char *after)
{
	char copy[TEXT_LENGTH];

	memcpy(copy, text, sizeof copy);
	snprintf(text, TEXT_LENGTH, "%s%.120s%s", before, copy, after);
}

static bool needs_parentheses(const struct type *target)
{
	return target->kind == TYPE_ARRAY || target->kind == TYPE_FUNCTION;
}

static void add_parameters(const struct function_type *function, char *to, size_t size)
{
	size_t used = (size_t)snprintf(to, size, "(");

	for (size_t i = 0; i < function->count && used < size; i++) {
		char text[64];

		snprintf(text, sizeof text, "%s", "...");
		if (function->parameters[i].type->depth < 3)
			sffi__type_print(function->parameters[i].type, text, sizeof text);
		used += (size_t)snprintf(to + used, size - used, "%s%s", i ? ", " : "", text);
	}
	if (used < size)
		snprintf(to + used, size - used, "%s)",
			 function->is_variadic ? ", ..." : function->count ? "" : "void");
}

static const char *add_level(const struct type *type, char text[TEXT_LENGTH])
{
	char after[TEXT_LENGTH];

	switch (type->kind) {
	case TYPE_POINTER:
		if (needs_parentheses(type->target))
			wrap(text, "(*", ")");
		else
			wrap(text, "*", "");
		break;
	case TYPE_ARRAY:
		if (type->is_complete)
			snprintf(after, sizeof after, "[%zu]", type->count);
		else
			snprintf(after, sizeof after, "[]");
		wrap(text, "", after);
		break;
	default:
		add_parameters(type->function, after, sizeof after);
		wrap(text, "", after);
	}
	return text;
}

void sffi__type_print(const struct type *type, char *to, size_t size)
{
	char text[TEXT_LENGTH] = "";
	bool is_const = false;
	const char *base;

	while (type->kind == TYPE_POINTER || type->kind == TYPE_ARRAY || type->kind == TYPE_FUNCTION) {
		add_level(type, text);
		is_const = type->kind != TYPE_FUNCTION && type->target_const;
		type = type->kind == TYPE_FUNCTION ? type->function->result : type->target;
	}
	base = type->name ? type->name : "?";
	snprintf(to, size, "%s%s%s%s", is_const ? "const " : "", base, *text ? " " : "", text);
}
