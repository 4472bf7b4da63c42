/* SPDX-License-Identifier: MIT */
/* Calls in steps in the mode `isolated`: a lane of its own for each thread. */
#include "mode/steps.h"

#include "error.h"
#include "mode/isolated_call.h"
#include "worker/notifier.h"
#include "mode/isolated_upcall.h"
#include "os/os.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

struct thread {
	struct sffi_thread head;
	struct lane *lane;
	struct notifier notifier;
};

struct invocation {
	struct sffi_invocation head;
	struct call call;
	struct upcall upcall;
	struct peer *peer;     /* referenced */
	uint32_t attachment;   /* of the lane: another one means that the worker went */
	uint64_t deadline_ns;  /* 0: none */
	uint64_t upcall_since; /* while the host answers, the callee's time stands still */
	void **arguments;      /* copies of the values, for reports */
};

static struct thread *thread_of(const sffi_invocation *invocation)
{
	return (struct thread *)invocation->thread;
}

static struct invocation *self_of(sffi_invocation *invocation)
{
	return (struct invocation *)invocation;
}

/* ---- threads ----------------------------------------------------------------------------- */

static struct thread *new_thread(struct lane *lane)
{
	struct thread *thread = calloc(1, sizeof *thread);

	if (!thread)
		return NULL;
	thread->lane = lane;
	sffi__notifier_init(&thread->notifier);
	return thread;
}

static sffi_status thread_new(sffi_thread **result, sffi_domain *domain)
{
	struct lane *lane = sffi__lane_new(domain);
	struct thread *thread = lane ? new_thread(lane) : NULL;
	sffi_status status = SFFI_OK;

	if (!thread) {
		sffi__lane_free(lane);
		return sffi__fail(SFFI_ENOMEM, "out of memory for a thread");
	}
	lane->is_own = true;
	/* Where the lane is everybody's, the pipe must be there before a call is in work. */
	if (domain->options.one_thread)
		status = sffi__notifier_open(&thread->notifier);
	if (status) {
		sffi__lane_free(lane);
		free(thread);
		return status;
	}
	*result = &thread->head;
	return SFFI_OK;
}

static void thread_free(sffi_thread *handle)
{
	struct thread *thread = (struct thread *)handle;

	sffi__notifier_close(&thread->notifier);
	sffi__lane_free(thread->lane);
	free(thread);
}

/* ---- starting ------------------------------------------------------------------------------ */

/* On a lane that all threads share, somebody else may be in a call, for as long as it likes. */
static sffi_status take_turn(struct lane *lane)
{
	if (lane->keeps_turn)
		return SFFI_OK;
	lane->has_turn = false;
	if (lane->index != LANE_MAIN)
		return SFFI_OK;
	if (pthread_mutex_trylock(&lane->peer->manager))
		return sffi__fail(SFFI_EINVAL, "the worker's one thread is in another call (one_thread); "
					       "finish that first");
	lane->has_turn = true;
	atomic_store(&lane->peer->stepper, sffi__os_gettid());
	return SFFI_OK;
}

/* Whoever has the turn gives it back, unless a call below has it too. */
static void leave_turn(struct lane *lane, struct peer *peer)
{
	if (lane->keeps_turn)
		return;
	if (lane->has_turn) {
		atomic_store(&peer->stepper, 0);
		pthread_mutex_unlock(&peer->manager);
	}
	lane->has_turn = false;
}

static sffi_status prepare(struct invocation *self, struct thread *thread)
{
	struct lane *lane = thread->lane;
	bool kept = lane->keeps_turn;
	sffi_status status;

	lane->keeps_turn = kept || lane->has_turn;
	status = sffi__call_begin(&self->call);
	if (!status)
		status = sffi__notifier_give(&thread->notifier, lane->peer, lane->index, lane->has_turn);
	lane->keeps_turn = kept;
	return status;
}

/* The turn comes first: on a lane that another call of this host thread has, everything else
 * would wait for ever. */
static sffi_status begin(struct invocation *self, struct thread *thread)
{
	struct lane *lane = thread->lane;
	struct call *call = &self->call;
	struct peer *peer;
	sffi_status status;

	call->lane = lane;
	call->keeps_memory = true;
	call->arguments = self->arguments;
	call->timeout_ms = call_timeout(call->function);
	status = sffi__worker_ready(lane);
	if (!status)
		status = take_turn(lane);
	if (status)
		return status;
	peer = lane->peer;
	sffi__peer_retain(peer);
	status = prepare(self, thread);
	if (status)
		leave_turn(lane, peer);
	sffi__peer_release(peer);
	return status;
}

