/* SPDX-License-Identifier: MIT */
/* Upcalls of callees in a worker: told on a lane, answered there. */
#include "mode/isolated_upcall.h"

#include "error.h"
#include "mode/isolated_call.h"
#include "mode/mirror.h"
#include "os/os.h"

sffi_status sffi__isolated_upcall_take(struct upcall *upcall, struct lane *lane)
{
	const struct lane_reply *reply = &lane->slot->reply;

	/* The handler may get the number of what the callee has opened in the host's table. */
	if (lane->peer->share & SFFI_SHARE_FILES)
		sffi__call_note_given_words(lane->peer, reply->upcall.integer, sizeof reply->upcall.integer);
	return sffi__upcall_take(upcall, &lane->work, (uint32_t)reply->error, &reply->upcall);
}

sffi_status sffi__isolated_upcall_answer(struct upcall *upcall)
{
	struct lane *lane = lane_of(upcall->work);
	uint8_t wide = upcall->callback->plan->wide_result;
	struct call_result result;
	sffi_status status = sffi__upcall_result(upcall, &result);

	if (status)
		return status;
	if (output_waits())
		fflush(stdout);
	abi_result_copy(&lane->slot->request.answer, &result, wide);
	sffi__isolated_ask(lane, wide ? LANE_ANSWER_WIDE : LANE_ANSWER);
	return SFFI_OK;
}

static void abandon(struct upcall *upcall)
{
	struct lane *lane = lane_of(upcall->work);

	lane->refused = true;
	sffi__isolated_ask(lane, LANE_ABANDON);
}

void sffi__isolated_upcall_abandon(struct upcall *upcall, const char *reason)
{
	sffi__upcall_refuse(upcall, reason);
	abandon(upcall);
}

/* ---- serving ------------------------------------------------------------------------------- */

/* While the handler runs, other host threads may ask lane 0 to make threads; but with
 * one_thread nobody else is to come between. */
static void yield_turn(struct lane *lane, bool had)
{
	if (!had || lane->work.domain->options.one_thread)
		return;
	lane->keeps_turn = false;
	pthread_mutex_unlock(&lane->peer->manager);
}

static void retake_turn(struct lane *lane, struct peer *peer, bool had)
{
	if (!had || lane->work.domain->options.one_thread)
		return;
	pthread_mutex_lock(&peer->manager);
	lane->keeps_turn = true;
}

/* Runs the handler; false: the worker is another one now, or none. */
static bool handle(struct upcall *upcall, bool had_turn)
{
	struct lane *lane = lane_of(upcall->work);
	struct peer *peer = lane->peer;
	uint32_t attachment = lane->attachments;
	bool same;

	sffi__peer_retain(peer);
	yield_turn(lane, had_turn);
	sffi__upcall_run(upcall);
	retake_turn(lane, peer, had_turn);
	same = lane->attachments == attachment && lane->peer;
	if (!same) {
		sffi__set_last_fault(sffi_fault_retain(peer->fault));
		/* The turn was that worker's. */
		if (had_turn)
			pthread_mutex_unlock(&peer->manager);
	}
	sffi__peer_release(peer);
	return same;
}

static enum lane_outcome deal(struct upcall *upcall, sffi_status status, bool had_turn)
{
	if (status == SFFI_EFAULT)
		return LANE_STALE_CALLBACK;
	if (!status) {
		if (!handle(upcall, had_turn))
			return LANE_REPLACED;
		if (upcall->refused) {
			abandon(upcall);
			return LANE_DONE;
		}
		status = sffi__isolated_upcall_answer(upcall);
	}
	if (status)
		sffi__isolated_upcall_abandon(upcall, sffi_error());
	return LANE_DONE;
}

/* The turn that the call below has is that of nested requests too. */
enum lane_outcome sffi__upcall_deal(struct upcall *upcall, sffi_status taken)
{
	struct lane *lane = lane_of(upcall->work);
	bool had_turn = lane->has_turn;
	enum lane_outcome outcome = deal(upcall, taken, had_turn);

	lane->has_turn = had_turn && outcome != LANE_REPLACED;
	return outcome;
}

enum lane_outcome sffi__upcall_serve(struct lane *lane)
{
	struct upcall upcall;
	bool kept_turn = lane->keeps_turn;
	enum lane_outcome outcome;

	lane->work.depth++;
	lane->keeps_turn = kept_turn || lane->has_turn;
	outcome = sffi__upcall_deal(&upcall, sffi__isolated_upcall_take(&upcall, lane));
	lane->keeps_turn = kept_turn;
	lane->work.depth--;
	sffi__upcall_end(&upcall);
	return outcome;
}

/* ---- requests that upcalls may come in ----------------------------------------------------- */

/* A handler's time is not the callee's. */
static uint64_t extended(uint64_t deadline_ns, uint64_t since_ns)
{
	return deadline_ns ? deadline_ns + sffi__os_now_ns() - since_ns : 0;
}

/* After an upcall was served; the turn is this thread's again. */
static enum lane_outcome go_on(struct lane *lane, enum lane_outcome outcome, uint64_t *deadline_ns)
{
	uint64_t since = *deadline_ns ? sffi__os_now_ns() : 0;

	/* A callee that calls back for ever always has an answer ready. */
	if (*deadline_ns && since >= *deadline_ns)
		return LANE_TIMED_OUT;
	if (outcome == LANE_GUEST) {
		sffi__upcall_serve_guest(lane);
	} else {
		outcome = sffi__upcall_serve(lane);
		if (outcome != LANE_DONE)
			return outcome;
	}
	*deadline_ns = extended(*deadline_ns, since);
	lane_asks(lane);
	return lane_was_told(lane, sffi__lane_wait(lane, *deadline_ns));
}

enum lane_outcome sffi__isolated_converse(struct lane *lane, enum lane_operation operation,
					  uint64_t deadline_ns)
{
	enum lane_outcome outcome = sffi__isolated_request(lane, operation, deadline_ns);

	lane->conversed = false;
	if (outcome != LANE_UPCALL && outcome != LANE_GUEST)
		return outcome;
	while (outcome == LANE_UPCALL || outcome == LANE_GUEST)
		outcome = go_on(lane, outcome, &deadline_ns);
	lane->conversed = true;
	if (outcome == LANE_DONE && lane->refused) {
		lane->refused = false;
		return LANE_REFUSED;
	}
	return outcome;
}
