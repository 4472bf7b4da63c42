/* SPDX-License-Identifier: MIT */
/* Length expressions: what they come to at a call, and how they fail. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "test_main.h"
#include "type/type.h"

/* n and m are unsigned, s is signed, p points to an unsigned. */
#define PARAMETERS ", size_t n, size_t m, int s, const size_t *p)"

struct arguments {
	uint64_t n, m;
	int64_t s;
	uint64_t *p;
};

static bool look_up(void *context, size_t index, bool dereference, uint64_t *value, bool *is_signed)
{
	const struct arguments *arguments = context;

	*is_signed = index == 3;
	ck_assert_int_eq(dereference, index == 4);
	switch (index) {
	case 1:
		*value = arguments->n;
		return true;
	case 2:
		*value = arguments->m;
		return true;
	case 3:
		*value = (uint64_t)arguments->s;
		return true;
	case 4:
		if (arguments->p)
			*value = *arguments->p;
		else
			sffi__fail(SFFI_EINVAL, "p is NULL");
		return arguments->p;
	default:
		return false;
	}
}

static sffi_status evaluate(const char *length, struct arguments *arguments, uint64_t *value)
{
	struct scope *scope = sffi__scope_new(NULL);
	const struct function_type *function;
	const char *name;
	char text[200];
	sffi_status status;

	ck_assert(!sffi__scope_declare(scope, "enum { FOUR = 4 };"));
	snprintf(text, sizeof text, "void f(int x[%s]" PARAMETERS, length);
	status = sffi__scope_declare_function(scope, text, &name, &function);
	ck_assert_msg(!status, "%s: %s", text, sffi_error());
	ck_assert_ptr_nonnull(function->parameters[0].length);
	ck_assert_str_eq(sffi__expression_text(function->parameters[0].length), length);
	status = sffi__expression_evaluate(function->parameters[0].length, look_up, arguments,
	                                   value);
	sffi__scope_free(scope);
	return status;
}

struct length {
	const char *text;
	uint64_t n, m;
	int64_t s;
	uint64_t expected;
};

static const struct length lengths[] = {
	{ "5", 0, 0, 0, 5 },
	{ "n", 7, 0, 0, 7 },
	{ "*p", 0, 0, 0, 42 },
	{ "2 * n + 1", 7, 0, 0, 15 },
	{ "n - 1 + m", 0, 3, 0, 2 },
	{ "n * m", 1u << 31, 1u << 31, 0, 1ull << 62 },
	{ "n * sizeof(long) * FOUR", 3, 0, 0, 96 },
	{ "(n + 7) / 8", 9, 0, 0, 2 },
	{ "n % m", 9, 4, 0, 1 },
	{ "n << s", 3, 0, 4, 48 },
	{ "n >> 1", UINT64_MAX, 0, 0, UINT64_MAX >> 1 },
	{ "s < 0 ? 0 : s", 0, 0, -3, 0 },
	{ "s < 0 ? 0 : s", 0, 0, 3, 3 },
	{ "n > m ? n : m", 3, 4, 0, 4 },
	{ "m && n / m", 3, 0, 0, 0 },
	{ "!m || n / m", 3, 0, 0, 1 },
	{ "m ? n / m : 9", 3, 0, 0, 9 },
	{ "-s", 0, 0, -8, 8 },
	{ "+n", 8, 0, 0, 8 },
	{ "(n & ~7) | 1", 20, 0, 0, 17 },
	{ "n ^ m", 6, 3, 0, 5 },
	{ "(uint8_t)n", 200, 0, 0, 200 },
	{ "(n)", 200, 0, 0, 200 },
	{ "(bool)n", 200, 0, 0, 1 },
	{ "s == -1", 0, 0, -1, 1 },
	{ "n", UINT64_MAX, 0, 0, UINT64_MAX },
	{ "sizeof(int (*)(int)) + n", 1, 0, 0, 9 },
};

