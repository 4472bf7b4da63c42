/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "type/parser.h"

/* A parameter whose array length is not looked up yet: that may name a later parameter. */
struct pending {
	struct node *length;
	const char *length_text;
	struct token token;
};

struct parameter_list {
	size_t count;
	struct parameter parameters[TYPE_PARAMETERS_MAX];
	struct pending pending[TYPE_PARAMETERS_MAX];
	struct name *names[TYPE_PARAMETERS_MAX];
};

/* `(void)` and `()`: no parameters. C means "not known" by the latter, which nobody does. */
static bool is_no_parameters(const struct parser *parser)
{
	if (sffi__at(parser, ')'))
		return true;
	return sffi__at_keyword(parser, K_VOID) && parser->ahead.kind == TOKEN_PUNCTUATOR &&
	       parser->ahead.code == ')';
}

static const char *length_text(struct parser *parser, const struct declarator *declarator,
			       const struct node *length)
{
	char text[24];
	size_t size, at = sizeof text - 1;
	uint64_t count = length->value.bits;
	char *copy;

	if (declarator->last && declarator->last->length == length)
		return declarator->last->length_text;
	text[at] = '\0';
	do
		text[--at] = (char)('0' + count % 10);
	while (count /= 10);
	size = sizeof text - at;
	copy = sffi__new(parser, size);
	return copy ? memcpy(copy, text + at, size) : NULL;
}

static bool check_parameter(struct parser *parser, const struct parameter *parameter,
			    const struct token *token)
{
	if (parameter->type->kind == TYPE_VOID)
		return sffi__fail_at(parser, token, "a parameter cannot be of the type void");
	return true;
}

static bool parse_parameter(struct parser *parser, struct parameter_list *list)
{
	struct parameter *parameter = &list->parameters[list->count];
	struct pending *pending = &list->pending[list->count];
	struct specifiers specifiers;
	struct declarator declarator;

	if (list->count == TYPE_PARAMETERS_MAX)
		return sffi__fail_at(parser, &parser->token, "a function has more than %d parameters",
				     TYPE_PARAMETERS_MAX);
	if (!sffi__parse_specifiers(parser, PLACE_PARAMETER, &specifiers) ||
	    !sffi__parse_declarator(parser, NAME_OPTIONAL, &declarator) ||
	    !sffi__derive_parameter(parser, &specifiers, &declarator, parameter, &pending->length) ||
	    !check_parameter(parser, parameter, &specifiers.start))
		return false;
	pending->token = declarator.last ? declarator.last->token : declarator.token;
	if (pending->length) {
		pending->length_text = length_text(parser, &declarator, pending->length);
		if (!pending->length_text)
			return false;
	}
	parameter->is_out = specifiers.is_out;
	parameter->is_keep = specifiers.is_keep;
	parameter->name = declarator.name ? declarator.name->text : NULL;
	list->names[list->count++] = declarator.name;
	pending->token = declarator.token;
	return true;
}

/* Gives the names their places in the list; none may occur twice. */
static bool number_names(struct parser *parser, struct parameter_list *list, uint64_t *number)
{
	size_t i;

	*number = ++parser->scope->last_list;
	for (i = 0; i < list->count; i++) {
		struct name *name = list->names[i];

		if (!name)
			continue;
		if (name->list == *number)
			return sffi__fail_at(parser, &list->pending[i].token,
					     "two parameters have the name '%s'", name->text);
		name->list = *number;
		name->index = i;
	}
	return true;
}

/* A length that is known already must be one that an object can have. */
static bool check_length(struct parser *parser, const struct parameter *parameter,
			 const struct pending *pending)
{
	const struct node *length = pending->length;
	size_t size = sffi__type_view(parameter->type->target)->size;

	if (length->operation != OPERATION_CONSTANT)
		return true;
	if (sffi__value_number(length->value) < 0)
		return sffi__fail_at(parser, &pending->token, "the length '%s' is negative",
				     pending->length_text);
	if (__builtin_mul_overflow(size, length->value.bits, &size) || size > TYPE_SIZE_MAX)
		return sffi__fail_at(parser, &pending->token, "this array is larger than %zu bytes",
				     TYPE_SIZE_MAX);
	return true;
}

static bool resolve_lengths(struct parser *parser, struct parameter_list *list)
{
	uint64_t number;
	size_t i;

	if (!number_names(parser, list, &number))
		return false;
	for (i = 0; i < list->count; i++) {
		struct pending *pending = &list->pending[i];
		struct expression *expression;

		if (!pending->length)
			continue;
		if (!sffi__resolve(parser, pending->length, list->parameters, number) ||
		    !check_length(parser, &list->parameters[i], pending))
			return false;
		expression = sffi__new(parser, sizeof *expression);
		if (!expression)
			return false;
		expression->root = pending->length;
		expression->text = pending->length_text;
		list->parameters[i].length = expression;
	}
	return true;
}

/* Up to the ')' or the ', ...' before it. */
static bool parse_list(struct parser *parser, struct parameter_list *list, bool *is_variadic)
{
	do {
		*is_variadic = list->count && sffi__accept(parser, P_ELLIPSIS);
		if (*is_variadic)
			break;
		if (!parse_parameter(parser, list))
			return false;
	} while (sffi__accept(parser, ','));
	if (!sffi__expect(parser, ')', *is_variadic ? "')' after '...'" : "')' after the parameters"))
		return false;
	return resolve_lengths(parser, list);
}

static struct function_type *parse_function(struct parser *parser)
{
	struct function_type *function = sffi__new(parser, sizeof *function);
	struct parameter_list *list;

	if (!function)
		return NULL;
	if (is_no_parameters(parser)) {
		sffi__accept_keyword(parser, K_VOID);
		sffi__next(parser);
		return function;
	}
	list = sffi__new_scratch(parser, sizeof *list);
	if (!list || !parse_list(parser, list, &function->is_variadic))
		return NULL;
	function->count = list->count;
	function->parameters = sffi__new(parser, list->count * sizeof *list->parameters);
	if (!function->parameters)
		return NULL;
	memcpy(function->parameters, list->parameters, list->count * sizeof *list->parameters);
	return function;
}

struct function_type *sffi__parse_parameters(struct parser *parser)
{
	struct function_type *function;

	if (!sffi__nest(parser))
		return NULL;
	function = parse_function(parser);
	sffi__unnest(parser);
	return function;
}
