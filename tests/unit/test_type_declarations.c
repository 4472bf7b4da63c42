/* SPDX-License-Identifier: MIT */
/* What the reader makes of declarations that are right; test_type_errors.c has the others. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>

#include "test_main.h"
#include "type/type.h"

static struct scope *scope;

static void set_up(void)
{
	scope = sffi__scope_new(NULL);
	ck_assert_ptr_nonnull(scope);
}

static void tear_down(void)
{
	sffi__scope_free(scope);
}

static void declare(const char *text)
{
	ck_assert_msg(!sffi__scope_declare(scope, text), "%s: %s", text, sffi_error());
}

static const struct function_type *function(const char *text)
{
	const struct function_type *function_type;
	const char *name;
	sffi_status status = sffi__scope_declare_function(scope, text, &name, &function_type);

	ck_assert_msg(!status, "%s: %s", text, sffi_error());
	ck_assert_str_eq(name, "f");
	return function_type;
}

static const struct type *type_of(const char *text)
{
	const struct type *type = sffi__scope_type(scope, text);

	ck_assert_msg(type, "%s: %s", text, sffi_error());
	return type;
}

static void check_print(const struct type *type, const char *expected)
{
	char text[256];

	sffi__type_print(type, text, sizeof text);
	ck_assert_str_eq(text, expected);
}

/* ---- types ---- */

struct spelling {
	const char *text, *printed;
};

static const struct spelling spellings[] = {
	{ "unsigned long long int", "unsigned long long" },
	{ "long unsigned", "unsigned long" },
	{ "int long unsigned long", "unsigned long long" },
	{ "short signed int", "short" },
	{ "signed", "int" },
	{ "signed char", "signed char" },
	{ "char unsigned", "unsigned char" },
	{ "unsigned", "unsigned int" },
	{ "double long", "long double" },
	{ "_Complex double", "double _Complex" },
	{ "long _Complex double", "long double _Complex" },
	{ "__int128 unsigned", "unsigned __int128" },
	{ "signed __int128", "__int128" },
	{ "bool", "_Bool" },
	{ "const volatile int", "int" },
	{ "const char *", "const char *" },
	{ "char const *const *", "const char *const *" },
	{ "char *const", "char *" },
	{ "int (*)(int, ...)", "int (*)(int, ...)" },
	{ "void (*(*)(int))(void)", "void (*(*)(int))(void)" },
	{ "int[2][3]", "int [2][3]" },
	{ "int (*)[3]", "int (*)[3]" },
	{ "const int *[3]", "const int *[3]" },
	{ "struct point", "struct point" },
	{ "struct point *", "struct point *" },
	{ "named", "named" },
	{ "enum color", "enum color" },
	{ "FILE *", "struct _IO_FILE *" },
	{ "fd", "fd" },
	{ "token", "token" },
	{ "__extension__ long long", "long long" },
	{ "uint8_t", "unsigned char" },
};

START_TEST(types_are_read_in_every_spelling)
{
	const struct spelling *spelling = &spellings[_i];

	declare("struct point { int x, y; }; typedef struct { char c; } named; enum color { RED "
	        "};");
	check_print(type_of(spelling->text), spelling->printed);
}
END_TEST

struct scalar {
	const char *name;
	size_t size;
	bool is_signed;
};

#define SCALAR(type)                                                                               \
	{                                                                                          \
#type, sizeof(type), (type)-1 < (type)1                                            \
	}
static const struct scalar scalars[] = {
	SCALAR(char),
	SCALAR(signed char),
	SCALAR(unsigned char),
	SCALAR(short),
	SCALAR(int),
	SCALAR(unsigned),
	SCALAR(long),
	SCALAR(unsigned long),
	SCALAR(long long),
	SCALAR(__int128),
	SCALAR(unsigned __int128),
	SCALAR(int8_t),
	SCALAR(uint8_t),
	SCALAR(int16_t),
	SCALAR(uint16_t),
	SCALAR(int32_t),
	SCALAR(uint32_t),
	SCALAR(int64_t),
	SCALAR(uint64_t),
	SCALAR(int_least8_t),
	SCALAR(uint_least16_t),
	SCALAR(int_fast8_t),
	SCALAR(int_fast16_t),
	SCALAR(int_fast32_t),
	SCALAR(uint_fast64_t),
	SCALAR(intmax_t),
	SCALAR(uintmax_t),
	SCALAR(intptr_t),
	SCALAR(uintptr_t),
	SCALAR(size_t),
	SCALAR(ssize_t),
	SCALAR(ptrdiff_t),
	SCALAR(wchar_t),
	SCALAR(off_t),
	SCALAR(time_t),
	SCALAR(pid_t),
	SCALAR(uid_t),
	SCALAR(gid_t),
	SCALAR(mode_t),
	SCALAR(dev_t),
	SCALAR(ino_t),
	SCALAR(nlink_t),
	SCALAR(blksize_t),
	SCALAR(blkcnt_t),
	SCALAR(clock_t),
	SCALAR(clockid_t),
	SCALAR(suseconds_t),
	SCALAR(id_t),
	SCALAR(key_t),
};
#undef SCALAR

