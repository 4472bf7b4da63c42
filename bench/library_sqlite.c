/* SPDX-License-Identifier: MIT */
#include "libraries.h"

#include "job.h"

#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ROWS = 100000, CALLS = 4, ROWS_IN_BATCH = 50, OK = 0, DONE = 101, READ_WRITE_CREATE = 6 };

static const char before[] = "drop table if exists t; create table t(a integer, b text); begin";
static const char insert[] = "insert into t values(?, ?)";
static const char text[] = "a text of twenty-four chars";

static struct job job;
static sffi_function *open_there, *exec_there, *prepare_there, *int_there, *text_there, *step_there,
	*reset_there, *end_there, *changes_there;
static const sffi_symbol symbols[] = {
	{ &open_there, "sqlite3_open_v2" },     { &exec_there, "sqlite3_exec" },
	{ &prepare_there, "sqlite3_prepare_v2" }, { &int_there, "sqlite3_bind_int64" },
	{ &text_there, "sqlite3_bind_text" },   { &step_there, "sqlite3_step" },
	{ &reset_there, "sqlite3_reset" },      { &end_there, "sqlite3_finalize" },
	{ &changes_there, "int sqlite3_total_changes(sqlite3 *)" }, { 0 },
};

static int (*open_here)(const char *, void **, int, const char *);
static int (*exec_here)(void *, const char *, void *, void *, void *);
static int (*prepare_here)(void *, const char *, int, void **, void *);
static int (*int_here)(void *, int, int64_t);
static int (*bind_text_here)(void *, int, const char *, int, void *);
static int (*step_here)(void *);
static int (*reset_here)(void *);
static int (*end_here)(void *);

static void *database_there, *database_here;
static char path_there[100], path_here[100];

#define TRANSIENT ((void *)-1)

static bool find_here(void)
{
	void *here = job_here("libsqlite3.so.0");

	if (!here)
		return false;
	open_here = job_symbol(here, int (*)(const char *, void **, int, const char *), "sqlite3_open_v2");
	exec_here = job_symbol(here, int (*)(void *, const char *, void *, void *, void *), "sqlite3_exec");
	prepare_here = job_symbol(here, int (*)(void *, const char *, int, void **, void *),
				  "sqlite3_prepare_v2");
	int_here = job_symbol(here, int (*)(void *, int, int64_t), "sqlite3_bind_int64");
	bind_text_here = job_symbol(here, int (*)(void *, int, const char *, int, void *), "sqlite3_bind_text");
	step_here = job_symbol(here, int (*)(void *), "sqlite3_step");
	reset_here = job_symbol(here, int (*)(void *), "sqlite3_reset");
	end_here = job_symbol(here, int (*)(void *), "sqlite3_finalize");
	return open_here(path_here, &database_here, READ_WRITE_CREATE, NULL) == OK;
}

static bool set_up(void)
{
	const char *directory = job_directory();
	int code = -1;

	if (!directory || !job_open(&job, "sqlite3", "sqlite/sqlite.ffi", symbols))
		return false;
	snprintf(path_there, sizeof path_there, "%s/there", directory);
	snprintf(path_here, sizeof path_here, "%s/here", directory);
	if (!find_here())
		return cannot("no database can be made here");
	if (sffi_call(open_there, &code, path_there, &database_there, READ_WRITE_CREATE, NULL) || code != OK)
		return cannot("no database can be made in the worker: %s", sffi_error());
	return true;
}

/* ---- in the worker ---------------------------------------------------------- */

static sffi_status execute(const char *sql, int *code)
{
	return sffi_call(exec_there, code, database_there, sql, NULL, NULL, NULL);
}

static sffi_status one_by_one(void *statement, int *code)
{
	sffi_status status = SFFI_OK;

	for (int64_t i = 0; i < ROWS && !status; i++) {
		status = sffi_call(int_there, code, statement, 1, i);
		if (!status)
			status = sffi_call(text_there, code, statement, 2, text, (int)sizeof text - 1, TRANSIENT);
		if (!status)
			status = sffi_call(step_there, code, statement);
		if (!status && *code == DONE)
			status = sffi_call(reset_there, code, statement);
		if (*code != OK)
			break;
	}
	return status;
}

