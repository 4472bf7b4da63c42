/* SPDX-License-Identifier: MIT */
/* What the callee of a worker that shares the host's table of descriptors has open when its worker
 * ends: closed, or the host's, and told. */
#include "lone_host.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* Around it is what the report must not name: what SafeFFI has opened, and what is closed again. */
static void host_is_left_descriptors(void)
{
	int gone = open("/dev/null", O_RDONLY | O_CLOEXEC);
	sffi_domain *shares = open_domain(SFFI_SHARE_ALL), *beside;
	sffi_function *open_file = function_of(shares, "good", "int open_file(const char *path)");
	sffi_function *crash = function_of(shares, "signals", "int null_read(void)");
	char expected[128];
	int fd = -1, closed = -1;

	require(!sffi_call(open_file, &closed, "/proc/self/maps") && !close(closed));
	require(!sffi_call(open_file, &fd, "/etc/passwd") && fd >= 0);
	beside = open_domain(0);
	require(sffi_domain_fd(beside) >= 0 && sffi_domain_fd(shares) >= 0);
	require(!close(gone));
	require(sffi_call(crash, NULL) == SFFI_EFAULT);
	/* It was returned: it is the host's. */
	snprintf(expected, sizeof expected, "by the callee or the host: %d -> /etc/passwd\n", fd);
	require(strstr(report_of(sffi_fault_print), expected));
	snprintf(expected, sizeof expected, "closed since the worker started, by the callee or the host: %d\n",
		 gone);
	require(strstr(report_of(sffi_fault_print), expected));
	snprintf(expected, sizeof expected,
		 "\"descriptors\":[{\"number\":%d,\"target\":\"/etc/passwd\",\"state\":\"open\"},", fd);
	require(strstr(report_of(sffi_fault_print_json), expected));
	snprintf(expected, sizeof expected, "{\"number\":%d,\"target\":null,\"state\":\"gone\"}]", gone);
	require(strstr(report_of(sffi_fault_print_json), expected));
	/* The next worker found it there. */
	require(sffi_call(crash, NULL) == SFFI_EFAULT);
	require(strstr(report_of(sffi_fault_print_json), "\"descriptors\":[]"));
	require(!close(fd));
	sffi_domain_close(&shares);
	sffi_domain_close(&beside);
}

START_TEST(the_report_lists_what_a_worker_leaves_open)
{
	run_host(host_is_left_descriptors);
}
END_TEST

static int count_in(const char *text, const char *wanted)
{
	int count = 0;

	while ((text = strstr(text, wanted))) {
		text += strlen(wanted);
		count++;
	}
	return count;
}

/* One of them is the program's own, in front of the C library's, for which it asks at each call. */
int pipe2(int ends[2], int flags)
{
	int (*next)(int *, int) = (int (*)(int *, int))dlsym(RTLD_NEXT, "pipe2");

	return next(ends, flags);
}

/* By every function that makes one: none of them was told to the host. Closed with the worker that
 * fails, and with the domain. */
static void host_is_left_what_it_never_had(void)
{
	sffi_domain *shares = open_domain(SFFI_SHARE_ALL);
	sffi_function *open_each = function_of(shares, "descriptors", "int open_each_kind(void)");
	sffi_function *crash = function_of(shares, "signals", "int null_read(void)");
	sffi_function *leak = function_of(shares, "descriptors", "void leak_all(void)");
	struct rlimit usual = { 1024, 1024 };
	int before, opened = 0;

	before = count_open();
	require(!sffi_call(open_each, &opened));
	opened -= 10000;
	require(opened > 20 && count_open() == before + opened);
	require(sffi_call(crash, NULL) == SFFI_EFAULT);
	require(count_open() == before);
	require(count_in(report_of(sffi_fault_print_json), "\"state\":\"closed\"") == opened);
	require(strstr(report_of(sffi_fault_print), "opened by the callee, closed with its worker: "));
	/* So that there are numbers left for the next worker. */
	require(!setrlimit(RLIMIT_NOFILE, &usual) && !sffi_call(leak, NULL) && count_open() > 900);
	require(sffi_call(crash, NULL) == SFFI_EFAULT);
	require(count_open() == before);
	require(!sffi_call(open_each, NULL));
	require(!sffi_domain_restart(shares) && count_open() == before);
	require(!sffi_call(open_each, NULL) && count_open() > before);
	sffi_domain_close(&shares);
	require(count_open() <= before);
}

START_TEST(what_the_callee_keeps_is_closed_with_its_worker)
{
	run_host(host_is_left_what_it_never_had);
}
END_TEST

static sffi_function *open_nested;
static int told, nested;

static int be_told(int fd)
{
	told = fd;
	require(!sffi_call(open_nested, &nested, "/dev/null"));
	return 0;
}

/* What the callee has closed by then, in whatever way libraries do, and the host opens after it: the
 * same file, and the same numbers. */
static void host_opens_the_same(void)
{
	enum { COUNT = 8 };
	sffi_domain *shares = open_domain(SFFI_SHARE_ALL);
	sffi_function *come_and_go = function_of(shares, "descriptors", "void open_and_close(void)");
	sffi_function *crash = function_of(shares, "signals", "int null_read(void)");
	int mine[COUNT];

	require(!sffi_call(come_and_go, NULL));
	for (int i = 0; i < COUNT; i++)
		require((mine[i] = open("/dev/null", O_RDWR)) >= 0);
	require(sffi_call(crash, NULL) == SFFI_EFAULT);
	for (int i = 0; i < COUNT; i++)
		require(!close(mine[i]));
	sffi_domain_close(&shares);
}

START_TEST(what_the_host_has_opened_since_stays_open)
{
	run_host(host_opens_the_same);
}
END_TEST