START_TEST(integers_are_as_the_compiler_has_them)
{
	const struct type *type = type_of(scalars[_i].name);

	ck_assert_int_eq(type->kind, TYPE_INTEGER);
	ck_assert_uint_eq(type->size, scalars[_i].size);
	ck_assert_uint_eq(type->alignment, scalars[_i].size);
	ck_assert_int_eq(type->is_signed, scalars[_i].is_signed);
	ck_assert_int_eq(type->is_character, type->size == 1);
}
END_TEST

START_TEST(bytes_are_told_from_plain_char)
{
	ck_assert(type_of("char")->is_plain_char);
	ck_assert(!type_of("signed char")->is_plain_char);
	ck_assert(!type_of("uint8_t")->is_plain_char);
	ck_assert(type_of("uint8_t")->is_character);
	ck_assert(!type_of("_Bool")->is_character);
}
END_TEST

START_TEST(a_typedefs_const_is_its_own)
{
	declare("typedef char *str; typedef const int constant; typedef int pair[2];"
	        "typedef const pair const_pair; typedef int grid[2][3];");
	ck_assert(!type_of("const str")->target_const);
	ck_assert(type_of("const str *")->target_const);
	ck_assert(!type_of("const str *")->target->target_const);
	ck_assert(type_of("constant *")->target_const);
	ck_assert(type_of("const pair")->target_const);
	ck_assert(type_of("const_pair *")->target_const);
	ck_assert(!type_of("pair")->target_const);
	ck_assert(type_of("const grid")->target->target_const);
	ck_assert(!type_of("grid")->target->target_const);
	ck_assert(function("void f(const pair p)")->parameters[0].type->target_const);
}
END_TEST

START_TEST(enums_have_values_and_sizes)
{
	const struct type *type;

	declare("enum a { A, B = 5, C, D = B << 2 | 1, E = 'a', F = sizeof(long) * 2, G = -1 ? 7 : "
	        "8 };"
	        "enum b { N = -1, P = 0x7fffffff }; enum c { L = 0x80000000 };"
	        "enum d { W = -1, X = 0x80000000 }; enum e { Z = 0xffffffffffffffff };"
	        "extern char values[A + 1][B][C][D][E][F][G]; enum g { Y = ~0u, T = 1 << 31 > 0 };"
	        "extern char y[Y == 0xffffffff ? 4 : 5], t[T + 1];");
	type = sffi__scope_global(scope, "values");
	ck_assert_uint_eq(type->size, 1u * 5 * 6 * 21 * 97 * 16 * 7);
	ck_assert(!type_of("enum a")->is_signed && type_of("enum a")->size == 4);
	ck_assert(type_of("enum b")->is_signed && type_of("enum b")->size == 4);
	ck_assert(!type_of("enum c")->is_signed && type_of("enum c")->size == 4);
	ck_assert(type_of("enum d")->is_signed && type_of("enum d")->size == 8);
	ck_assert(!type_of("enum e")->is_signed && type_of("enum e")->size == 8);
	ck_assert(type_of("enum a")->is_enum);
	ck_assert_uint_eq(sffi__scope_global(scope, "y")->size, 4);
	ck_assert_uint_eq(sffi__scope_global(scope, "t")->size, 1);
}
END_TEST

