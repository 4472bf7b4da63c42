/* SPDX-License-Identifier: MIT */
#include "type/parser.h"

static struct node *parse_unary(struct parser *);

static struct node *node_new(struct parser *parser, enum operation operation,
                             const struct token *token, struct node *a, struct node *b,
                             struct node *c)
{
	struct node *node = sffi__new(parser, sizeof *node), *operands[3] = { a, b, c };
	size_t i;

	if (!node)
		return NULL;
	node->operation = operation;
	node->line = token->line;
	node->column = token->column;
	for (i = 0; i < 3; i++) {
		node->operands[i] = operands[i];
		if (operands[i] && operands[i]->depth >= node->depth)
			node->depth = operands[i]->depth + 1;
	}
	if (node->depth <= EXPRESSION_DEPTH_MAX)
		return node;
	sffi__fail_at(parser, token, "this expression has more than %d operations in a row",
	              EXPRESSION_DEPTH_MAX);
	return NULL;
}

static struct node *constant_new(struct parser *parser, const struct token *token,
                                 struct value value)
{
	struct node *node = node_new(parser, OPERATION_CONSTANT, token, NULL, NULL, NULL);

	if (node)
		node->value = value;
	return node;
}

static struct node *parse_number(struct parser *parser)
{
	struct token token = parser->token;
	struct value value = { token.number, token.is_long ? 8 : 4, !token.is_unsigned };

	sffi__next(parser);
	return constant_new(parser, &token, value);
}

static struct node *parse_name(struct parser *parser)
{
	struct node *node = node_new(parser, OPERATION_NAME, &parser->token, NULL, NULL, NULL);

	if (node)
		node->name = parser->token.name;
	sffi__next(parser);
	return node;
}

static bool parse_parenthesized_type(struct parser *parser, struct qualified *type)
{
	return sffi__parse_type_name(parser, type) &&
	       sffi__expect(parser, ')', "')' after the type");
}

/* sizeof(type), _Alignof(type) */
static struct node *parse_size(struct parser *parser, bool is_alignment)
{
	struct token token = parser->token;
	struct value value = { 0, sizeof(size_t), false };
	struct qualified type;

	sffi__next(parser);
	if (!sffi__at(parser, '(') || !sffi__starts_type(parser, &parser->ahead)) {
		sffi__fail_at(parser, &token, "expected '(' and a type after '%s'",
		              token.name->text);
		return NULL;
	}
	sffi__next(parser);
	if (!parse_parenthesized_type(parser, &type) ||
	    !sffi__must_be_complete(parser, type.type, &token))
		return NULL;
	type.type = sffi__type_view(type.type);
	value.bits = is_alignment ? type.type->alignment : type.type->size;
	return constant_new(parser, &token, value);
}

static struct node *parse_cast(struct parser *parser)
{
	struct token token = parser->token;
	struct qualified type;
	struct node *operand, *node;

	sffi__next(parser);
	if (!parse_parenthesized_type(parser, &type))
		return NULL;
	if ((type.type->kind != TYPE_INTEGER && type.type->kind != TYPE_BOOL) ||
	    type.type->size > 8) {
		sffi__fail_at(parser, &token, "a cast can only be to an integer type");
		return NULL;
	}
	operand = parse_unary(parser);
	node = operand ? node_new(parser, OPERATION_CAST, &token, operand, NULL, NULL) : NULL;
	if (node)
		node->type = type.type;
	return node;
}

static struct node *parse_parentheses(struct parser *parser)
{
	struct node *node;

	if (sffi__starts_type(parser, &parser->ahead) && parser->ahead.kind == TOKEN_KEYWORD)
		return parse_cast(parser);
	/* `(fd)` may be a parameter of that name, and `(size_t)` a cast: a cast is followed
	 * by an operand, which a parenthesized name cannot be. */
	if (sffi__starts_type(parser, &parser->ahead)) {
		struct lexer lexer = parser->lexer;
		struct token close, after;

		sffi__lexer_next(&lexer, &close);
		sffi__lexer_next(&lexer, &after);
		if (close.kind != TOKEN_PUNCTUATOR || close.code != ')' ||
		    after.kind == TOKEN_NAME || after.kind == TOKEN_NUMBER ||
		    after.kind == TOKEN_KEYWORD ||
		    (after.kind == TOKEN_PUNCTUATOR && after.code == '('))
			return parse_cast(parser);
	}
	sffi__next(parser);
	node = sffi__parse_expression(parser);
	return node && sffi__expect(parser, ')', "')' after the expression") ? node : NULL;
}

static enum operation unary_operation(const struct token *token)
{
	if (token->kind != TOKEN_PUNCTUATOR)
		return OPERATION_CONSTANT;
	switch (token->code) {
	case '+':
		return OPERATION_PLUS;
	case '-':
		return OPERATION_NEGATE;
	case '~':
		return OPERATION_COMPLEMENT;
	case '!':
		return OPERATION_NOT;
	case '*':
		return OPERATION_DEREFERENCE;
	default:
		return OPERATION_CONSTANT;
	}
}

