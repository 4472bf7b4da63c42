/* SPDX-License-Identifier: MIT */
/* What the host notices of its workers: as little as possible. And they end with it. */
#include "helper.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A host that calls something that does not return, and tells its worker's pid. */
static void be_host(int out, const char *declaration)
{
	sffi_options options;
	sffi_domain *domain = NULL;
	sffi_library *library = NULL;
	sffi_function *function = NULL;
	pid_t pid;

	test_options(&options);
	options.timeout_ms = 0;
	if (sffi_domain_open(&domain, &options) ||
	    sffi_library_open(&library, domain, test_victim("exits")) ||
	    sffi_function_get(&function, library, declaration))
		_exit(9);
	pid = sffi_domain_pid(domain);
	if (write(out, &pid, sizeof pid) != sizeof pid)
		_exit(8);
	sffi_call(function, NULL);
	_exit(7);
}

static pid_t read_pid(int in)
{
	pid_t pid = 0;

	ck_assert_int_eq(read(in, &pid, sizeof pid), sizeof pid);
	return pid;
}

static const char *const endless[] = { "void loop_forever(void)", "void sleep_forever(void)",
				       "void loop_unkillable(void)", "void loop_as_nobody(void)",
				       "void loop_in_session(void)" };

START_TEST(workers_end_with_the_host)
{
	int ends[2];
	pid_t host, worker;

	ck_assert_int_eq(pipe(ends), 0);
	host = fork();
	if (!host)
		be_host(ends[1], endless[_i]);
	worker = read_pid(ends[0]);
	usleep(20000); /* so that it usually is in the callee; either way it must end */
	kill(host, SIGKILL);
	waitpid(host, NULL, 0);
	test_until_gone(worker);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

START_TEST(an_interrupt_from_the_terminal_ends_all)
{
	int ends[2], terminal, status;
	pid_t host, worker;

	ck_assert_int_eq(pipe(ends), 0);
	host = forkpty(&terminal, NULL, NULL, NULL);
	if (!host) {
		signal(SIGINT, SIG_DFL);
		be_host(ends[1], "void loop_forever(void)");
	}
	worker = read_pid(ends[0]);
	ck_assert_int_eq(write(terminal, "\003", 1), 1);
	ck_assert_int_eq(waitpid(host, &status, 0), host);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
	test_until_gone(worker);
	close(terminal);
}
END_TEST

START_TEST(workers_are_nobodys_children)
{
	sffi_domain *domain = test_open();
	sffi_function *crash = test_victim_function(domain, "signals", "int null_read(void)");

	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
	ck_assert_int_eq(sffi_call(crash, NULL), SFFI_EFAULT);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
	sffi_domain_close(&domain);
}
END_TEST

START_TEST(output_is_not_written_twice)
{
	char text[256] = "";
	int ends[2], status;
	ssize_t count;
	pid_t host;

	ck_assert_int_eq(pipe(ends), 0);
	host = fork();
	if (!host) {
		sffi_domain *domain;
		sffi_function *ending;

		dup2(ends[1], 1);
		setvbuf(stdout, NULL, _IOFBF, 4096);
		printf("once\n");
		domain = test_open();
		ending = test_victim_function(domain, "exits", "void do_exit(int status)");
		sffi_call(ending, NULL, 0);
		sffi_call(test_victim_function(domain, "good", "int print_line(const char *text)"), NULL,
			  "from the callee");
		sffi_domain_close(&domain);
		fflush(stdout);
		_exit(0);
	}
	close(ends[1]);
	waitpid(host, &status, 0);
	count = read(ends[0], text, sizeof text - 1);
	ck_assert_int_gt(count, 0);
	ck_assert_ptr_nonnull(strstr(text, "once\n"));
	ck_assert_ptr_null(strstr(strstr(text, "once\n") + 1, "once\n"));
}
END_TEST

static pthread_barrier_t stream_held, stream_wanted;

static void *hold_stdout(void *data)
{
	flockfile(stdout);
	pthread_barrier_wait(&stream_held);
	pthread_barrier_wait(&stream_wanted);
	funlockfile(stdout);
	return data;
}

/* What waits in the stream would be written before the call; but who holds it may wait for the
 * call's own thread. */
START_TEST(a_call_does_not_wait_for_the_stream)
{
	sffi_domain *domain = test_open();
	pthread_t holder;

	ck_assert_ptr_nonnull(freopen("/dev/null", "w", stdout));
	pthread_barrier_init(&stream_held, NULL, 2);
	pthread_barrier_init(&stream_wanted, NULL, 2);
	printf("waits");
	ck_assert_int_eq(pthread_create(&holder, NULL, hold_stdout, NULL), 0);
	pthread_barrier_wait(&stream_held);
	test_still_works(domain);
	pthread_barrier_wait(&stream_wanted);
	pthread_join(holder, NULL);
	sffi_domain_close(&domain);
}
END_TEST

static void ck_refused_by_kernel(int result, int error)
{
	ck_assert_int_eq(result, -1);
	ck_assert_int_eq(errno, error);
}

/* Those of the library do what the C library's do. */
START_TEST(descriptors_are_put_as_ever)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	ck_assert_int_eq(dup2(fd, fd), fd);
	ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
	ck_assert_int_eq(dup2(fd, 0), 0);
	ck_assert_int_eq(fcntl(0, F_GETFD), 0);
	ck_assert_int_eq(dup3(fd, 0, O_CLOEXEC), 0);
	ck_assert_int_eq(fcntl(0, F_GETFD), FD_CLOEXEC);
	ck_refused_by_kernel(dup3(fd, fd, 0), EINVAL);
	close(fd);
	ck_refused_by_kernel(dup2(fd, fd), EBADF);
	ck_refused_by_kernel(dup2(fd, 0), EBADF);
	ck_refused_by_kernel(dup2(0, -1), EBADF);
	ck_refused_by_kernel(dup2(-1, -1), EBADF);
	ck_assert_ptr_eq(freopen("/dev/null", "r", stdin), stdin);
	ck_assert_int_eq(fileno(stdin), 0);
	ck_assert_ptr_null(freopen("/dev/null/none", "r", stdin));
	ck_assert_int_eq(errno, ENOTDIR);
}
END_TEST