START_TEST(lengths_have_values)
{
	const struct length *length = &lengths[_i];
	uint64_t pointed_to = 42, value = 0;
	struct arguments arguments = { length->n, length->m, length->s, &pointed_to };

	ck_assert_msg(!evaluate(length->text, &arguments, &value), "%s", sffi_error());
	ck_assert_uint_eq(value, length->expected);
}
END_TEST

struct failure {
	const char *text;
	uint64_t n, m;
	int64_t s;
	const char *sentence;
};

static const struct failure failures[] = {
	{ "n - 1", 0, 0, 0, "the length 'n - 1' is negative" },
	{ "s", 0, 0, -5, "the length 's' is negative" },
	{ "n * m", UINT64_MAX, 2, 0, "the length 'n * m' overflows" },
	{ "n * m * n", UINT64_MAX, UINT64_MAX, 0, "the length 'n * m * n' overflows" },
	{ "n + 1", UINT64_MAX, 0, 0, "the length 'n + 1' overflows" },
	{ "n << 63", 2, 0, 0, "the length 'n << 63' overflows" },
	{ "n << s", 2, 0, 64, "the length 'n << s' shifts by less than 0 or more than 63 bits" },
	{ "n << s", 2, 0, -1, "the length 'n << s' shifts by less than 0 or more than 63 bits" },
	{ "n / m", 2, 0, 0, "the length 'n / m' divides by zero" },
	{ "n % m", 2, 0, 0, "the length 'n % m' divides by zero" },
	{ "s / -1", 0, 0, INT64_MIN, NULL },
	{ "-n", 1, 0, 0, "the length '-n' is negative" },
	{ "(uint8_t)n", 256, 0, 0, "the length '(uint8_t)n' overflows" },
	{ "*p", 0, 0, 0, "p is NULL" },
};

START_TEST(lengths_fail_with_a_sentence)
{
	const struct failure *failure = &failures[_i];
	struct arguments arguments = { failure->n, failure->m, failure->s, NULL };
	uint64_t value = 0;
	sffi_status status = evaluate(failure->text, &arguments, &value);

	if (!failure->sentence) {
		ck_assert(!status);
		ck_assert_uint_eq(value, (uint64_t)INT64_MAX + 1);
		return;
	}
	ck_assert_int_eq(status, SFFI_EINVAL);
	ck_assert_str_eq(sffi_error(), failure->sentence);
}
END_TEST

START_TEST(a_parameter_hides_a_constant)
{
	struct scope *scope = sffi__scope_new(NULL);
	const struct function_type *function;
	struct arguments arguments = { 9, 0, 0, NULL };
	const char *name;
	uint64_t value;

	ck_assert(!sffi__scope_declare(scope, "enum { n = 4 };"));
	ck_assert(!sffi__scope_declare_function(scope, "void f(int x[n\n /  1], int n)", &name,
	                                        &function));
	ck_assert(!sffi__expression_evaluate(function->parameters[0].length, look_up, &arguments,
	                                     &value));
	ck_assert_uint_eq(value, 9);
	ck_assert_str_eq(sffi__expression_text(function->parameters[0].length), "n / 1");
	ck_assert(
	        !sffi__scope_declare_function(scope, "void f(int x[n], int m)", &name, &function));
	ck_assert(!sffi__expression_evaluate(function->parameters[0].length, look_up, &arguments,
	                                     &value));
	ck_assert_uint_eq(value, 4);
	sffi__scope_free(scope);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("type lengths");
	TCase *tests = tcase_create("lengths");

	tcase_add_loop_test(tests, lengths_have_values, 0, (int)(sizeof lengths / sizeof *lengths));
	tcase_add_loop_test(tests, lengths_fail_with_a_sentence, 0,
	                    (int)(sizeof failures / sizeof *failures));
	tcase_add_test(tests, a_parameter_hides_a_constant);
	suite_add_tcase(suite, tests);
	return test_main(argc, argv, suite);
}
