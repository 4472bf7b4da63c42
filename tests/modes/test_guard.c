/* SPDX-License-Identifier: MIT */
/* What is particular to callees in the host's process behind the guard. */
#include "helper.h"

#include <errno.h>
#include <fenv.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

static sffi_domain *domain;
static sffi_library *heap;

static sffi_domain *open_guarded(void)
{
	sffi_options options;

	test_options(&options);
	options.mode = SFFI_GUARDED;
	options.timeout_ms = 0;
	options.one_thread = false;
	return test_open_with(&options);
}

static void open_library(void)
{
	domain = open_guarded();
	heap = test_load(domain, "heap");
}

static void close_library(void)
{
	sffi_library_close(&heap);
	sffi_domain_close(&domain);
}

static void crashes(sffi_function *function, int signal)
{
	ck_assert_int_eq(sffi_call(function, NULL), SFFI_EFAULT);
	ck_assert_int_eq(sffi_fault_get_signal(sffi_last_fault()), signal);
}

/* ---- the host's own handlers -------------------------------------------------------- */

static volatile sig_atomic_t host_faults;
static volatile char *volatile touched;

/* As a virtual machine's that brings in pages: makes the memory accessible and returns. */
static void bring_in(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)context;
	if (info->si_addr != (void *)touched)
		_exit(99);
	host_faults++;
	mprotect((void *)touched, 4096, PROT_READ | PROT_WRITE);
}

static void touch_as_host(void)
{
	int before = host_faults;

	mprotect((void *)touched, 4096, PROT_NONE);
	*touched = 1;
	ck_assert_int_eq(host_faults, before + 1);
}

static int touch_in_handler(int value)
{
	touch_as_host();
	return value + 1;
}

static void install_host_handler(void)
{
	struct sigaction action = { .sa_sigaction = bring_in, .sa_flags = SA_SIGINFO }, former;

	touched = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_int_eq(sigaction(SIGSEGV, &action, NULL), 0);
	/* The host sees its own, wherever it stands. */
	ck_assert_int_eq(sigaction(SIGSEGV, NULL, &former), 0);
	ck_assert_ptr_eq((void *)former.sa_sigaction, (void *)bring_in);
}

/* The host's faults are the host's, those of callees are failed calls: in any order. */
static void both_kinds(sffi_domain *in)
{
	sffi_function *null_read = test_victim_function(in, "signals", "int null_read(void)");
	sffi_function *apply = test_victim_function(in, "callbacks",
						    "int apply(int (*function)(int), int value)");
	int result = 0;

	for (int i = 0; i < 20; i++) {
		touch_as_host();
		crashes(null_read, SIGSEGV);
		ck_ok(sffi_call(apply, &result, touch_in_handler, i));
		ck_assert_int_eq(result, i + 1);
	}
	sffi_function_release(&null_read);
	sffi_function_release(&apply);
}

START_TEST(a_handler_from_before)
{
	sffi_domain *in;

	install_host_handler();
	in = open_guarded();
	both_kinds(in);
	sffi_domain_close(&in);
	touch_as_host();
}
END_TEST

START_TEST(a_handler_from_after)
{
	install_host_handler();
	both_kinds(domain);
}
END_TEST

START_TEST(handlers_that_a_library_leaves_behind)
{
	sffi_function *install = test_victim_function(domain, "masks", "int install_looping_handler(void)");
	sffi_function *leave = test_function(heap, "int leave_handler(int number)");
	sffi_function *times = test_function(heap, "int times_handled(void)");
	sffi_function *null_read = test_victim_function(domain, "signals", "int null_read(void)");
	sffi_function *divide = test_victim_function(domain, "signals", "int divide_by_zero(void)");
	int count = 0, failed = -1;

	ck_ok(sffi_call(install, NULL));
	crashes(null_read, SIGSEGV);
	ck_ok(sffi_call(leave, &failed, SIGFPE));
	ck_assert_int_eq(failed, 0);
	crashes(divide, SIGFPE);
	/* What the library wanted it for it gets. */
	ck_assert_int_eq(kill(getpid(), SIGFPE), 0);
	ck_ok(sffi_call(times, &count));
	ck_assert_int_eq(count, 1);
	crashes(divide, SIGFPE);
}
END_TEST

