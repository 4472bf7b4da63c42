/* SPDX-License-Identifier: MIT */
/*
 * Upcalls, seen from the worker: the callee calls a thunk, which comes here on the callee's
 * stack; the host is told on the lane and may ask for anything meanwhile. A thread that the
 * library made itself borrows one of the guest lanes.
 */
#include "worker/worker.h"

#include "fault/handler.h"
#include "lane/wait.h"
#include "os/os.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096 };

/* ---- whose thread this is --------------------------------------------------------------- */

/* Thread-local storage is the callee's to overwrite: only a hint where to look first. */
static __thread unsigned own_lane __attribute__((tls_model("initial-exec")));

void sffi__lane_note_self(const struct lane_thread *self)
{
	own_lane = self->lane;
}

static bool is_on(const struct lane_thread *lane, uintptr_t at)
{
	return lane && at >= (uintptr_t)lane->stack && at < (uintptr_t)lane->stack + lane->stack_size;
}

struct lane_thread *sffi__lane_self(void)
{
	char here;
	uintptr_t at = (uintptr_t)&here;

	if (own_lane < LANE_FIRST_GUEST && is_on(sffi__worker.lanes[own_lane], at))
		return sffi__worker.lanes[own_lane];
	for (unsigned i = 0; i < LANE_FIRST_GUEST; i++)
		if (is_on(sffi__worker.lanes[i], at))
			return sffi__worker.lanes[i];
	return NULL;
}

/* ---- guests ------------------------------------------------------------------------------ */

static struct lane_thread guests[GUESTS];
static _Atomic uint64_t guests_taken;
static _Atomic uint32_t guests_left; /* changes when one is given back */

/* A lane that nobody uses; waits for one while all are in use. */
static struct lane_thread *borrow(void)
{
	for (;;) {
		uint32_t seen = atomic_load(&guests_left);
		uint64_t taken = atomic_load(&guests_taken);
		unsigned i = ~taken ? (unsigned)__builtin_ctzll(~taken) : GUESTS;

		if (i == GUESTS) {
			sffi__os_futex_wait(&guests_left, seen, OS_NO_DEADLINE);
		} else if (atomic_compare_exchange_strong(&guests_taken, &taken,
							  taken | UINT64_C(1) << i)) {
			guests[i].lane = LANE_FIRST_GUEST + i;
			guests[i].slot = worker_slot(sffi__worker.control, guests[i].lane);
			guests[i].guard.result = &guests[i].result;
			atomic_store(&guests[i].notice.fd, -1);
			return &guests[i];
		}
	}
}

static void give_back(struct lane_thread *guest)
{
	sffi__worker.lanes[guest->lane] = NULL;
	atomic_fetch_and(&guests_taken, ~(UINT64_C(1) << (guest - guests)));
	atomic_fetch_add(&guests_left, 1);
	sffi__os_futex_wake(&guests_left, 1);
}

/* Wakes the host threads that sleep in a call. */
static void ring(void)
{
	for (unsigned i = 0; i < LANE_FIRST_GUEST; i++) {
		struct lane_thread *lane = sffi__worker.lanes[i];

		if (lane && atomic_load(&lane->busy) && atomic_load(&lane->slot->request.sleeping))
			sffi__os_futex_wake(&lane->slot->reply.post, 1);
	}
}

/* A host thread that was about to sleep may have missed it: again and again, less and less
 * often, until one has taken the upcall. */
static void ring_until_taken(const struct lane_thread *guest)
{
	enum { SOON_NS = 200000, SELDOM_NS = 50000000 };
	struct worker_control *control = sffi__worker.control;
	uint64_t bit = UINT64_C(1) << (guest - guests), pause = SOON_NS;

	atomic_fetch_or(&control->guests, bit);
	sffi__notice_give(&sffi__worker.guests_notice);
	for (;;) {
		uint32_t seen = atomic_load(&guest->slot->request.post);

		ring();
		if (!(atomic_load(&control->guests) & bit) || seen == guest->sequence + 1)
			return;
		sffi__os_futex_wait(&guest->slot->request.post, seen, sffi__os_now_ns() + pause);
		pause = pause < SELDOM_NS ? pause * 2 : pause;
	}
}

/* ---- the upcall ---------------------------------------------------------------------------- */

