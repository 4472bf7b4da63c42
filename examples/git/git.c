/* SPDX-License-Identifier: MIT */
/* A small git, with libgit2 in a worker:
 *
 *	git record DIRECTORY MESSAGE    commits all that lies there; makes the repository if need be
 *	git log DIRECTORY
 *	git diff DIRECTORY              of the last two commits
 *	git status DIRECTORY
 *	git clone FROM DIRECTORY BRANCH
 *
 * Handles are the worker's: they are passed about, never followed. Where libgit2 gives a struct of
 * its own (an error, a signature, a line of a diff), sffi_read fetches it, and cannot crash. The
 * structs are declared once: git.ffi, which SafeFFI reads, is included here as well. */
#include "../must.h"

#include <string.h>

#define out
#define token void *
#include "git.ffi"
#undef out
#undef token

enum { HEAD_MISSING = -3, ITERATION_OVER = -31, SORT_TIME = 2, PATCH = 1, NO_LOCAL = 2 };

static sffi_domain *domain;

static sffi_function *library_init, *error_last, *init, *open_at, *index_of, *add_all, *index_write,
	*write_tree, *signature_now, *name_to_id, *create, *lookup, *summary, *commit_time, *author,
	*commit_tree, *commit_free, *tree_lookup, *walk_new, *walk_sorting, *walk_push_head, *walk_next,
	*status_foreach, *diff_trees, *diff_print, *clone_options, *clone_to, *revparse, *path_of;

static const sffi_symbol symbols[] = {
	{ &library_init, "git_libgit2_init" },
	{ &error_last, "git_error_last" },
	{ &init, "git_repository_init" },
	{ &open_at, "git_repository_open" },
	{ &path_of, "git_repository_path" },
	{ &index_of, "git_repository_index" },
	{ &add_all, "git_index_add_all" },
	{ &index_write, "git_index_write" },
	{ &write_tree, "git_index_write_tree" },
	{ &signature_now, "git_signature_now" },
	{ &name_to_id, "git_reference_name_to_id" },
	{ &revparse, "git_revparse_single" },
	{ &create, "git_commit_create" },
	{ &lookup, "git_commit_lookup" },
	{ &summary, "git_commit_summary" },
	{ &commit_time, "git_commit_time" },
	{ &author, "git_commit_author" },
	{ &commit_tree, "git_commit_tree" },
	{ &commit_free, "git_commit_free" },
	{ &tree_lookup, "git_tree_lookup" },
	{ &walk_new, "git_revwalk_new" },
	{ &walk_sorting, "git_revwalk_sorting" },
	{ &walk_push_head, "git_revwalk_push_head" },
	{ &walk_next, "git_revwalk_next" },
	{ &status_foreach, "git_status_foreach" },
	{ &diff_trees, "git_diff_tree_to_tree" },
	{ &diff_print, "git_diff_print" },
	{ &clone_options, "git_clone_options_init" },
	{ &clone_to, "git_clone" },
	{ 0 },
};

/* libgit2 keeps its last error for each thread: this thread has one of its own in the worker. */
static void check(int code)
{
	git_error error = { 0 }, *last = NULL;
	char words[512] = "no error is known";

	if (code >= 0)
		return;
	must(sffi_call(error_last, &last));
	if (last) {
		must(sffi_read(domain, &error, last, sizeof error));
		sffi_read_string(domain, words, error.message, sizeof words);
	}
	fprintf(stderr, "git: %s (%d)\n", words, code);
	exit(1);
}

static git_repository *open_repository(const char *path)
{
	git_repository *repository = NULL;
	int code;

	must(sffi_call(open_at, &code, &repository, path));
	check(code);
	return repository;
}

/* ---- record ------------------------------------------------------------- */

static void *signature(void)
{
	git_signature *made = NULL;
	int code;

	must(sffi_call(signature_now, &code, &made, "A U Thor", "author@example.com"));
	check(code);
	return made;
}

