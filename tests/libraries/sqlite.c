/* SPDX-License-Identifier: MIT */
/* SQLite, with real files: compared with the command sqlite3. */
#include "library.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

enum { OK = 0, ERROR = 1, ABORT = 4, BUSY = 5, CORRUPT = 11, MISUSE = 21, NOT_A_DATABASE = 26, ROW = 100,
       DONE = 101, READ_WRITE_CREATE = 2 | 4, UTF8 = 1 };

static sffi_domain *domain;
static sffi_library *sqlite;

static void open_sqlite(void)
{
	library_enter_scratch();
	domain = test_open();
	sqlite = library_load(domain, "sqlite3", "sqlite/sqlite.ffi");
}

static void close_sqlite(void)
{
	sffi_library_close(&sqlite);
	sffi_domain_close(&domain);
	library_leave_scratch();
}

static int wait_for_it(void *data, int times)
{
	(void)data;
	usleep(1000);
	return times < 60000;
}

static void *open_in(sffi_library *library, const char *name)
{
	void *database = NULL;
	int code = -1;

	called(library, "sqlite3_open_v2", &code, library_scratch(name), &database, READ_WRITE_CREATE, NULL);
	ck_assert_int_eq(code, OK);
	called(library, "sqlite3_busy_handler", &code, database, wait_for_it, NULL);
	return database;
}

static int execute_in(sffi_library *library, void *database, const char *sql)
{
	int code = -1;

	called(library, "sqlite3_exec", &code, database, sql, NULL, NULL, NULL);
	return code;
}

static void execute(void *database, const char *sql)
{
	int code = execute_in(sqlite, database, sql);
	const char *words = NULL;

	if (code == OK)
		return;
	called(sqlite, "sqlite3_errmsg", &words, database);
	ck_abort_msg("%s: %s", sql, words);
}

static void close_database(void *database)
{
	int code = -1;

	called(sqlite, "sqlite3_close", &code, database);
	ck_assert_int_eq(code, OK);
}

static int64_t number(const char *name, const char *sql)
{
	char *text = library_run("sqlite3 %s '%s'", name, sql);
	int64_t value = atoll(text);

	free(text);
	return value;
}

static void is_intact(const char *name)
{
	char *text = library_run("sqlite3 %s 'pragma integrity_check'", name);

	ck_assert_str_eq(text, "ok\n");
	free(text);
}

/* ---- the example ----------------------------------------------------------- */

START_TEST(words_are_counted_as_sqlite3_counts_them)
{
	library_write(library_scratch("text"), "To be, or not to be: that is the question. ", 43);
	free(library_run(PROGRAM " words <text >printed"));
	/* What the callbacks made of it, by the command's own means. */
	library_same("head -5 printed",
		     "sqlite3 words 'select word, count from words order by count desc, "
		     "length(word) desc, word limit 5'");
	library_same("tail -n +6 printed",
		     "sqlite3 words 'select substr(word, 1, 1), sum(count) from words group by 1 "
		     "order by 2 desc, 1 limit 3'");
	library_same("sqlite3 words .dump", "sqlite3 words.copy .dump");
	library_same("sqlite3 words 'select word, count from words order by 1' | tr '|' ' '",
		     "tr -cs 'A-Za-z' '\\n' <text | tr A-Z a-z | LC_ALL=C sort | uniq -c | "
		     "sed 's/^ *\\([0-9]*\\) \\(.*\\)/\\2 \\1/'");
	free(library_run(PROGRAM " words <text"));
	ck_assert_int_eq(number("words", "select sum(count) from words"), 20);
	free(library_run_failing(PROGRAM " /nowhere/words <text 2>&1"));
}
END_TEST

/* ---- what the example does not show ------------------------------------------ */

