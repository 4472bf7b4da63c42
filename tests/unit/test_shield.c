/* SPDX-License-Identifier: MIT */
/*
 * The shield alone: threads that raise and lower it, as the modes do, with a signal handler that
 * asks it for repair, as the guard does. A "callee" is a function on a stack of its own.
 */
#include "memory/region.h"
#include "memory/shield.h"
#include "os/os.h"
#include "test_main.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

enum { PAGE = 4096, HEAP_SIZE = 8 << 20, STACK_SIZE = 256 * 1024, LOOPS = 20000 };

static volatile char *heap;
static _Atomic int passed_on; /* faults that were not the shield's */

/* ---- a guard of a few lines, and callees ------------------------------------------- */

/* A call in work: the host's stack and the callee's, as switched between. */
struct fiber {
	ucontext_t host, callee;
	void (*function)(void);
	void (*wanted)(void); /* upcall */
	sigjmp_buf recover;
	struct fiber *outer;
};

static __thread struct fiber *current;
static __thread sigjmp_buf *recover; /* where to go on after a fault; NULL: there must be none */

static void on_fault(int signal, siginfo_t *info, void *context)
{
	int saved = errno;

	if (sffi__shield_repair(signal, info, context)) {
		errno = saved;
		return;
	}
	atomic_fetch_add(&passed_on, 1);
	if (!recover)
		abort();
	siglongjmp(*recover, 1);
}

static void own_alternate_stack(void)
{
	static __thread char memory[STACK_SIZE];
	stack_t stack = { .ss_size = STACK_SIZE, .ss_sp = memory };

	ck_assert_int_eq(sigaltstack(&stack, NULL), 0);
}

static void handle(int signal, void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags };

	sigaction(signal, &action, NULL);
}

static void on_own_stack(void)
{
	current->function();
}

/* Until the callee has returned; what it wants of the host is done on the host's stack. */
static void run(struct fiber *fiber, uintptr_t low)
{
	do {
		fiber->wanted = NULL;
		sffi__shield_raise(low, low + STACK_SIZE);
		swapcontext(&fiber->host, &fiber->callee);
		sffi__shield_lower();
		if (fiber->wanted)
			fiber->wanted();
	} while (fiber->wanted);
}

/* Runs it as a callee. True: it returned; false: it faulted. */
static bool call(void (*function)(void))
{
	struct fiber fiber = { .function = function, .outer = current };
	sigjmp_buf *outer = recover;
	char *stack = malloc(STACK_SIZE);
	volatile bool returned = false;

	getcontext(&fiber.callee);
	fiber.callee.uc_stack.ss_sp = stack;
	fiber.callee.uc_stack.ss_size = STACK_SIZE;
	fiber.callee.uc_link = &fiber.host;
	makecontext(&fiber.callee, on_own_stack, 0);
	current = &fiber;
	recover = &fiber.recover;
	if (!sigsetjmp(fiber.recover, 1)) {
		run(&fiber, (uintptr_t)stack);
		returned = true;
	}
	sffi__shield_lower();
	current = fiber.outer;
	recover = outer;
	free(stack);
	return returned;
}

/* What a callee does to call back. */
static void upcall(void (*function)(void))
{
	current->wanted = function;
	swapcontext(&current->callee, &current->host);
}

static void before_fork(void)
{
	sffi__regions_lock();
	sffi__shield_before_fork();
}

static void in_parent(void)
{
	sffi__shield_after_fork(false);
	sffi__regions_unlock();
}

static void in_child(void)
{
	sffi__shield_after_fork(true);
	sffi__regions_unlock();
}

static void open_shield(void)
{
	heap = mmap(NULL, HEAP_SIZE + (2 << 20), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		    -1, 0);
	ck_assert_ptr_ne((void *)heap, MAP_FAILED);
	heap = (void *)(((uintptr_t)heap + (2 << 20) - 1) & -(uintptr_t)(2 << 20));
	memset((void *)heap, 1, HEAP_SIZE);
	own_alternate_stack();
	handle(SIGSEGV, on_fault, SA_ONSTACK | SA_NODEFER);
	handle(SIGTRAP, on_fault, SA_ONSTACK | SA_NODEFER);
	ck_assert_int_eq(sffi_region_add((void *)heap, HEAP_SIZE), SFFI_OK);
	ck_assert_int_eq(sffi__shield_open(), SFFI_OK);
	if (getenv("TEST_MECHANISM"))
		ck_assert_ptr_nonnull(strstr(sffi__shield_mechanism(), getenv("TEST_MECHANISM")));
}

