/* SPDX-License-Identifier: MIT */
/* A lane's thread in the worker: waits for a request, carries it out, answers. */
#include "worker/worker.h"

#include "lane/wait.h"
#include "os/os.h"
#include "fault/handler.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	PAGE = 4096,
	ALTERNATE_STACK = 64 * 1024,
	STACK_LEAST = 256 * 1024,
	STACK_MOST = 8 << 20,
	SKEWS = 64, /* calls until the stack is where it was: see struct enter_guard */
	CLEAR = 8192, /* what our own functions between two calls write to stays above it */
};

static size_t stack_size(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_STACK, &limit) || limit.rlim_cur > STACK_MOST)
		return STACK_MOST;
	if (limit.rlim_cur < STACK_LEAST)
		return STACK_LEAST;
	return limit.rlim_cur & ~(size_t)(PAGE - 1);
}

struct lane_thread *sffi__lane_thread_new(unsigned lane)
{
	size_t stack = stack_size(), size = PAGE + ALTERNATE_STACK + PAGE + stack;
	struct lane_thread *self;
	char *low = sffi__os_map(NULL, size, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1);

	if (sffi__os_failed(low))
		return NULL;
	mprotect(low + PAGE + ALTERNATE_STACK, PAGE, PROT_NONE);
	self = (struct lane_thread *)low;
	self->lane = lane;
	self->slot = worker_slot(sffi__worker.control, lane);
	self->guard.result = &self->result;
	self->alternate_stack = low + PAGE;
	self->alternate_size = ALTERNATE_STACK;
	self->stack = low + PAGE + ALTERNATE_STACK + PAGE;
	self->stack_size = stack;
	atomic_store(&self->notice.fd, -1);
	sffi__worker.lanes[lane] = self;
	return self;
}

/* Every call's stack lies a little lower than the last one's: see enter.S. */
static uint64_t skew(const struct lane_thread *self)
{
	return (self->depth ? 0 : CLEAR) + self->sequence % SKEWS * 16;
}

static void call(struct lane_thread *self, const struct lane_request *request)
{
	self->guard.skew = skew(self);
	errno = 0;
	sffi__enter(&request->frame, &self->guard);
}

static void batch(struct lane_thread *self, const struct lane_request *request)
{
	const char *frames = (const char *)request->frame.integer[0];
	char *results = (char *)request->frame.integer[1];
	int32_t *errors = (void *)request->frame.integer[2];
	size_t count = request->frame.integer[3];
	/* Which call was in work when one faults: the host reads it. */
	_Atomic uint64_t *progress = (void *)request->frame.integer[4];
	size_t frame_size = (uint32_t)request->frame.integer[5];
	size_t result_size = request->frame.integer[5] >> 32;

	self->guard.skew = skew(self);
	self->abandoned = false;
	for (size_t i = 0; i < count; i++) {
		atomic_store_explicit(progress, i, memory_order_relaxed);
		errno = 0;
		sffi__enter((const void *)(frames + i * frame_size), &self->guard);
		if (!worker_is_self())
			_exit(0);
		if (self->abandoned)
			break;
		abi_result_copy((void *)(results + i * result_size), &self->result,
				self->guard.wide_result);
		errors[i] = errno;
	}
	errno = 0;
}

static void wait_for_request(struct lane_thread *self, const struct lane_side *side, uint32_t wanted)
{
	if (sffi__lane_spin(side, wanted))
		return;
	lane_sleep_begin(side);
	for (;;) {
		uint32_t seen = atomic_load(side->post);

		if (seen == wanted)
			break;
		/* Woken without a request: the host is about to post one. */
		if (!sffi__os_futex_wait(&self->slot->request.post, seen, OS_NO_DEADLINE) &&
		    sffi__lane_spin(side, wanted))
			break;
	}
	lane_sleep_end(side);
}

enum lane_operation sffi__lane_converse(struct lane_thread *self)
{
	struct lane_request *request = &self->slot->request;
	struct lane_reply *reply = &self->slot->reply;
	struct lane_side side = {
		.post = &request->post,
		.cpu = &reply->cpu,
		.peer_cpu = &request->cpu,
		.sleeping = &reply->sleeping,
		.spin_ns = self->lane == LANE_MANAGER ? 0 : sffi__worker.control->spin_ns,
	};

	for (;;) {
		unsigned operation;

		wait_for_request(self, &side, self->sequence + 1);
		self->sequence++;
		self->slot->progress.started = self->sequence;
		operation = request->operation;
		if (operation == LANE_END || (self->depth && operation >= LANE_ANSWER))
			return operation;
		atomic_store_explicit(&self->busy, 1, memory_order_relaxed);
		if (operation == LANE_CALL)
			call(self, request);
		else if (operation == LANE_BATCH)
			batch(self, request);
		else
			sffi__lane_operate(self, request);
		/* A callee may fork, and both return: only one of them is the worker. */
		if (!worker_is_self())
			_exit(0);
		if (self->leaving)
			return LANE_END;
		if (output_waits_here())
			sffi__output_flush();
		if (sffi__worker.shares && operation < LANE_MIRROR)
			sffi__news_look();
		if (!self->depth)
			atomic_store_explicit(&self->busy, 0, memory_order_relaxed);
		abi_result_copy(&reply->result, &self->result, self->guard.wide_result);
		reply->error = errno;
		reply->event = LANE_RETURNED;
		sffi__lane_post(&reply->post, self->sequence, &request->sleeping);
		sffi__notice_give(&self->notice);
	}
}

void sffi__lane_serve(struct lane_thread *self)
{
	self->slot->progress.tid = (uint32_t)sffi__os_gettid();
	sffi__lane_note_self(self);
	sffi__lane_converse(self);
}
