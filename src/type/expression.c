/* SPDX-License-Identifier: MIT */
#include "type/expression.h"

#include "error.h"

#define LOWEST ((__int128)INT64_MIN)
#define HIGHEST ((__int128)UINT64_MAX)

static const char overflows[] = "overflows";

__int128 sffi__value_number(struct value value)
{
	return value.is_signed ? (__int128)(int64_t)value.bits : (__int128)value.bits;
}

/* Keeps the low bits, as a conversion does. */
static struct value truncated(__int128 number, unsigned size, bool is_signed)
{
	struct value value = { (uint64_t)number, size, is_signed };

	if (size == 4)
		value.bits = is_signed ? (uint64_t)(int64_t)(int32_t)number : (uint32_t)number;
	return value;
}

struct value sffi__value_of(__int128 number)
{
	if (number >= INT32_MIN && number <= INT32_MAX)
		return truncated(number, 4, true);
	if (number >= 0 && number <= (__int128)UINT32_MAX)
		return truncated(number, 4, false);
	return truncated(number, 8, number <= (__int128)INT64_MAX);
}

/* ---- arithmetic without a width ---- */

/* The operations that are always right, and far from leaving the range of __int128. */
static __int128 plain(enum operation operation, __int128 a, __int128 b)
{
	switch (operation) {
	case OPERATION_ADD:
		return a + b;
	case OPERATION_SUBTRACT:
		return a - b;
	case OPERATION_LESS:
		return a < b;
	case OPERATION_GREATER:
		return a > b;
	case OPERATION_LESS_EQUAL:
		return a <= b;
	case OPERATION_GREATER_EQUAL:
		return a >= b;
	case OPERATION_EQUAL:
		return a == b;
	case OPERATION_NOT_EQUAL:
		return a != b;
	case OPERATION_BIT_AND:
		return a & b;
	case OPERATION_BIT_XOR:
		return a ^ b;
	case OPERATION_BIT_OR:
		return a | b;
	case OPERATION_NEGATE:
		return -a;
	case OPERATION_COMPLEMENT:
		return ~a;
	case OPERATION_NOT:
		return !a;
	default:
		return a;
	}
}

static const char *shift(enum operation operation, __int128 a, __int128 b, __int128 *result)
{
	if (b < 0 || b > 63)
		return "shifts by less than 0 or more than 63 bits";
	if (operation == OPERATION_SHIFT_LEFT)
		return __builtin_mul_overflow(a, (__int128)1 << b, result) ? overflows : NULL;
	*result = a >> b;
	return NULL;
}

/* a and b are within LOWEST and HIGHEST. NULL, or what is wrong. */
static const char *exact(enum operation operation, __int128 a, __int128 b, __int128 *result)
{
	switch (operation) {
	case OPERATION_MULTIPLY:
		return __builtin_mul_overflow(a, b, result) ? overflows : NULL;
	case OPERATION_DIVIDE:
	case OPERATION_REMAINDER:
		if (!b)
			return "divides by zero";
		*result = operation == OPERATION_DIVIDE ? a / b : a % b;
		return NULL;
	case OPERATION_SHIFT_LEFT:
	case OPERATION_SHIFT_RIGHT:
		return shift(operation, a, b, result);
	default:
		*result = plain(operation, a, b);
		return NULL;
	}
}

/* The number as the integer type of a cast holds it. */
static __int128 converted(__int128 number, const struct type *type)
{
	unsigned bits = 8 * (unsigned)type->size;
	unsigned __int128 low = (unsigned __int128)number;

	if (type->kind == TYPE_BOOL)
		return number != 0;
	if (bits >= 128)
		return number;
	low &= ((unsigned __int128)1 << bits) - 1;
	if (type->is_signed && low >> (bits - 1))
		low -= (unsigned __int128)1 << bits;
	return (__int128)low;
}

/* ---- constants, as C computes them ---- */

static bool is_comparison(enum operation operation)
{
	return (operation >= OPERATION_LESS && operation <= OPERATION_NOT_EQUAL) ||
	       operation == OPERATION_NOT || operation == OPERATION_AND ||
	       operation == OPERATION_OR;
}

static bool is_shift(enum operation operation)
{
	return operation == OPERATION_SHIFT_LEFT || operation == OPERATION_SHIFT_RIGHT;
}

/* C11 6.3.1.8, of types that the integer promotions have been applied to. */
static struct value common_type(struct value a, struct value b)
{
	struct value type = { 0, a.size > b.size ? a.size : b.size, true };

	type.is_signed = (a.is_signed || a.size < type.size) && (b.is_signed || b.size < type.size);
	return type;
}

static const char *compute_cast(const struct node *node, struct value *result)
{
	__int128 number = converted(sffi__value_number(node->operands[0]->value), node->type);
	bool is_small = node->type->size < 4;

	*result =
	        truncated(number, node->type->size == 8 ? 8 : 4, is_small || node->type->is_signed);
	return NULL;
}

static const char *compute_logic(const struct node *node, struct value *result)
{
	bool a = node->operands[0]->value.bits, b = node->operands[1]->value.bits;

	*result = sffi__value_of(node->operation == OPERATION_AND ? a && b : a || b);
	return NULL;
}

static const char *compute_condition(const struct node *node, struct value *result)
{
	struct value yes = node->operands[1]->value, no = node->operands[2]->value;
	struct value type = common_type(yes, no);
	struct value chosen = node->operands[0]->value.bits ? yes : no;

	*result = truncated((__int128)chosen.bits, type.size, type.is_signed);
	return NULL;
}