START_TEST(structs_may_be_completed_later)
{
	const struct type *type;

	declare("struct node; extern struct node *first;");
	type = sffi__scope_global(scope, "first")->target;
	ck_assert(!type->is_complete);
	ck_assert(sffi__scope_declare(scope, "struct node { struct node *next; int x; }; mistake"));
	ck_assert(!type->is_complete && !type->members);
	declare("struct node { struct node *next; int x; };");
	ck_assert(type->is_complete);
	ck_assert_uint_eq(type->size, 16);
	ck_assert_ptr_eq(type->members[0].type->target, type);
}
END_TEST

START_TEST(an_inner_scope_sees_the_outer_one)
{
	struct scope *inner = sffi__scope_new(scope);
	const struct type *type;

	declare("struct s { int x; }; typedef struct s t; enum { N = 3 }; int f(t);");
	ck_assert(!sffi__scope_declare(inner, "extern t a[N]; struct s *p; struct s { char c; };"
	                                      "extern struct s own;"));
	ck_assert_uint_eq(sffi__scope_global(inner, "a")->size, 12);
	ck_assert_ptr_nonnull(sffi__scope_function(inner, "f"));
	ck_assert_ptr_null(sffi__scope_global(scope, "a"));
	type = sffi__scope_global(inner, "own");
	ck_assert_uint_eq(type->size, 1);
	ck_assert_uint_eq(sffi__scope_global(inner, "p")->target->size, 4);
	sffi__scope_free(inner);
}
END_TEST

/* ---- functions ---- */

START_TEST(functions_have_results_and_parameters)
{
	const struct function_type *printf_like = function("extern int f(const char *format, ...)");
	const struct function_type *none = function("static inline void f(void);");
	const struct function_type *old = function("int f();");

	check_print(printf_like->result, "int");
	ck_assert(printf_like->is_variadic && printf_like->is_open);
	ck_assert_uint_eq(printf_like->count, 1);
	ck_assert_uint_eq(printf_like->fixed_count, 1);
	ck_assert_str_eq(printf_like->parameters[0].name, "format");
	ck_assert_uint_eq(none->count, 0);
	ck_assert_int_eq(none->result->kind, TYPE_VOID);
	ck_assert_uint_eq(old->count, 0);
	ck_assert(!old->is_variadic);
}
END_TEST

/* What one call passes stands after the ellipsis. */
START_TEST(variadic_calls_say_their_types)
{
	const struct function_type *some =
	        function("int f(size_t n, const char *format, ..., int, float, out char text[n])");
	const struct function_type *none = function("int f(int, ..., void)");
	char text[100];

	ck_assert(some->is_variadic && !some->is_open);
	ck_assert_uint_eq(some->fixed_count, 2);
	ck_assert_uint_eq(some->count, 5);
	check_print(some->parameters[3].type, "float");
	ck_assert_str_eq(sffi__expression_text(some->parameters[4].length), "n");
	ck_assert(none->is_variadic && !none->is_open);
	ck_assert_uint_eq(none->count, 1);
	/* By name and with types are declarations of one function; of two, if the fixed part differs. */
	ck_assert(!sffi__scope_declare(scope, "int v(int, ...); int v(int, ..., double);"));
	ck_assert(!sffi__scope_declare(scope, "int v(int, ..., char *, int);"));
	ck_assert_int_eq(sffi__scope_declare(scope, "int v(long, ..., char *);"), SFFI_EDECL);
	ck_assert_int_eq(sffi__scope_declare(scope, "int v(int);"), SFFI_EDECL);
	ck_assert(!sffi__scope_declare(scope, "extern int (*p)(int, ..., double), (*q)(int, ..., void);"));
	sffi__type_print(sffi__scope_global(scope, "p"), text, sizeof text);
	ck_assert_str_eq(text, "int (*)(int, ..., double)");
	sffi__type_print(sffi__scope_global(scope, "q"), text, sizeof text);
	ck_assert_str_eq(text, "int (*)(int, ..., void)");
}
END_TEST

START_TEST(arrays_and_functions_become_pointers)
{
	const struct function_type *type =
	        function("int f(int a[3], int b[][4], int c(long), const char *d[], int (*e)[2])");

	check_print(type->parameters[0].type, "int *");
	ck_assert(type->parameters[0].is_array);
	ck_assert_str_eq(sffi__expression_text(type->parameters[0].length), "3");
	check_print(type->parameters[1].type, "int (*)[4]");
	ck_assert(type->parameters[1].is_array && !type->parameters[1].length);
	check_print(type->parameters[2].type, "int (*)(long)");
	ck_assert(!type->parameters[2].is_array);
	check_print(type->parameters[3].type, "const char **");
	ck_assert(!type->parameters[4].is_array);
}
END_TEST