static void close_shield(void)
{
	sffi__shield_close();
	ck_assert_int_eq(sffi_region_remove((void *)heap), SFFI_OK);
	heap[0] = 77; /* as ever */
	ck_assert_int_eq(heap[0], 77);
}

static bool has_keys(void)
{
	return strstr(sffi__shield_mechanism(), "key") != NULL;
}

/* A store opens the place for its own instruction only. */
static bool is_exact(void)
{
	return has_keys() || sffi__os_has(OS_SINGLE_STEP);
}

/* ---- the callee ----------------------------------------------------------------------- */

static void store_first(void)
{
	heap[0] = 99;
}

static void store_last(void)
{
	heap[HEAP_SIZE - 1] = 99;
}

static void store_in_middle(void)
{
	heap[4 << 20] = 99;
}

static void only_read(void)
{
	ck_assert_int_eq(heap[0], 1);
	ck_assert_int_eq(heap[HEAP_SIZE - 1], 1);
}

static void read_file_into_heap(void)
{
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(write(ends[1], "xyz", 3), 3);
	ck_assert_int_eq(read(ends[0], (void *)heap, 3), -1);
	ck_assert_int_eq(errno, EFAULT);
	close(ends[0]);
	close(ends[1]);
}

START_TEST(a_callee_that_stores_faults)
{
	open_shield();
	for (int i = 0; i < 3; i++) {
		ck_assert(!call(store_first));
		ck_assert(!call(store_last));
		ck_assert(call(only_read));
		ck_assert(call(read_file_into_heap));
		ck_assert_int_eq(heap[0], 1);
		ck_assert_int_eq(heap[HEAP_SIZE - 1], 1);
		heap[1] = (char)i;
	}
	ck_assert_int_eq(passed_on, 6);
	close_shield();
}
END_TEST

static void store_in_upcall(void)
{
	heap[5] = 55;
	ck_assert(!call(store_first));
	heap[6] = 66;
}

static void call_back_then_store(void)
{
	upcall(store_in_upcall);
	heap[7] = 77;
}

START_TEST(an_upcall_may_store_and_call_again)
{
	open_shield();
	ck_assert(!call(call_back_then_store));
	ck_assert_int_eq(heap[5], 55);
	ck_assert_int_eq(heap[6], 66);
	ck_assert_int_eq(heap[7], 1);
	ck_assert_int_eq(heap[0], 1);
	close_shield();
}
END_TEST

static void store_on_own_stack(void)
{
	struct shield_state state;

	sffi__shield_suspend(&state);
	heap[8] = 88;
	if (call(store_last))
		abort();
	sffi__shield_resume(&state);
	heap[9] = 99;
}

/* A callback that is run where the callee is. */
START_TEST(host_code_on_the_callees_stack)
{
	open_shield();
	ck_assert(!call(store_on_own_stack));
	ck_assert_int_eq(heap[8], 88);
	ck_assert_int_eq(heap[9], 1);
	close_shield();
}
END_TEST

/* ---- other threads ---------------------------------------------------------------------- */

static _Atomic int stage, threads_done;
enum { THREADS = 4 };

static void wait_for(_Atomic int *word, int value)
{
	while (atomic_load(word) < value)
		sched_yield();
}

static void *store_when_told(void *unused)
{
	(void)unused;
	own_alternate_stack();
	wait_for(&stage, 1);
	heap[100] = 42;
	atomic_store(&stage, 2);
	return NULL;
}

static void let_another_store_then_store(void)
{
	atomic_store(&stage, 1);
	wait_for(&stage, 2);
	heap[is_exact() ? 100 : HEAP_SIZE - 100] = 99;
}

START_TEST(another_thread_stores_meanwhile)
{
	pthread_t thread;

	open_shield();
	for (int i = 0; i < 20; i++) {
		stage = 0;
		heap[100] = 0;
		pthread_create(&thread, NULL, store_when_told, NULL);
		ck_assert(!call(let_another_store_then_store));
		pthread_join(thread, NULL);
		ck_assert_int_eq(heap[100], 42);
		ck_assert_int_eq(heap[HEAP_SIZE - 100], 1);
	}
	close_shield();
}
END_TEST