static volatile sig_atomic_t received;

static void receive(int signal)
{
	received = signal;
}

START_TEST(what_kill_sends_is_no_fault)
{
	static const int numbers[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS };
	sffi_function *send = test_function(heap, "int send_to_process(int number)");
	int result = -1;

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		ck_assert(signal(numbers[i], receive) != SIG_ERR);
		received = 0;
		ck_ok(sffi_call(send, &result, numbers[i]));
		ck_assert_int_eq(result, 0);
		ck_assert_int_eq(received, numbers[i]);
	}
}
END_TEST

/* A host whose fault nobody handles dies of it, as it would without SafeFFI. */
START_TEST(the_hosts_own_fault_ends_it)
{
	pid_t child = fork();
	int status;

	if (!child) {
		volatile int *volatile nowhere = (volatile int *)16;

		*nowhere = 1;
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	/* AddressSanitizer's handler is the host's then. */
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == (test_is_sanitized() ? SIGABRT : SIGSEGV));
}
END_TEST

/* A kernel, or a policy, that says yes to sigaction and does nothing. */
static void pretend_sigaction(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigaction, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof filter / sizeof *filter, filter };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(3);
}

START_TEST(a_guard_that_does_not_work_is_not_offered)
{
	pid_t child;
	int status;

	/* In a process that has not opened any before. */
	close_library();
	child = fork();
	if (!child) {
		execl("/proc/self/exe", "test-guard", "--pretend", NULL);
		_exit(4);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "%#x", status);
	open_library();
}
END_TEST

static int open_in_pretence(void)
{
	sffi_options options;
	sffi_domain *none = NULL;

	sffi_options_init(&options);
	options.mode = SFFI_GUARDED;
	pretend_sigaction();
	if (sffi_domain_open(&none, &options) != SFFI_ENOTSUP || none)
		return 1;
	return strstr(sffi_error(), "handler") && strstr(sffi_error(), "isolated") ? 0 : 2;
}

/* ---- the state after a fault --------------------------------------------------------- */

START_TEST(mask_and_rounding_are_the_hosts)
{
	sffi_function *oddly = test_function(heap, "int crash_oddly(void)");
	sigset_t set, before, after;
	char bytes[64];

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	ck_assert_int_eq(pthread_sigmask(SIG_BLOCK, &set, &before), 0);
	fesetround(FE_UPWARD);
	for (int i = 0; i < 100; i++) {
		crashes(oddly, SIGSEGV);
		ck_assert_int_eq(fegetround(), FE_UPWARD);
		memset(bytes, i, sizeof bytes); /* with the direction flag set it would go downwards */
		ck_assert_int_eq(bytes[63], i);
	}
	fesetround(FE_TONEAREST);
	pthread_sigmask(SIG_BLOCK, NULL, &after);
	ck_assert_int_eq(sigismember(&after, SIGUSR2), 1);
	ck_assert_int_eq(sigismember(&after, SIGSEGV), 0);
	ck_assert_int_eq(sigismember(&after, SIGUSR1), sigismember(&before, SIGUSR1));
}
END_TEST

START_TEST(a_smashed_stack_is_not_the_hosts)
{
	sffi_function *smash = test_function(heap, "int smash_stack(int bytes)");
	volatile uint64_t own[64];

	for (int i = 0; i < 64; i++)
		own[i] = 0x1234567u * (unsigned)i;
	for (int bytes = 256; bytes <= 1 << 20; bytes *= 4) {
		ck_assert_int_eq(sffi_call(smash, NULL, bytes), SFFI_EFAULT);
		for (int i = 0; i < 64; i++)
			ck_assert_uint_eq(own[i], 0x1234567u * (unsigned)i);
		test_still_works(domain);
	}
}
END_TEST

