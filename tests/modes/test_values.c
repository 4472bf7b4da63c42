/* SPDX-License-Identifier: MIT */
/* Structs by value, variadic calls, and what is refused of them. */
#include "helper.h"

#include <complex.h>

struct pair {
	const char *text;
	int *number;
};
struct view {
	const char *start, *end;
};
struct large {
	long words[8];
	int *where;
};
struct point {
	int x;
	double y;
	unsigned flag : 3;
};
struct heavy {
	char bytes[700000];
};

static sffi_domain *domain;
static sffi_library *values;

static void open_values(void)
{
	domain = test_open();
	values = test_load(domain, "values");
	ck_ok(sffi_library_declare(values, "struct pair { const char *text; int *number; };"
					   "struct view { const char *start, *end; };"
					   "struct large { long words[8]; int *where; };"
					   "struct point { int x; double y; unsigned flag : 3; };"
					   "struct heavy { char bytes[700000]; };"
					   "double sum(const char *kinds, ...);"));
}

static void close_values(void)
{
	sffi_library_close(&values);
	sffi_domain_close(&domain);
}

START_TEST(pointers_in_a_struct_by_value_travel)
{
	sffi_function *use = test_function(values, "int use_pair(struct pair pair, int add)");
	int number = 40, result = 0;
	struct pair pair = { "four", &number };

	ck_ok(sffi_call(use, &result, pair, 2));
	ck_assert_int_eq(number, 42);
	ck_assert_int_eq(result, 46);
	ck_ok(sffi_call_array(use, &result, (void *[]){ &pair, &number }));
	ck_assert_int_eq(number, 84);
	sffi_function_release(&use);
}
END_TEST

START_TEST(what_a_member_cannot_carry_is_refused)
{
	sffi_function *use;
	int number = 1;
	struct {
		void *data;
		int n;
	} blind = { &number, 1 };

	ck_ok(sffi_library_declare(values, "struct blind { void *data; int n; };"));
	use = test_function(values, "int use_pair(struct blind b, int add)");
	ck_refused(sffi_call(use, NULL, blind, 1), SFFI_ETYPE, "argument 1 ('b') of use_pair");
	test_still_works(domain);
	sffi_function_release(&use);
}
END_TEST

START_TEST(pointers_in_a_struct_result_are_the_hosts)
{
	sffi_function *view_of = test_function(values, "struct view view_of(const char *text, char stop)");
	sffi_function *make = test_function(values, "struct large make_large(long first, int where[2])");
	const char *text = "key=value";
	int where[2] = { 1, 2 };
	struct view view = { 0 };
	struct large large = { 0 };

	ck_ok(sffi_call(view_of, &view, text, '='));
	ck_assert_ptr_eq(view.start, text);
	ck_assert_ptr_eq(view.end, text + 3);
	ck_ok(sffi_call(make, &large, 100L, where));
	ck_assert_int_eq(large.words[7], 107);
	ck_assert_ptr_eq(large.where, where + 1);
	ck_ok(sffi_call(make, NULL, 100L, where));
	sffi_function_release(&view_of);
	sffi_function_release(&make);
}
END_TEST

START_TEST(variadic_arguments_travel_as_declared)
{
	sffi_function *sum = test_function(values, "double sum(const char *kinds, ..., char, double, float, "
						   "const char *, int *doubled, long)");
	sffi_function *none = test_function(values, "double sum(const char *kinds, ..., void)");
	double result = 0;
	int number = 21;
	char one = 'a';
	double two = 0.5;
	float three = 0.25f;
	const char *four = "four", *kinds = "iddspl";
	int *five = &number;
	long six = 1000;

	ck_ok(sffi_call(sum, &result, "iddspl", 'a', 0.5, 0.25f, "four", &number, 1000L));
	ck_assert_double_eq(result, 97 + 0.75 + 4 + 1000);
	ck_assert_int_eq(number, 42);
	ck_ok(sffi_call_array(sum, &result, (void *[]){ &kinds, &one, &two, &three, &four, &five, &six }));
	ck_assert_double_eq(result, 97 + 0.75 + 4 + 1000);
	ck_assert_int_eq(number, 84);
	ck_ok(sffi_call(none, &result, ""));
	ck_assert_double_eq(result, 0);
	sffi_function_release(&sum);
	sffi_function_release(&none);
}
END_TEST

