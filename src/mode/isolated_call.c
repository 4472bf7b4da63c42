/* SPDX-License-Identifier: MIT */
/* One call in a worker, from the arguments to the result. */
#include "mode/isolated.h"

#include "error.h"
#include "memory/zone.h"
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct call {
	sffi_function *function;
	void *result;
	void *const *arguments;
	struct lane *lane;
	uint64_t address;
	unsigned timeout_ms;
	bool marshalled;
	struct marshal marshal;
	struct call_result reply;
	int error;
	int fds[OS_FDS_MAX]; /* the worker's numbers of carried descriptors */
	size_t fd_count;
	uint64_t values[ABI_ARGUMENTS_MAX];
};

static unsigned timeout_of(const sffi_function *function)
{
	int64_t own = atomic_load_explicit(&function->timeout_ms, memory_order_relaxed);

	return own == FUNCTION_NO_TIMEOUT_SET ? function->domain->options.timeout_ms : (unsigned)own;
}

static sffi_status values_in(struct call *call)
{
	const struct function_type *type = call->function->type;

	call->marshalled = !call->function->marshal->is_plain;
	if (call->marshalled) {
		call->lane->scratch_used = 0;
		return sffi__marshal_in(&call->marshal, call->lane, call->function, call->arguments,
					call->values);
	}
	for (size_t i = 0; i < type->count; i++)
		call->values[i] = sffi__abi_widen(type->parameters[i].type, call->arguments[i]);
	return SFFI_OK;
}

/* ---- descriptors -------------------------------------------------------------------- */

static bool carries(const struct lane *lane)
{
	return lane->peer->carry >= 0;
}

/* Sends the descriptors among the arguments and puts the worker's numbers in their place.
 * A number that is not open here must not mean another file there: it becomes -1. */
static sffi_status carry_in(struct call *call)
{
	const struct marshal_plan *plan = call->function->marshal;
	struct lane *lane = call->lane;
	size_t at[OS_FDS_MAX], count = 0;
	uint64_t argument[4] = { 0 }, result[2];
	int fds[OS_FDS_MAX], *array, error;
	char byte = 0;
	sffi_status status;

	for (size_t i = 0; i < plan->count; i++) {
		int fd = (int)call->values[i];

		if (plan->travels[i] != TRAVEL_FD || fd < 0)
			continue;
		if (fcntl(fd, F_GETFD) < 0) {
			call->values[i] = (uint64_t)-1;
			continue;
		}
		if (count == OS_FDS_MAX)
			return sffi__fail(SFFI_ENOTSUP, "%s is passed more than %d descriptors",
					  call->function->name, OS_FDS_MAX);
		at[count] = i;
		fds[count++] = fd;
	}
	if (!count)
		return SFFI_OK;
	array = sffi__arena_take(lane->domain->arena, sizeof fds, true);
	if (!array)
		return sffi__fail(SFFI_ENOMEM, "the arena is full");
	argument[0] = (uintptr_t)array;
	argument[1] = count;
	pthread_mutex_lock(&lane->peer->carry_lock);
	error = sffi__os_send(lane->peer->carry, &byte, 1, fds, count);
	status = error ? sffi__fail_system(error, "send descriptors to the worker")
		       : sffi__isolated_operate(lane, LANE_TAKE_FDS, argument, result,
						"the carrying of descriptors");
	if (!error && !status && result[0] != count)
		status = sffi__fail(SFFI_ESYSTEM, "the worker did not receive the descriptors: the "
						  "callee has closed its socket, or has no numbers left");
	pthread_mutex_unlock(&lane->peer->carry_lock);
	if (!status) {
		memcpy(call->fds, array, sizeof call->fds);
		call->fd_count = count;
		for (size_t i = 0; i < count; i++)
			call->values[at[i]] = (uint64_t)call->fds[i];
	}
	sffi__arena_give(lane->domain->arena, array);
	return status;
}

static bool keeps(const struct call *call, size_t nth)
{
	for (size_t i = 0, n = 0; i < call->function->type->count; i++)
		if (call->function->marshal->travels[i] == TRAVEL_FD && n++ == nth)
			return call->function->type->parameters[i].is_keep;
	return false;
}