START_TEST(a_fault_after_the_allocator_poisons_nothing)
{
	sffi_function *after = test_function(heap, "int crash_after_malloc(void)");

	for (int i = 0; i < 100; i++)
		crashes(after, SIGSEGV);
	test_still_works(domain);
}
END_TEST

START_TEST(an_exception_runs_its_destructors)
{
	sffi_library *throws = test_load(domain, "throws");
	sffi_function *throw_past = test_function(throws, "void throw_past_destructor(void)");
	sffi_function *number = test_function(throws, "void throw_number(int number)");

	for (int i = 0; i < 100; i++) {
		ck_assert_int_eq(sffi_call(throw_past, NULL), SFFI_EFAULT);
		ck_assert_int_eq(sffi_fault_get_kind(sffi_last_fault()), SFFI_FAULT_UNWOUND);
		ck_assert_int_eq(sffi_call(number, NULL, i), SFFI_EFAULT);
	}
	test_still_works(domain);
}
END_TEST

START_TEST(exit_fails_the_call_again_and_again)
{
	sffi_function *leave = test_victim_function(domain, "exits", "void do_exit(int status)");

	/* Not with 0, which is how a test ends that has passed. */
	for (int i = 1; i < 50; i++) {
		ck_assert_int_eq(sffi_call(leave, NULL, i), SFFI_EFAULT);
		ck_assert_int_eq(sffi_fault_get_kind(sffi_last_fault()), SFFI_FAULT_EXIT);
		ck_assert_int_eq(sffi_fault_get_code(sffi_last_fault()), i);
	}
	test_still_works(domain);
}
END_TEST

/* ---- levels ----------------------------------------------------------------------------- */

static sffi_function *crash_if, *apply_again;
static int levels_left;

/* Calls down again; the innermost callee crashes, and every level refuses then. */
static int go_down(int value)
{
	int result = 0;

	if (levels_left-- > 0) {
		if (sffi_call(apply_again, &result, go_down, value) == SFFI_EUPCALL)
			sffi_upcall_fail("the level below was abandoned");
		return result;
	}
	ck_assert_int_eq(sffi_call(crash_if, &result, 1), SFFI_EFAULT);
	sffi_upcall_fail("the callee below crashed");
	return 0;
}

START_TEST(a_fault_unwinds_every_level)
{
	sffi_library *callbacks = test_load(domain, "callbacks");
	int result = 0;

	crash_if = test_function(callbacks, "int crash_if(int yes)");
	apply_again = test_function(callbacks, "int apply(int (*function)(int), int value)");
	for (int levels = 0; levels < 40; levels++) {
		levels_left = levels;
		ck_refused(sffi_call(apply_again, &result, go_down, 1), SFFI_EUPCALL,
			   levels ? "the level below" : "crashed");
		test_still_works(domain);
	}
}
END_TEST

/* ---- threads ------------------------------------------------------------------------------ */

enum { THREADS = 8, FAULTS = 2000 };

static void *fault_often(void *argument)
{
	sffi_function *read_at = argument;
	intptr_t caught = 0;

	for (uintptr_t i = 0; i < FAULTS; i++) {
		uintptr_t address = 4096 + i * 8;

		caught += sffi_call(read_at, NULL, (void *)address) == SFFI_EFAULT &&
			  sffi_fault_get_address(sffi_last_fault()) == (void *)address;
	}
	return (void *)caught;
}

START_TEST(faults_on_all_threads)
{
	sffi_function *read_at = test_victim_function(domain, "signals", "int read_at(token address)");
	struct test_resources before = { 0 };
	pthread_t threads[THREADS];
	void *caught;

	/* The first rounds fill the C library's caches of stacks and heaps. */
	for (int round = 0; round < 4; round++) {
		if (round == 2)
			before = test_resources();
		for (int i = 0; i < THREADS; i++)
			ck_assert_int_eq(pthread_create(&threads[i], NULL, fault_often, read_at), 0);
		for (int i = 0; i < THREADS; i++) {
			ck_assert_int_eq(pthread_join(threads[i], &caught), 0);
			ck_assert_int_eq((intptr_t)caught, FAULTS);
		}
	}
	test_same_resources(before);
}
END_TEST