static sffi_status start(sffi_invocation **result, sffi_thread *handle, sffi_function *function,
			 void *const *arguments)
{
	struct thread *thread = (struct thread *)handle;
	struct invocation *self = calloc(1, sizeof *self);
	sffi_status status;

	if (!self)
		return sffi__fail(SFFI_ENOMEM, "out of memory for an invocation");
	self->call.function = function;
	status = sffi__arguments_copy(function, arguments, NULL, 0, &self->arguments);
	if (!status)
		status = begin(self, thread);
	if (status) {
		char sentence[1024];

		snprintf(sentence, sizeof sentence, "%s", sffi_error());
		sffi__call_end(&self->call);
		free(self->arguments);
		free(self);
		return sffi__fail(status, "%s", sentence);
	}
	self->peer = thread->lane->peer;
	sffi__peer_retain(self->peer);
	self->attachment = thread->lane->attachments;
	self->deadline_ns = sffi__deadline(self->call.timeout_ms);
	sffi__call_load(&self->call);
	sffi__isolated_ask(thread->lane, LANE_CALL);
	*result = &self->head;
	return SFFI_OK;
}

/* ---- what comes ---------------------------------------------------------------------------- */

static void fail(struct invocation *self, sffi_status status)
{
	const sffi_fault *fault = sffi_last_fault();

	self->head.state = INVOCATION_FAULTED;
	self->head.status = atomic_load(&self->head.canceled) ? SFFI_ECANCELED : status;
	if (status == SFFI_EFAULT || status == SFFI_ECOLLATERAL || status == SFFI_ETIMEOUT)
		self->head.fault = sffi_fault_retain(fault);
	else
		snprintf(self->head.sentence, sizeof self->head.sentence, "%s", sffi_error());
}

/* The worker went, while this one waited in an upcall or before it was looked at. */
static bool is_gone(struct invocation *self)
{
	if (thread_of(&self->head)->lane->attachments == self->attachment)
		return false;
	/* Its own fault, or told already. */
	if (self->head.state == INVOCATION_FAULTED)
		return true;
	self->head.state = INVOCATION_FAULTED;
	self->head.status = atomic_load(&self->head.canceled) ? SFFI_ECANCELED : SFFI_ECOLLATERAL;
	self->head.fault = sffi_fault_retain(self->peer->fault);
	return true;
}

static void returned(struct invocation *self)
{
	struct lane *lane = self->call.lane;

	sffi__call_take_reply(&self->call);
	leave_turn(lane, self->peer);
	self->head.error = self->call.error;
	if (lane->refused) {
		lane->refused = false;
		fail(self, sffi__isolated_failed(lane, LANE_REFUSED, &(struct fault_scene){
							.function = self->call.function }));
		return;
	}
	self->head.state = INVOCATION_RETURNED;
}

static void went_down(struct invocation *self, enum lane_outcome outcome)
{
	struct fault_scene scene = sffi__call_scene(&self->call);
	struct lane *lane = thread_of(&self->head)->lane;

	/* Those below lose the worker with it. */
	lane->keeps_turn = false;
	leave_turn(lane, self->peer);
	sffi__set_last_fault(NULL);
	scene.lane = lane;
	fail(self, sffi__isolated_failed(lane, outcome, &scene));
}

static void leave_upcall(struct invocation *self)
{
	struct lane *lane = thread_of(&self->head)->lane;

	sffi__upcall_end(&self->upcall);
	self->upcall.work = NULL;
	lane->work.depth--;
	lane->keeps_turn = lane->work.depth && lane->has_turn;
}

/* A plain function of the host has nobody else to call it. False: it was served here. */
static bool take_upcall(struct invocation *self)
{
	struct lane *lane = thread_of(&self->head)->lane;
	enum lane_outcome outcome;
	sffi_status status;

	lane->work.depth++;
	lane->keeps_turn = lane->has_turn || lane->keeps_turn;
	self->upcall_since = sffi__os_now_ns();
	status = sffi__isolated_upcall_take(&self->upcall, lane);
	if (!status && self->upcall.callback->handler) {
		self->head.state = INVOCATION_UPCALL;
		return true;
	}
	outcome = sffi__upcall_deal(&self->upcall, status);
	leave_upcall(self);
	if (outcome != LANE_DONE)
		went_down(self, outcome);
	return false;
}

static bool is_over(const struct invocation *self)
{
	return self->deadline_ns && sffi__os_now_ns() >= self->deadline_ns;
}

