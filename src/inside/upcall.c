/* SPDX-License-Identifier: MIT */
/*
 * Callees in this process call the host. On a fiber the callee gives way, and the host goes on
 * where it was (mode/inside_call.c, inside_steps.c). On the host's own stack, or on a thread
 * that the library made itself, the handler runs right here.
 */
#include "error.h"
#include "inside/inside.h"
#include "memory/callbacks.h"
#include "memory/shield.h"
#include "mode/upcall.h"
#include "os/os.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, SLOTS = 4096, SLOT_SHIFT = 16 };
static const uint64_t RETRY_NS = 1000000;
_Static_assert(CALLBACKS_MAX <= 1 << SLOT_SHIFT, "a thunk's number has the domain in its upper half");

__thread struct direct_call *sffi__direct_call_in_work;

/* ---- which domain ------------------------------------------------------------------- */

static sffi_domain *domains[SLOTS];
static pthread_mutex_t domains_lock = PTHREAD_MUTEX_INITIALIZER;

static bool take_slot(sffi_domain *domain, uint32_t *slot)
{
	bool found = false;

	pthread_mutex_lock(&domains_lock);
	for (uint32_t i = 0; i < SLOTS && !found; i++) {
		if (domains[i])
			continue;
		domains[*slot = i] = domain;
		found = true;
	}
	pthread_mutex_unlock(&domains_lock);
	return found;
}

/* Referenced; NULL: it was closed. */
static sffi_domain *domain_of(uint64_t index)
{
	sffi_domain *domain;

	pthread_mutex_lock(&domains_lock);
	domain = domains[index >> SLOT_SHIFT & (SLOTS - 1)];
	if (domain)
		sffi__domain_retain(domain);
	pthread_mutex_unlock(&domains_lock);
	return domain;
}

sffi_status sffi__inside_new(sffi_domain *domain)
{
	struct inside *inside = calloc(1, sizeof *inside);
	pthread_mutexattr_t recursive;

	if (!inside)
		return sffi__fail(SFFI_ENOMEM, "out of memory for a domain");
	if (!take_slot(domain, &inside->slot)) {
		free(inside);
		return sffi__fail(SFFI_ENOMEM, "%d domains are open in this process, which is the most; "
					       "close some", SLOTS);
	}
	pthread_mutexattr_init(&recursive);
	pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&inside->turn, &recursive);
	pthread_mutex_init(&inside->lock, NULL);
	inside->guests_fd = -1;
	domain->inside = inside;
	return SFFI_OK;
}

void sffi__inside_close(sffi_domain *domain)
{
	struct guest *guest;

	if (!domain->inside)
		return;
	pthread_mutex_lock(&domains_lock);
	if (domains[domain->inside->slot] == domain)
		domains[domain->inside->slot] = NULL;
	pthread_mutex_unlock(&domains_lock);
	while ((guest = sffi__inside_next_guest(domain->inside)))
		sffi__inside_answer_guest(guest, NULL);
}

void sffi__inside_free(struct inside *inside)
{
	if (!inside)
		return;
	sffi__os_close(inside->guests_fd);
	pthread_mutex_destroy(&inside->turn);
	pthread_mutex_destroy(&inside->lock);
	free(inside);
}

/* ---- thunks ---------------------------------------------------------------------------- */

/* In place of the arena's memory, which workers would see. */
static int make_page(uintptr_t address, uint32_t slot, uint32_t number)
{
	void *page = sffi__os_map((void *)address, PAGE, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1);

	if (sffi__os_failed(page))
		return sffi__os_failed(page);
	sffi__abi_thunks_write(page, PAGE, ((uint64_t)slot << SLOT_SHIFT) + (uint64_t)number * ABI_PAGE_THUNKS,
			       (uintptr_t)sffi__inside_upcall_enter);
	return mprotect(page, PAGE, PROT_READ | PROT_EXEC) ? -errno : 0;
}

sffi_status sffi__inside_make_thunks(sffi_domain *domain)
{
	struct inside *inside = domain->inside;
	uint32_t pages = sffi__callbacks_pages(domain->callbacks);
	uintptr_t low = sffi__callbacks_low(domain->callbacks);
	int error = 0;

	pthread_mutex_lock(&inside->lock);
	while (!error && inside->thunk_pages < pages) {
		error = make_page(low + (uintptr_t)inside->thunk_pages * PAGE, inside->slot,
				  inside->thunk_pages);
		inside->thunk_pages += !error;
	}
	pthread_mutex_unlock(&inside->lock);
	return error ? sffi__fail_system(error, "make the code of callbacks") : SFFI_OK;
}

/* ---- guests ------------------------------------------------------------------------------ */

sffi_status sffi__inside_guests_fd(struct inside *inside, int *fd)
{
	int error = 0;

	pthread_mutex_lock(&inside->lock);
	if (inside->guests_fd < 0)
		inside->guests_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
	if (inside->guests_fd < 0)
		error = errno;
	*fd = inside->guests_fd;
	pthread_mutex_unlock(&inside->lock);
	return error ? sffi__fail_system(error, "make an eventfd") : SFFI_OK;
}

struct guest *sffi__inside_next_guest(struct inside *inside)
{
	struct guest *guest;
	uint64_t one;

