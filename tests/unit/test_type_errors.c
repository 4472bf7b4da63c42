/* SPDX-License-Identifier: MIT */
/* The sentence for every declaration that is refused, with its line and column. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test_main.h"
#include "type/type.h"

struct mistake {
	const char *text, *sentence;
};

static const struct mistake mistakes[] = {
	/* tokens */
	{ "int f(void)\n\tlong x;",
	  "line 2, column 2: expected ';' after the declaration, found 'long'" },
	{ "int f(void)",
	  "line 1, column 12: expected ';' after the declaration, found the end of the text" },
	{ "/* one\n */ int /* two", "line 2, column 9: this comment does not end" },
	{ "int a;\n\n#define X",
	  "line 3, column 1: there is no preprocessor: paste the declarations without line 3" },
	{ "int \\\n  @;",
	  "line 2, column 3: the character '@' does not belong into a declaration" },
	{ "int \xc3\xa4;", "line 1, column 5: the byte 0xc3 does not belong into a declaration" },
	{ "int a[1.5];", "line 1, column 7: expected an integer, found '1.5'" },
	{ "int a[09];", "line 1, column 7: expected an integer, found '09'" },
	{ "int a[0x10000000000000000];",
	  "line 1, column 7: the number '0x10000000000000000' does not fit into 64 bits" },
	{ "int a['ab'];", "line 1, column 7: expected one character between ' and '" },
	{ "int x __attribute__((section(\"a\n)));",
	  "line 1, column 30: this string does not end on its line" },
	/* specifiers */
	{ "foo f(void);",
	  "line 1, column 1: expected a type, found 'foo', which is not declared as one" },
	{ "int f(size x);",
	  "line 1, column 7: expected a type, found 'size', which is not declared as one" },
	{ "const x;",
	  "line 1, column 7: expected a type, found 'x', which is not declared as one" },
	{ "const;", "line 1, column 6: expected a type, found ';'" },
	{ "int int x;", "line 1, column 5: 'int' cannot be combined with the type before it" },
	{ "long long long x;",
	  "line 1, column 11: 'long' cannot be combined with the type before it" },
	{ "size_t int x;", "line 1, column 8: 'int' cannot be combined with the type before it" },
	{ "struct s int x;",
	  "line 1, column 10: 'int' cannot be combined with the type before it" },
	{ "unsigned float x;", "line 1, column 1: these words do not make a type" },
	{ "long double int x;", "line 1, column 1: these words do not make a type" },
	{ "_Complex int x;", "line 1, column 1: these words do not make a type" },
	{ "typedef extern int x;",
	  "line 1, column 9: 'extern' cannot be combined with the word before it" },
	{ "int f(static int x);", "line 1, column 7: 'static' cannot stand here" },
	{ "struct { inline int x; };", "line 1, column 10: 'inline' cannot stand here" },
	{ "inline int x;",
	  "line 1, column 12: 'inline' and '_Noreturn' can only stand before a function" },
	{ "_Atomic int x;", "line 1, column 1: '_Atomic' is not understood" },
	{ "extern __thread int x;",
	  "line 1, column 8: a variable of its thread cannot be reached from another one" },
	{ "int f(va_list);",
	  "line 1, column 7: a va_list cannot be passed: use the function that takes '...'" },
	{ "return x;", "line 1, column 1: statements are not read: only declarations are" },
	{ "double cabs(double complex);",
	  "line 1, column 20: 'complex' is a name or a type here: write '_Complex' for the type" },
	/* declarators */
	{ "int;", "line 1, column 4: expected a name, found ';'" },
	{ "int *;", "line 1, column 6: expected a name, found ';'" },
	{ "int (*f;", "line 1, column 8: expected ')' after the declarator, found ';'" },
	{ "int f(int a;", "line 1, column 12: expected ')' after the parameters, found ';'" },
	{ "int f(int a b);", "line 1, column 13: expected ')' after the parameters, found 'b'" },
	{ "int f(int a,);", "line 1, column 13: expected a type, found ')'" },
	{ "int f(int, ... int);", "line 1, column 16: expected ',' or ')' after '...', found 'int'" },
	{ "int f(int, ..., );", "line 1, column 17: expected a type, found ')'" },
	{ "int f(int, ..., int, ...);", "line 1, column 22: there are two '...'" },
	{ "int f(int, ..., void, int);", "line 1, column 17: a parameter cannot be of the type void" },
	{ "int a[3;", "line 1, column 8: expected ']' after the array's length, found ';'" },
	{ "int f(int)[3];", "line 1, column 6: a function cannot return an array" },
	{ "int f(int)(int);", "line 1, column 6: a function cannot return a function" },
	{ "int a[3](int);", "line 1, column 6: the type 'int (int)' has no size" },
	{ "int a[3][];", "line 1, column 6: the type 'int []' has no size" },
	{ "struct s a[3];",
	  "line 1, column 11: the type 'struct s' has no size here: its members are not declared" },
	{ "int f(void x);", "line 1, column 7: a parameter cannot be of the type void" },
	{ "int f(int a, char a);", "line 1, column 19: two parameters have the name 'a'" },
	{ "int f(void b[n], int n);", "line 1, column 13: an array cannot have elements of the "
	                              "type void: write uint8_t for bytes" },
	{ "void x;", "line 1, column 6: a variable cannot be of the type void" },
	{ "int f(void) { return 1; }", "line 1, column 13: expected ';', found the body of a "
	                               "function: only its declaration is read" },
	{ "int x = 1;", "line 1, column 7: expected ';', found the value of a variable: only its "
	                "declaration is read" },
	{ "int f(void) __asm__(\"g\");",
	  "line 1, column 13: names given by __asm__ are not understood: "
	  "declare the function by its symbol's name" },
	/* attributes */
	{ "int x __attribute__((mode(DI)));", "line 1, column 22: the attribute 'mode' is not "
	                                      "understood, and changes calls or layouts" },
	{ "int x __attribute__(packed);",
	  "line 1, column 21: expected '((' after '__attribute__', found 'packed'" },
	{ "int x __attribute__((aligned(3)));",
	  "line 1, column 30: expected an alignment that is a power of two up to 268435456" },
	{ "int * __attribute__((aligned(8))) x;",
	  "line 1, column 22: 'aligned' is not understood at this place: put it after the name" },
	{ "int x __attribute__((a(b);",
	  "line 1, column 26: expected ',' or '))' after the attribute, found ';'" },
	/* structs and enums */
	{ "struct;", "line 1, column 7: expected a tag or '{' after 'struct', found ';'" },
	{ "struct s { int };", "line 1, column 16: expected a name, found '}'" },
	{ "struct s { int; };", "line 1, column 15: expected the name of a member, found ';'" },
	{ "struct s { int x };", "line 1, column 18: expected ';' after the member, found '}'" },
	{ "struct s { int x;",
	  "line 1, column 18: expected '}' after the members, found the end of the text" },
	{ "struct s { struct s x; };",
	  "line 1, column 21: the type 'struct s' has no size here: its members are not declared" },
	{ "struct s { struct s { int x; } y; };",
	  "line 1, column 19: 'struct s' cannot be declared inside itself" },
	{ "struct s { int x, y, x; };", "line 1, column 22: two members have the name 'x'" },
	{ "struct s { int x; union { int a, x; }; };",
	  "line 1, column 19: two members have the name 'x'" },
	{ "struct s { int x(void); };",
	  "line 1, column 16: a member cannot be a function: write a pointer to one" },
	{ "struct s { int x[]; int y; };",
	  "line 1, column 16: an array of unknown length can only be the last "
	  "member of a struct, after another one" },
	{ "struct s { float x : 3; };",
	  "line 1, column 18: a bit-field must have an integer type" },
	{ "struct s { char x : 9; };",
	  "line 1, column 21: the width of this bit-field is not between 0 and 8" },
	{ "struct s { char x : 0; };",
	  "line 1, column 21: a bit-field with a name cannot have the width 0" },
	{ "struct s; union s x;",
	  "line 1, column 17: 'union s' is declared as 'struct s' already" },
	{ "struct s { int x; }; struct s { long x; };",
	  "line 1, column 29: 'struct s' is declared with other members already" },
	{ "enum e x;", "line 1, column 6: 'enum e' is not declared" },
	{ "enum e { };", "line 1, column 10: expected the name of an enum constant, found '}'" },
	{ "enum e { A, A };", "line 1, column 13: 'A' is declared differently already" },
	{ "enum e { A = x };",
	  "line 1, column 14: expected a constant, found 'x', which is no enum constant" },
	{ "enum e { A = 1 / 0 };", "line 1, column 16: this operation divides by zero" },
	{ "enum e { A = 0x7fffffff + 1 };", "line 1, column 25: this operation overflows" },
	{ "enum e { A = 1 << 32 };", "line 1, column 16: this operation shifts by less than 0 bits "
	                             "or by the width of its type" },
	{ "enum e { A = 0xffffffffffffffff, B };",
	  "line 1, column 34: the value of 'B' does not fit into 64 bits" },
	{ "enum e { A = -1, B = 0xffffffffffffffff };",
	  "line 1, column 6: no integer type holds all constants of this enum" },
	/* sizes */
	{ "int x[-1];", "line 1, column 6: an array cannot have a negative length" },
	{ "int x[0x7fffffffffffffff];",
	  "line 1, column 6: this array is larger than 140737488355328 bytes" },
	{ "char x[0x40000000][0x40000000];",
	  "line 1, column 7: this array is larger than 140737488355328 bytes" },
	{ "struct s { char x[1l << 47], y; };",
	  "line 1, column 30: 'struct s' is larger than 140737488355328 bytes" },
	{ "int f(long x[1l << 50]);",
	  "line 1, column 12: this array is larger than 140737488355328 bytes" },
	/* lengths */
	{ "int f(int x[n]);",
	  "line 1, column 13: 'n' is neither a parameter of this function nor an enum constant" },
	{ "int f(int x[n], char *n);",
	  "line 1, column 13: 'n' is a pointer: put a '*' before it for what it points to" },
	{ "int f(int x[*n], int n);", "line 1, column 13: 'n' is not a pointer" },
	{ "int f(int x[n], double n);", "line 1, column 13: 'n' does not lead to an integer" },
	{ "int f(int x[**n], int **n);",
	  "line 1, column 13: expected the name of a parameter after '*'" },
	{ "int f(int x[*m], int n);",
	  "line 1, column 13: expected a parameter after '*', found 'm'" },
	{ "int f(int x[-2]);", "line 1, column 11: the length '-2' is negative" },
	{ "int f(int x[3][n], int n);",
	  "line 1, column 16: expected a constant, found 'n', which is no enum constant" },
	{ "int f(int x[n->m], int n);",
	  "line 1, column 14: expected ']' after the array's length, found '->'" },
	{ "int f(int x[sizeof n], int n);",
	  "line 1, column 13: expected '(' and a type after 'sizeof'" },
	/* our words */
	{ "int f(out int x);",
	  "line 1, column 7: 'out' can only stand before a pointer or array parameter" },
	{ "int f(out const char *x);",
	  "line 1, column 7: 'out' cannot stand before a pointer to const: "
	  "the function could not write there" },
	{ "int f(out out char *x);", "line 1, column 11: 'out' stands here twice" },
	{ "int f(out);", "line 1, column 10: expected a type, found ')'" },
	{ "keep int f(void);",
	  "line 1, column 1: 'keep' can stand before a pointer or array parameter, a parameter "
	  "of the type buffer or fd, and a result of the type fd" },
	{ "int f(keep int x);",
	  "line 1, column 7: 'keep' can stand before a pointer or array parameter, a parameter "
	  "of the type buffer or fd, and a result of the type fd" },
	{ "buffer f(void);",
	  "line 1, column 9: 'buffer' can only be the type of a parameter, not of a result" },
	{ "int f(buffer *x);", "line 1, column 14: 'buffer' can only be the type of a parameter, "
	                       "not of what a pointer points to" },
	{ "struct s { buffer x; };",
	  "line 1, column 19: 'buffer' can only be the type of a parameter, not of a member" },
	{ "buffer x;",
	  "line 1, column 8: 'buffer' can only be the type of a parameter, not of a variable" },
	/* declaring again */
	{ "int f(int); int f(long);", "line 1, column 17: 'f' is declared differently already" },
	{ "int f(char *); int f(const char *);",
	  "line 1, column 20: 'f' is declared differently already" },
	{ "int f(int *a, int n);\nint f(int a[n], int n);",
	  "line 2, column 5: 'f' is declared differently already" },
	{ "int f(int *a); int f(out int *a);",
	  "line 1, column 20: 'f' is declared differently already" },
	{ "typedef int t; typedef long t;",
	  "line 1, column 29: 't' is declared differently already" },
	{ "typedef int t; int t;", "line 1, column 20: 't' is declared as a type already" },
	{ "int x; int x(void);", "line 1, column 12: 'x' is declared as a variable already" },
	{ "extern int x[2]; extern int x[3];",
	  "line 1, column 29: 'x' is declared differently already" },
};

