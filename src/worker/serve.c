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
	sffi__worker.lanes[lane] = self;
	return self;
}

static void call(struct lane_thread *self, const struct lane_request *request)
{
	/* Every call's stack lies a little lower than the last one's: see enter.S. */
	self->guard.skew = CLEAR + self->sequence % SKEWS * 16;
	errno = 0;
	sffi__enter(&request->frame, &self->guard);
}

static void batch(struct lane_thread *self, const struct lane_request *request)
{
	const struct call_frame *frames = (const void *)request->frame.integer[0];
	struct call_result *results = (void *)request->frame.integer[1];
	int32_t *errors = (void *)request->frame.integer[2];
	size_t count = request->frame.integer[3];
	/* Which call was in work when one faults: the host reads it. */
	_Atomic uint64_t *progress = (void *)request->frame.integer[4];

	self->guard.skew = CLEAR + self->sequence % SKEWS * 16;
	for (size_t i = 0; i < count; i++) {
		atomic_store_explicit(progress, i, memory_order_relaxed);
		errno = 0;
		sffi__enter(&frames[i], &self->guard);
		if (!worker_is_self())
			_exit(0);
		results[i] = self->result;
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

void sffi__lane_serve(struct lane_thread *self)
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

	self->slot->progress.tid = (uint32_t)sffi__os_gettid();
	for (;;) {
		wait_for_request(self, &side, self->sequence + 1);
		self->sequence++;
		self->slot->progress.started = self->sequence;
		atomic_store_explicit(&self->busy, 1, memory_order_relaxed);
		if (request->operation == LANE_END)
			return;
		if (request->operation == LANE_CALL)
			call(self, request);
		else if (request->operation == LANE_BATCH)
			batch(self, request);
		else
			sffi__lane_operate(self, request);
		/* A callee may fork, and both return: only one of them is the worker. */
		if (!worker_is_self())
			_exit(0);
		atomic_store_explicit(&self->busy, 0, memory_order_relaxed);
		reply->result = self->result;
		reply->error = errno;
		reply->event = LANE_RETURNED;
		sffi__lane_post(&reply->post, self->sequence, &request->sleeping);
	}
}