/* All files, as `git add --all` does it; the callback hears of each that changed. */
static int added(const char *path, const char *pathspec, void *payload)
{
	(void)pathspec;
	(void)payload;
	printf("add '%s'\n", path);
	return 0;
}

static git_tree *tree_of_all_files(git_repository *repository)
{
	git_index *index = NULL;
	git_tree *tree = NULL;
	git_oid id;
	int code;

	must(sffi_call(index_of, &code, &index, repository));
	check(code);
	must(sffi_call(add_all, &code, index, NULL, 0, added, NULL));
	check(code);
	must(sffi_call(index_write, &code, index));
	check(code);
	must(sffi_call(write_tree, &code, &id, index));
	check(code);
	must(sffi_call(tree_lookup, &code, &tree, repository, &id));
	check(code);
	return tree;
}

static int record(char **words)
{
	git_repository *repository = NULL;
	git_commit *parents[1] = { NULL };
	git_oid head, id;
	size_t count;
	void *author_now;
	git_tree *tree;
	int code;

	must(sffi_call(init, &code, &repository, words[0], 0));
	check(code);
	tree = tree_of_all_files(repository);
	author_now = signature();
	/* The first commit has no parent. */
	must(sffi_call(name_to_id, &code, &head, repository, "HEAD"));
	count = code != HEAD_MISSING;
	if (count) {
		check(code);
		must(sffi_call(lookup, &code, &parents[0], repository, &head));
		check(code);
	}
	must(sffi_call(create, &code, &id, repository, "HEAD", author_now, author_now, NULL, words[1], tree,
		       count, parents));
	check(code);
	return 0;
}

/* ---- log, diff, status ---------------------------------------------------- */

static void print_commit(git_repository *repository, const git_oid *id)
{
	git_commit *commit = NULL;
	const char *words = NULL;
	git_signature by;
	int64_t when;
	void *where;
	char name[256] = "", email[256] = "";
	int code;

	must(sffi_call(lookup, &code, &commit, repository, id));
	check(code);
	must(sffi_call(author, &where, commit));
	must(sffi_read(domain, &by, where, sizeof by));
	must(sffi_read_string(domain, name, by.name, sizeof name));
	must(sffi_read_string(domain, email, by.email, sizeof email));
	must(sffi_call(commit_time, &when, commit));
	must(sffi_call(summary, &words, commit));
	for (size_t i = 0; i < sizeof id->id; i++)
		printf("%02x", id->id[i]);
	printf(" %s <%s> %lld %s\n", name, email, (long long)when, words);
	must(sffi_call(commit_free, NULL, commit));
}

static int print_log(char **words)
{
	git_repository *repository = open_repository(words[0]);
	git_revwalk *walk = NULL;
	git_oid id;
	int code;

	must(sffi_call(walk_new, &code, &walk, repository));
	check(code);
	must(sffi_call(walk_sorting, &code, walk, SORT_TIME));
	must(sffi_call(walk_push_head, &code, walk));
	check(code);
	for (;;) {
		must(sffi_call(walk_next, &code, &id, walk));
		if (code == ITERATION_OVER)
			return 0;
		check(code);
		print_commit(repository, &id);
	}
}

static git_tree *tree_of(git_repository *repository, const char *spec)
{
	git_object *object = NULL;
	git_tree *tree = NULL;
	int code;

	must(sffi_call(revparse, &code, &object, repository, spec));
	check(code);
	must(sffi_call(commit_tree, &code, &tree, object));
	check(code);
	return tree;
}

/* The line is a copy, what it points to is the worker's. */
static int print_line(const void *delta, const void *hunk, const git_diff_line *line, void *payload)
{
	char *content = malloc(line->content_size + 1);

	(void)delta;
	(void)hunk;
	(void)payload;
	if (!content || sffi_read(domain, content, line->content, line->content_size) != SFFI_OK) {
		sffi_upcall_fail("a line of the diff cannot be read");
	} else {
		if (strchr(" +-", line->origin))
			putchar(line->origin);
		fwrite(content, 1, line->content_size, stdout);
	}
	free(content);
	return 0;
}