START_TEST(mistakes_are_named_with_their_place)
{
	const struct mistake *mistake = &mistakes[_i];
	struct scope *scope = sffi__scope_new(NULL);

	ck_assert_msg(sffi__scope_declare(scope, mistake->text) == SFFI_EDECL, "%s", mistake->text);
	ck_assert_str_eq(sffi_error(), mistake->sentence);
	sffi__scope_free(scope);
}
END_TEST

/* ---- one function, one type ---- */

static const struct mistake function_mistakes[] = {
	{ "int f(void); int g(void);",
	  "line 1, column 14: expected the end of the text after one declaration, found 'int'" },
	{ "int x",
	  "line 1, column 5: expected the declaration of a function, found one of a variable" },
	{ "int (*f)(void)",
	  "line 1, column 7: expected the declaration of a function, found one of a variable" },
	{ "typedef int f(void)",
	  "line 1, column 13: expected the declaration of a function, found one of a type" },
	{ "f", "line 1, column 1: expected a type, found 'f', which is not declared as one" },
	{ "", "line 1, column 1: expected a type, found the end of the text" },
	{ "int f(void) { }", "line 1, column 13: expected ';', found the body of a function: only "
	                     "its declaration is read" },
};

START_TEST(mistakes_in_one_function_are_named)
{
	const struct mistake *mistake = &function_mistakes[_i];
	struct scope *scope = sffi__scope_new(NULL);
	const struct function_type *type;
	const char *name;

	ck_assert_int_eq(sffi__scope_declare_function(scope, mistake->text, &name, &type),
	                 SFFI_EDECL);
	ck_assert_str_eq(sffi_error(), mistake->sentence);
	ck_assert_ptr_null(type);
	sffi__scope_free(scope);
}
END_TEST

