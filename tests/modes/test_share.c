/* SPDX-License-Identifier: MIT */
/* Domains whose workers share the host's descriptors: what their callees can do to the host, and
 * to SafeFFI. Hosts of their own, since the tests' own descriptors are at stake. */
#include "lone_host.h"

#include <dirent.h>
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* Its worker is the same as before: so is what the library knows. */
static void require_counts(sffi_function *count, int expected)
{
	int result = 0;

	require(!sffi_call(count, &result) && result == expected);
}

/* What needs each kind of descriptor: the socket to the worker, the memory, the zygote's. */
static void require_all_works(sffi_domain *beside)
{
	sffi_function *read_some = function_of(beside, "good", "ssize_t read_some(fd from, out char to[size], size_t size)");
	char byte = 0;
	int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	ssize_t got = 0;
	void *block = NULL;
	sffi_domain *other;

	require(zero >= 0 && !sffi_call(read_some, &got, zero, &byte, (size_t)1) && got == 1);
	require(!close(zero));
	require(!sffi_alloc(beside, &block, 4096));
	other = open_domain(0);
	require(!sffi_lend(other, block));
	require_adds(function_of(other, "good", "int add(int, int)"));
	sffi_domain_close(&other);
	sffi_free(beside, block);
}

/* What two domains have open is taken from under them, again and again. */
static void host_without_descriptors(void)
{
	sffi_domain *shares = open_domain(SFFI_SHARE_ALL), *beside = open_domain(0);
	sffi_function *close_them = function_of(shares, "descriptors", "int close_from_three(void)");
	sffi_function *add = function_of(shares, "good", "int add(int, int)");
	sffi_function *crash = function_of(shares, "signals", "int null_read(void)");
	sffi_function *crash_beside = function_of(beside, "signals", "int null_read(void)");
	sffi_function *count = function_of(beside, "good", "int count(void)");
	struct pollfd poller = { .fd = sffi_domain_fd(beside), .events = POLLIN };

	require_counts(count, 1);
	for (int i = 0; i < 3; i++) {
		require(!sffi_call(close_them, NULL));
		require_adds(add);
		require_counts(count, 2 + i);
		require_all_works(beside);
		require(sffi_call(crash, NULL) == SFFI_EFAULT);
		require_adds(add);
		require(poller.fd >= 0 && !poll(&poller, 1, 0));
	}
	require(!sffi_call(close_them, NULL));
	require(sffi_call(crash_beside, NULL) == SFFI_EFAULT);
	require_counts(count, 1);
	sffi_domain_close(&shares);
	sffi_domain_close(&beside);
	shares = open_domain(SFFI_SHARE_ALL);
	require_adds(function_of(shares, "good", "int add(int, int)"));
	sffi_domain_close(&shares);
}

START_TEST(all_goes_on_when_every_descriptor_is_closed)
{
	run_host(host_without_descriptors);
}
END_TEST

/* Functions and libraries keep their domain's memory until they are given back. */
static void call_and_close(sffi_domain **domain, const char *victim, const char *declaration)
{
	sffi_library *library = NULL;
	sffi_function *function = NULL;

	require(!sffi_library_open(&library, *domain, test_victim(victim)));
	require(!sffi_function_get(&function, library, declaration));
	require(!sffi_call(function, NULL));
	sffi_function_release(&function);
	sffi_library_close(&library);
	sffi_domain_close(domain);
}

static void host_loses_nothing(void)
{
	int before = 0;

	for (int i = 0; i < 20; i++) {
		sffi_domain *shares = open_domain(SFFI_SHARE_ALL), *beside = open_domain(0);

		if (i > 4)
			call_and_close(&shares, "descriptors", "int close_from_three(void)");
		else
			call_and_close(&shares, "good", "int count(void)");
		call_and_close(&beside, "good", "int count(void)");
		if (i == 4)
			before = count_open();
	}
	require(count_open() <= before);
}

START_TEST(what_was_brought_back_is_closed_again)
{
	run_host(host_loses_nothing);
}
END_TEST

