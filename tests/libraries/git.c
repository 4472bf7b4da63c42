/* SPDX-License-Identifier: MIT */
/* libgit2, with real repositories: compared with git. */
#include "library.h"

static sffi_domain *domain;
static sffi_library *git;

typedef struct { uint8_t id[20]; } oid;

static void start_git(void)
{
	int code = -1;

	called(git, "git_libgit2_init", &code);
	ck_assert_int_ge(code, 1);
}

static void open_git(void)
{
	library_enter_scratch();
	domain = test_open();
	git = library_load(domain, "git2", "git/git.ffi");
	start_git();
}

static void close_git(void)
{
	sffi_library_close(&git);
	sffi_domain_close(&domain);
	library_leave_scratch();
}

/* Two commits; a change that is staged, one that is not, a file that is new. */
static void make_history(void)
{
	free(library_run("mkdir -p r/deep && seq 1 40 >r/numbers && echo text >r/deep/file && "
			 "head -c 3000 /dev/urandom >r/binary && " PROGRAM " record r 'the first'"));
	free(library_run("sed -i 's/^20$/twenty/' r/numbers && rm r/deep/file && printf end >r/new && "
			 PROGRAM " record r 'the second\n\nwith a body'"));
}

START_TEST(history_is_as_git_sees_it)
{
	make_history();
	free(library_run("git -C r fsck --strict 2>&1"));
	library_same(PROGRAM " log r", "git -C r log --format='%H %an <%ae> %ct %s'");
	library_same(PROGRAM " diff r", "git -C r diff HEAD~1 HEAD");
	library_same("git -C r log --format=%B -1", "printf 'the second\\n\\nwith a body\\n'");
	free(library_run_failing(PROGRAM " log nowhere 2>&1"));
}
END_TEST

START_TEST(status_is_as_git_sees_it)
{
	make_history();
	library_same(PROGRAM " status r", "echo 'nothing to commit'");
	free(library_run("cd r && seq 1 10 >numbers && rm new && echo staged >staged && git add staged && "
			 "echo more >>staged && mkdir other && echo x >other/x && echo ignored >.gitignore && "
			 "echo y >ignored"));
	library_same(PROGRAM " status r | LC_ALL=C sort", "git -C r status --porcelain -uall | LC_ALL=C sort");
}
END_TEST

START_TEST(a_clone_is_the_same_repository)
{
	char *printed;

	make_history();
	printed = library_run(PROGRAM " clone r c $(git -C r branch --show-current)");
	/* The callbacks: one line for each file, and the number of objects. */
	ck_assert_msg(strstr(printed, "3 of 3: numbers\n"), "%s", printed);
	free(printed);
	library_same("git -C c rev-parse HEAD", "git -C r rev-parse HEAD");
	library_same(PROGRAM " clone r d $(git -C r branch --show-current) | tail -1 | cut -d' ' -f1",
		     "git -C r rev-list --objects --all | wc -l");
	free(library_run("test -z \"$(git -C c status --porcelain)\" && git -C c fsck --strict 2>&1"));
	printed = library_run_failing(PROGRAM " clone r e no-such-branch 2>&1");
	ck_assert_msg(strstr(printed, "no-such-branch"), "%s", printed);
	free(printed);
}
END_TEST

/* ---- callbacks that say no ------------------------------------------------------- */

static void *open_repository(void)
{
	void *repository = NULL;
	int code = -1;

	called(git, "git_repository_open", &code, &repository, library_scratch("r"));
	ck_assert_int_eq(code, 0);
	return repository;
}

static int stop(const char *path, unsigned flags, void *payload)
{
	(void)path;
	(void)flags;
	++*(int *)payload;
	return -42;
}

static int refuse(const char *path, unsigned flags, void *payload)
{
	(void)flags;
	(void)payload;
	sffi_upcall_fail(path);
	return 0;
}

START_TEST(a_callback_says_no_in_either_way)
{
	int code = 0, files = 0;
	void *repository;

	make_history();
	free(library_run("echo x >>r/new; echo y >r/newer"));
	repository = open_repository();
	called(git, "git_status_foreach", &code, repository, stop, &files);
	ck_assert_int_eq(code, -42);
	ck_assert_int_eq(files, 1);
	ck_refused(library_call(git, "git_status_foreach", &code, repository, refuse, NULL), SFFI_EUPCALL,
		   "new");
	/* The repository that was left in the middle is not used again. */
	ck_ok(sffi_domain_restart(domain));
	start_git();
	called(git, "git_status_foreach", &code, open_repository(), stop, &files);
	ck_assert_int_eq(code, -42);
}
END_TEST