static const struct mistake type_mistakes[] = {
	{ "struct point", "line 1, column 8: 'struct point' is not declared" },
	{ "int x", "line 1, column 5: expected the end of the text after the type, found 'x'" },
	{ "in", "line 1, column 1: expected a type, found 'in', which is not declared as one" },
	{ "out int *",
	  "line 1, column 1: expected a type, found 'out', which is not declared as one" },
};

START_TEST(mistakes_in_one_type_are_named)
{
	struct scope *scope = sffi__scope_new(NULL);

	ck_assert_ptr_null(sffi__scope_type(scope, type_mistakes[_i].text));
	ck_assert_str_eq(sffi_error(), type_mistakes[_i].sentence);
	sffi__scope_free(scope);
}
END_TEST

/* ---- limits ---- */

struct nest {
	const char *before, *opening, *middle, *closing, *after;
};

static const struct nest nests[] = {
	{ "int ", "(", "x", ")", ";" },
	{ "int x[", "(", "1", ")", "];" },
	{ "int x[", "-", "1", "", "];" },
	{ "int x[", "1 ? 2 : ", "1", "", "];" },
	{ "int x[", "1 + ", "1", "", "];" },
	{ "int x", "[1]", "", "", ";" },
	{ "int ", "*", "x", "", ";" },
	{ "int f(", "int (*)(", "int", ")", ");" },
	{ "struct s { int x; ", "struct {", "int y;", "};", "};" },
	{ "int x[", "sizeof(int[", "1", "])", "];" },
	{ "int x ", "__attribute__((aligned(sizeof(struct { int x ", "", "; }))))", ";" },
	{ "", "enum { A = sizeof(", "int", ")}", ";" },
};

