/* SPDX-License-Identifier: MIT */
/*
 * The layouts that the reader finds, against those of the compiler that compiles this test:
 * every record is declared once, to both.
 */
#include <complex.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "test_main.h"
#include "type/type.h"

#pragma GCC diagnostic ignored "-Wattributes"
#pragma GCC diagnostic ignored "-Wpragmas"
#pragma GCC diagnostic ignored "-Wunknown-warning-option"
#pragma GCC diagnostic ignored "-Wpacked-bitfield-compat"
#pragma GCC diagnostic ignored "-Wpacked-not-aligned"

/* What the records are made of. */
#define COMMON(...)                                                                                \
	__VA_ARGS__                                                                                \
	static const char common_text[] = #__VA_ARGS__;
COMMON(
        typedef int int16 __attribute__((aligned(16)));
        typedef long long2 __attribute__((aligned(2)));
        typedef char char8 __attribute__((aligned(8)));
        enum color{ RED, GREEN = 5, BLUE = GREEN << 2 }; enum sign{ MINUS = -1, PLUS = 1 };
        enum wide{ LOW, HIGH = 0x100000000 };
        enum __attribute__((packed)) tiny{ ONE = 1, LAST = 200 }; struct small {
	        char c;
	        short s;
        };
        union pair {
	        int i;
	        double d;
	        char c[3];
        };
        struct empty{};)

struct record {
	const char *name, *text;
	size_t size, alignment;
	void (*check)(const struct type *);
};

/* ---- checking members ---- */

/* Also among those of anonymous structs. */
static const struct member *find_member(const struct type *type, const char *name, size_t *offset)
{
	size_t i;

	for (i = 0; i < type->count; i++) {
		const struct member *member = &type->members[i], *inner;

		if (member->name && !strcmp(member->name, name)) {
			*offset += member->offset;
			return member;
		}
		if (member->name)
			continue;
		*offset += member->offset;
		inner = find_member(member->type, name, offset);
		if (inner)
			return inner;
		*offset -= member->offset;
	}
	return NULL;
}

static void check_plain(const struct type *type, const char *name, size_t offset, size_t size)
{
	size_t found = 0;
	const struct member *member = find_member(type, name, &found);

	ck_assert_msg(member, "%s has no member %s", type->name, name);
	ck_assert_msg(found == offset, "%s.%s is at %zu, not at %zu", type->name, name, offset,
	              found);
	ck_assert_msg(member->type->size == size, "%s.%s has %zu bytes, not %zu", type->name, name,
	              size, member->type->size);
	ck_assert_uint_eq(member->bit_width, 0);
}

/* ones: the record, zero but for this bit-field. */
static void check_bits(const struct type *type, const char *name, const unsigned char *ones)
{
	size_t offset = 0, bit;
	const struct member *member = find_member(type, name, &offset);
	unsigned char *expected = calloc(1, type->size + 1);

	ck_assert_msg(member, "%s has no member %s", type->name, name);
	ck_assert_uint_gt(member->bit_width, 0);
	for (bit = 0; bit < member->bit_width; bit++) {
		size_t at = 8 * offset + member->bit_offset + bit;

		ck_assert_uint_lt(at / 8, type->size);
		expected[at / 8] |= (unsigned char)(1 << at % 8);
	}
	ck_assert_msg(!memcmp(expected, ones, type->size), "%s.%s has other bits than found",
	              type->name, name);
	free(expected);
}

#define PLAIN(member)                                                                              \
	check_plain(type, #member, (size_t)((char *)&record.member - (char *)&record),             \
	            sizeof record.member);