START_TEST(the_hosts_own_fork_works)
{
	sffi_domain *domain = test_open();
	sffi_library *good = test_load(domain, "good");
	sffi_function *add = test_function(good, "int add(int, int)");
	int status, sum = 0;
	pid_t child = fork();

	if (!child) {
		sffi_domain *own = NULL;

		if (sffi_call(add, &sum, 1, 2) != SFFI_ECLOSED || !strstr(sffi_error(), "forked"))
			_exit(1);
		sffi_domain_close(&domain);
		if (sffi_domain_open(&own, NULL))
			_exit(2);
		test_still_works(own);
		sffi_domain_close(&own);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %#x", status);
	ck_ok(sffi_call(add, &sum, 1, 2));
	ck_assert_int_eq(sum, 3);
	sffi_domain_close(&domain);
}
END_TEST

static void *restart_always(void *data)
{
	while (!sffi_domain_restart(data))
		;
	return NULL;
}

/* In a child that was forked while another thread held SafeFFI's locks. */
static _Noreturn void use_everything(sffi_domain *domain, sffi_library *good)
{
	void *address = NULL;
	sffi_domain *own = NULL;

	/* Check's handler would kill the test's whole group. */
	signal(SIGALRM, SIG_DFL);
	alarm(60);
	if (sffi_domain_generation(domain) || sffi_domain_pid(domain))
		_exit(1);
	if (sffi_library_declare(good, "typedef int t;") != SFFI_ECLOSED)
		_exit(2);
	if (sffi_alloc(domain, &address, 10) != SFFI_ECLOSED)
		_exit(3);
	if (sffi_address_owner((void *)0x200000000000, NULL, NULL) == SFFI_OWNER_HOST)
		_exit(4);
	sffi_library_close(&good);
	sffi_domain_close(&domain);
	if (sffi_domain_open(&own, NULL))
		_exit(5);
	test_still_works(own);
	sffi_domain_close(&own);
	_exit(0);
}

START_TEST(a_fork_finds_no_lock_held)
{
	sffi_domain *domain = test_open();
	sffi_library *good = test_load(domain, "good");
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, restart_always, domain), 0);
	for (int i = 0; i < 50; i++) {
		pid_t child = fork();
		int status;

		if (!child)
			use_everything(domain, good);
		ck_assert_int_eq(waitpid(child, &status, 0), child);
		ck_assert_msg(!status, "status %#x", status);
	}
	sffi_domain_close(&domain);
	pthread_join(thread, NULL);
}
END_TEST