START_TEST(functions_of_functions_are_read)
{
	declare("typedef int (*compare)(const void *, const void *);"
	        "void qsort(void *base, size_t count, size_t size, compare);"
	        "void (*signal(int number, void (*handler)(int)))(int);"
	        "extern int (*table[4])(compare);");
	check_print(sffi__scope_function(scope, "qsort")->parameters[3].type,
	            "int (*)(const void *, const void *)");
	check_print(sffi__scope_function(scope, "signal")->result, "void (*)(int)");
	check_print(sffi__scope_global(scope, "table"),
	            "int (*[4])(int (*)(const void *, const void *))");
}
END_TEST

START_TEST(a_callback_needs_no_name)
{
	const struct function_type *type;

	declare("typedef int compare(const void *, const void *);");
	ck_assert(!sffi__scope_declare_function(scope, "int (*)(int a, long b)", NULL, &type));
	ck_assert_uint_eq(type->count, 2);
	ck_assert(!sffi__scope_declare_function(scope, "compare", NULL, &type));
	ck_assert_uint_eq(type->count, 2);
	ck_assert(!sffi__scope_declare_function(scope, "void handler(int)", NULL, &type));
	ck_assert_uint_eq(type->count, 1);
}
END_TEST

START_TEST(one_function_is_not_entered)
{
	function("int f(int);");
	function("int f(long, ...)");
	ck_assert_ptr_null(sffi__scope_function(scope, "f"));
}
END_TEST

/* ---- our words ---- */

START_TEST(words_are_words_only_before_types)
{
	const struct function_type *type = function("keep fd f(out int *a, keep const char *b, out "
	                                            "keep long c[2], keep fd d, buffer e, token)");

	ck_assert(type->keep_result);
	ck_assert_int_eq(type->result->kind, TYPE_FD);
	ck_assert(type->parameters[0].is_out && !type->parameters[0].is_keep);
	ck_assert(!type->parameters[1].is_out && type->parameters[1].is_keep);
	ck_assert(type->parameters[2].is_out && type->parameters[2].is_keep);
	ck_assert(type->parameters[3].is_keep && type->parameters[3].type->kind == TYPE_FD);
	ck_assert_int_eq(type->parameters[4].type->kind, TYPE_BUFFER);
	ck_assert_int_eq(type->parameters[5].type->kind, TYPE_TOKEN);
	ck_assert_ptr_null(type->parameters[5].name);
}
END_TEST

START_TEST(words_are_names_elsewhere)
{
	const struct function_type *type =
	        function("int f(char *out, int keep, int fd, void *buffer, long token)");

	ck_assert(!type->parameters[0].is_out);
	ck_assert_str_eq(type->parameters[0].name, "out");
	ck_assert_str_eq(type->parameters[2].name, "fd");
	ck_assert_int_eq(type->parameters[2].type->kind, TYPE_INTEGER);
	type = function("int f(fd fd, buffer buffer, token token, out int *out)");
	ck_assert_int_eq(type->parameters[0].type->kind, TYPE_FD);
	ck_assert_str_eq(type->parameters[1].name, "buffer");
	ck_assert(type->parameters[3].is_out);
}
END_TEST

START_TEST(words_may_be_declared_otherwise)
{
	const struct function_type *type;

	declare("typedef struct { int x; } buffer; typedef unsigned token; typedef long out;"
	        "typedef char fd; int keep(void); struct out { fd fd; };");
	type = function("fd f(buffer b, token t, out o, out)");
	ck_assert_int_eq(type->result->kind, TYPE_INTEGER);
	ck_assert_int_eq(type->parameters[0].type->kind, TYPE_STRUCT);
	ck_assert_int_eq(type->parameters[1].type->kind, TYPE_INTEGER);
	ck_assert_uint_eq(type->parameters[2].type->size, sizeof(long));
	ck_assert(!type->parameters[3].is_out);
}
END_TEST

/* ---- harmless things ---- */

