/* SPDX-License-Identifier: MIT */
/* A worker that shares: what its callee has changed of environment, locale, limits and scheduling
 * is the host's, as directory and descriptors are anyway, when the call returns. And of every
 * worker: what makes it another user than the host is told. */
#include "mode/mirror.h"

#include "error.h"
#include "memory/arena.h"
#include "mode/isolated.h"
#include "worker/own.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* What the worker has written, copied once; then it is text with its end, whatever it says. NULL: it
 * needs more room, or has failed. */
static char *fetch(struct lane *lane, size_t room, size_t *size)
{
	struct arena *arena = lane->work.domain->arena;
	char *block = sffi__arena_take(arena, room, false), *text = NULL;
	uint64_t argument[4] = { (uintptr_t)block, room - 1 }, result[2] = { 0 };

	if (!block)
		return NULL;
	if (!sffi__isolated_operate(lane, LANE_TELL, argument, result, "the callee's news") &&
	    result[0] && result[0] < room)
		text = malloc(result[0] + 1);
	if (text) {
		memcpy(text, block, result[0]);
		text[result[0]] = '\0';
		*size = result[0];
	}
	sffi__arena_give(arena, block);
	return text;
}

static void set_entry(const char *entry)
{
	const char *equals = strchr(entry, '=');
	char *name = equals && equals > entry ? strndup(entry, (size_t)(equals - entry)) : NULL;

	if (name && (!getenv(name) || strcmp(getenv(name), equals + 1)))
		setenv(name, equals + 1, 1);
	free(name);
}

static bool has_name(const struct host_state *state, const char *name, size_t length)
{
	for (size_t at = 0; at < state->environment_size; at += strlen(state->environment + at) + 1) {
		const char *entry = state->environment + at;

		if (!strncmp(entry, name, length) && entry[length] == '=')
			return true;
	}
	return false;
}

/* What the worker was known to have, and has no more. */
static void unset_missing(const struct host_state *before, const struct host_state *now)
{
	for (size_t at = 0; at < before->environment_size; at += strlen(before->environment + at) + 1) {
		const char *entry = before->environment + at, *equals = strchr(entry, '=');
		char *name;

		if (!equals || has_name(now, entry, (size_t)(equals - entry)))
			continue;
		name = strndup(entry, (size_t)(equals - entry));
		if (name)
			unsetenv(name);
		free(name);
	}
}

static bool has_entry(const struct host_state *state, const char *wanted)
{
	for (size_t at = 0; at < state->environment_size; at += strlen(state->environment + at) + 1)
		if (!strcmp(state->environment + at, wanted))
			return true;
	return false;
}

/* Only what the callee has changed since the two agreed: a handler of the host may have changed
 * more meanwhile, of which the worker is told before its next call. */
static void apply(const struct host_state *before, const struct host_state *now)
{
	if (strcmp(before->locale, now->locale))
		setlocale(LC_ALL, now->locale);
	for (size_t at = 0; at < now->environment_size; at += strlen(now->environment + at) + 1)
		if (!has_entry(before, now->environment + at))
			set_entry(now->environment + at);
	unset_missing(before, now);
}

/* text: the locale, then the environment. */
static void take_over(struct peer *peer, char *text, size_t size)
{
	size_t locale = strlen(text) + 1;
	struct host_state now = peer->mirrored, copy;

	now.locale = text;
	now.environment = text + (locale < size ? locale : size);
	now.environment_size = size > locale ? size - locale : 0;
	/* Its last entry ends where the text does. */
	if (now.environment_size && now.environment[now.environment_size - 1])
		now.environment_size++;
	apply(&peer->mirrored, &now);
	if (!sffi__host_state_copy(&copy, &now))
		return;
	sffi__host_state_free(&peer->mirrored);
	peer->mirrored = copy;
}

/* The peer's lock is held from here on. */
static void environment_back(struct lane *lane)
{
	enum { LEAST = 64 << 10, MOST = 64 << 20 };
	struct peer *peer = lane->peer;
	char *text = NULL;
	size_t size;

	for (size_t room = LEAST; !text && room <= MOST && lane->peer == peer; room *= 8)
		text = fetch(lane, room, &size);
	if (text && lane->peer == peer)
		take_over(lane->peer, text, size);
	free(text);
}

/* ---- limits and scheduling --------------------------------------------------------------------- */

