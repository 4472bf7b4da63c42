/* SPDX-License-Identifier: MIT */
/* Counts the words of a text in an SQLite database: `sqlite DATABASE < TEXT`.
 *
 * SQLite runs in a worker, the words are the host's. So are a function that the SQL calls
 * (initial), an order (by_length), what is done with each row of a result (print_row), with a
 * database that another process is writing (wait_for_it), and a copy of it all while it is open.
 * Nothing of SQLite's headers is included: sqlite.ffi beside this file has the declarations. */
#include "../must.h"

#include <ctype.h>
#include <string.h>
#include <unistd.h>

enum { OK = 0, ROW = 100, DONE = 101, READ_WRITE_CREATE = 2 | 4, UTF8 = 1 };
#define TRANSIENT ((void *)-1)

typedef struct sqlite3 sqlite3;
typedef struct sqlite3_stmt sqlite3_stmt;
typedef struct sqlite3_value sqlite3_value;
typedef struct sqlite3_context sqlite3_context;
typedef struct sqlite3_backup sqlite3_backup;

static sffi_function *open_database, *close_database, *message, *execute, *prepare, *bind_text, *step,
	*reset, *finalize, *create_function, *create_collation, *value_text, *result_text, *busy_handler,
	*backup_init, *backup_step, *backup_finish;

static const sffi_symbol symbols[] = {
	{ &open_database, "sqlite3_open_v2" },
	{ &close_database, "sqlite3_close" },
	{ &message, "sqlite3_errmsg" },
	{ &execute, "sqlite3_exec" },
	{ &prepare, "sqlite3_prepare_v2" },
	{ &bind_text, "sqlite3_bind_text" },
	{ &step, "sqlite3_step" },
	{ &reset, "sqlite3_reset" },
	{ &finalize, "sqlite3_finalize" },
	{ &create_function, "sqlite3_create_function_v2" },
	{ &create_collation, "sqlite3_create_collation_v2" },
	{ &value_text, "sqlite3_value_text" },
	{ &result_text, "sqlite3_result_text" },
	{ &busy_handler, "sqlite3_busy_handler" },
	{ &backup_init, "sqlite3_backup_init" },
	{ &backup_step, "sqlite3_backup_step" },
	{ &backup_finish, "sqlite3_backup_finish" },
	{ 0 },
};

/* ---- what SQLite calls ---------------------------------------------------- */

/* initial(word): its first letter. The values are the worker's: asked for by calls. */
static void initial(sqlite3_context *context, int count, sqlite3_value **values)
{
	const char *word = NULL;
	char letter[2] = "";

	(void)count;
	if (sffi_call(value_text, &word, values[0]) != SFFI_OK) {
		sffi_upcall_fail(sffi_error());
		return;
	}
	letter[0] = word ? word[0] : '\0';
	if (sffi_call(result_text, NULL, context, letter, -1, TRANSIENT) != SFFI_OK)
		sffi_upcall_fail(sffi_error());
}

/* Longer words first, those of one length by the alphabet. The texts are copies, as long as the
 * declaration says. */
static int by_length(void *data, int a_size, const uint8_t *a, int b_size, const uint8_t *b)
{
	(void)data;
	return a_size != b_size ? b_size - a_size : memcmp(a, b, (size_t)a_size);
}

static int print_row(void *data, int columns, const char **values, const char **names)
{
	(void)data;
	(void)names;
	for (int i = 0; i < columns; i++)
		printf("%s%s", i ? "|" : "", values[i] ? values[i] : "");
	printf("\n");
	return 0;
}

/* Another process writes: for up to ten seconds. */
static int wait_for_it(void *data, int times)
{
	(void)data;
	usleep(10000);
	return times < 1000;
}

/* ---- what calls SQLite ---------------------------------------------------- */

static void check(sqlite3 *database, int code)
{
	const char *words = NULL;

	if (code == OK || code == ROW || code == DONE)
		return;
	must(sffi_call(message, &words, database));
	fprintf(stderr, "sqlite: %s (%d)\n", words, code);
	exit(1);
}

static sqlite3 *open_file(const char *path)
{
	sqlite3 *database = NULL;
	int code;

	must(sffi_call(open_database, &code, path, &database, READ_WRITE_CREATE, NULL));
	check(database, code);
	must(sffi_call(busy_handler, &code, database, wait_for_it, NULL));
	check(database, code);
	return database;
}

static void run(sqlite3 *database, const char *sql)
{
	int code;

	must(sffi_call(execute, &code, database, sql, print_row, NULL, NULL));
	check(database, code);
}

static void extend(sqlite3 *database)
{
	int code;

	must(sffi_call(create_function, &code, database, "initial", 1, UTF8, NULL, initial, NULL, NULL,
		       NULL));
	check(database, code);
	must(sffi_call(create_collation, &code, database, "by_length", UTF8, NULL, by_length, NULL));
	check(database, code);
}

static bool read_word(char *word, size_t size)
{
	size_t length = 0;
	int c;

	while ((c = getchar()) != EOF && (isalpha(c) || !length))
		if (isalpha(c) && length + 1 < size)
			word[length++] = (char)tolower(c);
	word[length] = '\0';
	return length > 0;
}

/* All words in one transaction: if the worker dies in between, none of them is there. */
static void count_words(sqlite3 *database)
{
	sqlite3_stmt *statement = NULL;
	char word[64];
	int code;

	run(database, "create table if not exists words(word text primary key, count integer)");
	must(sffi_call(prepare, &code, database,
		       "insert into words values(?, 1) on conflict do update set count = count + 1", -1,
		       &statement, NULL));
	check(database, code);
	run(database, "begin");
	while (read_word(word, sizeof word)) {
		must(sffi_call(bind_text, &code, statement, 1, word, -1, TRANSIENT));
		check(database, code);
		must(sffi_call(step, &code, statement));
		check(database, code);
		must(sffi_call(reset, &code, statement));
	}
	run(database, "commit");
	must(sffi_call(finalize, &code, statement));
}

static void copy(sqlite3 *database, const char *path)
{
	char name[4096];
	sqlite3 *to;
	sqlite3_backup *backup = NULL;
	int code;

	snprintf(name, sizeof name, "%s.copy", path);
	to = open_file(name);
	must(sffi_call(backup_init, &backup, to, "main", database, "main"));
	do
		must(sffi_call(backup_step, &code, backup, 8));
	while (code == OK);
	check(to, code);
	must(sffi_call(backup_finish, &code, backup));
	check(to, code);
	must(sffi_call(close_database, &code, to));
}

int main(int argc, char **argv)
{
	sffi_domain *domain = NULL;
	sffi_library *sqlite;
	sqlite3 *database;
	int code;

	if (argc != 2) {
		fprintf(stderr, "usage: sqlite DATABASE < TEXT\n");
		return 2;
	}
	must(sffi_init());
	must(sffi_domain_open(&domain, NULL));
	sqlite = must_load(domain, "sqlite3", EXAMPLES "/sqlite/sqlite.ffi", symbols);
	database = open_file(argv[1]);
	extend(database);
	count_words(database);
	run(database, "select word, count from words order by count desc, word collate by_length limit 5");
	run(database, "select initial(word), sum(count) from words group by 1 order by 2 desc, 1 limit 3");
	copy(database, argv[1]);
	must(sffi_call(close_database, &code, database));
	sffi_functions_release(symbols);
	sffi_library_close(&sqlite);
	sffi_domain_close(&domain);
	return code;
}