/* All kinds of stores, over page borders and in the same pages as the other threads'. */
static void *store_much(void *index)
{
	size_t own = 4096 * 3 - 4 + 512 * (size_t)(uintptr_t)index;
	unsigned *word = (unsigned *)(heap + own), *common = (unsigned *)(heap + PAGE);
	char pattern[700];

	own_alternate_stack();
	wait_for(&stage, 1);
	for (unsigned i = 0; i < LOOPS; i++) {
		*word += 1;
		__atomic_fetch_add(common, 1, __ATOMIC_SEQ_CST);
	}
	for (unsigned i = 0; i < 50; i++) {
		char *to = (char *)heap + (1 << 20) * (1 + (size_t)(uintptr_t)index) - 350 + i;

		memset(pattern, (int)i, sizeof pattern);
		memcpy(to, pattern, sizeof pattern);
		if (memcmp(to, pattern, sizeof pattern))
			abort();
	}
	memset((char *)heap + (5 << 20) + 100000 * (size_t)(uintptr_t)index, 9, 100000);
	atomic_fetch_add(&threads_done, 1);
	return NULL;
}

static void wait_for_threads(void)
{
	atomic_store(&stage, 1);
	wait_for(&threads_done, THREADS);
}

START_TEST(other_threads_store_all_the_time)
{
	pthread_t threads[THREADS];

	open_shield();
	memset((void *)heap, 0, HEAP_SIZE);
	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, store_much, (void *)i);
	ck_assert(call(wait_for_threads));
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		ck_assert_uint_eq(*(unsigned *)(heap + 4096 * 3 - 4 + 512 * i), LOOPS);
	}
	ck_assert_uint_eq(*(unsigned *)(heap + PAGE), THREADS * LOOPS);
	for (size_t i = 0; i < 100000 * THREADS; i++)
		ck_assert_int_eq(heap[(5 << 20) + i], 9);
	memset((void *)heap, 1, HEAP_SIZE);
	ck_assert(!call(store_first));
	ck_assert_int_eq(passed_on, 1);
	close_shield();
}
END_TEST