START_TEST(variadic_without_types_is_refused)
{
	sffi_function *function = NULL;

	ck_refused(sffi_function_get(&function, values, "sum"), SFFI_ETYPE,
		   "sum is variadic: declare the arguments of one call after the ellipsis, as in 'int "
		   "snprintf(char *out, size_t n, const char *format, ..., int, double)', or '..., void'");
	ck_refused(sffi_function_get(&function, values, "double sum(const char *, ...)"), SFFI_ETYPE,
		   "variadic");
	ck_assert_ptr_null(function);
	/* A pointer to such a function is no call of it. */
	function = test_function(values, "double sum(const char *, ..., int (*)(int, ...))");
	sffi_function_release(&function);
}
END_TEST

START_TEST(large_values_go_by_the_scratch)
{
	sffi_function *weigh = test_function(values, "long weigh(struct heavy heavy)");
	sffi_function *make = test_function(values, "struct heavy make_heavy(char c)");
	static struct heavy heavy;
	long total = 0;

	ck_ok(sffi_call(make, &heavy, 3));
	ck_assert_int_eq(heavy.bytes[sizeof heavy.bytes - 1], 3);
	ck_ok(sffi_call(weigh, &total, heavy));
	ck_assert_int_eq(total, 3 * (long)sizeof heavy.bytes);
	ck_ok(sffi_call_array(weigh, &total, (void *[]){ &heavy }));
	ck_assert_int_eq(total, 3 * (long)sizeof heavy.bytes);
	sffi_function_release(&weigh);
	sffi_function_release(&make);
}
END_TEST

START_TEST(what_cannot_be_passed_is_said)
{
	sffi_function *function = NULL;

	ck_refused(sffi_function_get(&function, values, "long weigh(struct heavy a, struct heavy b)"),
		   SFFI_ETYPE, "more than 1 MiB of stack");
	ck_refused(sffi_function_get(&function, values, "long weigh(struct { char c[2000000]; } a)"),
		   SFFI_ETYPE, "larger than 1 MiB");
	ck_refused(sffi_function_get(&function, values, "struct nowhere weigh(int)"), SFFI_ETYPE,
		   "the result, of the type 'struct nowhere', cannot be passed by value");
	ck_refused(sffi_function_get(&function, values, "int weigh(struct { int n; char tail[]; } a)"),
		   SFFI_ETYPE, "parameter 1");
	ck_refused(sffi_function_get(&function, values, "int weigh(struct { float a; int : 32; } a)"),
		   SFFI_ETYPE, "unnamed bit-fields");
	ck_assert_ptr_null(function);
}
END_TEST

START_TEST(reports_show_structs)
{
	sffi_function *crash = test_function(values, "int crash_with(struct point point, long double precise, "
						     "double _Complex c, __int128 wide)");
	struct point point = { 1, 2.5, 5 };

	ck_assert_int_eq(sffi_call(crash, NULL, point, 0.25L, 1.5 + 2.0 * I, (__int128)-7), SFFI_EFAULT);
	ck_assert_str_eq(sffi_fault_get_call(sffi_last_fault()),
			 "crash_with(point = {x = 1, y = 2.5, flag = 5}, precise = 0.25, c = 1.5 + 2i, "
			 "wide = -7)");
	test_still_works(domain);
	sffi_function_release(&crash);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("values");
	TCase *tests = tcase_create("values");

	tcase_set_timeout(tests, 120);
	tcase_add_checked_fixture(tests, open_values, close_values);
	test_add(tests, pointers_in_a_struct_by_value_travel);
	test_add(tests, what_a_member_cannot_carry_is_refused);
	test_add(tests, pointers_in_a_struct_result_are_the_hosts);
	test_add(tests, variadic_arguments_travel_as_declared);
	test_add(tests, variadic_without_types_is_refused);
	test_add(tests, large_values_go_by_the_scratch);
	test_add(tests, what_cannot_be_passed_is_said);
	if (!getenv("TEST_SANITIZED"))
		test_add(tests, reports_show_structs);
	suite_add_tcase(suite, tests);
	return test_main(argc, argv, suite);
}
