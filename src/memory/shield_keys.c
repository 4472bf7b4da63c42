/* SPDX-License-Identifier: MIT */
/*
 * Memory protection keys (pkeys(7)). The regions have a key; a thread that runs a callee may read by
 * it, not write. The right is the thread's own, and a thread that the callee makes inherits
 * it. Three things are the kernel's ways:
 * - a signal handler begins without any right, and gets the interrupted code's back when it
 *   returns: the first access of a host's handler faults, and is granted for the rest of it;
 * - so does a thread that is older than the key: every one is sent a signal at opening, which
 *   grants it in the context that it returns to;
 * - system calls go by the rights of the thread that makes them.
 */
#include "abi/context.h"
#include "error.h"
#include "memory/shield_ops.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int key = -1;

/* ---- threads older than the key ----------------------------------------------- */

enum { ROUNDS_MAX = 20, WAIT_MS = 200 };
static const uint64_t MILLISECOND = 1000000;

static _Atomic uint32_t answered;
/* Its address marks our signal. */
static const char mark;

static bool told_before(const pid_t *told, size_t count, pid_t tid)
{
	while (count)
		if (told[--count] == tid)
			return true;
	return false;
}

struct told {
	pid_t *tids;
	size_t count;
	bool failed;
};

static void tell(struct told *told, pid_t tid)
{
	pid_t *grown;

	if (tid == sffi__os_gettid() || told_before(told->tids, told->count, tid))
		return;
	grown = realloc(told->tids, (told->count + 1) * sizeof *grown);
	if (!grown) {
		told->failed = true;
		return;
	}
	told->tids = grown;
	/* One that has ended meanwhile needs no rights. */
	if (!sffi__os_signal_thread(tid, SIGSEGV, &mark))
		told->tids[told->count++] = tid;
}

/* True: there was one that had not been told. */
static bool tell_all(struct told *told)
{
	size_t before = told->count;
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *entry;

	told->failed |= !tasks;
	while (tasks && (entry = readdir(tasks)))
		if (entry->d_name[0] != '.')
			tell(told, (pid_t)atoi(entry->d_name));
	if (tasks)
		closedir(tasks);
	return told->count > before;
}

static bool is_gone(pid_t tid)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/self/task/%d", (int)tid);
	return access(path, F_OK) != 0;
}

/* Until all have answered. A thread that does not within the time keeps SIGSEGV blocked, or will
 * not run for long. */
static bool wait_for(const struct told *told)
{
	uint64_t deadline = sffi__os_now_ns() + WAIT_MS * MILLISECOND;
	size_t gone = 0;

	for (;;) {
		uint32_t now = atomic_load(&answered);

		if (now + gone >= told->count)
			return true;
		if (sffi__os_now_ns() >= deadline)
			return false;
		sffi__os_futex_wait(&answered, now, sffi__os_now_ns() + 5 * MILLISECOND);
		gone = 0;
		for (size_t i = 0; i < told->count; i++)
			gone += is_gone(told->tids[i]);
	}
}

/* A thread made meanwhile by one that had not been told is found in the next round. */
static sffi_status grant_all(void)
{
	struct told told = { 0 };
	bool done = false;

	atomic_store(&answered, 0);
	for (int i = 0; i < ROUNDS_MAX && !done && !told.failed; i++) {
		done = !tell_all(&told);
		if (!wait_for(&told))
			break;
	}
	free(told.tids);
	if (!done)
		return sffi__fail(SFFI_ENOTSUP, "a thread of this program blocks SIGSEGV, so that it "
						"could not be given the right to the registered "
						"memory's protection key");
	return SFFI_OK;
}

/* ---- the table ------------------------------------------------------------------ */

static sffi_status open_keys(void)
{
	sffi_status status;
	int fresh;

	if (key >= 0)
		return SFFI_OK;
	if (!sffi__keys_known())
		return sffi__fail(SFFI_ENOTSUP, "this CPU's protection keys are not known to SafeFFI");
	fresh = sffi__os_key_new();
	if (fresh < 0)
		return sffi__fail(SFFI_ENOTSUP, "this machine has no memory protection keys, or none "
						"is free: %s", strerror(-fresh));
	key = fresh;
	status = grant_all();
	if (status) {
		key = -1;
		sffi__os_key_free(fresh);
	}
	return status;
}

/* The key stays: threads have their rights by it. */
static void close_keys(void)
{
}

static bool give_key(const struct spans *pieces, int to)
{
	bool all = true;

	for (size_t i = 0; i < pieces->count; i++) {
		const struct span *span = &pieces->list[i];

		all &= !sffi__os_protect_by_key((void *)span->low, span->high - span->low,
						span->protection, to);
	}
	return all;
}

static void uncover_keys(const struct spans *all, const struct spans *pieces)
{
	(void)all;
	give_key(pieces, 0);
}

static bool cover_keys(const struct spans *all, const struct spans *pieces)
{
	if (give_key(pieces, key))
		return true;
	uncover_keys(all, pieces);
	return false;
}

static bool resume_keys(const struct shield_state *state)
{
	(void)state;
	sffi__key_allow(key, KEY_READ);
	return true;
}

static bool raise_keys(uintptr_t low, uintptr_t high)
{
	(void)low, (void)high;
	return resume_keys(NULL);
}

static void lower_keys(void)
{
	sffi__key_allow(key, KEY_FREE);
}

/* Also of a thread that a callee made: it has the callee's rights. */
static void suspend_keys(struct shield_state *state)
{
	state->is_raised = sffi__key_allowed(key) == KEY_READ;
	lower_keys();
}

/* The rights themselves tell who it was: a callee can read, so one that can do nothing is a
 * handler, or a thread that has not been told yet. */
static bool repair_keys(int signal, siginfo_t *info, void *context)
{
	enum key_access access;
	bool is_told;

	if (signal != SIGSEGV)
		return false;
	is_told = info->si_code == SI_QUEUE && info->si_pid == getpid() &&
		  info->si_value.sival_ptr == &mark;
	if (!is_told && (key < 0 || info->si_code != SEGV_PKUERR || (int)info->si_pkey != key))
		return false;
	if (is_told) {
		atomic_fetch_add(&answered, 1);
		sffi__os_futex_wake(&answered, 1);
	}
	if (key < 0 || !sffi__context_key(context, key, &access))
		return is_told;
	return (access == KEY_NONE && sffi__context_key_allow(context, key, KEY_FREE)) || is_told;
}

const struct shield_ops sffi__shield_keys = {
	.name = "memory protection keys",
	.feature = OS_PKEYS,
	.open = open_keys,
	.close = close_keys,
	.cover = cover_keys,
	.uncover = uncover_keys,
	.raise = raise_keys,
	.lower = lower_keys,
	.suspend = suspend_keys,
	.resume = resume_keys,
	.repair = repair_keys,
};
