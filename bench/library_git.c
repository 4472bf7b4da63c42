/* SPDX-License-Identifier: MIT */
#include "libraries.h"

#include "job.h"

#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COMMITS = 10000, ITERATION_OVER = -31, SORT_TIME = 2 };

typedef struct {
	uint8_t id[20];
} oid;
struct signature {
	const char *name, *email;
	int64_t time;
	int offset;
	char sign;
};

static struct job job;
static sffi_function *init_there, *open_there, *walk_there, *sort_there, *push_there, *next_there,
	*lookup_there, *summary_there, *time_there, *author_there, *free_there, *end_there;
static const sffi_symbol symbols[] = {
	{ &init_there, "git_libgit2_init" },       { &open_there, "git_repository_open" },
	{ &walk_there, "git_revwalk_new" },        { &sort_there, "git_revwalk_sorting" },
	{ &push_there, "git_revwalk_push_head" },  { &next_there, "git_revwalk_next" },
	{ &lookup_there, "git_commit_lookup" },    { &summary_there, "git_commit_summary" },
	{ &time_there, "git_commit_time" },        { &author_there, "git_commit_author" },
	{ &free_there, "git_commit_free" },        { &end_there, "git_revwalk_free" },
	{ 0 },
};

static int (*open_here)(void **, const char *);
static int (*walk_here)(void **, void *);
static int (*sort_here)(void *, unsigned);
static int (*push_here)(void *);
static int (*next_here)(oid *, void *);
static int (*lookup_here)(void **, void *, const oid *);
static const char *(*summary_here)(void *);
static int64_t (*time_here)(void *);
static const struct signature *(*author_here)(void *);
static void (*free_here)(void *);
static void (*end_here)(void *);

static void *repository_there, *repository_here;
static char path[100];
/* What was read, so that none of it can be left out. */
static uint64_t sum;

/* Ten thousand commits of one file, by git itself, packed. */
static bool make_history(const char *directory)
{
	char command[400];
	FILE *git;

	snprintf(path, sizeof path, "%s/r", directory);
	snprintf(command, sizeof command, "git init -q --bare '%s' && cd '%s' && git fast-import --quiet && "
		 "git symbolic-ref HEAD refs/heads/main", path, path);
	git = popen(command, "w");
	if (!git)
		return cannot("git cannot be started");
	for (int i = 0; i < COMMITS; i++)
		fprintf(git, "commit refs/heads/main\ncommitter A U Thor <author@example.com> %d +0000\n"
			"data <<END\nchange %d of the file that counts\nEND\nM 644 inline file\n"
			"data <<END\n%d\nEND\n\n", 1700000000 + i, i, i);
	return pclose(git) == 0 || cannot("git fast-import failed");
}

static bool find_here(void)
{
	void *here = job_here("libgit2.so.1.5");

	if (!here)
		return false;
	open_here = job_symbol(here, int (*)(void **, const char *), "git_repository_open");
	walk_here = job_symbol(here, int (*)(void **, void *), "git_revwalk_new");
	sort_here = job_symbol(here, int (*)(void *, unsigned), "git_revwalk_sorting");
	push_here = job_symbol(here, int (*)(void *), "git_revwalk_push_head");
	next_here = job_symbol(here, int (*)(oid *, void *), "git_revwalk_next");
	lookup_here = job_symbol(here, int (*)(void **, void *, const oid *), "git_commit_lookup");
	summary_here = job_symbol(here, const char *(*)(void *), "git_commit_summary");
	time_here = job_symbol(here, int64_t (*)(void *), "git_commit_time");
	author_here = job_symbol(here, const struct signature *(*)(void *), "git_commit_author");
	free_here = job_symbol(here, void (*)(void *), "git_commit_free");
	end_here = job_symbol(here, void (*)(void *), "git_revwalk_free");
	return job_symbol(here, int (*)(void), "git_libgit2_init")() >= 0;
}

static bool set_up(void)
{
	const char *directory = job_directory();
	int code = -1;

	if (!directory || !make_history(directory) || !job_open(&job, "git2", "git/git.ffi", symbols) ||
	    !find_here())
		return false;
	if (sffi_call(init_there, &code) || code < 0 ||
	    sffi_call(open_there, &code, &repository_there, path) || code < 0)
		return cannot("the repository cannot be opened in the worker: %s", sffi_error());
	return open_here(&repository_here, path) >= 0 || cannot("the repository cannot be opened here");
}

/* One line of a log: who, when, what. */
static sffi_status show_there(const oid *id)
{
	struct signature author = { 0 };
	const char *summary = NULL;
	void *commit = NULL, *where = NULL;
	int64_t when = 0;
	char name[64];
	int code = -1;
	sffi_status status = sffi_call(lookup_there, &code, &commit, repository_there, id);

	if (!status)
		status = sffi_call(author_there, &where, commit);
	if (!status)
		status = sffi_read(job.domain, &author, where, sizeof author);
	if (!status)
		status = sffi_read_string(job.domain, name, author.name, sizeof name);
	if (!status)
		status = sffi_call(time_there, &when, commit);
	if (!status)
		status = sffi_call(summary_there, &summary, commit);
	if (!status)
		sum += (uint64_t)when + strlen(summary) + strlen(name);
	return status ? status : sffi_call(free_there, NULL, commit);
}

static sffi_status log_there(unsigned *commits)
{
	void *walk = NULL;
	oid id;
	int code = -1;
	sffi_status status = sffi_call(walk_there, &code, &walk, repository_there);

	if (!status)
		status = sffi_call(sort_there, &code, walk, SORT_TIME);
	if (!status)
		status = sffi_call(push_there, &code, walk);
	while (!status) {
		status = sffi_call(next_there, &code, &id, walk);
		if (status || code < 0)
			break;
		++*commits;
		status = show_there(&id);
	}
	return status ? status : sffi_call(end_there, NULL, walk);
}

static double op_isolated(unsigned count)
{
	uint64_t start = now_ns();

	for (unsigned i = 0; i < count; i++) {
		unsigned commits = 0;
		sffi_status status = log_there(&commits);

		if (status || commits != COMMITS)
			return host_failed("a log", status);
	}
	return (double)(now_ns() - start) / count;
}

static unsigned log_here(void)
{
	void *walk = NULL, *commit = NULL;
	unsigned commits = 0;
	oid id;

	walk_here(&walk, repository_here);
	sort_here(walk, SORT_TIME);
	push_here(walk);
	while (next_here(&id, walk) >= 0 && lookup_here(&commit, repository_here, &id) >= 0) {
		commits++;
		sum += (uint64_t)time_here(commit) + strlen(author_here(commit)->name);
		sum += strlen(summary_here(commit));
		free_here(commit);
	}
	end_here(walk);
	return commits;
}

static double op_here(unsigned count)
{
	uint64_t start = now_ns();

	for (unsigned i = 0; i < count; i++)
		if (log_here() != COMMITS)
			return failed("a log in process was not complete");
	return (double)(now_ns() - start) / count;
}

static const struct operation operations[] = {
	{ "isolated", op_isolated },
	{ "here", op_here },
	{ NULL, NULL },
};

const struct agent_kind library_git = { .set_up = set_up, .operations = operations,
				     .tear_down = job_remove_directory };