START_TEST(values_of_all_kinds_go_in_and_come_out)
{
	static const uint8_t bytes[] = { 0, 1, 255, 0 };
	void *database = open_in(sqlite, "values"), *statement = NULL;
	const char sql[] = "insert into t values(?, ?, ?); select 1", *tail = NULL, *text = NULL;
	int64_t wide = 0;
	int code;

	execute(database, "create table t(a integer, b real, c blob)");
	called(sqlite, "sqlite3_prepare_v2", &code, database, sql, -1, &statement, &tail);
	ck_assert_int_eq(code, OK);
	/* An address in the worker's copy came back as one in the text that was given. */
	ck_assert_ptr_eq(tail, strchr(sql, ';') + 1);
	called(sqlite, "sqlite3_bind_int64", &code, statement, 1, INT64_MIN);
	called(sqlite, "sqlite3_bind_double", &code, statement, 2, 0.5);
	called(sqlite, "sqlite3_bind_blob", &code, statement, 3, bytes, (int)sizeof bytes, (void *)-1);
	called(sqlite, "sqlite3_step", &code, statement);
	ck_assert_int_eq(code, DONE);
	called(sqlite, "sqlite3_finalize", &code, statement);

	called(sqlite, "sqlite3_prepare_v2", &code, database, "select a, b, hex(c) as h from t", -1,
	       &statement, NULL);
	called(sqlite, "sqlite3_step", &code, statement);
	ck_assert_int_eq(code, ROW);
	called(sqlite, "sqlite3_column_int64", &wide, statement, 0);
	ck_assert(wide == INT64_MIN);
	called(sqlite, "sqlite3_column_text", &text, statement, 2);
	ck_assert_str_eq(text, "0001FF00");
	called(sqlite, "sqlite3_column_name", &text, statement, 2);
	ck_assert_str_eq(text, "h");
	called(sqlite, "sqlite3_finalize", &code, statement);
	close_database(database);
	library_same("sqlite3 values 'select a, b, hex(c) from t'",
		     "echo '-9223372036854775808|0.5|0001FF00'");
}
END_TEST

static int stop_at_two(void *data, int columns, const char **values, const char **names)
{
	int *rows = data;

	ck_assert_int_eq(columns, 1);
	ck_assert_str_eq(names[0], "column1");
	return atoi(values[0]) == 2 ? 1 : (++*rows, 0);
}

static int refuse(void *data, int columns, const char **values, const char **names)
{
	(void)data;
	(void)columns;
	(void)values;
	(void)names;
	sffi_upcall_fail("this row is too much");
	return 0;
}

START_TEST(a_callback_says_no_in_either_way)
{
	void *database = open_in(sqlite, "rows");
	const char sql[] = "values(1),(2),(3)";
	int code = -1, rows = 0;

	/* In SQLite's words: it stops and says so. */
	called(sqlite, "sqlite3_exec", &code, database, sql, stop_at_two, &rows, NULL);
	ck_assert_int_eq(code, ABORT);
	ck_assert_int_eq(rows, 1);
	/* In SafeFFI's: SQLite is left where it stood, the worker goes on; a connection of its own
	 * works. */
	ck_refused(library_call(sqlite, "sqlite3_exec", &code, database, sql, refuse, NULL, NULL),
		   SFFI_EUPCALL, "this row is too much");
	database = open_in(sqlite, "rows");
	execute(database, "create table t(a)");
	close_database(database);
	is_intact("rows");
}
END_TEST

/* ---- several domains, one file ------------------------------------------------ */

enum { ROWS = 100 };

/* Each writer has a domain, a worker, and a connection: as two programs would. */
static void *write_rows(void *argument)
{
	sffi_domain *own = test_open();
	sffi_library *library = library_load(own, "sqlite3", "sqlite/sqlite.ffi");
	void *database = open_in(library, "shared");
	char sql[100];

	for (int i = 0; i < ROWS; i++) {
		snprintf(sql, sizeof sql, "insert into t values('%s', %d)", (const char *)argument, i);
		ck_assert_int_eq(execute_in(library, database, sql), OK);
	}
	sffi_library_close(&library);
	sffi_domain_close(&own);
	return NULL;
}

START_TEST(two_domains_write_one_database)
{
	void *database = open_in(sqlite, "shared");
	pthread_t threads[2];

	execute(database, "pragma synchronous = off; create table t(who, number, unique(who, number))");
	close_database(database);
	ck_assert_int_eq(pthread_create(&threads[0], NULL, write_rows, "one"), 0);
	ck_assert_int_eq(pthread_create(&threads[1], NULL, write_rows, "other"), 0);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	is_intact("shared");
	ck_assert_int_eq(number("shared", "select count(*) from t"), 2 * ROWS);
}
END_TEST

START_TEST(a_worker_that_is_killed_in_a_transaction_leaves_the_database_intact)
{
	void *database = open_in(sqlite, "killed");
	int code = -1;

	if (!sffi_domain_pid(domain))
		return;
	execute(database, "create table t(a); insert into t values(1)");
	/* More than the cache holds: pages of the transaction are in the file by then. */
	execute(database, "pragma cache_size = 10; begin; with recursive n(i) as (values(1) union all "
			  "select i + 1 from n where i < 20000) insert into t select i from n");
	ck_assert_int_eq(kill(sffi_domain_pid(domain), SIGKILL), 0);
	test_until_gone(sffi_domain_pid(domain));
	/* The handle died with its worker. */
	ck_refused(library_call(sqlite, "sqlite3_exec", &code, database, "commit", NULL, NULL, NULL),
		   SFFI_ESTALE, "which is gone");
	database = open_in(sqlite, "killed");
	execute(database, "insert into t values(2)");
	close_database(database);
	is_intact("killed");
	ck_assert_int_eq(number("killed", "select count(*) from t"), 2);
}
END_TEST