static enum lane_outcome look(struct invocation *self, struct lane *lane, uint64_t until_ns, bool waits)
{
	enum lane_outcome outcome = sffi__lane_poll(lane);
	uint64_t end = until_ns;

	if (outcome == LANE_PENDING && waits) {
		if (self->deadline_ns && (!end || self->deadline_ns < end))
			end = self->deadline_ns;
		outcome = sffi__lane_wait(lane, end);
		if (outcome == LANE_TIMED_OUT)
			outcome = LANE_PENDING;
	}
	/* A callee that calls back for ever always has something to tell. */
	if ((outcome == LANE_PENDING || outcome == LANE_UPCALL) && is_over(self))
		return LANE_TIMED_OUT;
	return outcome;
}

static void wait_for_event(sffi_invocation *invocation, int timeout_ms)
{
	struct invocation *self = self_of(invocation);
	struct lane *lane = thread_of(invocation)->lane;
	uint64_t until = timeout_ms > 0 ? sffi__deadline((unsigned)timeout_ms) : 0;

	if (is_gone(self))
		return;
	sffi__notifier_drain(&thread_of(invocation)->notifier);
	while (self->head.state == INVOCATION_RUNNING) {
		enum lane_outcome outcome = look(self, lane, until, timeout_ms != 0);

		if (outcome == LANE_PENDING)
			return;
		if (outcome == LANE_DONE)
			returned(self);
		else if (outcome != LANE_UPCALL)
			went_down(self, outcome);
		else if (take_upcall(self))
			return;
	}
}

static sffi_status invocation_fd(sffi_invocation *invocation, int *fd)
{
	struct thread *thread = thread_of(invocation);
	struct invocation *self = self_of(invocation);
	struct lane *lane = thread->lane;
	bool idle = self->head.state != INVOCATION_RUNNING;
	bool over = idle && self->head.state != INVOCATION_UPCALL;
	sffi_status status = sffi__notifier_open(&thread->notifier);

	/* What is over has nothing more to come, and with one_thread the lane may be another's. */
	if (!status && !over && !is_gone(self) && lane->peer)
		status = sffi__notifier_give(&thread->notifier, lane->peer, lane->index, lane->has_turn);
	/* It may have happened before the worker had the pipe. */
	if (!status && (idle || sffi__lane_poll(lane) != LANE_PENDING))
		sffi__notifier_ring(&thread->notifier);
	*fd = thread->notifier.set;
	return status;
}

/* ---- upcalls ------------------------------------------------------------------------------------ */

static void upcall(sffi_invocation *invocation, sffi_callback **callback, void *const **arguments)
{
	struct invocation *self = self_of(invocation);

	*callback = self->upcall.callback;
	*arguments = self->upcall.arguments;
}

static sffi_status answer(sffi_invocation *invocation, const void *result, const char *refusal)
{
	struct invocation *self = self_of(invocation);
	size_t size = self->upcall.callback->plan->result->size;
	sffi_status status = SFFI_OK;

	if (is_gone(self)) {
		leave_upcall(self);
		return sffi__fail(SFFI_ECOLLATERAL, "the worker went while the upcall was answered");
	}
	if (!refusal && size && !result)
		return sffi__fail(SFFI_EINVAL, "the callback has a result; NULL was given for it");
	if (refusal) {
		sffi__isolated_upcall_abandon(&self->upcall, refusal);
	} else {
		if (size)
			memcpy(self->upcall.result, result, size);
		status = sffi__isolated_upcall_answer(&self->upcall);
		if (status)
			return status;
	}
	leave_upcall(self);
	if (self->deadline_ns)
		self->deadline_ns += sffi__os_now_ns() - self->upcall_since;
	/* An upcall without a call has nothing more to come. */
	self->head.state = self->call.function ? INVOCATION_RUNNING : INVOCATION_RETURNED;
	return SFFI_OK;
}

/* ---- the end ---------------------------------------------------------------------------------- */

static sffi_status finish(sffi_invocation *invocation, void *result, void *const *arguments)
{
	struct invocation *self = self_of(invocation);
	struct call *call = &self->call;
	sffi_status status = SFFI_OK;

	if (!call->function)
		return SFFI_OK;
	if (is_gone(self))
		return sffi__fail(SFFI_ECOLLATERAL, "the worker went before the call of %s was finished",
				  call->function->name);
	if (call->marshalled && arguments)
		status = sffi__marshal_move(&call->marshal, arguments);
	else if (call->marshalled)
		sffi__marshal_keep(&call->marshal);
	if (!status)
		status = sffi__call_finish(call, result);
	if (status == SFFI_EFAULT)
		self->head.fault = sffi_fault_retain(sffi_last_fault());
	return status;
}

