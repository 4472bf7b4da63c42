/* SPDX-License-Identifier: MIT */
/* The shield alone: regions that come and go, and forks. */
#include "shield_guard.h"

#include <pthread.h>
#include <setjmp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

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

TCase *region_tests(void)
{
	TCase *tests = tcase_create("regions");

	tcase_add_test(tests, regions_come_and_go);
	tcase_add_test(tests, protections_are_kept);
	tcase_add_test(tests, a_shared_heap);
	tcase_add_test(tests, children);
	return tests;
}
