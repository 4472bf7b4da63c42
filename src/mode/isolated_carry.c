/* SPDX-License-Identifier: MIT */
/* Descriptors that are arguments or results of calls, across the socket between host and
 * worker. */
#include "mode/isolated_call.h"

#include "error.h"
#include "os/os.h"
#include "worker/orders.h"
#include "worker/own.h"
#include "worker/table.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

bool sffi__call_carries(const struct lane *lane)
{
	return lane->peer->carry >= 0;
}

/* One at a time: a descriptor waits on the socket for the request that tells of it. The turn at a
 * worker's one thread comes before the lock, as everywhere. */
struct carry sffi__carry_begin(struct lane *lane)
{
	struct carry carry = { .kept_turn = lane->keeps_turn };

	sffi__isolated_turn_begin(lane);
	lane->keeps_turn |= lane->has_turn;
	carry.peer = lane->peer;
	sffi__peer_retain(carry.peer);
	pthread_mutex_lock(&carry.peer->carry_lock);
	return carry;
}

/* Where the worker failed meanwhile, the lane has another one by now, or none. */
void sffi__carry_end(struct lane *lane, const struct carry *carry)
{
	pthread_mutex_unlock(&carry->peer->carry_lock);
	lane->keeps_turn = carry->kept_turn;
	if (lane->has_turn && !lane->keeps_turn) {
		pthread_mutex_unlock(&carry->peer->manager);
		lane->has_turn = false;
	}
	sffi__peer_release(carry->peer);
}

/* Sends the descriptors among the arguments and puts the worker's numbers in their place.
 * A number that is not open here must not mean another file there: it becomes -1. */
sffi_status sffi__call_carry_in(struct call *call)
{
	const struct marshal_plan *plan = call->function->marshal;
	struct lane *lane = call->lane;
	size_t at[OS_FDS_MAX], count = 0;
	uint64_t argument[4] = { 0 }, result[2];
	int *fds = call->fds, error, flags;
	struct carry carry;
	char byte = 0;
	sffi_status status;

	for (size_t i = 0; i < plan->count; i++) {
		int fd = (int)call->values[i];

		if (plan->travels[i] != TRAVEL_FD || fd < 0)
			continue;
		flags = fcntl(fd, F_GETFD);
		if (flags < 0) {
			call->values[i] = (uint64_t)-1;
			continue;
		}
		if (count == OS_FDS_MAX)
			return sffi__fail(SFFI_ENOTSUP, "%s is passed more than %d descriptors",
					  call->function->name, OS_FDS_MAX);
		at[count] = i;
		argument[2] |= flags & FD_CLOEXEC ? 1u << count : 0;
		fds[count++] = fd;
	}
	if (!count)
		return SFFI_OK;
	call->carried = sffi__arena_take(lane->work.domain->arena, sizeof *call->carried, true);
	if (!call->carried)
		return sffi__fail(SFFI_ENOMEM, "the arena is full");
	argument[0] = (uintptr_t)call->carried;
	argument[1] = count;
	carry = sffi__carry_begin(lane);
	error = sffi__own_regain(&carry.peer->carry)
			? sffi__os_send(carry.peer->carry, &byte, 1, fds, count) : -EBADF;
	status = error ? sffi__fail_system(error, "send descriptors to the worker")
		       : sffi__isolated_operate(lane, LANE_TAKE_FDS, argument, result,
						"the carrying of descriptors");
	if (!error && !status && result[0] != count)
		status = sffi__fail(SFFI_ESYSTEM, "the worker did not receive the descriptors: the "
						  "callee has closed its socket, or has no numbers left");
	sffi__carry_end(lane, &carry);
	if (status)
		return status;
	call->fd_count = count;
	call->fds_attachment = lane->attachments;
	for (size_t i = 0; i < count; i++)
		call->values[at[i]] = (uint64_t)call->carried->fd[i];
	return SFFI_OK;
}

static bool keeps(const struct call *call, size_t nth)
{
	for (size_t i = 0, n = 0; i < call->function->type->count; i++)
		if (call->function->marshal->travels[i] == TRAVEL_FD && n++ == nth)
			return call->function->type->parameters[i].is_keep;
	return false;
}