/* The callee has used them; `keep` leaves them open there. */
static void drop_carried(struct call *call)
{
	uint64_t argument[4] = { 0 }, result[2];
	size_t count = 0;
	int *array;

	if (!call->fd_count)
		return;
	array = sffi__arena_take(call->lane->domain->arena, sizeof call->fds, false);
	if (!array)
		return;
	for (size_t i = 0; i < call->fd_count; i++)
		if (!keeps(call, i))
			array[count++] = call->fds[i];
	argument[0] = (uintptr_t)array;
	argument[1] = count;
	if (count)
		sffi__isolated_operate(call->lane, LANE_CLOSE_FDS, argument, result,
				       "the closing of descriptors");
	sffi__arena_give(call->lane->domain->arena, array);
}

/* A descriptor that the callee returned becomes the host's. */
static sffi_status carry_out(struct lane *lane, const sffi_function *function, int *fd)
{
	uint64_t argument[4] = { 0, 1, !function->type->keep_result }, result[2];
	int *array = sffi__arena_take(lane->domain->arena, sizeof *array, false), received = -1;
	size_t count = 1;
	char byte;
	sffi_status status;

	if (!array)
		return sffi__fail(SFFI_ENOMEM, "the arena is full");
	*array = *fd;
	argument[0] = (uintptr_t)array;
	pthread_mutex_lock(&lane->peer->carry_lock);
	status = sffi__isolated_operate(lane, LANE_GIVE_FDS, argument, result,
					"the carrying of a descriptor");
	if (!status && (result[0] || sffi__os_receive(lane->peer->carry, &byte, 1, &received, &count,
						      MSG_DONTWAIT) != 1 || !count))
		status = sffi__fail(SFFI_ESYSTEM, "%s returned %d, which is no open descriptor of the "
						  "worker, or its socket was closed",
				    function->name, *fd);
	pthread_mutex_unlock(&lane->peer->carry_lock);
	sffi__arena_give(lane->domain->arena, array);
	if (!status) {
		fcntl(received, F_SETFD, 0); /* as open() gives it */
		*fd = received;
	}
	return status;
}

/* ---- results ---------------------------------------------------------------------------- */

struct answer {
	struct lane *lane;
	sffi_function *function;
	void *result;
	const struct marshal *marshal; /* or NULL */
	const struct call_result *reply;
};

/* A string of the callee's, copied to the lane's buffer. */
static sffi_status string_out(const struct answer *call, uint64_t *value)
{
	enum { STEP = 4096, MOST = 64 << 20 };
	struct lane *lane = call->lane;
	uintptr_t from = *value;
	size_t have = 0;

	for (;;) {
		size_t step = STEP - (from + have) % STEP;
		sffi_status status;
		void *end;

		if (have + step > lane->string_size) {
			char *grown = have < MOST ? realloc(lane->string, (have + step) * 2) : NULL;

			if (!grown)
				return sffi__fail(SFFI_ENOMEM, "%s returned a string of more than %zu bytes",
						  call->function->name, have);
			lane->string = grown;
			lane->string_size = (have + step) * 2;
		}
		status = sffi__isolated_read(lane, lane->string + have, from + have, step);
		if (status)
			return sffi__fail(status, "%s returned %#lx, which is no string: it cannot be read",
					  call->function->name, (unsigned long)from);
		end = memchr(lane->string + have, '\0', step);
		if (end)
			break;
		have += step;
	}
	*value = (uintptr_t)lane->string;
	return SFFI_OK;
}

static sffi_status pointer_out(const struct answer *call, uint64_t *value)
{
	uint64_t address = *value, translated = address;
	sffi_owner owner;

	if (!address)
		return SFFI_OK;
	if (call->marshal)
		translated = sffi__marshal_translate(call->marshal, address);
	*value = translated;
	if (translated != address || call->function->marshal->result != TRAVEL_STRING)
		return SFFI_OK;
	owner = sffi__zone_owner(address, NULL, NULL);
	return owner == SFFI_OWNER_ARENA ? SFFI_OK : string_out(call, value);
}

static sffi_status result_out(const struct answer *call)
{
	const struct abi_plan *plan = call->function->plan;
	const struct type *type = plan->result;
	uint64_t value = sffi__abi_result(plan, call->reply);
	sffi_status status = SFFI_OK;

	if (type->kind == TYPE_VOID)
		return SFFI_OK;
	if (type->kind == TYPE_POINTER || type->kind == TYPE_TOKEN)
		status = pointer_out(call, &value);
	if (type->kind == TYPE_FD && (int)value >= 0 && carries(call->lane)) {
		int fd = (int)value;

		status = carry_out(call->lane, call->function, &fd);
		value = (uint64_t)fd;
	}
	if (!status && call->result)
		sffi__abi_narrow(type, value, call->result);
	return status;
}