#define BITS(member)                                                                               \
	memset(&record, 0, sizeof record);                                                         \
	record.member = -1;                                                                        \
	check_bits(type, #member, (const unsigned char *)&record);

#define RECORD(word, tag, attributes, checks, ...)                                                 \
	word tag{ __VA_ARGS__ } attributes;                                                        \
	static const char tag##_text[] = #word " " #tag " { " #__VA_ARGS__ " } " #attributes ";";  \
	static void tag##_check(const struct type *type)                                           \
	{                                                                                          \
		word tag record;                                                                   \
		checks(void) type;                                                                 \
		(void)&record;                                                                     \
	}

#include "test_type_layout_cases.h"
#include "test_type_layout_records.h"

#undef RECORD
#define RECORD(word, tag, attributes, checks, ...)                                                 \
	{ #word " " #tag, tag##_text, sizeof(word tag), _Alignof(word tag), tag##_check },

static const struct record records[] = {
#include "test_type_layout_cases.h"
#include "test_type_layout_records.h"
};

/* ---- tests ---- */

START_TEST(records_are_laid_out_as_the_compiler_does)
{
	const struct record *record = &records[_i];
	struct scope *scope = sffi__scope_new(NULL);
	const struct type *type;

	ck_assert_msg(!sffi__scope_declare(scope, common_text), "%s", sffi_error());
	ck_assert_msg(!sffi__scope_declare(scope, record->text), "%s: %s", record->text,
	              sffi_error());
	type = sffi__scope_type(scope, record->name);
	ck_assert_msg(type, "%s", sffi_error());
	ck_assert_msg(type->size == record->size, "%s has %zu bytes, not %zu", record->text,
	              record->size, type->size);
	ck_assert_msg(type->alignment == record->alignment, "%s is aligned to %zu, not %zu",
	              record->text, record->alignment, type->alignment);
	record->check(type);
	sffi__scope_free(scope);
}
END_TEST

struct scalar {
	const char *text;
	size_t size, alignment;
};

#define SCALAR(...)                                                                                \
	{                                                                                          \
#__VA_ARGS__, sizeof(__VA_ARGS__), _Alignof(__VA_ARGS__)                           \
	}
static const struct scalar scalars[] = {
	SCALAR(enum color),
	SCALAR(enum sign),
	SCALAR(enum wide),
	SCALAR(enum tiny),
	SCALAR(int16),
	SCALAR(long2),
	SCALAR(char8),
	SCALAR(union pair[3]),
	SCALAR(struct empty),
	SCALAR(__int128),
	SCALAR(long double _Complex),
	SCALAR(float _Complex),
	SCALAR(long double),
	SCALAR(void (*)(int)),
	SCALAR(char[3][5]),
	SCALAR(wchar_t),
	SCALAR(max_align_t *),
};
#undef SCALAR

START_TEST(scalars_are_as_the_compiler_has_them)
{
	const struct scalar *scalar = &scalars[_i];
	struct scope *scope = sffi__scope_new(NULL);
	const struct type *type;

	ck_assert(!sffi__scope_declare(scope, common_text));
	ck_assert(!sffi__scope_declare(scope, "typedef struct max_align max_align_t;"));
	type = sffi__scope_type(scope, scalar->text);
	ck_assert_msg(type, "%s", sffi_error());
	ck_assert_uint_eq(type->size, scalar->size);
	ck_assert_uint_eq(type->alignment, scalar->alignment);
	sffi__scope_free(scope);
}
END_TEST

START_TEST(a_unit_of_a_bit_field_is_given_where_there_is_one)
{
	struct scope *scope = sffi__scope_new(NULL);
	const struct type *type;

	ck_assert(!sffi__scope_declare(scope,
	                               "struct s { char a; int b : 5, c : 20; short d : 9; };"));
	type = sffi__scope_type(scope, "struct s");
	ck_assert_uint_eq(type->members[1].offset, 0);
	ck_assert_uint_eq(type->members[1].bit_offset, 8);
	ck_assert_uint_eq(type->members[2].offset, 4);
	ck_assert_uint_eq(type->members[2].bit_offset, 0);
	ck_assert_uint_eq(type->members[3].offset, 6);
	ck_assert_uint_eq(type->members[3].bit_offset, 4);
	ck_assert(type->has_bit_fields);
	sffi__scope_free(scope);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("type layout");
	TCase *tests = tcase_create("layout");

	tcase_add_loop_test(tests, records_are_laid_out_as_the_compiler_does, 0,
	                    (int)(sizeof records / sizeof *records));
	tcase_add_loop_test(tests, scalars_are_as_the_compiler_has_them, 0,
	                    (int)(sizeof scalars / sizeof *scalars));
	tcase_add_test(tests, a_unit_of_a_bit_field_is_given_where_there_is_one);
	suite_add_tcase(suite, tests);
	return test_main(argc, argv, suite);
}