/* A callee that puts other files at the numbers, and closes by the kernel, which nobody sees. */
static void host_with_other_files(void)
{
	sffi_domain *shares = open_domain(SFFI_SHARE_ALL), *beside = open_domain(0);
	sffi_function *replace = function_of(shares, "descriptors", "int replace_all_unseen(void)");
	sffi_function *add = function_of(shares, "good", "int add(int, int)");
	sffi_function *crash = function_of(shares, "signals", "int null_read(void)");
	sffi_function *count = function_of(beside, "good", "int count(void)");
	sffi_function *crash_beside = function_of(beside, "signals", "int null_read(void)");

	require_counts(count, 1);
	require(!sffi_call(replace, NULL));
	take_numbers();
	require_counts(count, 2);
	require_all_works(beside);
	require(sffi_call(crash, NULL) == SFFI_EFAULT);
	require_adds(add);
	require(sffi_call(crash_beside, NULL) == SFFI_EFAULT);
	require_counts(count, 1);
	sffi_domain_close(&shares);
	sffi_domain_close(&beside);
	require_numbers();
}

START_TEST(all_goes_on_when_the_numbers_are_those_of_other_files)
{
	run_host(host_with_other_files);
}
END_TEST

/* A callee that writes into all that is no file: what SafeFFI's processes say to each other, too. */
static void host_reads_garbage(void)
{
	sffi_domain *shares = open_domain(SFFI_SHARE_ALL), *beside = open_domain(0);
	sffi_function *write_garbage = function_of(shares, "descriptors", "int write_garbage(void)");
	sffi_function *add = function_of(shares, "good", "int add(int, int)");
	sffi_function *crash = function_of(shares, "signals", "int null_read(void)");
	sffi_function *count = function_of(beside, "good", "int count(void)");
	sffi_function *crash_beside = function_of(beside, "signals", "int null_read(void)");
	int written = 0;

	require_counts(count, 1);
	require(!sffi_call(write_garbage, &written) && written > 0);
	require_adds(add);
	require(sffi_call(crash, NULL) == SFFI_EFAULT);
	require_adds(add);
	/* In the same worker, whose parent the zygote is. */
	require_counts(count, 2);
	require(sffi_call(crash_beside, NULL) == SFFI_EFAULT);
	require_all_works(beside);
	sffi_domain_close(&shares);
	sffi_domain_close(&beside);
}

