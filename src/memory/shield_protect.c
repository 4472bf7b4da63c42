/* SPDX-License-Identifier: MIT */
/*
 * Shielding by mprotect: all regions are shut while at least one thread runs a callee.
 *
 * That shuts them for every thread. A store faults, and the handler asks who it was: the thread
 * runs a callee, on the callee's stack, and no signal handler has interrupted it; then the
 * fault is the callee's. Anybody else may store: see shield_openings.c.
 */
#include "memory/shield_protect.h"

#include "abi/abi.h"
#include "abi/context.h"

#include <sys/mman.h>

enum { PAGE = 4096, PIECES_MAX = 4096, FREE = 0, HELD = 1, WAITED_FOR = 2 };

static _Atomic uint32_t lock;
static const struct spans *covered;
static unsigned running; /* threads in callees */
static uint64_t turn;    /* counts how often all was shut or opened */
static uint64_t fork_mask;

static __thread struct {
	/* low, high: the callee's stack; host: where the host's own was when it raised the shield. */
	struct shield_state state;
	/* The last fault for which nothing was to be done. */
	uintptr_t address;
	uint64_t turn;
} mine __attribute__((tls_model("initial-exec")));

uint64_t sffi__protect_lock(void)
{
	uint64_t mask = sffi__os_block_signals();
	uint32_t state = FREE;

	if (atomic_compare_exchange_strong(&lock, &state, HELD))
		return mask;
	while (atomic_exchange(&lock, WAITED_FOR) != FREE)
		sffi__os_futex_wait(&lock, WAITED_FOR, OS_NO_DEADLINE);
	return mask;
}

void sffi__protect_unlock(uint64_t mask)
{
	if (atomic_exchange(&lock, FREE) == WAITED_FOR)
		sffi__os_futex_wake(&lock, 1);
	sffi__os_restore_signals(mask);
}

static bool is_mapped(uintptr_t page)
{
	unsigned char unused;

	return !mincore((void *)page, PAGE, &unused);
}

/* One call, unless the host has unmapped a part: then the halves, and so on. */
static bool protect(uintptr_t low, uintptr_t high, int protection, unsigned *pieces)
{
	uintptr_t middle = (low + (high - low) / 2) & -(uintptr_t)PAGE;
	bool done;

	if (!sffi__os_protect((void *)low, high - low, protection))
		return true;
	if (high - low <= PAGE)
		return !is_mapped(low);
	if (*pieces >= PIECES_MAX)
		return false;
	*pieces += 2;
	done = protect(low, middle, protection, pieces);
	return protect(middle, high, protection, pieces) && done;
}

bool sffi__protect_range(const struct span *span, uintptr_t low, uintptr_t high, bool shut)
{
	unsigned pieces = 0;

	return protect(low, high, shut ? span->protection & ~PROT_WRITE : span->protection, &pieces);
}

static bool protect_all(const struct spans *spans, bool shut)
{
	bool all = true;

	for (size_t i = 0; i < spans->count; i++)
		all &= sffi__protect_range(&spans->list[i], spans->list[i].low, spans->list[i].high, shut);
	return all;
}

const struct span *sffi__protect_find(uintptr_t address)
{
	return sffi__spans_find(covered, address);
}

bool sffi__protect_is_shut(void)
{
	return running > 0;
}

static bool turn_all(bool shut)
{
	sffi__openings_forget();
	turn++;
	return !covered || protect_all(covered, shut);
}

/* ---- the table ------------------------------------------------------------------ */

sffi_status sffi__protect_open(uintptr_t chunk)
{
	return sffi__openings_start(chunk);
}

void sffi__protect_close(void)
{
	uint64_t mask;

	sffi__openings_stop();
	mask = sffi__protect_lock();
	covered = NULL;
	sffi__protect_unlock(mask);
}

bool sffi__protect_cover(const struct spans *all, const struct spans *pieces)
{
	uint64_t mask = sffi__protect_lock();
	bool done = !running || protect_all(pieces, true);

	if (done)
		covered = all;
	else
		protect_all(pieces, false);
	sffi__protect_unlock(mask);
	return done;
}