START_TEST(nesting_is_limited)
{
	const struct nest *nest = &nests[_i];
	size_t depth = 100000, i;
	char *text = malloc(depth * 64), *at = text;
	struct scope *scope = sffi__scope_new(NULL);

	at += sprintf(at, "%s", nest->before);
	for (i = 0; i < depth; i++)
		at += sprintf(at, "%s", nest->opening);
	at += sprintf(at, "%s", nest->middle);
	for (i = 0; i < depth; i++)
		at += sprintf(at, "%s", nest->closing);
	sprintf(at, "%s", nest->after);
	ck_assert_int_eq(sffi__scope_declare(scope, text), SFFI_EDECL);
	ck_assert_msg(strstr(sffi_error(), "more than"), "%s", sffi_error());
	sffi__scope_free(scope);
	free(text);
}
END_TEST

/* A type of 2^60 paths is made by a short text; it must not be walked. */
START_TEST(shared_parts_cost_nothing)
{
	struct scope *scope = sffi__scope_new(NULL);
	char text[200];
	int turn, level;

	for (turn = 0; turn < 2; turn++) {
		ck_assert(!sffi__scope_declare(scope, "typedef int t0(int);"));
		for (level = 1; level < 60 / 2; level++) {
			snprintf(text, sizeof text, "typedef int %s%d(%s%d *, %s%d *);",
			         turn ? "u" : "t", level, turn && level > 1 ? "u" : "t", level - 1,
			         turn && level > 1 ? "u" : "t", level - 1);
			ck_assert_msg(!sffi__scope_declare(scope, text), "%s", sffi_error());
		}
	}
	ck_assert_int_eq(sffi__scope_declare(scope, "int f(t29 *); int f(u29 *);"), SFFI_EDECL);
	sffi__type_print(sffi__scope_type(scope, "t29"), text, sizeof text);
	ck_assert_uint_eq(strlen(text), sizeof text - 1);
	sffi__scope_free(scope);
}
END_TEST