static const char *compute_arithmetic(const struct node *node, struct value *result)
{
	struct value a = node->operands[0]->value, type = a;
	struct value b = node->operands[1] ? node->operands[1]->value : a;
	enum operation operation = node->operation;
	__int128 left, right, number;
	const char *problem;

	if (!is_shift(operation)) {
		type = common_type(a, b);
		b = truncated((__int128)b.bits, type.size, type.is_signed);
	}
	a = truncated((__int128)a.bits, type.size, type.is_signed);
	left = sffi__value_number(a);
	right = sffi__value_number(b);
	if (is_shift(operation) && (right < 0 || right >= 8 * (int)type.size))
		return "shifts by less than 0 bits or by the width of its type";
	problem = exact(operation, left, right, &number);
	if (problem == overflows) /* only a product does */
		number = (__int128)((unsigned __int128)left * (unsigned __int128)right);
	else if (problem)
		return problem;
	if (is_comparison(operation))
		type = sffi__value_of(0);
	*result = truncated(number, type.size, type.is_signed);
	/* Compilers let 1 << 31 be negative, and headers use it. */
	if (type.is_signed && operation != OPERATION_SHIFT_LEFT &&
	    (problem || sffi__value_number(*result) != number))
		return overflows;
	return NULL;
}

const char *sffi__expression_compute(const struct node *node, struct value *result)
{
	switch (node->operation) {
	case OPERATION_CAST:
		return compute_cast(node, result);
	case OPERATION_AND:
	case OPERATION_OR:
		return compute_logic(node, result);
	case OPERATION_CONDITION:
		return compute_condition(node, result);
	default:
		return compute_arithmetic(node, result);
	}
}

/* ---- lengths at the call ---- */

struct evaluation {
	const struct expression *expression;
	expression_lookup lookup;
	void *context;
};

static sffi_status fail(const struct evaluation *evaluation, const char *problem)
{
	return sffi__fail(SFFI_EINVAL, "the length '%s' %s", evaluation->expression->text, problem);
}

static sffi_status evaluate(const struct evaluation *, const struct node *, __int128 *);

static sffi_status evaluate_parameter(const struct evaluation *evaluation, const struct node *node,
                                      __int128 *result)
{
	struct value value = { 0, 8, false };

	if (!evaluation->lookup(evaluation->context, node->index, node->dereference, &value.bits,
	                        &value.is_signed))
		return SFFI_EINVAL;
	*result = sffi__value_number(value);
	return SFFI_OK;
}

/* The operations that do not need all of their operands. */
static sffi_status evaluate_choice(const struct evaluation *evaluation, const struct node *node,
                                   __int128 *result)
{
	__int128 first;
	sffi_status status = evaluate(evaluation, node->operands[0], &first);

	if (status)
		return status;
	if (node->operation == OPERATION_CONDITION)
		return evaluate(evaluation, node->operands[first ? 1 : 2], result);
	*result = first != 0;
	if ((node->operation == OPERATION_OR) == (first != 0))
		return SFFI_OK;
	status = evaluate(evaluation, node->operands[1], result);
	*result = *result != 0;
	return status;
}

static sffi_status evaluate_operation(const struct evaluation *evaluation, const struct node *node,
                                      __int128 *result)
{
	__int128 a = 0, b = 0;
	const char *problem;
	sffi_status status = evaluate(evaluation, node->operands[0], &a);

	if (!status && node->operands[1])
		status = evaluate(evaluation, node->operands[1], &b);
	if (status)
		return status;
	if (node->operation == OPERATION_CAST) {
		*result = converted(a, node->type);
		return *result == a || node->type->kind == TYPE_BOOL ? SFFI_OK
		                                                     : fail(evaluation, overflows);
	}
	problem = exact(node->operation, a, b, result);
	if (!problem && (*result < LOWEST || *result > HIGHEST))
		problem = overflows;
	return problem ? fail(evaluation, problem) : SFFI_OK;
}

static sffi_status evaluate(const struct evaluation *evaluation, const struct node *node,
                            __int128 *result)
{
	*result = 0;
	switch (node->operation) {
	case OPERATION_CONSTANT:
		*result = sffi__value_number(node->value);
		return SFFI_OK;
	case OPERATION_PARAMETER:
		return evaluate_parameter(evaluation, node, result);
	case OPERATION_AND:
	case OPERATION_OR:
	case OPERATION_CONDITION:
		return evaluate_choice(evaluation, node, result);
	default:
		return evaluate_operation(evaluation, node, result);
	}
}

sffi_status sffi__expression_evaluate(const struct expression *expression, expression_lookup lookup,
                                      void *context, uint64_t *value)
{
	struct evaluation evaluation = { expression, lookup, context };
	__int128 number;
	sffi_status status = evaluate(&evaluation, expression->root, &number);

	if (status)
		return status;
	if (number < 0)
		return fail(&evaluation, "is negative");
	*value = (uint64_t)number;
	return SFFI_OK;
}

const char *sffi__expression_text(const struct expression *expression)
{
	return expression->text;
}

bool sffi__expression_equal(const struct node *a, const struct node *b)
{
	size_t i;

	if (a->operation != b->operation || a->index != b->index ||
	    a->dereference != b->dereference || a->value.bits != b->value.bits ||
	    a->value.is_signed != b->value.is_signed)
		return false;
	if (a->type != b->type && (!a->type || !b->type || a->type->size != b->type->size ||
	                           a->type->is_signed != b->type->is_signed))
		return false;
	for (i = 0; i < sizeof a->operands / sizeof *a->operands; i++)
		if (a->operands[i] && !sffi__expression_equal(a->operands[i], b->operands[i]))
			return false;
	return true;
}