static void *call_and_store(void *unused)
{
	(void)unused;
	own_alternate_stack();
	for (int i = 0; i < 200; i++) {
		if (call(store_last) || !call(only_read))
			abort();
		__atomic_fetch_add((unsigned *)(heap + 4 * PAGE), 1, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

START_TEST(several_threads_call_and_store)
{
	pthread_t threads[THREADS];

	open_shield();
	*(unsigned *)(heap + 4 * PAGE) = 0;
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, call_and_store, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(*(unsigned *)(heap + 4 * PAGE), THREADS * 200);
	ck_assert_int_eq(heap[HEAP_SIZE - 1], 1);
	ck_assert_int_eq(passed_on, THREADS * 200);
	close_shield();
}
END_TEST

static int ends[2];
static ssize_t got;
static int got_errno;

static void *read_when_told(void *unused)
{
	(void)unused;
	own_alternate_stack();
	wait_for(&stage, 1);
	got = read(ends[0], (char *)heap + 200, 3);
	got_errno = errno;
	atomic_store(&stage, 2);
	return NULL;
}

static void wait_for_reader(void)
{
	atomic_store(&stage, 1);
	wait_for(&stage, 2);
}

/* The thread is older than the shield: with keys, it must be told of the key before its system
 * call, which raises no signal. */
START_TEST(system_calls_of_an_older_thread)
{
	pthread_t thread;

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(write(ends[1], "xyz", 3), 3);
	handle(SIGSEGV, on_fault, SA_ONSTACK | SA_NODEFER);
	pthread_create(&thread, NULL, read_when_told, NULL);
	open_shield();
	ck_assert(call(wait_for_reader));
	pthread_join(thread, NULL);
	if (has_keys()) {
		ck_assert_int_eq(got, 3);
		ck_assert(!memcmp((char *)heap + 200, "xyz", 3));
	} else {
		ck_assert_int_eq(got, -1);
		ck_assert_int_eq(got_errno, EFAULT);
	}
	close_shield();
}
END_TEST

/* ---- signal handlers of the host ---------------------------------------------------------- */

static _Atomic int handled;

static void store_as_handler(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)info;
	(void)context;
	heap[300]++;
	heap[HEAP_SIZE - 300]++;
	atomic_fetch_add(&handled, 1);
}

static void be_interrupted_then_store(void)
{
	raise(SIGUSR1);
	raise(SIGUSR1);
	heap[is_exact() ? 300 : 4 << 20] = 99;
}

START_TEST(handlers_of_the_host_may_store)
{
	static const int flags[] = { 0, SA_ONSTACK };

	open_shield();
	for (int i = 0; i < 2; i++) {
		heap[300] = heap[HEAP_SIZE - 300] = 1;
		handle(SIGUSR1, store_as_handler, flags[i]);
		ck_assert(!call(be_interrupted_then_store));
		ck_assert_int_eq(heap[300], 3);
		ck_assert_int_eq(heap[HEAP_SIZE - 300], 3);
		ck_assert(!call(store_in_middle));
	}
	ck_assert_int_eq(passed_on, 4);
	close_shield();
}
END_TEST

static void *interrupt(void *thread)
{
	own_alternate_stack();
	for (int i = 0; !atomic_load(&threads_done); i++) {
		pthread_kill(*(pthread_t *)thread, SIGUSR1);
		while (atomic_load(&handled) <= i && !atomic_load(&threads_done))
			sched_yield();
		for (volatile int j = 0; j < 1000 * (i % 8); j++)
			continue;
	}
	return NULL;
}

static void spin_a_while(void)
{
	for (volatile int i = 0; i < 20000; i++)
		continue;
}

/* At any moment, in the middle of raising and lowering too. */
START_TEST(handlers_interrupt_anywhere)
{
	pthread_t self = pthread_self(), thread;

	open_shield();
	handle(SIGUSR1, store_as_handler, SA_ONSTACK | SA_RESTART);
	pthread_create(&thread, NULL, interrupt, &self);
	for (int i = 0; i < 500; i++) {
		ck_assert(call(spin_a_while));
		ck_assert(!call(store_in_middle));
	}
	atomic_store(&threads_done, 1);
	pthread_join(thread, NULL);
	ck_assert_int_eq(passed_on, 500);
	ck_assert_int_eq(heap[4 << 20], 1);
	close_shield();
}
END_TEST

/* ---- regions that come and go ------------------------------------------------------------- */

static char *second;

static void add_second(void)
{
	ck_assert_int_eq(sffi_region_add(second, 8 * PAGE), SFFI_OK);
}

static void add_then_store(void)
{
	upcall(add_second);
	second[3 * PAGE] = 99;
}

/* A region added by the host while this thread's callee runs, by another thread's hand. */
static void *add_when_told(void *unused)
{
	(void)unused;
	own_alternate_stack();
	wait_for(&stage, 1);
	add_second();
	atomic_store(&stage, 2);
	return NULL;
}

static void wait_then_store(void)
{
	atomic_store(&stage, 1);
	wait_for(&stage, 2);
	second[3 * PAGE] = 99;
}

static void store_second(void)
{
	second[0] = 98;
	second[3 * PAGE] = 98;
}

START_TEST(regions_come_and_go)
{
	pthread_t thread;

	open_shield();
	second = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert(!call(add_then_store));
	ck_assert_int_eq(sffi_region_remove(second), SFFI_OK);
	ck_assert(call(store_second));
	second[3 * PAGE] = 0;

	pthread_create(&thread, NULL, add_when_told, NULL);
	ck_assert(!call(wait_then_store));
	pthread_join(thread, NULL);
	ck_assert_int_eq(second[3 * PAGE], 0);

	/* Two that share pages: what one of them still has is still kept. */
	ck_assert_int_eq(sffi_region_add(second + 2 * PAGE, 4 * PAGE), SFFI_OK);
	ck_assert_int_eq(sffi_region_remove(second), SFFI_OK);
	ck_assert(!call(store_second));
	ck_assert_int_eq(second[0], 98);
	ck_assert_int_eq(second[3 * PAGE], 0);
	ck_assert_int_eq(sffi_region_remove(second + 2 * PAGE), SFFI_OK);
	ck_assert(call(store_second));
	close_shield();
}
END_TEST

static void do_nothing(void)
{
}

/* Whether a store of the host's is a fault for the host to deal with. */
static bool faults(char *address)
{
	sigjmp_buf here;
	int before = passed_on;

	recover = &here;
	if (!sigsetjmp(here, 1))
		*(volatile char *)address = 5;
	recover = NULL;
	return passed_on > before;
}

/* What is not writable does not become so, and what the host protects itself stays so. */
START_TEST(protections_are_kept)
{
	char *map = mmap(NULL, 6 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	open_shield();
	mprotect(map + PAGE, PAGE, PROT_READ);
	mprotect(map + 2 * PAGE, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
	map[2 * PAGE] = (char)0xc3; /* ret, on x86-64 */
	ck_assert_int_eq(sffi_region_add(map, 6 * PAGE), SFFI_OK);
	munmap(map + 4 * PAGE, PAGE);
	ck_assert(!call(store_first));
	ck_assert(call(do_nothing));
	map[0] = map[3 * PAGE] = map[5 * PAGE] = 5;
#ifdef __x86_64__
	((void (*)(void))(map + 2 * PAGE))();
#endif
	ck_assert(!faults(map));
	ck_assert(faults(map + PAGE));
	mprotect(map + 3 * PAGE, PAGE, PROT_READ);
	ck_assert(faults(map + 3 * PAGE));
	ck_assert_int_eq(sffi_region_remove(map), SFFI_OK);
	munmap(map, 6 * PAGE);
	close_shield();
}
END_TEST

START_TEST(a_shared_heap)
{
	int fd = memfd_create("heap", MFD_CLOEXEC);
	char *map;

	open_shield();
	ck_assert_int_eq(ftruncate(fd, 4 << 20), 0);
	map = mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	memset(map, 3, 4 << 20);
	second = map;
	ck_assert_int_eq(sffi_region_add(map, 4 << 20), SFFI_OK);
	ck_assert(!call(store_second));
	ck_assert_int_eq(map[0], 3);
	map[0] = 4;
	ck_assert_int_eq(sffi_region_remove(map), SFFI_OK);
	munmap(map, 4 << 20);
	close(fd);
	close_shield();
}
END_TEST

/* ---- forks --------------------------------------------------------------------------------- */

static int child_status;

static void *fork_when_told(void *unused)
{
	pid_t child;

	(void)unused;
	own_alternate_stack();
	wait_for(&stage, 1);
	child = fork();
	if (!child) {
		memset((void *)heap, 8, HEAP_SIZE);
		_exit(heap[HEAP_SIZE - 1] != 8 ? 1 : call(store_first) ? 2 : 42);
	}
	waitpid(child, &child_status, 0);
	atomic_store(&stage, 2);
	return NULL;
}

static void wait_for_fork(void)
{
	atomic_store(&stage, 1);
	wait_for(&stage, 2);
}

static void fork_and_store(void)
{
	pid_t child = fork();

	if (!child) {
		recover = NULL;
		signal(SIGABRT, SIG_DFL);
		heap[0] = 99;
		_exit(0);
	}
	waitpid(child, &child_status, 0);
}

/* The host's child may do everything, the callee's no more than its parent. */
START_TEST(children)
{
	pthread_t thread;

	open_shield();
	pthread_atfork(before_fork, in_parent, in_child);
	pthread_create(&thread, NULL, fork_when_told, NULL);
	ck_assert(call(wait_for_fork));
	pthread_join(thread, NULL);
	ck_assert(WIFEXITED(child_status));
	ck_assert_int_eq(WEXITSTATUS(child_status), 42);
	ck_assert(call(fork_and_store));
	ck_assert(WIFSIGNALED(child_status));
	ck_assert_int_eq(WTERMSIG(child_status), SIGABRT);
	close_shield();
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("shield");
	TCase *alone = tcase_create("alone");

	tcase_add_test(alone, a_callee_that_stores_faults);
	tcase_add_test(alone, an_upcall_may_store_and_call_again);
	tcase_add_test(alone, host_code_on_the_callees_stack);
	tcase_add_test(alone, another_thread_stores_meanwhile);
	tcase_add_test(alone, other_threads_store_all_the_time);
	tcase_add_test(alone, several_threads_call_and_store);
	tcase_add_test(alone, system_calls_of_an_older_thread);
	tcase_add_test(alone, handlers_of_the_host_may_store);
	tcase_add_test(alone, handlers_interrupt_anywhere);
	tcase_add_test(alone, regions_come_and_go);
	tcase_add_test(alone, protections_are_kept);
	tcase_add_test(alone, a_shared_heap);
	tcase_add_test(alone, children);
	suite_add_tcase(suite, alone);
	return test_main(argc, argv, suite);
}