/* The four calls of a row, fifty rows in a batch. */
static sffi_status in_batches(void *statement, int *code)
{
	static sffi_batch calls[ROWS_IN_BATCH][CALLS];
	static int codes[ROWS_IN_BATCH][CALLS], one = 1, two = 2, size = sizeof text - 1;
	static int64_t numbers[ROWS_IN_BATCH];
	static const char *words = text;
	static void *transient = TRANSIENT, *handle;
	static void *number_arguments[ROWS_IN_BATCH][3], *text_arguments[] = { &handle, &two, &words, &size,
									      &transient };
	sffi_function *const functions[CALLS] = { int_there, text_there, step_there, reset_there };
	sffi_status status = SFFI_OK;

	handle = statement;
	for (int i = 0; i < ROWS_IN_BATCH; i++) {
		void *arguments[] = { &handle, &one, &numbers[i] };

		memcpy(number_arguments[i], arguments, sizeof arguments);
		for (int j = 0; j < CALLS; j++)
			calls[i][j] = (sffi_batch){ .function = functions[j], .result = &codes[i][j],
						    .arguments = number_arguments[i] };
		calls[i][1].arguments = text_arguments;
	}
	for (int64_t row = 0; row < ROWS && !status; row += ROWS_IN_BATCH) {
		for (int i = 0; i < ROWS_IN_BATCH; i++)
			numbers[i] = row + i;
		status = sffi_call_batch(calls[0], ROWS_IN_BATCH * CALLS);
		for (int i = 0; i < ROWS_IN_BATCH && !status; i++)
			if (codes[i][2] != DONE)
				*code = codes[i][2];
	}
	return status;
}

static double insert_there(unsigned count, sffi_status (*rows)(void *, int *))
{
	double total = 0;

	for (unsigned i = 0; i < count; i++) {
		void *statement = NULL;
		int code = OK;
		sffi_status status = execute(before, &code);
		uint64_t start = now_ns();

		if (!status && code == OK)
			status = sffi_call(prepare_there, &code, database_there, insert, -1, &statement, NULL);
		if (!status && code == OK)
			status = rows(statement, &code);
		if (status || code != OK)
			return host_failed("an insert", status);
		status = sffi_call(end_there, &code, statement);
		if (!status)
			status = execute("commit", &code);
		total += (double)(now_ns() - start);
		if (status || code != OK)
			return host_failed("a commit", status);
	}
	return total / count;
}

static double op_isolated(unsigned count)
{
	return insert_there(count, one_by_one);
}

static double op_batch(unsigned count)
{
	return insert_there(count, in_batches);
}

/* ---- in process --------------------------------------------------------------- */

static double op_here(unsigned count)
{
	double total = 0;

	for (unsigned i = 0; i < count; i++) {
		void *statement = NULL;
		int code = exec_here(database_here, before, NULL, NULL, NULL);
		uint64_t start = now_ns();

		if (code == OK)
			code = prepare_here(database_here, insert, -1, &statement, NULL);
		for (int64_t row = 0; row < ROWS && code == OK; row++) {
			int_here(statement, 1, row);
			bind_text_here(statement, 2, text, sizeof text - 1, TRANSIENT);
			if (step_here(statement) != DONE)
				return failed("an insert in process failed");
			code = reset_here(statement);
		}
		end_here(statement);
		if (code == OK)
			code = exec_here(database_here, "commit", NULL, NULL, NULL);
		total += (double)(now_ns() - start);
		if (code != OK)
			return failed("SQLite's error %d in process", code);
	}
	return total / count;
}

static const struct operation operations[] = {
	{ "isolated", op_isolated },
	{ "batch", op_batch },
	{ "here", op_here },
	{ NULL, NULL },
};

const struct agent_kind library_sqlite = { .set_up = set_up, .operations = operations,
				     .tear_down = job_remove_directory };