/* ---- the call ------------------------------------------------------------------------------ */

static struct fault_scene scene_of(const struct call *call)
{
	return (struct fault_scene){ .lane = call->lane,
				     .function = call->function,
				     .arguments = call->arguments,
				     .marshal = call->marshalled ? &call->marshal : NULL,
				     .timeout_ms = call->timeout_ms };
}

static enum lane_outcome cross(struct call *call)
{
	struct lane *lane = call->lane;
	const struct abi_plan *plan = call->function->plan;
	struct call_frame frame;
	enum lane_outcome outcome;

	sffi__isolated_turn_begin(lane);
	frame.target = call->address;
	frame.stack = (uintptr_t)lane->slot->stack;
	sffi__abi_load(plan, call->values, &frame, lane->slot->stack);
	abi_frame_copy(plan, lane_frame(lane), &frame);
	outcome = sffi__isolated_request(lane, LANE_CALL, sffi__deadline(call->timeout_ms));
	if (outcome == LANE_DONE) {
		call->reply = lane->slot->reply.result;
		call->error = lane->slot->reply.error;
	}
	sffi__isolated_turn_end(lane);
	return outcome;
}

static sffi_status overran(const struct answer *call, void *const *arguments,
			   const struct fault_overrun *overrun)
{
	struct fault_scene scene = { .lane = call->lane, .function = call->function,
				     .arguments = arguments, .marshal = call->marshal };
	sffi_fault *fault = sffi__fault_overrun(call->lane->peer, overrun, &scene);
	char summary[512] = "it wrote outside a buffer";

	if (fault)
		sffi__fault_summarize(fault, summary, sizeof summary);
	sffi__set_last_fault(fault);
	return sffi__fail(SFFI_EFAULT, "%s: %s", call->function->name, summary);
}

sffi_status sffi__isolated_finish(struct lane *lane, sffi_function *function, void *result,
				  void *const *arguments, const struct marshal *marshal,
				  const struct call_result *reply)
{
	struct answer answer = { lane, function, result, marshal, reply };
	struct fault_overrun overrun;
	sffi_status status;

	if (marshal && sffi__marshal_overrun(marshal, &overrun))
		return overran(&answer, arguments, &overrun);
	status = result_out(&answer);
	if (!status && marshal)
		sffi__marshal_out(marshal);
	return status;
}

/* Once; true: the worker was gone before it took the call up, so it may be made again. */
static bool attempt(struct call *call, sffi_status *status)
{
	enum lane_outcome outcome;
	struct fault_scene scene;
	bool again = false;

	*status = sffi__worker_ready(call->lane);
	if (!*status)
		*status = sffi__isolated_address(call->lane, call->function, &call->address);
	if (*status)
		return false;
	call->fd_count = 0;
	*status = values_in(call);
	if (!*status && call->function->marshal->fd_count && carries(call->lane))
		*status = carry_in(call);
	if (!*status) {
		outcome = cross(call);
		if (outcome == LANE_DONE) {
			sffi__set_errno(call->error);
			*status = sffi__isolated_finish(call->lane, call->function, call->result,
							call->arguments,
							call->marshalled ? &call->marshal : NULL,
							&call->reply);
			drop_carried(call);
		} else {
			again = (outcome == LANE_WORKER_DIED || outcome == LANE_ABANDONED) &&
				!sffi__lane_was_started(call->lane) &&
				!call->function->domain->closed;
			scene = scene_of(call);
			if (again)
				scene = (struct fault_scene){ .doing = "nothing: no call was in work" };
			*status = sffi__worker_failed(call->lane, outcome, &scene);
		}
	}
	if (call->marshalled)
		sffi__marshal_end(&call->marshal);
	return again;
}

sffi_status sffi__isolated_call(sffi_function *function, void *result, void *const *arguments)
{
	enum { ATTEMPTS = 3 };
	struct call call;
	sffi_status status = SFFI_OK;

	call.function = function;
	call.result = result;
	call.arguments = arguments;
	call.marshalled = false;
	call.timeout_ms = timeout_of(function);
	call.lane = sffi__lane_get(function->domain);
	if (!call.lane)
		return SFFI_ENOMEM;
	for (int i = 0; i < ATTEMPTS && attempt(&call, &status); i++)
		;
	return status;
}
