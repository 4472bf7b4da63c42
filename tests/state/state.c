/* SPDX-License-Identifier: MIT */
/* Runs the rows: as tests, or to write the table of doc/process-state.md. */
#include "state_run.h"
#include "test_main.h"

#include <stdio.h>
#include <unistd.h>

static const struct group *const groups[] = {
	&state_descriptors, &state_streams, &state_files, &state_locks, &state_environment,
	&state_libraries, &state_identity, &state_processes, &state_signals, &state_limits,
	&state_memory, &state_harm,
};
enum { GROUPS = sizeof groups / sizeof *groups };

static const struct row *row_at(int index)
{
	for (int i = 0; i < GROUPS; i++)
		for (const struct row *row = groups[i]->rows; row->name; row++)
			if (!index--)
				return row;
	return NULL;
}

static int row_count(void)
{
	int count = 0;

	while (row_at(count))
		count++;
	return count;
}

static bool can_run(const struct row *row)
{
	if (row->not_sanitized && getenv("TEST_SANITIZED"))
		return false;
	return !row->as_root || !geteuid();
}

/* What the table says is what happens: neither more nor less is the same. */
static void check_row(const struct row *row)
{
	struct row_result result;

	if (!can_run(row))
		return;
	run_row(row, &result);
	for (int column = COLUMN_CLONE; column < COLUMN_COUNT; column++) {
		bool differs = row_differs(row, column);
		const struct notes *notes = &result.notes[column];

		ck_assert_msg(differs == !same(&result, column),
			      "%s, %s: the table says that it %s, but in process the host sees\n%s"
			      "and here\n%s%s", row->name, column_name(column),
			      differs ? "differs" : "is the same", result.notes[COLUMN_DIRECT].seen,
			      notes->seen, notes->told);
		if (row->told && differs)
			ck_assert_msg(strstr(notes->told, row->told), "%s, %s: no \"%s\" in \"%s\"",
				      row->name, column_name(column), row->told, notes->told);
	}
}

START_TEST(a_row_is_as_the_table_says)
{
	check_row(row_at(_i));
}
END_TEST

/* A quarter may differ with nothing shared, in a clone or a program of its own, three of twenty sharing all. */
START_TEST(enough_is_the_same)
{
	int rows = row_count(), same_rows[COLUMN_COUNT] = { 0 };

	for (int i = 0; i < rows; i++)
		for (int column = COLUMN_CLONE; column < COLUMN_COUNT; column++)
			same_rows[column] += !row_differs(row_at(i), column);
	ck_assert_int_ge(same_rows[COLUMN_CLONE] * 100, rows * 75);
	ck_assert_int_ge(same_rows[COLUMN_EXEC] * 100, rows * 75);
	ck_assert_int_ge(same_rows[COLUMN_SHARING] * 100, rows * 85);
}
END_TEST

/* Whoever sees a difference is told why, and what to do. */
START_TEST(differences_are_explained)
{
	for (int i = 0; row_at(i); i++) {
		const struct row *row = row_at(i);

		ck_assert_msg(row->what && row->why, "%s: what or why?", row->name);
		ck_assert_msg(!*row->differs == !row->instead, "%s: instead?", row->name);
	}
}
END_TEST

/* ---- by hand, and for the document ------------------------------------------------------------ */

static int show(const char *name)
{
	for (int i = 0; row_at(i); i++) {
		const struct row *row = row_at(i);
		struct row_result result;

		if (strcmp(name, row->name) && strcmp(name, "all"))
			continue;
		run_row(row, &result);
		for (int column = 0; column < COLUMN_COUNT; column++)
			printf("%s, %s%s\n%s%s", row->name, column_name(column),
			       same(&result, column) ? "" : " (not the same)",
			       result.notes[column].seen, result.notes[column].told);
	}
	return 0;
}

static const char head[] =
	"# Process state\n\n"
	"A callee in another process is to behave as if it were in this one. This page is written by the\n"
	"tests: each row does one thing in the mode `direct` and in workers, and compares what the *host*\n"
	"observes then. `build/tests/state/test-state --document` writes it anew, as root.\n\n"
	"| column | the worker |\n|---|---|\n"
	"| clone | a clone of the host, nothing shared: the default |\n"
	"| sharing | a clone that shares all (`SFFI_SHARE_ALL`) |\n"
	"| exec | a program of its own (`SFFI_SPAWN_EXEC`) |\n";

static int document(void)
{
	int rows = row_count(), same_rows[COLUMN_COUNT] = { 0 };

	printf("%s", head);
	for (int i = 0; i < GROUPS; i++) {
		printf("\n## %s\n\n| state | clone | sharing | exec | why, and what to do instead |\n"
		       "|---|---|---|---|---|\n", groups[i]->title);
		for (const struct row *row = groups[i]->rows; row->name; row++) {
			struct row_result result;

			if (!can_run(row)) {
				fprintf(stderr, "%s: needs root\n", row->name);
				return 77;
			}
			run_row(row, &result);
			printf("| %s |", row->what);
			for (int column = COLUMN_CLONE; column < COLUMN_COUNT; column++) {
				printf(" %s |", same(&result, column) ? "same" : "**not**");
				same_rows[column] += same(&result, column);
			}
			printf(" %s%s%s |\n", row->why, row->instead ? " *Instead:* " : "",
			       row->instead ? row->instead : "");
		}
	}
	printf("\n| of %d | clone | sharing | exec |\n|---|---|---|---|\n| same |", rows);
	for (int column = COLUMN_CLONE; column < COLUMN_COUNT; column++)
		printf(" %d (%d %%) |", same_rows[column], same_rows[column] * 100 / rows);
	printf("\n");
	return 0;
}

int main(int argc, char **argv)
{
	Suite *suite = suite_create("state");
	TCase *tests = tcase_create("state");

	if (argc == 2 && !strcmp(argv[1], "--document"))
		return document();
	if (argc == 3 && !strcmp(argv[1], "--show"))
		return show(argv[2]);
	tcase_set_timeout(tests, 120);
	tcase_add_loop_test(tests, a_row_is_as_the_table_says, 0, row_count());
	tcase_add_test(tests, enough_is_the_same);
	tcase_add_test(tests, differences_are_explained);
	suite_add_tcase(suite, tests);
	return test_main(argc, argv, suite);
}
