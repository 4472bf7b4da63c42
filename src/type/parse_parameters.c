/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "type/parser.h"

/* The length is not looked up before the last parameter is known: it may name a later one. */
struct item {
	struct item *next;
	struct parameter parameter;
	struct name *name; /* or NULL */
	struct token token;
	struct node *length; /* of an array, or NULL */
	const char *length_text;
};

struct parameter_list {
	size_t count;
	struct item *first, **end;
	struct parameter *parameters; /* of all items, once they are known */
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

static bool parse_item(struct parser *parser, struct item *item)
{
	struct specifiers specifiers;
	struct declarator declarator;

	if (!sffi__parse_specifiers(parser, PLACE_PARAMETER, &specifiers) ||
	    !sffi__parse_declarator(parser, NAME_OPTIONAL, &declarator) ||
	    !sffi__derive_parameter(parser, &specifiers, &declarator, &item->parameter,
	                            &item->length) ||
	    !check_parameter(parser, &item->parameter, &specifiers.start))
		return false;
	item->parameter.is_out = specifiers.is_out;
	item->parameter.is_keep = specifiers.is_keep;
	item->parameter.name = declarator.name ? declarator.name->text : NULL;
	item->name = declarator.name;
	item->token = declarator.token;
	if (item->length)
		item->length_text = length_text(parser, &declarator, item->length);
	return !item->length || item->length_text;
}

static bool parse_parameter(struct parser *parser, struct parameter_list *list)
{
	struct item *item;

	if (list->count == TYPE_PARAMETERS_MAX)
		return sffi__fail_at(parser, &parser->token,
		                     "a function has more than %d parameters", TYPE_PARAMETERS_MAX);
	item = sffi__new_scratch(parser, sizeof *item);
	if (!item || !parse_item(parser, item))
		return false;
	*list->end = item;
	list->end = &item->next;
	list->count++;
	return true;
}

/* Gives the names their places in the list; none may occur twice. */
static bool number_names(struct parser *parser, const struct parameter_list *list, uint64_t number)
{
	const struct item *item;
	size_t index = 0;

	for (item = list->first; item; item = item->next, index++) {
		struct name *name = item->name;

		if (!name)
			continue;
		if (name->list == number)
			return sffi__fail_at(parser, &item->token,
			                     "two parameters have the name '%s'", name->text);
		name->list = number;
		name->index = index;
	}
	return true;
}

/* A length that is known already must be one that an object can have. */
static bool check_length(struct parser *parser, const struct parameter *parameter,
                         const struct item *item)
{
	const struct node *length = item->length;
	size_t size = sffi__type_view(parameter->type->target)->size;

	if (length->operation != OPERATION_CONSTANT)
		return true;
	if (sffi__value_number(length->value) < 0)
		return sffi__fail_at(parser, &item->token, "the length '%s' is negative",
		                     item->length_text);
	if (__builtin_mul_overflow(size, length->value.bits, &size) || size > TYPE_SIZE_MAX)
		return sffi__fail_at(parser, &item->token, "this array is larger than %zu bytes",
		                     TYPE_SIZE_MAX);
	return true;
}

static bool resolve_length(struct parser *parser, const struct parameter_list *list,
                           const struct item *item, struct parameter *parameter, uint64_t number)
{
	struct expression *expression;

	if (!sffi__resolve(parser, item->length, list->parameters, number) ||
	    !check_length(parser, parameter, item))
		return false;
	expression = sffi__new(parser, sizeof *expression);
	if (!expression)
		return false;
	expression->root = item->length;
	expression->text = item->length_text;
	parameter->length = expression;
	return true;
}

static bool finish_list(struct parser *parser, struct parameter_list *list)
{
	uint64_t number = ++parser->scope->last_list;
	const struct item *item;
	size_t i;

	list->parameters = sffi__new(parser, list->count * sizeof *list->parameters);
	if (!list->parameters || !number_names(parser, list, number))
		return false;
	for (item = list->first, i = 0; item; item = item->next, i++)
		list->parameters[i] = item->parameter;
	for (item = list->first, i = 0; item; item = item->next, i++)
		if (item->length &&
		    !resolve_length(parser, list, item, &list->parameters[i], number))
			return false;
	return true;
}

/* After the `...`: what one call passes there, `void` for nothing, or not said. */
static bool parse_ellipsis(struct parser *parser, struct parameter_list *list,
                           struct function_type *function)
{
	if (function->is_variadic)
		return sffi__fail_at(parser, &parser->token, "there are two '...'");
	sffi__next(parser);
	function->is_variadic = true;
	function->fixed_count = list->count;
	function->is_open = sffi__at(parser, ')');
	if (function->is_open)
		return true;
	if (!sffi__expect(parser, ',', "',' or ')' after '...'"))
		return false;
	if (!sffi__at(parser, ')') && is_no_parameters(parser))
		return sffi__accept_keyword(parser, K_VOID);
	return parse_parameter(parser, list);
}

/* Up to the ')' after the parameters. */
static bool parse_list(struct parser *parser, struct parameter_list *list,
                       struct function_type *function)
{
	do {
		bool is_ellipsis = list->count && sffi__at(parser, P_ELLIPSIS);

		if (is_ellipsis ? !parse_ellipsis(parser, list, function)
		                : !parse_parameter(parser, list))
			return false;
	} while (sffi__accept(parser, ','));
	return sffi__expect(parser, ')', "')' after the parameters") && finish_list(parser, list);
}

static struct function_type *parse_function(struct parser *parser)
{
	struct function_type *function = sffi__new(parser, sizeof *function);
	struct parameter_list list = { .end = &list.first };

	if (!function)
		return NULL;
	if (is_no_parameters(parser)) {
		sffi__accept_keyword(parser, K_VOID);
		sffi__next(parser);
		return function;
	}
	if (!parse_list(parser, &list, function))
		return NULL;
	function->count = list.count;
	if (!function->is_variadic)
		function->fixed_count = list.count;
	function->parameters = list.parameters;
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