static void *overflow(void *argument)
{
	return (void *)(intptr_t)(sffi_call(argument, NULL) == SFFI_EFAULT &&
				  sffi_fault_get_kind(sffi_last_fault()) == SFFI_FAULT_STACK_OVERFLOW);
}

START_TEST(stacks_overflow_on_all_threads)
{
	sffi_function *function = test_victim_function(domain, "signals", "int stack_overflow(void)");
	pthread_attr_t small;
	pthread_t thread;
	void *told;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 128 * 1024);
	for (int i = 0; i < 10; i++) {
		ck_assert_ptr_nonnull(overflow(function));
		ck_assert_int_eq(pthread_create(&thread, &small, overflow, function), 0);
		ck_assert_int_eq(pthread_join(thread, &told), 0);
		ck_assert_ptr_nonnull(told);
	}
}
END_TEST

/* ---- callees that do not return --------------------------------------------------------- */

static volatile sig_atomic_t handler_runs;

static int think_long(int value)
{
	struct timespec pause = { 0, 150000000 };

	handler_runs++;
	nanosleep(&pause, NULL);
	return value;
}

/* The host's time in an upcall is not the callee's. */
START_TEST(a_timeout_is_the_callees)
{
	sffi_library *exits = test_load(domain, "exits"), *callbacks = test_load(domain, "callbacks");
	sffi_function *loop = test_function(exits, "void loop_forever(void)");
	sffi_function *sleep = test_function(exits, "void sleep_forever(void)");
	sffi_function *apply = test_function(callbacks, "int apply(int (*function)(int), int value)");
	int result = 0;

	sffi_function_set_timeout(loop, 30);
	sffi_function_set_timeout(sleep, 30);
	sffi_function_set_timeout(apply, 100);
	for (int i = 0; i < 5; i++) {
		ck_refused(sffi_call(loop, NULL), SFFI_ETIMEOUT, "30 ms");
		ck_assert_int_eq(sffi_fault_get_kind(sffi_last_fault()), SFFI_FAULT_TIMEOUT);
		ck_assert_ptr_nonnull(sffi_fault_get_pc(sffi_last_fault()));
		ck_refused(sffi_call(sleep, NULL), SFFI_ETIMEOUT, "30 ms");
		ck_ok(sffi_call(apply, &result, think_long, i));
		ck_assert_int_eq(result, i);
	}
	ck_assert_int_eq(handler_runs, 5);
}
END_TEST

static void *cancel(void *invocation)
{
	return (void *)(intptr_t)sffi_cancel(invocation);
}

START_TEST(another_thread_cancels)
{
	sffi_function *loop = test_victim_function(domain, "exits", "void loop_forever(void)");
	sffi_thread *callee = NULL;
	pthread_t canceller;
	void *status;

	ck_ok(sffi_thread_new(&callee, domain));
	/* Before the callee runs, or while it does: whichever it is. */
	for (int i = 0; i < 200; i++) {
		sffi_invocation *invocation = NULL;
		sffi_event event = SFFI_PENDING;

		ck_ok(sffi_start(&invocation, callee, loop, NULL));
		ck_assert_int_eq(pthread_create(&canceller, NULL, cancel, invocation), 0);
		ck_ok(sffi_next(invocation, -1, &event));
		ck_assert_int_eq(event, SFFI_FAULTED);
		ck_assert_int_eq(sffi_finish(invocation, NULL, NULL), SFFI_ECANCELED);
		ck_assert_int_eq(pthread_join(canceller, &status), 0);
		ck_assert_int_eq((intptr_t)status, SFFI_OK);
		sffi_invocation_release(&invocation);
	}
	test_still_works(domain);
	sffi_thread_release(&callee);
}
END_TEST

/* ---- poison --------------------------------------------------------------------------------- */

