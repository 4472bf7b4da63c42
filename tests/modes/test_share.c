/* SPDX-License-Identifier: MIT */
/* Domains whose workers share the host's descriptors: what their callees can do to the host, and
 * to SafeFFI. Hosts of their own, since the tests' own descriptors are at stake. */
#include "helper.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NUMBERS = 1200 };

#define require(condition)                                                                   \
	do {                                                                                 \
		if (!(condition)) {                                                          \
			dprintf(2, "%s:%d: not %s (%s)\n", __FILE__, __LINE__, #condition,   \
				sffi_error());                                               \
			_exit(1);                                                            \
		}                                                                            \
	} while (0)

static sffi_domain *open_domain(unsigned share)
{
	sffi_domain *domain = NULL;
	sffi_options options;

	test_options(&options);
	options.share = share;
	require(!sffi_domain_open(&domain, &options));
	return domain;
}

static sffi_function *function_of(sffi_domain *domain, const char *victim, const char *declaration)
{
	sffi_function *function = NULL;
	sffi_library *library = NULL;

	require(!sffi_library_open(&library, domain, test_victim(victim)));
	require(!sffi_function_get(&function, library, declaration));
	return function;
}

static void require_adds(sffi_function *add)
{
	int sum = 0;

	require(!sffi_call(add, &sum, 2, 3) && sum == 5);
}

static void run_host(void (*host)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		host();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "the host ended with %#x", status);
}

/* ---- every descriptor closed ------------------------------------------------------------- */

static struct stat mine[NUMBERS];

/* The host takes all the numbers that have become free. */
static void take_numbers(void)
{
	int file = memfd_create("mine", 0), fd;

	require(file >= 0);
	for (fd = file; fd >= 0 && fd < NUMBERS; fd = dup(file))
		require(!fstat(fd, &mine[fd]));
	close(fd);
}

static void require_numbers(void)
{
	for (int fd = 0; fd < NUMBERS; fd++) {
		struct stat now;

		require(!mine[fd].st_ino ||
			(!fstat(fd, &now) && now.st_ino == mine[fd].st_ino &&
			 now.st_dev == mine[fd].st_dev));
	}
}

static void require_refused(sffi_function *add)
{
	require(sffi_call(add, NULL, 2, 3) == SFFI_ESYSTEM);
	require(strstr(sffi_error(), "a callee has closed descriptors of SafeFFI's own"));
}

static void host_without_descriptors(void)
{
	sffi_domain *shares = open_domain(SFFI_SHARE_ALL), *beside = open_domain(0), *later;
	sffi_function *close_them = function_of(shares, "descriptors", "int close_from_three(void)");
	sffi_function *add = function_of(shares, "good", "int add(int, int)");
	sffi_function *add_beside = function_of(beside, "good", "int add(int, int)");
	sffi_function *crash = function_of(shares, "signals", "int null_read(void)");
	sffi_status status;

	require_adds(add_beside);
	require(!sffi_call(close_them, NULL));
	take_numbers();
	/* The worker is there still. */
	require_adds(add);
	require(sffi_call(crash, NULL) == SFFI_EFAULT);
	require_refused(add);
	/* Those beside go with their zygote; a call may come before that is noticed. */
	while (!(status = sffi_call(add_beside, NULL, 2, 3)))
		;
	require(status == SFFI_EFAULT || status == SFFI_ESYSTEM);
	require_refused(add_beside);
	later = open_domain(0);
	require_adds(function_of(later, "good", "int add(int, int)"));
	sffi_domain_close(&shares);
	sffi_domain_close(&beside);
	shares = open_domain(SFFI_SHARE_ALL);
	require_adds(function_of(shares, "good", "int add(int, int)"));
	sffi_domain_close(&shares);
	sffi_domain_close(&later);
	require_numbers();
}

START_TEST(closing_every_descriptor_harms_no_file_of_the_host)
{
	run_host(host_without_descriptors);
}
END_TEST

/* A call that takes longer than the host's looks at its worker. */
static void host_waits(void)
{
	sffi_domain *shares = open_domain(SFFI_SHARE_ALL);
	sffi_function *close_them = function_of(shares, "descriptors", "int close_from_three(void)");
	sffi_function *pause = function_of(shares, "good", "int sleep_ms(int milliseconds)");

	require(!sffi_call(close_them, NULL));
	require(!sffi_call(pause, NULL, 300));
	sffi_domain_close(&shares);
}

START_TEST(a_worker_whose_descriptor_is_closed_is_not_taken_for_dead)
{
	run_host(host_waits);
}
END_TEST

/* ---- what a worker leaves open ------------------------------------------------------------ */

static char *report_of(sffi_status print(const sffi_fault *, FILE *))
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	require(file && sffi_last_fault() && !print(sffi_last_fault(), file) && !fclose(file));
	return text;
}

/* Around it is what the report must not name: what SafeFFI has opened, and what is closed again. */
static void host_is_left_descriptors(void)
{
	sffi_domain *shares = open_domain(SFFI_SHARE_ALL), *beside;
	sffi_function *open_file = function_of(shares, "good", "int open_file(const char *path)");
	sffi_function *crash = function_of(shares, "signals", "int null_read(void)");
	char expected[64];
	int fd = -1, closed = -1;

	require(!sffi_call(open_file, &closed, "/proc/self/maps") && !close(closed));
	require(!sffi_call(open_file, &fd, "/etc/passwd") && fd >= 0);
	beside = open_domain(0);
	require(sffi_domain_fd(beside) >= 0 && sffi_domain_fd(shares) >= 0);
	require(sffi_call(crash, NULL) == SFFI_EFAULT);
	snprintf(expected, sizeof expected, "by the callee or the host: %d -> /etc/passwd\n", fd);
	require(strstr(report_of(sffi_fault_print), expected));
	snprintf(expected, sizeof expected,
		 "\"descriptors\":[{\"number\":%d,\"target\":\"/etc/passwd\"}]", fd);
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

/* The report says which number. */
static int left_open(void)
{
	const char *found = strstr(report_of(sffi_fault_print_json), "\"descriptors\":[{\"number\":");

	require(found);
	return atoi(found + strlen("\"descriptors\":[{\"number\":"));
}

/* The lock is the table's, and outlives the worker with the descriptor. */
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
	require(is_refused(path));
	require(!close(left_open()));
	require(!is_refused(path));
	unlink(path);
	sffi_domain_close(&shares);
}

START_TEST(a_lock_outlives_its_worker_and_ends_with_the_descriptor)
{
	run_host(host_is_left_a_lock);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("share");
	TCase *tests = tcase_create("share");

	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, closing_every_descriptor_harms_no_file_of_the_host);
	tcase_add_test(tests, a_worker_whose_descriptor_is_closed_is_not_taken_for_dead);
	tcase_add_test(tests, the_report_lists_what_a_worker_leaves_open);
	tcase_add_test(tests, a_lock_outlives_its_worker_and_ends_with_the_descriptor);
	suite_add_tcase(suite, tests);
	return test_main(argc, argv, suite);
}
