/* SPDX-License-Identifier: MIT */
#include "inside/fiber.h"

#include "error.h"
#include "inside/inside.h"
#include "inside/interrupt.h"
#include "inside/reach.h"
#include "os/os.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>

enum {
	PAGE = 4096,
	STACK_LEAST = 256 * 1024,
	STACK_MOST = 8 << 20,
	SKEWS = 64, /* calls until the stack is where it was: see struct enter_guard */
};

__thread struct fiber *volatile sffi__fiber_running;

__thread struct fiber *sffi__fibers;
static pthread_key_t thread_end;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* ---- making and ending ------------------------------------------------------------- */

/* As large as a thread's would be. */
static size_t stack_size(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_STACK, &limit) || limit.rlim_cur > STACK_MOST)
		return STACK_MOST;
	if (limit.rlim_cur < STACK_LEAST)
		return STACK_LEAST;
	return limit.rlim_cur & ~(size_t)(PAGE - 1);
}

sffi_status sffi__fiber_prepare(struct fiber *fiber)
{
	size_t size;
	char *mapping;

	if (fiber->mapping)
		return SFFI_OK;
	size = stack_size();
	mapping = sffi__os_map(NULL, PAGE + size + PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1);
	if (sffi__os_failed(mapping))
		return sffi__fail_system(sffi__os_failed(mapping), "make a stack for callees");
	/* The upper one is for what smashes its own stack. */
	mprotect(mapping, PAGE, PROT_NONE);
	mprotect(mapping + PAGE + size, PAGE, PROT_NONE);
	fiber->mapping = mapping;
	fiber->low = (uintptr_t)mapping + PAGE;
	fiber->high = fiber->low + size;
	return SFFI_OK;
}

void sffi__fiber_unprepare(struct fiber *fiber)
{
	if (fiber->mapping)
		sffi__os_unmap(fiber->mapping, fiber->high + PAGE - (uintptr_t)fiber->mapping);
	fiber->mapping = NULL;
}

struct fiber *sffi__fiber_new(sffi_domain *domain)
{
	struct fiber *fiber = calloc(1, sizeof *fiber);

	if (!fiber) {
		sffi__fail(SFFI_ENOMEM, "out of memory for a thread's calls");
		return NULL;
	}
	fiber->ops = domain->ops->inside;
	sffi__workspace_init(&fiber->work, domain,
			     domain->ops->inside->is_guarded ? &sffi__inside_reach : &sffi__direct_reach);
	return fiber;
}

void sffi__fiber_free(struct fiber *fiber)
{
	if (!fiber)
		return;
	sffi__interrupt_end(fiber);
	sffi__workspace_end(&fiber->work, !*fiber->work.domain->mark);
	sffi__fiber_unprepare(fiber);
	free(fiber);
}

static void on_thread_end(void *first)
{
	struct fiber *fiber = first;

	sffi__fibers = NULL;
	while (fiber) {
		struct fiber *next = fiber->next;

		sffi__fiber_free(fiber);
		fiber = next;
	}
}

static void make_key(void)
{
	pthread_key_create(&thread_end, on_thread_end);
}

/* The destructor of a thread's end is called with the first one, if there is one. */
static void note_first(void)
{
	pthread_once(&once, make_key);
	pthread_setspecific(thread_end, sffi__fibers);
}

void sffi__fibers_sweep(void)
{
	struct fiber **link = &sffi__fibers;

	while (*link) {
		struct fiber *fiber = *link;

		if (!fiber->work.domain->closed || fiber->work.depth) {
			link = &fiber->next;
			continue;
		}
		*link = fiber->next;
		sffi__fiber_free(fiber);
	}
	note_first();
}

static struct fiber *add(sffi_domain *domain)
{
	struct fiber *fiber = sffi__fiber_new(domain);

	if (!fiber)
		return NULL;
	sffi__fibers_sweep();
	fiber->next = sffi__fibers;
	sffi__fibers = fiber;
	note_first();
	return fiber;
}