/* Whatever way the host gets to know a number, from then on it is the host's. */
static void host_is_given_descriptors(void)
{
	int mine = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	sffi_domain *shares = open_domain(SFFI_SHARE_ALL);
	sffi_function *fill = function_of(shares, "descriptors", "int fill_pipe(out int ends[2])");
	sffi_function *open_tell = function_of(shares, "descriptors", "int open_and_tell(int (*tell)(int))");
	sffi_function *open_later = function_of(shares, "descriptors", "void open_for_later(void)");
	sffi_function *opened_then = function_of(shares, "descriptors", "int opened_then(void)");
	sffi_function *crash = function_of(shares, "signals", "int null_read(void)");
	sffi_function *open_six = function_of(shares, "descriptors", "struct six { int fd[6]; } open_six(void)");
	sffi_function *in_place = function_of(shares, "descriptors", "void open_in_place(int number)");
	sffi_function *close_nothing = function_of(shares, "descriptors", "int close_nothing(void)");
	int ends[2] = { -1, -1 }, later = -1, six[6], nothing = 0;

	require(!sffi_call(fill, NULL, ends) && fcntl(ends[0], F_GETFD) >= 0);
	open_nested = function_of(shares, "good", "int open_file(const char *path)");
	require(!sffi_call(open_tell, NULL, be_told) && fcntl(told, F_GETFD) >= 0);
	require(!sffi_call(open_six, six) && !sffi_call(in_place, NULL, mine));
	require(!sffi_call(close_nothing, &nothing) && nothing);
	require(!sffi_call(open_later, NULL) && !sffi_call(opened_then, &later) && later >= 0);
	require(sffi_call(crash, NULL) == SFFI_EFAULT);
	require(!close(ends[0]) && !close(ends[1]) && !close(told) && !close(later) && !close(nested));
	for (int i = 0; i < 6; i++)
		require(!close(six[i]));
	require(!close(mine));
	sffi_domain_close(&shares);
}

START_TEST(what_the_host_was_given_stays_open)
{
	run_host(host_is_given_descriptors);
}
END_TEST

/* Before anybody could lead a library's calls elsewhere, and where nobody is asked: each new worker
 * loads it again. */
static void host_has_openers(void)
{
	enum { CRASHES = 3, AT_LOAD = 2, BY_CALLEE = AT_LOAD + 1 + 2 };
	sffi_domain *shares = open_domain(SFFI_SHARE_ALL);
	sffi_function *load = function_of(shares, "descriptors", "int load_opener(const char *path)");
	sffi_function *crash = function_of(shares, "signals", "int null_read(void)");
	char path[PATH_MAX];
	int before, result = -1;

	/* One of its own for the callee, not to be loaded twice. */
	snprintf(path, sizeof path, "%s", test_victim("opener"));
	before = count_open();
	require(!sffi_call(load, &result, path) && !result);
	require(count_open() == before + BY_CALLEE);
	require(sffi_call(crash, NULL) == SFFI_EFAULT && count_open() == before);
	require(count_in(report_of(sffi_fault_print_json), "\"state\":\"closed\"") == BY_CALLEE);
	function_of(shares, "opener", "void open_later(void)");
	require(count_open() == before + AT_LOAD);
	for (int i = 0; i < CRASHES; i++) {
		require(sffi_call(crash, NULL) == SFFI_EFAULT);
		require(count_in(report_of(sffi_fault_print_json), "\"state\":\"closed\"") == AT_LOAD);
	}
	require(!sffi_domain_restart(shares) && count_open() == before + AT_LOAD);
	sffi_domain_close(&shares);
	require(count_open() <= before);
}

START_TEST(what_constructors_open_is_closed_with_their_worker)
{
	run_host(host_has_openers);
}
END_TEST

/* ---- locks on files ------------------------------------------------------------------------- */

static bool is_refused(const char *path)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

		_exit(fcntl(open(path, O_RDWR), F_SETLK, &lock) ? 1 : 0);
	}
	require(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* The lock is the table's, not the worker's: it goes with the descriptor. */
static void host_is_left_a_lock(void)
{
	char path[] = "/tmp/safeffi-lock-XXXXXX";
	sffi_domain *shares = open_domain(SFFI_SHARE_ALL), *beside = open_domain(0);
	sffi_function *lock = function_of(shares, "state", "int lock_posix_path(const char *path)");
	sffi_function *lock_beside = function_of(beside, "state", "int lock_posix_path(const char *path)");
	sffi_function *crash = function_of(shares, "state", "int crash(void)");
	int result = -1, fd = mkstemp(path);

	require(fd >= 0 && !close(fd));
	require(!sffi_call(lock, &result, path) && !result);
	/* In a table of its own another worker excludes nobody by closing the file. */
	require(!sffi_call(lock_beside, &result, path) && result == -1);
	sffi_domain_close(&beside);
	require(is_refused(path));
	require(sffi_call(crash, NULL) == SFFI_EFAULT);
	require(!is_refused(path));
	unlink(path);
	sffi_domain_close(&shares);
}

START_TEST(a_lock_does_not_outlive_its_worker)
{
	run_host(host_is_left_a_lock);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("table");
	TCase *tests = tcase_create("table");

	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, the_report_lists_what_a_worker_leaves_open);
	tcase_add_test(tests, what_the_callee_keeps_is_closed_with_its_worker);
	tcase_add_test(tests, what_the_host_was_given_stays_open);
	tcase_add_test(tests, what_the_host_has_opened_since_stays_open);
	tcase_add_test(tests, what_constructors_open_is_closed_with_their_worker);
	tcase_add_test(tests, a_lock_does_not_outlive_its_worker);
	suite_add_tcase(suite, tests);
	return test_main(argc, argv, suite);
}