void sffi__protect_uncover(const struct spans *all, const struct spans *pieces)
{
	uint64_t mask = sffi__protect_lock();

	covered = all;
	if (running)
		protect_all(pieces, false);
	sffi__protect_unlock(mask);
}

bool sffi__protect_resume(const struct shield_state *state)
{
	uint64_t mask;
	bool done;

	if (mine.state.is_raised)
		return true;
	mine.state = *state;
	mine.state.is_raised = false;
	mask = sffi__protect_lock();
	done = running || turn_all(true);
	if (done)
		running++;
	else
		turn_all(false);
	sffi__protect_unlock(mask);
	mine.state.is_raised = done;
	return done;
}

bool sffi__protect_raise(uintptr_t low, uintptr_t high)
{
	struct shield_state state = { .host = (uintptr_t)__builtin_frame_address(0), .low = low,
				      .high = high };

	return sffi__protect_resume(&state);
}

void sffi__protect_lower(void)
{
	uint64_t mask;

	if (!mine.state.is_raised)
		return;
	/* First: a handler that interrupts the rest is the host's. */
	mine.state.is_raised = false;
	mask = sffi__protect_lock();
	if (!--running)
		turn_all(false);
	sffi__protect_unlock(mask);
}

void sffi__protect_suspend(struct shield_state *state)
{
	*state = mine.state;
	sffi__protect_lower();
}

/* ---- faults --------------------------------------------------------------------- */

/* Between raising and the callee's first instruction the thread is still on the host's stack, a
 * little below or above where it raised. */
static bool is_on_host_stack(uintptr_t sp)
{
	enum { BELOW = 256 * 1024, ABOVE = 4096 };

	const struct shield_state *state = &mine.state;

	return (sp < state->low || sp >= state->high) && sp < state->host + ABOVE &&
	       sp > state->host - BELOW;
}

static bool is_callee(const void *context)
{
	struct machine_registers registers;

	if (!mine.state.is_raised)
		return false;
	sffi__machine_registers(context, &registers);
	return !is_on_host_stack(registers.value[REGISTER_SP]) &&
	       !sffi__context_in_handler(context, mine.state.low, mine.state.high);
}

/* Nobody runs a callee any more. Perhaps that ended between the fault and now: the instruction is
 * tried again, once. If it faults again, the protection is the host's own. */
static bool is_over(uintptr_t address)
{
	bool again = mine.address == address && mine.turn == turn;

	mine.address = again ? 0 : address;
	mine.turn = turn;
	return !again;
}

static bool repair_store(uintptr_t address, void *context)
{
	uint64_t mask = sffi__protect_lock();
	const struct span *span = sffi__protect_find(address);
	bool is_repaired = false;

	if (span && running) {
		sffi__openings_open(span, address, context, mine.state.is_raised);
		is_repaired = true;
	} else if (span) {
		is_repaired = is_over(address);
	}
	sffi__protect_unlock(mask);
	return is_repaired;
}

bool sffi__protect_repair(int signal, siginfo_t *info, void *context)
{
	struct machine_trap trap;

	if (signal == SIGTRAP && info->si_code == TRAP_TRACE)
		return sffi__openings_stepped(context);
	if (signal != SIGSEGV || info->si_code != SEGV_ACCERR)
		return false;
	trap = sffi__machine_trap(context, signal);
	if (!trap.address_known || !trap.is_write || is_callee(context))
		return false;
	return repair_store((uintptr_t)info->si_addr, context);
}

/* ---- forks ----------------------------------------------------------------------- */

void sffi__protect_before_fork(void)
{
	fork_mask = sffi__protect_lock();
}

/* The child has one thread; if that is not in a callee, nobody is. */
void sffi__protect_after_fork(bool in_child)
{
	if (in_child) {
		sffi__openings_in_child();
		if (running && !mine.state.is_raised) {
			running = 0;
			turn_all(false);
		} else {
			running = mine.state.is_raised;
		}
	}
	sffi__protect_unlock(fork_mask);
}
