/* SPDX-License-Identifier: MIT */
/*
 * Measures SafeFFI against the bare means of the system, as ratios inside one run. A
 * missed target is printed and is no failure: the program fails only if something did
 * not work. See README.md.
 */
#include "machine.h"
#include "output.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_MAX = 96, NAMES_MAX = 32 };

struct settings {
	const char *json;
	const char *columns;
	const char *figures;
	const char *only[NAMES_MAX];
	unsigned only_count;
	bool quick;
	bool list;
};

/* ---- options ----------------------------------------------------------- */

static const struct argp_option options[] = {
	{ "json", 'j', "FILE", 0, "Write the results as JSON", 0 },
	{ "columns", 'c', "FILE", 0, "Write what the plot needs, as columns", 0 },
	{ "figures", 'f', "FILE", 0, "Write every row's time, as columns", 0 },
	{ "only", 'o', "NAME", 0, "Only the row of this name, or all that begin so; may be repeated", 0 },
	{ "quick", 'q', NULL, 0, "A few seconds, and figures that are less sure", 0 },
	{ "list", 'l', NULL, 0, "List the rows' names", 0 },
	{ 0 },
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct settings *settings = state->input;

	switch (key) {
	case 'j':
		settings->json = argument;
		return 0;
	case 'c':
		settings->columns = argument;
		return 0;
	case 'f':
		settings->figures = argument;
		return 0;
	case 'o':
		if (settings->only_count == NAMES_MAX)
			argp_error(state, "more than %d times --only", NAMES_MAX);
		settings->only[settings->only_count++] = argument;
		return 0;
	case 'q':
		settings->quick = true;
		return 0;
	case 'l':
		settings->list = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument \"%s\"", argument);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static bool is_name(const char *text)
{
	for (const struct row *row = rows; row->name; row++)
		if (!strcmp(row->name, text))
			return true;
	return false;
}

static bool is_wanted(const struct settings *settings, const struct row *row)
{
	for (unsigned i = 0; i < settings->only_count; i++) {
		const char *only = settings->only[i];
		/* With its end it is the name, without it the beginning of one. */
		size_t length = strlen(only) + (is_name(only) ? 1 : 0);

		if (!strncmp(row->name, only, length))
			return true;
	}
	return settings->only_count == 0;
}

/* ---- the run ----------------------------------------------------------- */

static bool is_needed(const struct settings *settings, const struct row *from,
		      const struct agent_kind *kind)
{
	for (const struct row *row = from; row->name; row++)
		if (is_wanted(settings, row) &&
		    (row->subject.agent == kind || row->baseline.agent == kind))
			return true;
	return false;
}

/* Ends the row's agents that no later row asks: their memory is others' to use. */
static void end_agents(const struct settings *settings, const struct row *row)
{
	const struct agent_kind *kinds[] = { row->subject.agent, row->baseline.agent };

	for (int i = 0; i < 2; i++)
		if (kinds[i] && !is_needed(settings, row + 1, kinds[i]))
			agent_end(kinds[i]);
}

static unsigned run(const struct settings *settings, struct result *results)
{
	unsigned count = 0;

	table_head(stdout);
	for (const struct row *row = rows; row->name && count < ROWS_MAX; row++) {
		if (!is_wanted(settings, row))
			continue;
		measure(row, settings->quick, &results[count]);
		table_row(stdout, &results[count++]);
		end_agents(settings, row);
	}
	table_foot(stdout, results, count);
	return count;
}

static bool write_file(const char *path, const struct result *results, unsigned count,
		       bool (*write)(FILE *, const struct result *, unsigned))
{
	FILE *file;
	bool ok;

	if (!path)
		return true;
	file = fopen(path, "we");
	ok = file && write(file, results, count);
	if (!ok)
		fprintf(stderr, "bench: cannot write %s: %s\n", path, strerror(errno));
	if (file)
		fclose(file);
	return ok;
}

static int list_rows(const struct settings *settings)
{
	for (const struct row *row = rows; row->name; row++)
		if (is_wanted(settings, row))
			printf("%-22s %s%s%s\n", row->name, row->title,
			       row->against ? " / " : "", row->against ? row->against : "");
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	static const struct argp parser = {
		.options = options,
		.parser = parse_option,
		.doc = "Measures SafeFFI against the bare means of the system.\v"
		       "Exits with 1 if something did not work; a missed target is not that.",
	};
	static struct result results[ROWS_MAX];
	struct settings settings = { .json = NULL };
	bool ok = true;
	unsigned count;

	argp_parse(&parser, argc, argv, 0, NULL, &settings);
	if (settings.list)
		return list_rows(&settings);
	machine_find();
	count = run(&settings, results);
	if (count == 0) {
		fprintf(stderr, "bench: no row has such a name; see bench --list\n");
		return EXIT_FAILURE;
	}
	for (unsigned i = 0; i < count; i++)
		if (result_verdict(&results[i]) == NOT_WORKING)
			ok = false;
	ok &= write_file(settings.json, results, count, write_json);
	ok &= write_file(settings.columns, results, count, write_columns);
	ok &= write_file(settings.figures, results, count, write_figures);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