static struct node *parse_operator(struct parser *parser, enum operation operation)
{
	struct token token = parser->token;
	struct node *operand;

	sffi__next(parser);
	operand = parse_unary(parser);
	if (!operand)
		return NULL;
	if (operation == OPERATION_DEREFERENCE && operand->operation != OPERATION_NAME) {
		sffi__fail_at(parser, &token, "expected the name of a parameter after '*'");
		return NULL;
	}
	return node_new(parser, operation, &token, operand, NULL, NULL);
}

static struct node *parse_operand(struct parser *parser)
{
	enum operation operation = unary_operation(&parser->token);

	if (operation != OPERATION_CONSTANT)
		return parse_operator(parser, operation);
	if (sffi__at(parser, '('))
		return parse_parentheses(parser);
	if (sffi__at_keyword(parser, K_SIZEOF))
		return parse_size(parser, false);
	if (sffi__at_keyword(parser, K_ALIGNOF))
		return parse_size(parser, true);
	if (parser->token.kind == TOKEN_NUMBER)
		return parse_number(parser);
	if (parser->token.kind == TOKEN_NAME)
		return parse_name(parser);
	sffi__expected(parser, "an integer expression");
	return NULL;
}

static struct node *parse_unary(struct parser *parser)
{
	struct node *node;

	if (!sffi__nest(parser))
		return NULL;
	node = parse_operand(parser);
	sffi__unnest(parser);
	return node;
}

struct binary {
	int code;
	int precedence; /* higher binds closer */
	enum operation operation;
};

static const struct binary binaries[] = {
	{ '*', 10, OPERATION_MULTIPLY },
	{ '/', 10, OPERATION_DIVIDE },
	{ '%', 10, OPERATION_REMAINDER },
	{ '+', 9, OPERATION_ADD },
	{ '-', 9, OPERATION_SUBTRACT },
	{ P_SHIFT_LEFT, 8, OPERATION_SHIFT_LEFT },
	{ P_SHIFT_RIGHT, 8, OPERATION_SHIFT_RIGHT },
	{ '<', 7, OPERATION_LESS },
	{ '>', 7, OPERATION_GREATER },
	{ P_LESS_EQUAL, 7, OPERATION_LESS_EQUAL },
	{ P_GREATER_EQUAL, 7, OPERATION_GREATER_EQUAL },
	{ P_EQUAL, 6, OPERATION_EQUAL },
	{ P_NOT_EQUAL, 6, OPERATION_NOT_EQUAL },
	{ '&', 5, OPERATION_BIT_AND },
	{ '^', 4, OPERATION_BIT_XOR },
	{ '|', 3, OPERATION_BIT_OR },
	{ P_AND, 2, OPERATION_AND },
	{ P_OR, 1, OPERATION_OR },
};

static const struct binary *binary_operator(const struct token *token)
{
	size_t i;

	if (token->kind != TOKEN_PUNCTUATOR)
		return NULL;
	for (i = 0; i < sizeof binaries / sizeof *binaries; i++)
		if (binaries[i].code == token->code)
			return &binaries[i];
	return NULL;
}

/* Recurses only into higher precedences, of which there are ten. */
static struct node *parse_binary(struct parser *parser, int lowest)
{
	struct node *left = parse_unary(parser), *right;
	const struct binary *binary;

	while (left && (binary = binary_operator(&parser->token)) && binary->precedence >= lowest) {
		struct token token = parser->token;

		sffi__next(parser);
		right = parse_binary(parser, binary->precedence + 1);
		left = right ? node_new(parser, binary->operation, &token, left, right, NULL)
		             : NULL;
	}
	return left;
}

static struct node *parse_alternatives(struct parser *parser, struct node *condition,
                                       const struct token *token)
{
	struct node *yes = sffi__parse_expression(parser), *no;

	if (!yes || !sffi__expect(parser, ':', "':' after the first alternative"))
		return NULL;
	no = sffi__parse_expression(parser);
	return no ? node_new(parser, OPERATION_CONDITION, token, condition, yes, no) : NULL;
}

struct node *sffi__parse_expression(struct parser *parser)
{
	struct node *node = parse_binary(parser, 1);
	struct token token = parser->token;

	if (!node || !sffi__accept(parser, '?'))
		return node;
	if (!sffi__nest(parser))
		return NULL;
	node = parse_alternatives(parser, node, &token);
	sffi__unnest(parser);
	return node;
}

bool sffi__parse_constant(struct parser *parser, __int128 *number, struct token *start)
{
	struct node *node;

	*start = parser->token;
	node = sffi__parse_expression(parser);
	if (!node || !sffi__resolve(parser, node, NULL, 0))
		return false;
	*number = sffi__value_number(node->value);
	return true;
}
