/* SPDX-License-Identifier: MIT */
/* Making pointers, arrays and functions. */
#include <string.h>

#include "type/parser.h"

/* One level above a type. A struct behind a pointer counts as no level: see struct type. */
static bool set_depth(struct parser *parser, struct type *type, unsigned below,
                      const struct token *token)
{
	if (below + 1 > TYPE_DEPTH_MAX)
		return sffi__fail_at(parser, token, "this type is more than %d levels deep",
		                     TYPE_DEPTH_MAX);
	if (below + 1 > type->depth)
		type->depth = below + 1;
	return true;
}

static bool is_record(const struct type *type)
{
	return type->kind == TYPE_STRUCT || type->kind == TYPE_UNION;
}

/* `buffer` is a word for parameters: nothing is made of it. */
static bool refuse_buffer(struct parser *parser, const struct type *type, const char *what,
                          const struct token *token)
{
	if (type->kind != TYPE_BUFFER)
		return true;
	return sffi__fail_at(parser, token,
	                     "'buffer' can only be the type of a parameter, not of %s", what);
}

bool sffi__must_be_complete(struct parser *parser, const struct type *type,
                            const struct token *token)
{
	char text[200];

	if (sffi__type_view(type)->is_complete)
		return true;
	sffi__type_print(type, text, sizeof text);
	return sffi__fail_at(parser, token, "the type '%s' has no size%s", text,
	                     is_record(type) ? " here: its members are not declared" : "");
}

/* An array of const arrays is one of const elements, for which target_const stands. */
static bool is_const_inside(struct qualified type)
{
	return type.is_const || (type.type->kind == TYPE_ARRAY && type.type->target_const);
}

const struct type *sffi__pointer_to(struct parser *parser, struct qualified target,
                                    const struct token *token)
{
	struct type *type;

	if (!refuse_buffer(parser, target.type, "what a pointer points to", token))
		return NULL;
	type = sffi__new(parser, sizeof *type);
	if (!type ||
	    !set_depth(parser, type, is_record(target.type) ? 0 : target.type->depth, token))
		return NULL;
	type->kind = TYPE_POINTER;
	type->is_complete = true;
	type->size = sizeof(void *);
	type->alignment = _Alignof(void *);
	type->target = target.type;
	type->target_const = is_const_inside(target);
	return type;
}

static bool check_element(struct parser *parser, const struct type *element,
                          const struct token *token)
{
	const struct type *view = sffi__type_view(element);

	if (element->kind == TYPE_VOID)
		return sffi__fail_at(parser, token,
		                     "an array cannot have elements of the type void: "
		                     "write uint8_t for bytes");
	if (!refuse_buffer(parser, element, "an array's elements", token) ||
	    !sffi__must_be_complete(parser, element, token))
		return false;
	if (view->size % view->alignment)
		return sffi__fail_at(parser, token,
		                     "elements of %zu bytes cannot be aligned to %zu bytes each",
		                     view->size, view->alignment);
	return true;
}

const struct type *sffi__array_of(struct parser *parser, struct qualified element, bool is_complete,
                                  uint64_t count, const struct token *token)
{
	const struct type *view = sffi__type_view(element.type);
	struct type *type;
	size_t size;

	if (!check_element(parser, element.type, token))
		return NULL;
	if (__builtin_mul_overflow(count, view->size, &size) || size > TYPE_SIZE_MAX) {
		sffi__fail_at(parser, token, "this array is larger than %zu bytes", TYPE_SIZE_MAX);
		return NULL;
	}
	type = sffi__new(parser, sizeof *type);
	if (!type || !set_depth(parser, type, view->depth, token))
		return NULL;
	type->kind = TYPE_ARRAY;
	type->is_complete = is_complete;
	type->size = size;
	type->alignment = view->alignment;
	type->has_bit_fields = view->has_bit_fields;
	type->target = element.type;
	type->target_const = is_const_inside(element);
	type->count = count;
	return type;
}