/* ---- misuse -------------------------------------------------------------------- */

START_TEST(no_database)
{
	int changes;

	library_crashed(library_call(sqlite, "sqlite3_changes", &changes, NULL), "sqlite3_changes",
			"libsqlite3");
	library_recover(domain);
	close_database(open_in(sqlite, "after"));
}
END_TEST

START_TEST(a_statement_after_its_end)
{
	void *database = open_in(sqlite, "ended"), *statement = NULL;
	sffi_status status;
	int code;

	/* Without the connection's own pool, the memory is malloc's, and filled when freed. */
	called(sqlite, "int sqlite3_db_config(sqlite3 *, int, ..., void *, int, int)", &code, database,
	       1001, NULL, 0, 0);
	ck_assert_int_eq(code, OK);
	called(sqlite, "sqlite3_prepare_v2", &code, database, "select 1", -1, &statement, NULL);
	called(sqlite, "sqlite3_finalize", &code, statement);
	status = library_call(sqlite, "sqlite3_step", &code, statement);
	library_crashed(status, "sqlite3_step", "libsqlite3");
	library_recover(domain);
	close_database(open_in(sqlite, "after"));
}
END_TEST

/* The declaration says that there are 64 bytes; SQLite is told of 4096. */
START_TEST(a_buffer_that_is_too_small)
{
	const char declaration[] = "char *sqlite3_snprintf(int size, out char text[64], const char *format, "
				   "..., const char *)";
	/* Beyond the buffer, but not as far as the copy of the format, which is read on from. */
	char text[64] = "", words[100];

	memset(words, 'x', sizeof words - 1);
	words[sizeof words - 1] = '\0';
	library_crashed(library_call(sqlite, declaration, NULL, 4096, text, "%s", words),
			"sqlite3_snprintf", NULL);
	ck_assert_msg(sffi_fault_get_kind(sffi_last_fault()) == SFFI_FAULT_OVERRUN, "%s", sffi_error());
	ck_assert_msg(strstr(sffi_error(), "text"), "%s", sffi_error());
	ck_assert_str_eq(text, "");
	library_recover(domain);
	called(sqlite, declaration, NULL, 64, text, "%s", words);
	ck_assert_uint_eq(strlen(text), 63);
}
END_TEST

static void never(void *context, int count, void **values)
{
	(void)context;
	(void)count;
	(void)values;
}

/* A callback that is gone, but SQLite does not know. */
START_TEST(a_function_that_was_released)
{
	void *database = open_in(sqlite, "released");
	sffi_callback *callback = NULL;
	sffi_status status;
	int code;

	ck_ok(sffi_callback_new(&callback, domain, "void (*)(sqlite3_context *, int n, sqlite3_value *v[n])",
				(sffi_handler)(void (*)(void))never, NULL));
	called(sqlite, "sqlite3_create_function_v2", &code, database, "gone", 0, UTF8, NULL,
	       sffi_callback_address(callback), NULL, NULL, NULL);
	ck_assert_int_eq(code, OK);
	sffi_callback_release(&callback);
	status = library_call(sqlite, "sqlite3_exec", &code, database, "select gone()", NULL, NULL, NULL);
	library_crashed(status, "sqlite3_exec", NULL);
	ck_assert_int_eq(sffi_fault_get_kind(sffi_last_fault()), SFFI_FAULT_STALE_CALLBACK);
	library_recover(domain);
	close_database(open_in(sqlite, "released"));
}
END_TEST

/* Whatever byte is wrong, SQLite says so or crashes; the host goes on, and so does the next file. */
START_TEST(a_corrupt_file)
{
	void *database = open_in(sqlite, "good");
	char *bytes;
	size_t size;
	int code, refused = 0;

	execute(database, "create table t(a, b); create index i on t(b); with recursive n(i) as (values(1) "
			  "union all select i + 1 from n where i < 300) insert into t select i, hex(i) from n");
	close_database(database);
	bytes = library_read(library_scratch("good"), &size);
	for (size_t i = 0; i < 24; i++) {
		size_t at = i * 7919 % size;
		char kept = bytes[at];

		bytes[at] = (char)~kept;
		library_write(library_scratch("bad"), bytes, size);
		bytes[at] = kept;
		database = open_in(sqlite, "bad");
		called(sqlite, "sqlite3_exec", &code, database, "pragma integrity_check; select sum(a), max(b) "
			       "from t; update t set b = a", NULL, NULL, NULL);
		refused += code != OK;
		called(sqlite, "sqlite3_close", &code, database);
	}
	library_write(library_scratch("bad"), bytes + 100, size - 100);
	database = open_in(sqlite, "bad");
	ck_assert_int_eq(execute_in(sqlite, database, "select * from t"), NOT_A_DATABASE);
	ck_assert_int_gt(refused, 0);
	free(bytes);
	database = open_in(sqlite, "good");
	execute(database, "select * from t");
}
END_TEST