/* The kernel is asked, not the worker. What the host may not raise stays. */
static void limits_back(struct peer *peer)
{
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		struct rlimit now;

		if (prlimit(peer->pid, (__rlimit_resource_t)i, NULL, &now) ||
		    !memcmp(&now, &peer->mirrored.limits[i], sizeof now))
			continue;
		setrlimit((__rlimit_resource_t)i, &now);
		peer->mirrored.limits[i] = now;
	}
}

/* The lane's thread, which the slot names and the kernel confirms; or 0. */
static pid_t thread_of(const struct lane *lane)
{
	pid_t tid = (pid_t)lane->slot->progress.tid;
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/task/%d", lane->peer->pid, tid);
	return access(path, F_OK) ? 0 : tid;
}

static void priority_back(const struct lane *lane)
{
	struct peer *peer = lane->peer;
	pid_t tid = thread_of(lane);
	int now;

	errno = 0;
	now = tid ? getpriority(PRIO_PROCESS, (id_t)tid) : 0;
	if (!tid || errno || now == peer->mirrored.priority)
		return;
	setpriority(PRIO_PROCESS, 0, now);
	peer->mirrored.priority = now;
}

static void processors_back(const struct lane *lane)
{
	pid_t tid = thread_of(lane);
	cpu_set_t set;

	if (tid && !sched_getaffinity(tid, sizeof set, &set))
		sched_setaffinity(0, sizeof set, &set);
}

/* ---- what the host does not follow --------------------------------------------------------------- */

/* A line of /proc/<pid>/status, up to its end; to be freed. */
static char *status_line(const char *path, const char *name)
{
	char *text = sffi__os_read_file(path), *line = text ? strstr(text, name) : NULL;

	line = line ? strndup(line, strcspn(line, "\n")) : NULL;
	free(text);
	return line;
}

static bool is_same_identity(pid_t pid)
{
	static const char *const names[] = { "Uid:", "Gid:", "Groups:" };
	char path[32];
	bool same = true;

	snprintf(path, sizeof path, "/proc/%d/status", pid);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char *its = status_line(path, names[i]), *ours = status_line("/proc/self/status", names[i]);

		same &= !its || !ours || !strcmp(its, ours);
		free(its);
		free(ours);
	}
	return same;
}

/* Once: it may be what its user wants. Of which call it was nobody knows where several are in work. */
static sffi_status tell_departure(const struct peer *peer, uint32_t changed)
{
	static const char advice[] = "the host is as it was. The call is done, and its result stored; what "
				     "is to hold for both belongs into the host, before the domain is opened";

	if (changed & CHANGED_IDENTITY && !is_same_identity(peer->pid))
		return sffi__fail(SFFI_ENOTSUP, "a callee has changed the user or the groups of its worker "
						"alone: %s", advice);
	if (changed & CHANGED_ROOT && !(peer->share & SFFI_SHARE_CWD))
		return sffi__fail(SFFI_ENOTSUP, "a callee has changed the root directory of its worker "
						"alone: %s", advice);
	return SFFI_OK;
}

/* ---- after a call ---------------------------------------------------------------------------------- */

static void share_back(struct lane *lane, uint32_t changed)
{
	struct peer *peer = lane->peer;

	pthread_mutex_lock(&peer->mirror);
	if (changed & CHANGED_LIMITS) {
		limits_back(peer);
		priority_back(lane);
	}
	if (changed & CHANGED_PROCESSORS)
		processors_back(lane);
	if (changed & CHANGED_ENVIRONMENT)
		environment_back(lane);
	pthread_mutex_unlock(&peer->mirror);
}

sffi_status sffi__mirror_back(struct lane *lane)
{
	struct peer *peer = lane->peer;
	sffi_status status;
	uint32_t changed;

	/* Within an upcall it can wait for the end of the outer call. */
	if (lane->work.depth)
		return SFFI_OK;
	/* To ask it can be its end. */
	sffi__peer_retain(peer);
	changed = atomic_exchange(&peer->control->changed, 0);
	if (peer->share & SFFI_SHARE_FILES && changed & CHANGED_CLOSED)
		sffi__own_regain_all();
	if (peer->share && changed & (CHANGED_LIMITS | CHANGED_PROCESSORS | CHANGED_ENVIRONMENT))
		share_back(lane, changed);
	status = tell_departure(peer, changed);
	sffi__peer_release(peer);
	return status;
}