static void tell(struct lane_thread *self, uint64_t index, const struct upcall_registers *registers)
{
	struct lane_reply *reply = &self->slot->reply;

	if (output_waits_here())
		sffi__output_flush();
	reply->upcall = *registers;
	reply->error = (int32_t)index;
	reply->event = LANE_UPCALLED;
	sffi__lane_post(&reply->post, self->sequence, &self->slot->request.sleeping);
	sffi__notice_give(&self->notice);
}

static void take_answer(const struct lane_thread *self, enum lane_operation answer,
			struct call_result *result)
{
	abi_result_copy(result, &self->slot->request.answer, answer == LANE_ANSWER_WIDE);
}

static bool is_answer(enum lane_operation operation)
{
	return operation == LANE_ANSWER || operation == LANE_ANSWER_WIDE;
}

/* Nested calls use the thread's one guard too; what the call in work needs of it stays. */
static enum lane_operation converse(struct lane_thread *self)
{
	struct enter_guard outer = self->guard;
	enum lane_operation end;

	self->depth++;
	end = sffi__lane_converse(self);
	self->depth--;
	self->guard = outer;
	return end;
}

/* AddressSanitizer has marked the frames that are going to be left behind, and would take
 * what comes to lie there next for a part of them. */
extern void __asan_unpoison_memory_region(const volatile void *, size_t) __attribute__((weak));

static __attribute__((noinline, no_sanitize("address"))) void
forget_frames(const struct enter_guard *guard)
{
	char lowest = 0;

	if (__asan_unpoison_memory_region)
		__asan_unpoison_memory_region(&lowest, guard->expected_sp - (uintptr_t)&lowest);
}

static void upcall(struct lane_thread *self, uint64_t index, const struct upcall_registers *registers,
		   struct call_result *result)
{
	enum lane_operation end;

	tell(self, index, registers);
	end = converse(self);
	if (is_answer(end)) {
		take_answer(self, end, result);
		return;
	}
	self->abandoned = true;
	/* The host's thread has ended in its handler: all calls of the lane end. */
	self->leaving = end == LANE_END;
	forget_frames(&self->guard);
	sffi__enter_abandon(&self->guard);
}

/* A thread without a call has nothing to abandon: it goes on with the result as it is, 0. */
static void guest_upcall(uint64_t index, const struct upcall_registers *registers,
			 struct call_result *result)
{
	struct lane_thread *self = borrow();
	enum lane_operation end;

	self->sequence = atomic_load(&self->slot->request.post);
	self->leaving = false;
	atomic_store(&self->busy, 1);
	sffi__worker.lanes[self->lane] = self;
	self->slot->progress.tid = (uint32_t)sffi__os_gettid();
	tell(self, index, registers);
	ring_until_taken(self);
	end = converse(self);
	if (is_answer(end))
		take_answer(self, end, result);
	atomic_store(&self->busy, 0);
	give_back(self);
}

void sffi__upcall(uint64_t index, struct upcall_registers *registers, struct call_result *result)
{
	int saved = errno;
	struct lane_thread *self;

	/* The host's functions are not in a child that the callee forked. */
	if (!worker_is_self())
		_exit(127);
	memset(result, 0, sizeof *result);
	self = sffi__lane_self();
	if (self)
		upcall(self, index, registers, result);
	else
		guest_upcall(index, registers, result);
	errno = saved;
}

/* ---- thunks ---------------------------------------------------------------------------------- */

static int make_page(uintptr_t page, uint32_t number)
{
	void *mapped = sffi__os_map((void *)page, PAGE, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1);
	int error = sffi__os_failed(mapped);

	if (error)
		return error;
	sffi__abi_thunks_write(mapped, PAGE, (uint64_t)number * ABI_PAGE_THUNKS,
			       (uintptr_t)sffi__upcall_enter);
	return mprotect(mapped, PAGE, PROT_READ | PROT_EXEC) ? -errno : 0;
}

int sffi__thunks_make(uintptr_t thunks, uint32_t first, uint32_t count)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static uint32_t made;
	int error = 0;

	pthread_mutex_lock(&lock);
	/* Another thread may have asked for them before. */
	while (!error && made < first + count) {
		error = make_page(thunks + (uintptr_t)made * PAGE, made);
		made += !error;
	}
	pthread_mutex_unlock(&lock);
	return error;
}