	pthread_mutex_lock(&inside->lock);
	guest = inside->guests;
	if (guest) {
		inside->guests = guest->next;
		if (read(inside->guests_fd, &one, sizeof one) < 0)
			errno = 0; /* the host has read it */
	}
	pthread_mutex_unlock(&inside->lock);
	return guest;
}

void sffi__inside_answer_guest(struct guest *guest, const struct call_result *result)
{
	if (result)
		*guest->result = *result;
	atomic_store(&guest->is_served, 1);
	sffi__os_futex_wake(&guest->is_served, 1);
}

/* False: nobody asks for guests. */
static bool wait_for_host(sffi_domain *domain, struct guest *guest)
{
	struct inside *inside = domain->inside;
	struct guest **end = &inside->guests;
	uint64_t one = 1;
	bool is_asked;

	pthread_mutex_lock(&inside->lock);
	is_asked = inside->guests_fd >= 0 && !domain->closed;
	if (is_asked) {
		while (*end)
			end = &(*end)->next;
		*end = guest;
		if (write(inside->guests_fd, &one, sizeof one) < 0)
			errno = 0; /* so many wait that it is readable already */
	}
	pthread_mutex_unlock(&inside->lock);
	while (is_asked && !atomic_load(&guest->is_served))
		sffi__os_futex_wait(&guest->is_served, 0, OS_NO_DEADLINE);
	return is_asked;
}

/* ---- upcalls -------------------------------------------------------------------------------- */

/* The call that the upcall was made in ends; without one, the callee goes on with a result
 * of 0. */
static void end_call(sffi_status why)
{
	struct direct_call *call = sffi__direct_call_in_work;

	if (!call)
		return;
	call->ended = why;
	sffi__enter_abandon(&call->guard);
}

void sffi__inside_refuse(const char *reason)
{
	struct direct_call *call = sffi__direct_call_in_work;
	struct fiber *running = sffi__fiber_running, *fiber = running;

	if (!fiber && call)
		fiber = fiber_get(call->domain);
	if (fiber)
		snprintf(fiber->work.refusal, sizeof fiber->work.refusal, "%s", reason);
	if (running)
		sffi__fiber_land(&running->registers, FIBER_REFUSED);
	end_call(SFFI_EUPCALL);
}

static sffi_status serve(struct fiber *fiber, uint32_t index, const struct upcall_registers *registers,
			 struct call_result *result)
{
	struct direct_call *outer = sffi__direct_call_in_work;
	struct upcall upcall;
	sffi_status status;

	/* The handler's own calls, and its faults, are not the callee's. */
	sffi__direct_call_in_work = NULL;
	fiber->work.depth++;
	status = sffi__upcall_take(&upcall, &fiber->work, index, registers);
	if (!status)
		sffi__upcall_run(&upcall);
	if (!status && !upcall.refused)
		status = sffi__upcall_result(&upcall, result);
	if (status && status != SFFI_EFAULT)
		sffi__upcall_refuse(&upcall, sffi_error());
	fiber->work.depth--;
	if (upcall.refused)
		status = SFFI_EUPCALL;
	sffi__upcall_end(&upcall);
	sffi__direct_call_in_work = outer;
	return status;
}

/* Without it the callee must not go on: its call ends; a thread that the library made itself has none,
 * and waits until the process has given up a mapping. */
static void resume_shield(const struct shield_state *shield, struct fiber *running)
{
	static _Atomic uint32_t nobody;

	while (!sffi__shield_resume(shield)) {
		if (running)
			sffi__fiber_land(&running->registers, FIBER_UNSHIELDED);
		sffi__os_futex_wait(&nobody, 0, sffi__os_now_ns() + RETRY_NS);
	}
}

/* On this stack. */
static void serve_here(uint64_t index, const struct upcall_registers *registers,
		       struct call_result *result)
{
	struct fiber *running = sffi__fiber_running;
	sffi_domain *domain = domain_of(index);
	struct guest guest = { .index = index & ((1 << SLOT_SHIFT) - 1), .registers = registers,
			       .result = result };
	sffi_status status = SFFI_OK;
	struct shield_state shield;
	struct fiber *fiber;

	if (!domain)
		return;
	sffi__fiber_running = NULL;
	sffi__shield_suspend(&shield);
	if (sffi__direct_call_in_work || running || !wait_for_host(domain, &guest)) {
		fiber = fiber_get(domain);
		status = fiber ? serve(fiber, guest.index, registers, result) : SFFI_ENOMEM;
	}
	sffi__fiber_running = running;
	sffi__domain_release(domain);
	resume_shield(&shield, running);
	if (status)
		end_call(status);
}

void sffi__inside_upcall(uint64_t index, struct upcall_registers *registers, struct call_result *result)
{
	struct fiber *fiber = sffi__fiber_running;
	int error = errno;

	memset(result, 0, sizeof *result);
	if (fiber && fiber->work.domain->inside->slot == index >> SLOT_SHIFT) {
		fiber->upcall = (struct fiber_upcall){ index & ((1 << SLOT_SHIFT) - 1), registers,
						       result };
		sffi__fiber_leave(&fiber->registers, FIBER_UPCALLED);
	} else {
		serve_here(index, registers, result);
	}
	errno = error;
}