/* The one used last comes first. */
struct fiber *sffi__fiber_find(sffi_domain *domain)
{
	struct fiber **link = &sffi__fibers, *fiber;

	while ((fiber = *link) && fiber->work.domain != domain)
		link = &fiber->next;
	if (!fiber)
		return add(domain);
	*link = fiber->next;
	fiber->next = sffi__fibers;
	sffi__fibers = fiber;
	note_first();
	return fiber;
}

/* ---- running ----------------------------------------------------------------------------- */

/* AddressSanitizer has marked the frames that are left behind, and would take what comes to lie
 * there next for a part of them. */
extern void __asan_unpoison_memory_region(const volatile void *, size_t) __attribute__((weak));

void sffi__fiber_drop(struct fiber *fiber)
{
	if (__asan_unpoison_memory_region)
		__asan_unpoison_memory_region((void *)fiber->low, fiber->high - fiber->low);
}

/* Below what waits there; else every call's stack lies a little lower than the last one's, so
 * that a longjmp to an earlier call's setjmp is told. */
static void *top(struct fiber *fiber)
{
	if (fiber->registers.callee_sp)
		return (void *)(fiber->registers.callee_sp & ~(uint64_t)15);
	return (void *)(fiber->high - fiber->calls++ % SKEWS * 16);
}

static inline fiber_event run(struct fiber *fiber, const struct call_frame *frame,
			      struct call_result *result, void *start)
{
	int *error = &errno;
	fiber_event event;

	fiber->registers.result = result;
	sffi__fiber_running = fiber;
	*error = 0;
	event = sffi__fiber_enter(&fiber->registers, frame, start);
	fiber->error = *error;
	sffi__fiber_running = NULL;
	return event;
}

/* What calls is on a fiber itself: a callee that has SafeFFI for its own purposes, or a function
 * of the host's that it called as its own. */
static __attribute__((noinline)) fiber_event run_nested(struct fiber *fiber,
							const struct call_frame *frame,
							struct call_result *result)
{
	enum { OUR_FRAMES = 2048 };
	struct fiber *running = sffi__fiber_running;
	struct fiber_registers outer = fiber->registers;
	char here;
	void *start = top(fiber);
	fiber_event event;

	if (running == fiber)
		start = (void *)(((uintptr_t)&here - OUR_FRAMES) & ~(uintptr_t)15);
	event = run(fiber, frame, result, start);
	if (running == fiber)
		fiber->registers = outer;
	sffi__fiber_running = running;
	return event;
}

static inline bool leave_host(struct fiber *fiber)
{
	return !fiber->ops->leave_host || fiber->ops->leave_host(fiber);
}

static inline void enter_host(struct fiber *fiber)
{
	if (fiber->ops->enter_host)
		fiber->ops->enter_host(fiber);
}

fiber_event sffi__fiber_run(struct fiber *fiber, const struct call_frame *frame,
			    struct call_result *result)
{
	return run(fiber, frame, result, top(fiber));
}

fiber_event sffi__fiber_call(struct fiber *fiber, const struct call_frame *frame,
			     struct call_result *result)
{
	fiber_event event;

	if (sffi__fiber_running)
		return run_nested(fiber, frame, result);
	if (!leave_host(fiber))
		return FIBER_UNSHIELDED;
	event = run(fiber, frame, result, top(fiber));
	enter_host(fiber);
	return event;
}

fiber_event sffi__fiber_continue(struct fiber *fiber, const struct fiber_waiting *waiting)
{
	fiber_event event;

	fiber->registers = waiting->registers;
	if (!leave_host(fiber))
		return FIBER_UNSHIELDED;
	sffi__fiber_running = fiber;
	errno = waiting->error;
	event = sffi__fiber_resume(&fiber->registers);
	fiber->error = errno;
	sffi__fiber_running = NULL;
	enter_host(fiber);
	return event;
}