/* What is returned has been given to the host, and closed in the worker, already. */
static bool is_returned(const struct call *call, size_t nth)
{
	const struct abi_plan *plan = call->function->plan;
	uint64_t value = 0;

	if (plan->result->kind != TYPE_FD)
		return false;
	sffi__abi_result(plan, &call->reply, &value);
	return (int)value == call->carried->fd[nth];
}

/* What the callee closed would be closed here, too, in process. The same number may have been
 * passed twice. */
static void close_alike(const struct call *call, uint64_t closed)
{
	for (size_t i = 0; i < call->fd_count; i++) {
		bool again = false;

		for (size_t j = 0; j < i; j++)
			again |= closed & UINT64_C(1) << j && call->fds[j] == call->fds[i];
		if (closed & UINT64_C(1) << i && !again)
			sffi__os_close(call->fds[i]);
	}
}

/* The callee has used them; `keep` leaves them open there. */
void sffi__call_drop_carried(struct call *call)
{
	uint64_t argument[4] = { (uintptr_t)call->carried, call->fd_count }, result[2] = { 0 };
	uint64_t returned = 0;

	/* The numbers were those of the worker that the call was made in. */
	if (!call->fd_count || call->fds_attachment != call->lane->attachments)
		return;
	for (size_t i = 0; i < call->fd_count; i++) {
		if (is_returned(call, i))
			returned |= UINT64_C(1) << i;
		else if (!keeps(call, i))
			argument[2] |= UINT64_C(1) << i;
	}
	if (!sffi__isolated_operate(call->lane, LANE_CLOSE_FDS, argument, result,
				    "the closing of descriptors"))
		close_alike(call, result[0] & ~returned);
}

/* A descriptor that the callee returned becomes the host's. */
sffi_status sffi__call_carry_out(struct lane *lane, const sffi_function *function, int *fd)
{
	uint64_t argument[4] = { 0, 1, !function->type->keep_result }, result[2];
	int *array = sffi__arena_take(lane->work.domain->arena, sizeof *array, false), received = -1;
	size_t count = 1;
	struct carry carry;
	char byte;
	sffi_status status;

	if (!array)
		return sffi__fail(SFFI_ENOMEM, "the arena is full");
	*array = *fd;
	argument[0] = (uintptr_t)array;
	carry = sffi__carry_begin(lane);
	status = sffi__isolated_operate(lane, LANE_GIVE_FDS, argument, result,
					"the carrying of a descriptor");
	if (!status && (result[0] || !sffi__own_regain(&carry.peer->carry) ||
			sffi__os_receive(carry.peer->carry, &byte, 1, &received, &count,
					 MSG_DONTWAIT) != 1 || !count))
		status = sffi__fail(SFFI_ESYSTEM, "%s returned %d, which is no open descriptor of the "
						  "worker, or its socket was closed",
				    function->name, *fd);
	sffi__carry_end(lane, &carry);
	sffi__arena_give(lane->work.domain->arena, array);
	if (!status) {
		/* As the callee had it; it came close-on-exec. */
		if (!result[1])
			fcntl(received, F_SETFD, 0);
		*fd = received;
	}
	return status;
}

/* ---- in one table -------------------------------------------------------------------------- */

void sffi__call_note_given_words(struct peer *peer, const void *words, size_t size)
{
	struct opened_file *opened = worker_opened(peer->control);
	uint32_t word;

	for (size_t at = 0; at + sizeof word <= size; at += sizeof word) {
		memcpy(&word, (const char *)words + at, sizeof word);
		table_note_given(opened, word);
	}
}

/* A result, or a field of a structure or an array that was filled in. Of what is larger nobody
 * takes a number for a descriptor. */
void sffi__call_note_given(struct call *call, struct peer *peer)
{
	enum { LARGE = 4096 };
	const struct abi_plan *plan = call->function->plan;
	const struct marshal *marshal = &call->marshal;

	if (plan->result->kind != TYPE_VOID)
		sffi__call_note_given_words(peer, call->reply.integer, sizeof call->reply.integer);
	if (plan->result_in_memory && plan->result->size <= LARGE)
		sffi__call_note_given_words(peer, call->memory.memory, plan->result->size);
	for (size_t i = 0; call->marshalled && i < marshal->count; i++)
		if (marshal->copies[i].out && marshal->copies[i].size <= LARGE)
			sffi__call_note_given_words(peer, marshal->copies[i].data, marshal->copies[i].size);
}