static const char *const harmless[] = {
	"",
	" /* nothing */ // at all",
	";;",
	"int f(int) __attribute__((nonnull(1), warn_unused_result)) __attribute__((pure));",
	"__attribute__((visibility(\"default\"), const)) extern int f(void);",
	"extern __inline__ __const char *f(const char *__restrict a, char *restrict b);",
	"_Noreturn void f(int register status);",
	"__extension__ typedef long long quad; extern volatile int x;",
	"int f(int a, \\\n int b); un\\\nsigned g(voi\\\r\nd);",
	"int (f)(int), *g(void), x, *y[3];",
	"typedef struct tag tag; struct tag { tag *next; }; tag *make(tag value);",
	"int f(int), f(int); extern int f(int); typedef int t; typedef int t; enum { A }; enum { A "
	"};",
	"struct s { int x; }; struct s { int x; }; typedef struct { int y; } u; typedef struct { "
	"int y; } u;",
	"extern int x[]; extern int x[3]; extern int x[];",
	"void f(int a[n], int n); void f(int b[m], int m);",
	"double complex csqrt(double complex z); void f(float complex *);",
	"enum e { A, }; union u { enum e e; struct { int a; enum { B, C } b; }; };",
	"struct s { struct s *a, **b, *(*c)(struct s *); int : 3, d : 4; };",
	"int f(int a[static 3], int b[const], int c[*], int d[restrict static A + 1]);",
	"typedef unsigned char bool; typedef long int32_t; extern bool b; int size_t(void);",
	"int f(struct unseen *), g(struct unseen *);",
	"struct s; struct s f(struct s); struct s { char c; };",
	"int f(int (*)(int n, char c[n]), int n);",
};

START_TEST(harmless_things_are_read)
{
	declare("enum { A = 0 };");
	declare(harmless[_i]);
}
END_TEST

START_TEST(a_failure_leaves_nothing)
{
	ck_assert_int_eq(sffi__scope_declare(scope, "int f(void); struct s { int x; }; enum { A };"
	                                            "typedef int t; int g(mistake);"),
	                 SFFI_EDECL);
	ck_assert_ptr_null(sffi__scope_function(scope, "f"));
	ck_assert_ptr_null(sffi__scope_type(scope, "struct s"));
	ck_assert_ptr_null(sffi__scope_type(scope, "t"));
	declare("long f(int), A(void); typedef long t;");
}
END_TEST

/* Names must be found in one step, however many there are. */
START_TEST(many_declarations_are_read)
{
	size_t count = 20000, i;
	char *text = malloc(count * 64), *at = text;

	for (i = 0; i < count; i++)
		at += sprintf(at, "struct s%zu { int a; }; struct s%zu *f%zu(int a%zu);\n", i, i, i,
		              i);
	declare(text);
	declare(text);
	ck_assert_ptr_nonnull(sffi__scope_function(scope, "f19999"));
	free(text);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("type declarations");
	TCase *tests = tcase_create("declarations");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_loop_test(tests, types_are_read_in_every_spelling, 0,
	                    (int)(sizeof spellings / sizeof *spellings));
	tcase_add_loop_test(tests, integers_are_as_the_compiler_has_them, 0,
	                    (int)(sizeof scalars / sizeof *scalars));
	tcase_add_test(tests, bytes_are_told_from_plain_char);
	tcase_add_test(tests, a_typedefs_const_is_its_own);
	tcase_add_test(tests, enums_have_values_and_sizes);
	tcase_add_test(tests, structs_may_be_completed_later);
	tcase_add_test(tests, an_inner_scope_sees_the_outer_one);
	tcase_add_test(tests, functions_have_results_and_parameters);
	tcase_add_test(tests, variadic_calls_say_their_types);
	tcase_add_test(tests, arrays_and_functions_become_pointers);
	tcase_add_test(tests, functions_of_functions_are_read);
	tcase_add_test(tests, a_callback_needs_no_name);
	tcase_add_test(tests, one_function_is_not_entered);
	tcase_add_test(tests, words_are_words_only_before_types);
	tcase_add_test(tests, words_are_names_elsewhere);
	tcase_add_test(tests, words_may_be_declared_otherwise);
	tcase_add_loop_test(tests, harmless_things_are_read, 0,
	                    (int)(sizeof harmless / sizeof *harmless));
	tcase_add_test(tests, a_failure_leaves_nothing);
	tcase_add_test(tests, many_declarations_are_read);
	suite_add_tcase(suite, tests);
	return test_main(argc, argv, suite);
}