START_TEST(garbage_in_the_zygotes_sockets_is_no_message)
{
	run_host(host_reads_garbage);
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

/* The numbers that are free become those of SafeFFI's next ones, before the lost are missed. */
static void host_goes_on_opening(void)
{
	sffi_domain *shares = open_domain(SFFI_SHARE_ALL), *beside = open_domain(0), *later[4];
	sffi_function *close_them = function_of(shares, "descriptors", "int close_unseen(void)");
	sffi_function *add = function_of(shares, "good", "int add(int, int)");
	sffi_function *crash = function_of(shares, "signals", "int null_read(void)");
	sffi_function *count = function_of(beside, "good", "int count(void)");
	sffi_function *crash_beside = function_of(beside, "signals", "int null_read(void)");

	require_counts(count, 1);
	require(!sffi_call(close_them, NULL));
	for (int i = 0; i < 4; i++)
		later[i] = open_domain(0);
	require_counts(count, 2);
	require(sffi_call(crash, NULL) == SFFI_EFAULT);
	require_adds(add);
	require(sffi_call(crash_beside, NULL) == SFFI_EFAULT);
	require_counts(count, 1);
	require_all_works(beside);
	for (int i = 0; i < 4; i++) {
		require_all_works(later[i]);
		require(sffi_call(function_of(later[i], "signals", "int null_read(void)"), NULL) == SFFI_EFAULT);
		require_adds(function_of(later[i], "good", "int add(int, int)"));
		sffi_domain_close(&later[i]);
	}
	sffi_domain_close(&shares);
	sffi_domain_close(&beside);
}

START_TEST(numbers_that_were_lost_are_not_given_to_others_of_ours)
{
	run_host(host_goes_on_opening);
}
END_TEST

/* ---- a callee that spoils its process, and dies -------------------------------------------- */

/* Directory and mask, which the kernel shares, go with the callee's. */
static void host_of_a_spoiler(unsigned share)
{
	char before[4096], after[4096];
	sffi_domain *beside = open_domain(0), *domain = open_domain(share);
	sffi_function *spoil = function_of(domain, "descriptors", "void spoil_and_die(void)");
	sffi_function *add = function_of(domain, "good", "int add(int, int)");
	struct rlimit files, now;
	mode_t mask = umask(027);
	int opened = count_open(), mine_here = open("/dev/null", O_RDONLY | O_CLOEXEC);

	require(getcwd(before, sizeof before) && !getrlimit(RLIMIT_NOFILE, &files));
	for (int i = 0; i < 3; i++) {
		require(sffi_call(spoil, NULL) == SFFI_EFAULT);
		require(!strstr(report_of(sffi_fault_print), "SafeFFI's own, closed by a callee; they are open "
								     "again") == !share);
		require_adds(add);
		require_adds(function_of(beside, "good", "int add(int, int)"));
	}
	require(!getrlimit(RLIMIT_NOFILE, &now) && !memcmp(&now, &files, sizeof now));
	require(!getenv("SPOILED") && !strcmp(setlocale(LC_ALL, NULL), "C"));
	require(getpriority(PRIO_PROCESS, 0) < 7);
	require(share || (fcntl(mine_here, F_GETFD) >= 0 && count_open() >= opened));
	require(getcwd(after, sizeof after) && (strcmp(before, after) == 0 || share));
	require(umask(mask) == (share ? 0 : 027));
	sffi_domain_close(&domain);
	sffi_domain_close(&beside);
}

static void host_that_shares_nothing(void)
{
	host_of_a_spoiler(0);
}

static void host_that_shares_all(void)
{
	host_of_a_spoiler(SFFI_SHARE_ALL);
}

static void (*const spoiled[])(void) = { host_that_shares_nothing, host_that_shares_all };

START_TEST(a_callee_that_spoils_its_process_and_dies)
{
	run_host(spoiled[_i]);
}
END_TEST

/* ---- the host's end --------------------------------------------------------------------- */

static void become_another(void)
{
	sffi_domain *shares = open_domain(SFFI_SHARE_ALL), *beside = open_domain(0);

	require_adds(function_of(shares, "good", "int add(int, int)"));
	require_adds(function_of(beside, "good", "int add(int, int)"));
	execlp("sleep", "sleep", "1000", NULL);
	_exit(127);
}

static void end_at_once(void)
{
	sffi_domain *shares = open_domain(SFFI_SHARE_ALL), *beside = open_domain(0);

	require_adds(function_of(shares, "good", "int add(int, int)"));
	require_adds(function_of(beside, "good", "int add(int, int)"));
	require(!sffi_call(function_of(shares, "descriptors", "int close_from_three(void)"), NULL));
	_exit(0);
}

/* How many processes of a group live; one that has ended is not waited for by what the host became. */
static int count_group(pid_t group)
{
	DIR *directory = opendir("/proc");
	struct dirent *entry;
	int count = 0;

	while ((entry = readdir(directory))) {
		char path[300], text[512] = "", state = 'Z';
		pid_t its = 0;
		FILE *file;

		snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
		file = atoi(entry->d_name) ? fopen(path, "r") : NULL;
		if (file && fgets(text, sizeof text, file) && strrchr(text, ')'))
			sscanf(strrchr(text, ')') + 1, " %c %*d %d", &state, &its);
		if (file)
			fclose(file);
		count += its == group && state != 'Z' && state != 'X';
	}
	closedir(directory);
	return count;
}

static void (*const endings[])(void) = { become_another, end_at_once };

START_TEST(zygotes_and_workers_end_with_the_host)
{
	int left = _i == 0, patience = 6000;
	pid_t pid = fork();

	if (!pid) {
		setpgid(0, 0);
		endings[_i]();
	}
	setpgid(pid, pid);
	if (!left)
		waitpid(pid, NULL, 0);
	/* The host may not have begun yet, or have ended: zygotes come, then go. */
	for (; left && count_group(pid) < 3 && patience; patience--)
		usleep(10000);
	for (; count_group(pid) > left && patience; patience--)
		usleep(10000);
	ck_assert_int_eq(count_group(pid), left);
	/* One that has been waited for has given its id away. */
	if (left) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
}
END_TEST

/* ---- numbers, and users -------------------------------------------------------------------- */

static void host_without_standard(void)
{
	int fd, report = fcntl(2, F_DUPFD_CLOEXEC, 100);
	sffi_domain *domain;

	for (fd = 0; fd < 3; fd++)
		close(fd);
	domain = open_domain(0);
	require_adds(function_of(domain, "good", "int add(int, int)"));
	require(sffi_domain_fd(domain) > 2);
	for (fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) >= 0) {
			dprintf(report, "SafeFFI has taken %d\n", fd);
			_exit(1);
		}
	sffi_domain_close(&domain);
}

