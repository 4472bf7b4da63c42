/* SPDX-License-Identifier: MIT */
#include "fault/maps.h"
#include "fault/signals.h"
#include "fault/text.h"
#include "test_fault.h"

#include <limits.h>
#include <signal.h>
#include <string.h>

static const char text[] =
	"00400000-00401000 r--p 00000000 fd:01 77   /usr/bin/my program\n"
	"00401000-00402000 r-xp 00001000 fd:01 77   /usr/bin/my program\n"
	"00600000-00621000 rw-p 00000000 00:00 0    [heap]\n"
	"7f0000000000-7f0000001000 rw-p 00000000 00:00 0 \n"
	"7f0000001000-7f0000003000 r-xp 00002000 fd:01 78 /lib/a\\012b.so (deleted)\n"
	"7f0000003000-7f0000004000 r--p 00000000 fd:01 79 /lib/twice.so\n"
	"7f0000004000-7f0000005000 r-xp 00001000 fd:01 79 /lib/twice.so\n"
	"7f0000005000-7f0000006000 r--p 00000000 fd:01 79 /lib/twice.so\n"
	"7f0000006000-7f0000007000 r-xp 00001000 fd:01 79 /lib/twice.so\n"
	"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]\n"
	"ffffffffff700000-ffffffffff701000 r--p 00000000 00:00 0 /cut/of";

START_TEST(test_parse)
{
	const struct maps_library *library;
	struct maps maps;

	sffi__maps_parse(&maps, text);
	ck_assert_uint_eq(maps.count, 10);
	ck_assert_str_eq(maps.mappings[0].name, "/usr/bin/my program");
	ck_assert(maps.mappings[1].executable && !maps.mappings[1].writable);
	ck_assert_str_eq(maps.mappings[3].name, "");
	ck_assert_str_eq(maps.mappings[4].name, "/lib/a\nb.so");
	ck_assert(maps.mappings[4].is_deleted && maps.mappings[4].is_file);
	ck_assert_uint_eq(maps.mappings[9].high, 0xffffffffff601000);

	ck_assert_uint_eq(maps.library_count, 4);
	library = sffi__maps_library(&maps, 0x401800);
	ck_assert_uint_eq(library->base, 0x400000);
	ck_assert(library->executable);
	library = sffi__maps_library(&maps, 0x7f0000002000);
	ck_assert_uint_eq(library->base, 0x7efffffff000);
	ck_assert_uint_eq(sffi__maps_library(&maps, 0x7f0000003000)->high, 0x7f0000005000);
	ck_assert_uint_eq(sffi__maps_library(&maps, 0x7f0000006fff)->low, 0x7f0000005000);
	ck_assert_ptr_null(sffi__maps_library(&maps, 0x600000));
	sffi__maps_free(&maps);
}
END_TEST

START_TEST(test_find)
{
	struct maps maps;

	sffi__maps_parse(&maps, text);
	ck_assert_ptr_null(sffi__maps_find(&maps, 0x3fffff));
	ck_assert_ptr_eq(sffi__maps_find(&maps, 0x400000), &maps.mappings[0]);
	ck_assert_ptr_eq(sffi__maps_find(&maps, 0x400fff), &maps.mappings[0]);
	ck_assert_ptr_eq(sffi__maps_find(&maps, 0x401000), &maps.mappings[1]);
	ck_assert_ptr_null(sffi__maps_find(&maps, 0x402000));
	ck_assert_ptr_null(sffi__maps_find(&maps, UINTPTR_MAX));
	ck_assert_ptr_null(sffi__maps_before(&maps, 0x400fff));
	ck_assert_ptr_eq(sffi__maps_before(&maps, 0x402000), &maps.mappings[1]);
	ck_assert_ptr_eq(sffi__maps_after(&maps, 0x402000), &maps.mappings[2]);
	ck_assert_ptr_null(sffi__maps_after(&maps, UINTPTR_MAX));
	sffi__maps_free(&maps);
}
END_TEST

static const char *const malformed[] = {
	NULL,
	"",
	"\n\n\n",
	"-\n",
	"1000-2000\n",
	"1000-2000 r-xp\n",
	"1000-2000 r-xp 0\n",
	"1000-2000 r-xp 0 zz:00 0\n",
	"2000-1000 r-xp 0 00:00 0\n",
	"1000-1000 r-xp 0 00:00 0\n",
	"fffffffffffffffff-1 r-xp 0 00:00 0\n",
	"1000-2000 r-xp 00000000 00:00 0 /no/newline",
};

