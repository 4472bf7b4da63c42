/* SPDX-License-Identifier: MIT */
#include "shield_guard.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

volatile char *heap;
_Atomic int passed_on, stage;

/* A call in work: the host's stack and the callee's, as switched between. */
struct fiber {
	ucontext_t host, callee;
	void (*function)(void);
	void (*wanted)(void); /* upcall */
	sigjmp_buf recover;
	struct fiber *outer;
};

static __thread struct fiber *current;
__thread sigjmp_buf *recover;

void on_fault(int signal, siginfo_t *info, void *context)
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

void own_alternate_stack(void)
{
	static __thread char memory[STACK_SIZE];
	stack_t stack = { .ss_size = STACK_SIZE, .ss_sp = memory };

	ck_assert_int_eq(sigaltstack(&stack, NULL), 0);
}

void handle(int signal, void (*handler)(int, siginfo_t *, void *), int flags)
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

bool call(void (*function)(void))
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

void upcall(void (*function)(void))
{
	current->wanted = function;
	swapcontext(&current->callee, &current->host);
}

void open_shield(void)
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

void close_shield(void)
{
	sffi__shield_close();
	ck_assert_int_eq(sffi_region_remove((void *)heap), SFFI_OK);
	heap[0] = 77; /* as ever */
	ck_assert_int_eq(heap[0], 77);
}

bool has_keys(void)
{
	return strstr(sffi__shield_mechanism(), "key") != NULL;
}

bool is_exact(void)
{
	return has_keys() || sffi__os_has(OS_SINGLE_STEP);
}

void store_first(void)
{
	heap[0] = 99;
}

void store_in_middle(void)
{
	heap[4 << 20] = 99;
}

void wait_for(_Atomic int *word, int value)
{
	while (atomic_load(word) < value)
		sched_yield();
}