START_TEST(names_and_parameters_are_limited)
{
	struct scope *scope = sffi__scope_new(NULL);
	char text[4096], *at = text;
	int i;

	snprintf(text, sizeof text, "int %0256d;", 0);
	memset(text + 4, 'a', 256);
	ck_assert_int_eq(sffi__scope_declare(scope, text), SFFI_EDECL);
	ck_assert_str_eq(sffi_error(), "line 1, column 5: this name is longer than 255 characters");
	memmove(text + 4, text + 5, strlen(text) - 4);
	ck_assert(!sffi__scope_declare(scope, text));
	at += sprintf(at, "int f(int");
	for (i = 1; i < TYPE_PARAMETERS_MAX; i++)
		at += sprintf(at, ", int");
	strcpy(at, ");");
	ck_assert(!sffi__scope_declare(scope, text));
	strcpy(at, ", int);");
	ck_assert_int_eq(sffi__scope_declare(scope, text), SFFI_EDECL);
	ck_assert(strstr(sffi_error(), "a function has more than 256 parameters"));
	sffi__scope_free(scope);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("type errors");
	TCase *tests = tcase_create("errors");

	tcase_add_loop_test(tests, mistakes_are_named_with_their_place, 0,
	                    (int)(sizeof mistakes / sizeof *mistakes));
	tcase_add_loop_test(tests, mistakes_in_one_function_are_named, 0,
	                    (int)(sizeof function_mistakes / sizeof *function_mistakes));
	tcase_add_loop_test(tests, mistakes_in_one_type_are_named, 0,
	                    (int)(sizeof type_mistakes / sizeof *type_mistakes));
	tcase_add_loop_test(tests, nesting_is_limited, 0, (int)(sizeof nests / sizeof *nests));
	tcase_add_test(tests, shared_parts_cost_nothing);
	tcase_add_test(tests, names_and_parameters_are_limited);
	suite_add_tcase(suite, tests);
	return test_main(argc, argv, suite);
}