static bool check_result(struct parser *parser, const struct type *result,
                         const struct token *token)
{
	if (result->kind == TYPE_ARRAY || result->kind == TYPE_FUNCTION)
		return sffi__fail_at(parser, token, "a function cannot return %s",
		                     result->kind == TYPE_ARRAY ? "an array" : "a function");
	return refuse_buffer(parser, result, "a result", token);
}

const struct type *sffi__function_of(struct parser *parser, const struct type *result,
                                     struct function_type *function, const struct token *token)
{
	struct type *type;
	size_t i;

	if (!check_result(parser, result, token))
		return NULL;
	type = sffi__new(parser, sizeof *type);
	if (!type || !set_depth(parser, type, sffi__type_view(result)->depth, token))
		return NULL;
	for (i = 0; i < function->count; i++)
		if (!set_depth(parser, type, sffi__type_view(function->parameters[i].type)->depth,
		               token))
			return NULL;
	function->result = result;
	type->kind = TYPE_FUNCTION;
	type->function = function;
	return type;
}

/* Arrays are not const themselves: a copy with const elements, at all levels. */
static const struct type *const_array(struct parser *parser, const struct type *array)
{
	struct type *copy = sffi__new(parser, sizeof *copy);

	if (!copy)
		return NULL;
	*copy = *array;
	copy->target_const = true;
	if (array->target->kind == TYPE_ARRAY && !array->target->target_const)
		copy->target = const_array(parser, array->target);
	return copy->target ? copy : NULL;
}

bool sffi__qualify(struct parser *parser, struct qualified *type)
{
	if (type->type->kind != TYPE_ARRAY) {
		type->is_const = true;
		return true;
	}
	if (!type->type->target_const)
		type->type = const_array(parser, type->type);
	return type->type;
}

const struct type *sffi__realigned(struct parser *parser, const struct type *type, size_t alignment,
                                   const struct token *token)
{
	struct type *copy;

	if (!sffi__must_be_complete(parser, type, token))
		return NULL;
	copy = sffi__new(parser, sizeof *copy);
	if (!copy)
		return NULL;
	*copy = *sffi__type_view(type);
	copy->name = type->name;
	copy->alignment = alignment;
	return copy;
}

/* ---- declarators ---- */

static bool fail_keep(struct parser *parser, const struct specifiers *specifiers)
{
	return sffi__fail_at(parser, &specifiers->word,
	                     "'keep' can stand before a pointer or array parameter, a parameter of "
	                     "the type buffer or fd, and a result of the type fd");
}

/* `keep fd f(void)`: the word belongs to the function whose result the specifiers name. */
static bool keep_result(struct parser *parser, const struct specifiers *specifiers,
                        const struct derivation *first)
{
	if (!first || first->kind != TYPE_FUNCTION || specifiers->type.type->kind != TYPE_FD)
		return fail_keep(parser, specifiers);
	first->function->keep_result = true;
	return true;
}

/* false: negative or too large, or not constant. */
static bool constant_length(struct parser *parser, const struct derivation *step, uint64_t *count)
{
	*count = 0;
	if (!step->length)
		return true;
	if (!sffi__resolve(parser, step->length, NULL, 0))
		return false;
	if (sffi__value_number(step->length->value) < 0)
		return sffi__fail_at(parser, &step->token,
		                     "an array cannot have a negative length");
	*count = step->length->value.bits;
	return true;
}

static bool apply(struct parser *parser, const struct derivation *step, struct qualified *type)
{
	uint64_t count;
	bool is_const = false;

	switch (step->kind) {
	case TYPE_POINTER:
		type->type = sffi__pointer_to(parser, *type, &step->token);
		is_const = step->is_const;
		break;
	case TYPE_ARRAY:
		if (!constant_length(parser, step, &count))
			return false;
		type->type = sffi__array_of(parser, *type, step->length, count, &step->token);
		break;
	default:
		type->type = sffi__function_of(parser, type->type, step->function, &step->token);
		break;
	}
	type->is_const = is_const;
	return type->type;
}