static void use(sffi_domain *another)
{
	sffi_library *library = library_load(another, "sqlite3", "sqlite/sqlite.ffi");
	void *database = open_in(library, "again");
	int code = -1;

	ck_assert_int_eq(execute_in(library, database, "create table if not exists t(a); "
						       "insert into t values(1)"), OK);
	/* What a worker's end would take with it stays in process. */
	called(library, "sqlite3_close", &code, database);
	ck_assert_int_eq(code, OK);
	sffi_library_close(&library);
}

START_TEST(nothing_leaks)
{
	struct test_resources before = { 0 };

	for (int i = 0; i < 4; i++) {
		sffi_domain *another = test_open();

		use(another);
		sffi_domain_close(&another);
		if (i == 0)
			before = test_resources();
	}
	test_same_resources(before);
}
END_TEST

static void *open_hasty(sffi_library *library, const char *name)
{
	void *database = open_in(library, name);
	int code = -1;

	called(library, "int sqlite3_busy_timeout(sqlite3 *database, int milliseconds)", &code, database, 0);
	return database;
}

/* SQLite's locks are the process's, or the shared table's: to two workers that share, each would be
 * the other's own, and both would write. So the second is refused; and with one that shares, the
 * locks still exclude a worker that does not. */
START_TEST(two_writers_do_not_corrupt)
{
	sffi_domain *shares, *none = NULL;
	sffi_library *there;
	sffi_options options;
	void *here_database, *there_database;

	if (test_is_inside() || test_is_exec())
		return;
	test_options(&options);
	options.share = SFFI_SHARE_ALL;
	shares = test_open_with(&options);
	there = library_load(shares, "sqlite3", "sqlite/sqlite.ffi");
	ck_refused(sffi_domain_open(&none, &options), SFFI_EINVAL, "take each other's record locks");
	options.share = SFFI_SHARE_FILES;
	ck_refused(sffi_domain_open(&none, &options), SFFI_EINVAL, "take each other's record locks");
	here_database = open_hasty(sqlite, "two.db");
	there_database = open_hasty(there, "two.db");
	ck_assert_int_eq(execute_in(sqlite, here_database, "create table t (x)"), OK);
	ck_assert_int_eq(execute_in(there, there_database, "begin immediate; insert into t values (1)"), OK);
	ck_assert_int_eq(execute_in(sqlite, here_database, "begin immediate"), BUSY);
	ck_assert_int_eq(execute_in(there, there_database, "commit"), OK);
	ck_assert_int_eq(execute_in(sqlite, here_database, "begin immediate; insert into t values (2)"), OK);
	ck_assert_int_eq(execute_in(there, there_database, "begin immediate"), BUSY);
	ck_assert_int_eq(execute_in(sqlite, here_database, "commit"), OK);
	sffi_library_close(&there);
	sffi_domain_close(&shares);
}
END_TEST

int main(int argc, char **argv)
{
	static const char *const libraries[] = { "libsqlite3.so.0", NULL };
	Suite *suite = suite_create("sqlite");
	TCase *tests = tcase_create("sqlite");

	tcase_add_checked_fixture(tests, open_sqlite, close_sqlite);
	tcase_add_test(tests, words_are_counted_as_sqlite3_counts_them);
	tcase_add_test(tests, values_of_all_kinds_go_in_and_come_out);
	tcase_add_test(tests, a_callback_says_no_in_either_way);
	tcase_add_test(tests, two_domains_write_one_database);
	tcase_add_test(tests, two_writers_do_not_corrupt);
	tcase_add_test(tests, a_worker_that_is_killed_in_a_transaction_leaves_the_database_intact);
	tcase_add_test(tests, a_corrupt_file);
	tcase_add_test(tests, nothing_leaks);
	if (library_may_crash()) {
		tcase_add_test(tests, no_database);
		if (library_keeps_what_is_freed())
			tcase_add_test(tests, a_statement_after_its_end);
		tcase_add_test(tests, a_buffer_that_is_too_small);
		tcase_add_test(tests, a_function_that_was_released);
	}
	suite_add_tcase(suite, tests);
	return library_main(argc, argv, suite, libraries);
}