START_TEST(test_malformed)
{
	struct maps maps;

	sffi__maps_parse(&maps, malformed[_i]);
	ck_assert_uint_eq(maps.count, 0);
	ck_assert_ptr_null(sffi__maps_find(&maps, 0x1000));
	ck_assert_ptr_null(sffi__maps_before(&maps, 0x1000));
	ck_assert_ptr_null(sffi__maps_library(&maps, 0x1000));
	sffi__maps_free(&maps);
}
END_TEST

START_TEST(test_overlapping)
{
	struct maps maps;

	sffi__maps_parse(&maps, "2000-4000 r-xp 0 00:00 0 /a\n1000-2000 r-xp 0 00:00 0 /b\n"
				"3000-5000 r-xp 0 00:00 0 /c\n4000-5000 r-xp 0 00:00 0 /d\n");
	ck_assert_uint_eq(maps.count, 2);
	ck_assert_str_eq(maps.mappings[1].name, "/d");
	sffi__maps_free(&maps);
}
END_TEST

static const struct {
	const char *raw, *clean;
} texts[] = {
	{ NULL, "" },
	{ "plain", "plain" },
	{ "gr\303\274n \342\202\254 \360\237\230\200",
	  "gr\303\274n \342\202\254 \360\237\230\200" },
	{ "a\nb\033[31m\177", "a\\x0ab\\x1b[31m\\x7f" },
	{ "\302\233", "\\xc2\\x9b" },
	{ "\300\200", "\\xc0\\x80" },
	{ "\355\240\200", "\\xed\\xa0\\x80" },
	{ "\364\220\200\200", "\\xf4\\x90\\x80\\x80" },
	{ "\377\376", "\\xff\\xfe" },
	{ "\342\202", "\\xe2\\x82" },
};

START_TEST(test_clean)
{
	char clean[64];

	ck_assert_str_eq(sffi__text_clean(clean, sizeof clean, texts[_i].raw), texts[_i].clean);
	for (size_t size = 1; size < sizeof clean; size++)
		ck_assert_uint_lt(strlen(sffi__text_clean(clean, size, texts[_i].raw)), size);
}
END_TEST

START_TEST(test_words)
{
	char word[9];

	ck_assert_str_eq(sffi__text_of_word(word, 0x4141414141414141), "AAAAAAAA");
	ck_assert_str_eq(sffi__text_of_word(word, 0x464544434241), "ABCDEF");
	ck_assert_str_eq(sffi__text_of_word(word, 0x414141), "");
	ck_assert_str_eq(sffi__text_of_word(word, 0x7f0012345678), "");
	ck_assert_str_eq(sffi__text_of_word(word, 0x4100424242424242), "");

	ck_assert_str_eq(sffi__signal_name(SIGSEGV), "SIGSEGV");
	ck_assert_str_eq(sffi__code_name(SIGSEGV, SEGV_MAPERR), "SEGV_MAPERR");
	ck_assert_str_eq(sffi__code_words(SIGABRT, SI_TKILL), "abort() was called");
	ck_assert_str_eq(sffi__code_name(SIGTERM, SI_USER), "SI_USER");
	for (int signal = -70; signal < 70; signal++) {
		for (int code = -70; code < 140; code++) {
			ck_assert_ptr_nonnull(sffi__signal_words(signal));
			ck_assert_ptr_nonnull(sffi__code_words(signal, code));
		}
	}
	ck_assert_str_eq(sffi__code_name(INT_MAX, INT_MIN), "");
}
END_TEST

TCase *test_fault_maps(void)
{
	TCase *tcase = tcase_create("maps");

	tcase_add_test(tcase, test_parse);
	tcase_add_test(tcase, test_find);
	tcase_add_loop_test(tcase, test_malformed, 0, sizeof malformed / sizeof *malformed);
	tcase_add_test(tcase, test_overlapping);
	tcase_add_loop_test(tcase, test_clean, 0, sizeof texts / sizeof *texts);
	tcase_add_test(tcase, test_words);
	return tcase;
}