/* All steps, or all but the last one. */
static bool apply_steps(struct parser *parser, const struct specifiers *specifiers,
                        const struct declarator *declarator, const struct derivation *end,
                        struct qualified *type)
{
	const struct derivation *step;

	*type = specifiers->type;
	for (step = declarator->first; step != end; step = step->next)
		if (!apply(parser, step, type))
			return false;
	return true;
}

bool sffi__derive(struct parser *parser, const struct specifiers *specifiers,
                  const struct declarator *declarator, struct qualified *type)
{
	if (specifiers->is_keep && !keep_result(parser, specifiers, declarator->first))
		return false;
	return apply_steps(parser, specifiers, declarator, NULL, type);
}

/* ---- parameters ---- */

static struct node *length_node(struct parser *parser, uint64_t count)
{
	struct node *node = sffi__new(parser, sizeof *node);

	if (node)
		node->value = sffi__value_of((__int128)count);
	return node;
}

/* A parameter of an array type by typedef: `typedef int pair[2]; void f(pair p);` */
static bool decay_typedef(struct parser *parser, const struct qualified *type,
                          struct parameter *parameter, struct node **length,
                          const struct token *token)
{
	const struct type *array = type->type;
	struct qualified element = { array->target, array->target_const || type->is_const };

	parameter->is_array = true;
	parameter->type = sffi__pointer_to(parser, element, token);
	if (!parameter->type)
		return false;
	if (array->is_complete) {
		*length = length_node(parser, array->count);
		return *length;
	}
	return true;
}

/* C11 6.7.6.3: an array becomes a pointer to its elements, a function one to itself. */
static bool decay(struct parser *parser, const struct qualified *type, struct parameter *parameter,
                  struct node **length, const struct token *token)
{
	if (type->type->kind == TYPE_ARRAY)
		return decay_typedef(parser, type, parameter, length, token);
	parameter->type = type->type;
	if (type->type->kind == TYPE_FUNCTION)
		parameter->type = sffi__pointer_to(parser, *type, token);
	return parameter->type;
}

static bool check_words(struct parser *parser, const struct specifiers *specifiers,
                        const struct type *type)
{
	bool is_pointer = type->kind == TYPE_POINTER && type->target->kind != TYPE_FUNCTION;

	if (specifiers->is_out && !is_pointer)
		return sffi__fail_at(parser, &specifiers->word,
		                     "'out' can only stand before a pointer or array parameter");
	if (specifiers->is_out && type->target_const)
		return sffi__fail_at(parser, &specifiers->word,
		                     "'out' cannot stand before a pointer to const: "
		                     "the function could not write there");
	if (specifiers->is_keep && type->kind != TYPE_POINTER && type->kind != TYPE_FD &&
	    type->kind != TYPE_BUFFER)
		return fail_keep(parser, specifiers);
	return true;
}

bool sffi__derive_parameter(struct parser *parser, const struct specifiers *specifiers,
                            const struct declarator *declarator, struct parameter *parameter,
                            struct node **length)
{
	const struct derivation *last = declarator->last;
	const struct token *token = last ? &last->token : &declarator->token;
	struct qualified type;

	*length = NULL;
	if (last && last->kind != TYPE_ARRAY)
		last = NULL;
	if (!apply_steps(parser, specifiers, declarator, last, &type))
		return false;
	if (last) {
		if (!check_element(parser, type.type, token))
			return false;
		parameter->is_array = true;
		parameter->type = sffi__pointer_to(parser, type, token);
		*length = last->length;
	} else if (!decay(parser, &type, parameter, length, token)) {
		return false;
	}
	return parameter->type && check_words(parser, specifiers, parameter->type);
}