static void *idle(void *descriptor)
{
	char byte;

	return (void *)(intptr_t)read((int)(intptr_t)descriptor, &byte, 1);
}

/* In a process of its own, whose allocator is locked afterwards: from the fault on nothing here
 * may allocate. The number of the first thing that is wrong, or 0. */
static int poisoned_child(const char *declaration, bool with_thread)
{
	sffi_function *damage, *add = test_victim_function(domain, "good", "int add(int a, int b)");
	sffi_domain *other = open_guarded();
	sffi_function *elsewhere = test_victim_function(other, "good", "int add(int a, int b)");
	pthread_t thread;
	int ends[2], sum = 0;

	damage = test_function(heap, declaration);
	/* With a second thread the C library locks; without, it need not. */
	if (with_thread && (pipe(ends) || pthread_create(&thread, NULL, idle, (void *)(intptr_t)ends[0])))
		return 1;
	if (sffi_call(add, &sum, 1, 2))
		return 2;
	alarm(20); /* a deadlock is an end, too */
	if (sffi_call(damage, NULL) != SFFI_EFAULT)
		return 3;
	if (!strstr(sffi_error(), "lock") || !sffi_last_fault())
		return 4;
	for (int i = 0; i < 10; i++)
		if (sffi_call(add, &sum, 1, 2) != SFFI_EPOISONED)
			return 5;
	if (sffi_fault_get_kind(sffi_last_fault()) != SFFI_FAULT_POISONED)
		return 6;
	if (!strstr(sffi_error(), "isolated") || !*sffi_fault_get_summary(sffi_last_fault()))
		return 7;
	/* The allocator is every domain's. */
	return sffi_call(elsewhere, &sum, 1, 2) == SFFI_EPOISONED ? 0 : 8;
}

static void check_poison(const char *declaration, bool with_thread)
{
	pid_t child = fork();
	int status;

	if (!child) {
		/* The parent's domain is not this process's: its own. */
		open_library();
		_exit(poisoned_child(declaration, with_thread));
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "%s: %#x", declaration, status);
}

START_TEST(damage_poisons_the_process)
{
	for (int with_thread = 0; with_thread < 2; with_thread++) {
		check_poison("void corrupt_heap(void)", with_thread);
		check_poison("void crash_in_malloc(void)", with_thread);
		check_poison("void crash_in_printf(void)", with_thread);
	}
	test_still_works(domain);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("guard");
	TCase *tests = tcase_create("guard");

	if (argc > 1 && !strcmp(argv[1], "--pretend"))
		return open_in_pretence();
	tcase_add_checked_fixture(tests, open_library, close_library);
	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, a_handler_from_before);
	tcase_add_test(tests, a_handler_from_after);
	tcase_add_test(tests, handlers_that_a_library_leaves_behind);
	tcase_add_test(tests, what_kill_sends_is_no_fault);
	tcase_add_test(tests, the_hosts_own_fault_ends_it);
	tcase_add_test(tests, a_guard_that_does_not_work_is_not_offered);
	tcase_add_test(tests, mask_and_rounding_are_the_hosts);
	tcase_add_test(tests, a_smashed_stack_is_not_the_hosts);
	tcase_add_test(tests, a_fault_after_the_allocator_poisons_nothing);
	tcase_add_test(tests, an_exception_runs_its_destructors);
	tcase_add_test(tests, exit_fails_the_call_again_and_again);
	tcase_add_test(tests, a_fault_unwinds_every_level);
	tcase_add_test(tests, faults_on_all_threads);
	tcase_add_test(tests, stacks_overflow_on_all_threads);
	tcase_add_test(tests, a_timeout_is_the_callees);
	tcase_add_test(tests, another_thread_cancels);
	/* Its allocator notices, and aborts, before any lock is taken. */
	if (!test_is_sanitized())
		tcase_add_test(tests, damage_poisons_the_process);
	suite_add_tcase(suite, tests);
	return test_main(argc, argv, suite);
}