static int print_diff(char **words)
{
	git_repository *repository = open_repository(words[0]);
	git_diff *diff = NULL;
	int code;

	must(sffi_call(diff_trees, &code, &diff, repository, tree_of(repository, "HEAD~1"),
		       tree_of(repository, "HEAD"), NULL));
	check(code);
	must(sffi_call(diff_print, &code, diff, PATCH, print_line, NULL));
	check(code);
	return 0;
}

/* Bits of libgit2's for a letter of git's, first what is staged, then what is not. */
static char letter(unsigned flags, unsigned added_bit)
{
	static const char letters[] = "AMDRT";

	for (unsigned i = 0; i < 5; i++)
		if (flags & (added_bit << i))
			return letters[i];
	return ' ';
}

static int print_file(const char *path, unsigned flags, void *payload)
{
	unsigned *files = payload;
	const unsigned in_index = 1 << 0, in_directory = 1 << 7, ignored = 1 << 14;

	if (flags & ignored)
		return 0;
	++*files;
	if (flags & in_directory)
		printf("?? %s\n", path);
	else if (flags)
		printf("%c%c %s\n", letter(flags, in_index), letter(flags, in_directory), path);
	return 0;
}

static int print_status(char **words)
{
	unsigned files = 0;
	int code;

	must(sffi_call(status_foreach, &code, open_repository(words[0]), print_file, &files));
	check(code);
	if (files == 0)
		printf("nothing to commit\n");
	return 0;
}

/* ---- clone ---------------------------------------------------------------- */

static int received(const git_indexer_progress *progress, void *payload)
{
	git_indexer_progress *last = payload;

	*last = *progress;
	return 0;
}

static void checked_out(const char *path, size_t done, size_t all, void *payload)
{
	(void)payload;
	if (path)
		printf("%zu of %zu: %s\n", done, all, path);
}

static int clone_repository(char **words)
{
	git_repository *repository = NULL;
	git_clone_options options;
	git_indexer_progress last = { 0 };
	const char *path = NULL;
	int code;

	must(sffi_call(clone_options, &code, &options, 1));
	check(code);
	options.fetch.callbacks.transfer_progress = received;
	options.fetch.callbacks.payload = &last;
	options.checkout.progress = checked_out;
	options.local = NO_LOCAL; /* as from far away: with objects that are received */
	options.checkout_branch = words[2];
	must(sffi_call(clone_to, &code, &repository, words[0], words[1], &options));
	check(code);
	must(sffi_call(path_of, &path, repository));
	printf("%u objects to %s\n", last.received_objects, path);
	return 0;
}

/* ------------------------------------------------------------------------- */

static const struct command {
	const char *name;
	int words;
	int (*run)(char **words);
} commands[] = {
	{ "record", 2, record },
	{ "log", 1, print_log },
	{ "diff", 1, print_diff },
	{ "status", 1, print_status },
	{ "clone", 3, clone_repository },
};

int main(int argc, char **argv)
{
	sffi_library *git;
	int code, status;

	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		if (argc < 2 || strcmp(argv[1], commands[i].name) != 0 || argc != 2 + commands[i].words)
			continue;
		must(sffi_init());
		must(sffi_domain_open(&domain, NULL));
		git = must_load(domain, "git2", EXAMPLES "/git/git.ffi", symbols);
		must(sffi_call(library_init, &code));
		check(code);
		status = commands[i].run(argv + 2);
		/* What libgit2 has allocated goes with its worker. */
		sffi_functions_release(symbols);
		sffi_library_close(&git);
		sffi_domain_close(&domain);
		return status;
	}
	fprintf(stderr, "usage: git record DIRECTORY MESSAGE | log DIRECTORY | diff DIRECTORY | "
			"status DIRECTORY | clone FROM DIRECTORY BRANCH\n");
	return 2;
}