/* Until the zygote has a newborn in reserve, which has all that the zygote has. */
static void until_reserve(void)
{
	struct timespec pause = { .tv_nsec = 2000000 };

	for (int look = 0; look < 1000 && system("grep -qs safeffi-reserve /proc/[0-9]*/comm"); look++)
		nanosleep(&pause, NULL);
}

START_TEST(regions_are_not_in_workers)
{
	enum { SIZE = 1 << 20 };
	char *early = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *later = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sffi_domain *domain;
	char byte;
	int status;
	pid_t child;

	memset(early, 'e', SIZE);
	memset(later, 'l', SIZE);
	ck_ok(sffi_region_add(early, SIZE));
	domain = test_open();
	until_reserve();
	ck_ok(sffi_region_add(later, SIZE));
	ck_assert_int_eq(sffi_read(domain, &byte, early + 5000, 1), SFFI_EADDRESS);
	ck_ok(sffi_domain_restart(domain));
	ck_assert_int_eq(sffi_read(domain, &byte, later + 5000, 1), SFFI_EADDRESS);
	/* The host's own children have them. */
	child = fork();
	if (!child)
		_exit(early[5000] == 'e' && later[5000] == 'l' ? 0 : 1);
	waitpid(child, &status, 0);
	ck_assert_int_eq(status, 0);
	ck_ok(sffi_region_remove(early));
	ck_ok(sffi_region_remove(later));
	ck_assert_int_eq(sffi_region_remove(early), SFFI_EINVAL);
	ck_assert_int_eq(sffi_region_add((void *)4096, 4096), SFFI_EINVAL);
	sffi_domain_close(&domain);
}
END_TEST

START_TEST(one_domain_may_share)
{
	sffi_options options;
	sffi_domain *domain, *second = NULL;
	sffi_function *open_file, *change;
	char text[32], directory[4096];
	int file = -1;

	if (test_is_exec())
		return;
	test_options(&options);
	options.share = SFFI_SHARE_ALL;
	domain = test_open_with(&options);
	ck_refused(sffi_domain_open(&second, &options), SFFI_EINVAL, "shares");
	open_file = test_victim_function(domain, "good", "int open_file(const char *path)");
	ck_ok(sffi_call(open_file, &file, "/proc/self/comm"));
	ck_assert_int_gt(read(file, text, sizeof text), 0);
	close(file);
	change = test_victim_function(domain, "good", "int change_directory(const char *path)");
	ck_ok(sffi_call(change, NULL, "/proc"));
	ck_assert_str_eq(getcwd(directory, sizeof directory), "/proc");
	sffi_domain_close(&domain);
	domain = test_open_with(&options);
	test_still_works(domain);
	sffi_domain_close(&domain);
}
END_TEST

/* As programs and preloaded libraries do that watch what is called: in front of the C library's, and
 * asking for that one only when they are called. */
int setuid(uid_t user)
{
	int (*next)(uid_t) = (int (*)(uid_t))dlsym(RTLD_NEXT, "setuid");

	return next(user);
}

