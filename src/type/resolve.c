/* SPDX-License-Identifier: MIT */
/* Names in expressions, and computing what is constant. */
#include "type/parser.h"

struct resolution {
	struct parser *parser;
	const struct parameter *parameters; /* NULL: constants only */
	uint64_t list;
};

static bool fail(struct resolution *resolution, const struct node *node, const char *before,
                 const char *name, const char *after)
{
	struct token token = { .line = node->line, .column = node->column };

	return sffi__fail_at(resolution->parser, &token, "%s%s%s", before, name, after);
}

static bool is_number(const struct type *type)
{
	return (type->kind == TYPE_INTEGER || type->kind == TYPE_BOOL) && type->size <= 8;
}

/* Of the node's name, as a parameter; *found says whether it is one. */
static bool resolve_parameter(struct resolution *resolution, struct node *node, bool dereference,
                              bool *found)
{
	struct name *name = node->name;
	const struct type *type;

	*found = resolution->parameters && name->list == resolution->list;
	if (!*found)
		return true;
	type = resolution->parameters[name->index].type;
	if (!dereference && type->kind == TYPE_POINTER && is_number(type->target))
		return fail(resolution, node, "'", name->text,
		            "' is a pointer: put a '*' before it for what it points to");
	if (dereference && type->kind != TYPE_POINTER)
		return fail(resolution, node, "'", name->text, "' is not a pointer");
	if (!is_number(dereference ? type->target : type))
		return fail(resolution, node, "'", name->text, "' does not lead to an integer");
	node->operation = OPERATION_PARAMETER;
	node->index = name->index;
	node->dereference = dereference;
	return true;
}

static bool resolve_name(struct resolution *resolution, struct node *node)
{
	const struct binding *binding;
	bool found;

	if (!resolve_parameter(resolution, node, false, &found))
		return false;
	if (found)
		return true;
	binding = sffi__scope_ordinary(resolution->parser->scope, node->name);
	if (binding && binding->kind == BINDING_CONSTANT) {
		node->operation = OPERATION_CONSTANT;
		node->value = binding->value;
		return true;
	}
	return resolution->parameters
	               ? fail(resolution, node, "'", node->name->text,
	                      "' is neither a parameter of this function nor an enum constant")
	               : fail(resolution, node, "expected a constant, found '", node->name->text,
	                      "', which is no enum constant");
}

static bool resolve_dereference(struct resolution *resolution, struct node *node)
{
	bool found;

	node->name = node->operands[0]->name;
	node->operands[0] = NULL;
	if (!resolve_parameter(resolution, node, true, &found))
		return false;
	return found || fail(resolution, node, "expected a parameter after '*', found '",
	                     node->name->text, "'");
}

static bool resolve(struct resolution *, struct node *);

static bool compute(struct resolution *resolution, struct node *node)
{
	struct value value;
	const char *problem;
	size_t i;

	for (i = 0; i < 3 && node->operands[i]; i++)
		if (node->operands[i]->operation != OPERATION_CONSTANT)
			return true;
	problem = sffi__expression_compute(node, &value);
	if (problem)
		return fail(resolution, node, "this operation ", problem, "");
	node->operation = OPERATION_CONSTANT;
	node->value = value;
	node->type = NULL;
	for (i = 0; i < 3; i++)
		node->operands[i] = NULL;
	return true;
}

/* In `0 && x` and `1 || x`, x need not be right, as in C. */
static bool resolve_logic(struct resolution *resolution, struct node *node)
{
	struct node *first = node->operands[0];
	bool is_true;

	if (!resolve(resolution, first))
		return false;
	is_true = first->value.bits;
	if (first->operation == OPERATION_CONSTANT &&
	    is_true == (node->operation == OPERATION_OR)) {
		node->operands[1] = first;
		return compute(resolution, node);
	}
	return resolve(resolution, node->operands[1]) && compute(resolution, node);
}

/* As deep as the expression, which is at most EXPRESSION_DEPTH_MAX. */
static bool resolve(struct resolution *resolution, struct node *node)
{
	size_t i;

	switch (node->operation) {
	case OPERATION_CONSTANT:
	case OPERATION_PARAMETER:
		return true;
	case OPERATION_NAME:
		return resolve_name(resolution, node);
	case OPERATION_DEREFERENCE:
		return resolve_dereference(resolution, node);
	case OPERATION_AND:
	case OPERATION_OR:
		return resolve_logic(resolution, node);
	default:
		for (i = 0; i < 3 && node->operands[i]; i++)
			if (!resolve(resolution, node->operands[i]))
				return false;
		return compute(resolution, node);
	}
}

bool sffi__resolve(struct parser *parser, struct node *node, const struct parameter *parameters,
                   uint64_t list)
{
	struct resolution resolution = { parser, parameters, list };

	return resolve(&resolution, node);
}
