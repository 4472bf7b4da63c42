/* SPDX-License-Identifier: MIT */
/*
 * Integer expressions: C constant expressions, and lengths in terms of parameters.
 *
 * A constant is computed as C does, in int, unsigned, long or unsigned long. A length is
 * computed exactly, as if integers had no width, and must stay within 64 bits: so n - 1
 * with n = 0 is an error and not a large number.
 */
#ifndef SFFI_TYPE_EXPRESSION_H
#define SFFI_TYPE_EXPRESSION_H

#include "type/scope.h"

/* Also the bound of the recursion over a tree. */
#define EXPRESSION_DEPTH_MAX 200

enum operation {
	OPERATION_CONSTANT,
	OPERATION_NAME, /* not looked up yet */
	OPERATION_PARAMETER,
	OPERATION_DEREFERENCE, /* of a NAME; becomes PARAMETER with dereference */
	OPERATION_PLUS,
	OPERATION_NEGATE,
	OPERATION_COMPLEMENT,
	OPERATION_NOT,
	OPERATION_CAST,
	OPERATION_MULTIPLY,
	OPERATION_DIVIDE,
	OPERATION_REMAINDER,
	OPERATION_ADD,
	OPERATION_SUBTRACT,
	OPERATION_SHIFT_LEFT,
	OPERATION_SHIFT_RIGHT,
	OPERATION_LESS,
	OPERATION_GREATER,
	OPERATION_LESS_EQUAL,
	OPERATION_GREATER_EQUAL,
	OPERATION_EQUAL,
	OPERATION_NOT_EQUAL,
	OPERATION_BIT_AND,
	OPERATION_BIT_XOR,
	OPERATION_BIT_OR,
	OPERATION_AND,
	OPERATION_OR,
	OPERATION_CONDITION
};

struct node {
	enum operation operation;
	unsigned depth; /* of the tree below */
	unsigned line, column;
	struct value value;      /* CONSTANT */
	struct name *name;       /* NAME */
	size_t index;            /* PARAMETER */
	bool dereference;        /* PARAMETER */
	const struct type *type; /* CAST */
	struct node *operands[3];
};

struct expression {
	const struct node *root;
	const char *text;
};

/* What stands for the constant in the source: an int if it fits, else a wider type. */
struct value sffi__value_of(__int128 number);
__int128 sffi__value_number(struct value);

/* Computes one operation on constants as C does. NULL, or what is wrong with it. The
 * operands of AND, OR and CONDITION are all given. */
const char *sffi__expression_compute(const struct node *, struct value *result);

bool sffi__expression_equal(const struct node *, const struct node *);

#endif
