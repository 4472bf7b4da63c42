/* SPDX-License-Identifier: MIT */
/* A worker that shares: what its callee has changed of environment and locale is the host's,
 * as directory and descriptors are anyway, when the call returns. */
#include "mode/mirror.h"

#include "error.h"
#include "memory/arena.h"
#include "mode/isolated.h"

#include <stdlib.h>

enum { ROOM = 256 * 1024 };

/* What the worker has written, copied once; then it is text with its end, whatever it says. */
static char *fetch(struct lane *lane, size_t *size)
{
	struct arena *arena = lane->work.domain->arena;
	char *block = sffi__arena_take(arena, ROOM, false), *text = NULL;
	uint64_t argument[4] = { (uintptr_t)block, ROOM - 1 }, result[2] = { 0 };

	if (!block)
		return NULL;
	if (!sffi__isolated_operate(lane, LANE_TELL, argument, result, "the callee's news") &&
	    result[0] && result[0] < ROOM)
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

void sffi__mirror_back(struct lane *lane)
{
	struct peer *peer = lane->peer;
	size_t size;
	char *text;

	/* Within an upcall it can wait for the end of the outer call. */
	if (lane->work.depth)
		return;
	atomic_store(&peer->control->changed, 0);
	pthread_mutex_lock(&peer->mirror);
	sffi__peer_retain(peer);
	text = fetch(lane, &size);
	if (text)
		take_over(peer, text, size);
	free(text);
	pthread_mutex_unlock(&peer->mirror);
	sffi__peer_release(peer);
}