START_TEST(numbers_of_standard_streams_are_left_to_the_host)
{
	run_host(host_without_standard);
}
END_TEST

/* Once, by the call that finds it; what the callee did is done. */
static void require_told(sffi_status status, int *result)
{
	require(status == SFFI_ENOTSUP && !*result);
	require(strstr(sffi_error(), "the user or the groups of its worker alone"));
	*result = -1;
}

static void host_of_another_user(void)
{
	sffi_domain *domain = open_domain(0);
	sffi_function *become = function_of(domain, "exits", "int become_nobody(void)");
	sffi_function *add = function_of(domain, "good", "int add(int, int)");
	int result = -1, sum = 0, two = 2, three = 3;
	void *const arguments[] = { &two, &three };
	sffi_batch batch[] = { { .function = become, .result = &result },
			       { .function = add, .result = &sum, .arguments = arguments } };

	require_told(sffi_call(become, &result), &result);
	require_adds(add);
	require(!sffi_domain_restart(domain));
	require_told(sffi_call_batch(batch, 2), &result);
	require(sum == 5 && !batch[0].status && batch[1].status == SFFI_ENOTSUP);
	require_adds(add);
	sffi_domain_close(&domain);
}

START_TEST(a_worker_that_became_another_user_is_told)
{
	/* Others cannot become one. */
	if (!geteuid())
		run_host(host_of_another_user);
}
END_TEST

static void host_of_a_large_environment(void)
{
	enum { LARGE = 1 << 20 };
	sffi_domain *shares = open_domain(SFFI_SHARE_ALL);
	sffi_function *set = function_of(shares, "state", "int set_variable(const char *name, const char *value)");
	char *value = malloc(LARGE + 1);

	memset(value, 'x', LARGE);
	value[LARGE] = '\0';
	require(!sffi_call(set, NULL, "LARGE", value));
	require(getenv("LARGE") && strlen(getenv("LARGE")) == LARGE);
	free(value);
	sffi_domain_close(&shares);
}

START_TEST(an_environment_of_any_size_comes_back)
{
	run_host(host_of_a_large_environment);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("share");
	TCase *tests = tcase_create("share");

	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, all_goes_on_when_every_descriptor_is_closed);
	tcase_add_test(tests, what_was_brought_back_is_closed_again);
	tcase_add_test(tests, garbage_in_the_zygotes_sockets_is_no_message);
	tcase_add_test(tests, all_goes_on_when_the_numbers_are_those_of_other_files);
	tcase_add_test(tests, numbers_that_were_lost_are_not_given_to_others_of_ours);
	tcase_add_test(tests, a_worker_whose_descriptor_is_closed_is_not_taken_for_dead);
	tcase_add_loop_test(tests, a_callee_that_spoils_its_process_and_dies, 0,
			    sizeof spoiled / sizeof *spoiled);
	tcase_add_loop_test(tests, zygotes_and_workers_end_with_the_host, 0, sizeof endings / sizeof *endings);
	tcase_add_test(tests, numbers_of_standard_streams_are_left_to_the_host);
	tcase_add_test(tests, a_worker_that_became_another_user_is_told);
	tcase_add_test(tests, an_environment_of_any_size_comes_back);
	suite_add_tcase(suite, tests);
	return test_main(argc, argv, suite);
}