static sffi_status cancel(sffi_invocation *invocation)
{
	struct invocation *self = self_of(invocation);

	if (atomic_exchange(&invocation->canceled, true))
		return SFFI_OK;
	/* An upcall without a call: the library's thread goes on, with nothing for an answer. */
	if (!invocation->function)
		return answer(invocation, NULL, "it was cancelled");
	sffi__worker_cancel(invocation->thread->domain, self->peer, invocation->function);
	sffi__notifier_ring(&thread_of(invocation)->notifier);
	return SFFI_OK;
}

static void end(sffi_invocation *invocation)
{
	struct invocation *self = self_of(invocation);
	struct lane *lane = thread_of(invocation)->lane;

	if (self->upcall.work)
		leave_upcall(self);
	if (self->peer == lane->peer && !invocation->outer)
		leave_turn(lane, self->peer);
	sffi__call_end(&self->call);
}

static void free_invocation(sffi_invocation *invocation)
{
	struct invocation *self = self_of(invocation);

	sffi__peer_release(self->peer);
	sffi_fault_release(&self->head.fault);
	free(self->arguments);
	free(self);
}

/* ---- upcalls without a call -------------------------------------------------------------------- */

static sffi_status domain_fd(sffi_domain *domain, int *fd)
{
	sffi_status status;

	pthread_mutex_lock(&domain->lock);
	status = sffi__domain_notifier(domain);
	*fd = domain->notifier ? domain->notifier->set : -1;
	pthread_mutex_unlock(&domain->lock);
	return status;
}

/* The guest's upcall as an invocation on a thread of its own; NULL: it was none, or a plain
 * function's, and was served. */
static sffi_invocation *guest_invocation(sffi_domain *domain, struct lane *lane)
{
	struct thread *thread = new_thread(lane);
	struct invocation *self = thread ? calloc(1, sizeof *self) : NULL;

	if (!self) {
		free(thread);
		sffi__lane_free(lane);
		return NULL;
	}
	atomic_store(&thread->head.references, 1);
	thread->head.domain = domain;
	sffi__domain_retain(domain);
	thread->head.top = &self->head;
	self->head.thread = &thread->head;
	self->call.lane = lane;
	self->peer = lane->peer;
	sffi__peer_retain(self->peer);
	self->attachment = lane->attachments;
	if (lane->slot->reply.event != LANE_UPCALLED || !take_upcall(self)) {
		sffi_invocation *none = &self->head;

		self->head.state = INVOCATION_RETURNED;
		sffi_invocation_release(&none);
		return NULL;
	}
	return &self->head;
}

/* The next one that waits already. */
static sffi_invocation *next_guest(sffi_domain *domain)
{
	struct peer *peer;
	struct lane *lane = NULL;

	pthread_mutex_lock(&domain->lock);
	peer = atomic_load(&domain->peer);
	if (domain->notifier)
		sffi__notifier_drain(domain->notifier);
	if (peer)
		lane = sffi__guest_take(domain, peer);
	pthread_mutex_unlock(&domain->lock);
	return lane ? guest_invocation(domain, lane) : NULL;
}

static sffi_status domain_next(sffi_domain *domain, int timeout_ms, sffi_invocation **result)
{
	enum { LOOK_MS = 1000 };
	uint64_t end = timeout_ms > 0 ? sffi__deadline((unsigned)timeout_ms) : 0, now;
	struct pollfd poller = { .events = POLLIN };
	sffi_status status = domain_fd(domain, &poller.fd);

	while (!status && !domain->closed) {
		*result = next_guest(domain);
		now = sffi__os_now_ns();
		if (*result || !timeout_ms || (end && now >= end))
			break;
		/* Another thread may take what was told of; and a worker may come again. */
		poll(&poller, 1, end && (end - now) / 1000000 < LOOK_MS ? (int)((end - now) / 1000000) + 1
									: LOOK_MS);
	}
	return status;
}

const struct step_ops sffi__isolated_steps = {
	.thread_new = thread_new,
	.thread_free = thread_free,
	.start = start,
	.wait = wait_for_event,
	.fd = invocation_fd,
	.upcall = upcall,
	.answer = answer,
	.finish = finish,
	.cancel = cancel,
	.end = end,
	.free = free_invocation,
	.domain_fd = domain_fd,
	.domain_next = domain_next,
};