START_TEST(functions_of_the_program_stay_in_front)
{
	sffi_domain *domain = test_open();
	sffi_library *c_library = NULL;
	sffi_function *set_user;
	uid_t user = getuid();
	int result = -1;

	ck_ok(sffi_library_open(&c_library, domain, "libc.so.6"));
	set_user = test_function(c_library, "int setuid(unsigned user)");
	ck_ok(sffi_call(set_user, &result, user));
	ck_assert_int_eq(result, 0);
	test_still_works(domain);
	sffi_domain_close(&domain);
}
END_TEST

/* The zygote of a domain, its worker's parent. */
static pid_t zygote_of(const sffi_domain *domain)
{
	char path[64], text[512] = "";
	pid_t parent = 0;
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)sffi_domain_pid(domain));
	file = fopen(path, "r");
	ck_assert(file && fgets(text, sizeof text, file) && strrchr(text, ')'));
	fclose(file);
	ck_assert_int_eq(sscanf(strrchr(text, ')') + 1, " %*c %d", &parent), 1);
	return parent;
}

static pid_t zygote, worker;

static bool is_dead(pid_t pid)
{
	char path[64], text[512] = "", state = 'X';
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	file = fopen(path, "r");
	if (file && fgets(text, sizeof text, file) && strrchr(text, ')'))
		sscanf(strrchr(text, ')') + 1, " %c", &state);
	if (file)
		fclose(file);
	return state == 'X' || state == 'Z';
}

/* While the callee waits for its answer. */
static int kill_zygote(int value)
{
	kill(zygote, SIGKILL);
	while (!is_dead(worker))
		usleep(1000);
	return value;
}

/* As when memory is short, and the kernel chooses it. */
START_TEST(a_zygote_that_is_killed_is_told_and_replaced)
{
	sffi_domain *domain = test_open();
	sffi_function *apply = test_victim_function(domain, "callbacks",
						    "int apply(int (*function)(int), int value)");
	char *report = NULL;
	size_t size;
	FILE *stream = open_memstream(&report, &size);

	zygote = zygote_of(domain);
	worker = sffi_domain_pid(domain);
	ck_assert_int_eq(sffi_call(apply, NULL, kill_zygote, 1), SFFI_EFAULT);
	ck_assert_int_eq(sffi_fault_get_kind(sffi_last_fault()), SFFI_FAULT_KILLED);
	ck_ok(sffi_fault_print(sffi_last_fault(), stream));
	fclose(stream);
	ck_assert_ptr_nonnull(strstr(report, "Its parent, safeffi-zygote, has ended"));
	free(report);
	test_still_works(domain);
	ck_assert_int_ne(zygote_of(domain), zygote);
	sffi_domain_close(&domain);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("host");
	TCase *tests = tcase_create("host");

	tcase_set_timeout(tests, 120);
	tcase_add_loop_test(tests, workers_end_with_the_host, 0, 5);
	tcase_add_test(tests, an_interrupt_from_the_terminal_ends_all);
	tcase_add_test(tests, workers_are_nobodys_children);
	tcase_add_test(tests, output_is_not_written_twice);
	tcase_add_test(tests, a_call_does_not_wait_for_the_stream);
	tcase_add_test(tests, descriptors_are_put_as_ever);
	tcase_add_test(tests, the_hosts_own_fork_works);
	/* AddressSanitizer's own locks may be held in such a child: it hangs in malloc, without us, too. */
	if (!test_is_sanitized())
		tcase_add_test(tests, a_fork_finds_no_lock_held);
	tcase_add_test(tests, regions_are_not_in_workers);
	tcase_add_test(tests, one_domain_may_share);
	tcase_add_test(tests, functions_of_the_program_stay_in_front);
	tcase_add_test(tests, a_zygote_that_is_killed_is_told_and_replaced);
	suite_add_tcase(suite, tests);
	return test_main(argc, argv, suite);
}