/* ---- misuse -------------------------------------------------------------------- */

static void recover(void)
{
	library_recover(domain);
	start_git();
	called(git, "git_repository_free", NULL, open_repository());
}

START_TEST(no_commit)
{
	int64_t when;

	make_history();
	/* An address that never was one: what a binding passes that forgets to look one up. */
	library_crashed(library_call(git, "git_commit_time", &when, (void *)0x10), "git_commit_time",
			"libgit2");
	recover();
}
END_TEST

START_TEST(a_walk_after_its_end)
{
	void *walk = NULL;
	sffi_status status;
	oid id;
	int code;

	make_history();
	called(git, "git_revwalk_new", &code, &walk, open_repository());
	called(git, "git_revwalk_push_head", &code, walk);
	called(git, "git_revwalk_free", NULL, walk);
	status = library_call(git, "git_revwalk_next", &code, &id, walk);
	library_crashed(status, "git_revwalk_next", "libgit2");
	recover();
}
END_TEST

START_TEST(a_repository_that_is_freed_twice)
{
	void *repository;

	make_history();
	repository = open_repository();
	called(git, "git_repository_free", NULL, repository);
	library_crashed(library_call(git, "git_repository_free", NULL, repository), "git_repository_free",
			"libgit2");
	recover();
}
END_TEST

START_TEST(a_buffer_that_is_too_small)
{
	const char declaration[] = "char *git_oid_tostr(out char text[8], size_t size, const git_oid *id)";
	char text[48] = "", *result;
	oid id = { { 1, 2, 3 } };

	make_history();
	library_crashed(library_call(git, declaration, &result, text, (size_t)41, &id), "git_oid_tostr", NULL);
	ck_assert_int_eq(sffi_fault_get_kind(sffi_last_fault()), SFFI_FAULT_OVERRUN);
	ck_assert_str_eq(text, "");
	recover();
	called(git, declaration, &result, text, (size_t)8, &id);
	ck_assert_str_eq(text, "0102030");
}
END_TEST

/* Every file of the repository, one after the other, with bytes that are wrong. */
START_TEST(a_corrupt_repository)
{
	char *files, *rest = NULL;
	int refused = 0;

	make_history();
	free(library_run("git -C r gc -q"));
	files = library_run("find r/.git -type f -size +0 | grep -v sample | LC_ALL=C sort");
	for (char *file = strtok_r(files, "\n", &rest); file; file = strtok_r(NULL, "\n", &rest)) {
		void *repository = NULL;
		int code, ignored = 0;
		oid id;

		free(library_run("rm -rf r2 && cp -a r r2 && "
				 "f='%s' && f=r2${f#r} && chmod u+w $f && "
				 "printf '\\377\\376\\375' | dd of=$f bs=1 seek=9 conv=notrunc status=none", file));
		called(git, "git_repository_open", &code, &repository, library_scratch("r2"));
		if (code == 0) {
			called(git, "git_reference_name_to_id", &code, &id, repository, "HEAD");
			if (code == 0) {
				called(git, "git_status_foreach", &code, repository, stop, &ignored);
			}
		}
		refused += code < 0;
	}
	free(files);
	ck_assert_int_gt(refused, 2);
	called(git, "git_repository_free", NULL, open_repository());
}
END_TEST

int main(int argc, char **argv)
{
	static const char *const libraries[] = { "libgit2.so.1.5", NULL };
	Suite *suite = suite_create("git");
	TCase *tests = tcase_create("git");

	tcase_add_checked_fixture(tests, open_git, close_git);
	tcase_add_test(tests, history_is_as_git_sees_it);
	tcase_add_test(tests, status_is_as_git_sees_it);
	tcase_add_test(tests, a_clone_is_the_same_repository);
	tcase_add_test(tests, a_callback_says_no_in_either_way);
	tcase_add_test(tests, a_corrupt_repository);
	if (library_may_crash()) {
		tcase_add_test(tests, no_commit);
		if (library_keeps_what_is_freed())
			tcase_add_test(tests, a_walk_after_its_end);
		tcase_add_test(tests, a_repository_that_is_freed_twice);
		tcase_add_test(tests, a_buffer_that_is_too_small);
	}
	suite_add_tcase(suite, tests);
	return library_main(argc, argv, suite, libraries);
}
