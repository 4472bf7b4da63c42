/* SPDX-License-Identifier: MIT */
#include "mode/mirror.h"

#include "error.h"
#include "memory/arena.h"
#include "mode/isolated.h"
#include "worker/own.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- what the lane has seen ----------------------------------------------------------------- */

static bool watch_environment(struct lane_watch *watch)
{
	size_t count = 0;
	char **grown;

	while (environ && environ[count])
		count++;
	grown = realloc(watch->entries, (count + 1) * sizeof *grown);
	if (!grown)
		return false;
	watch->entries = grown;
	if (environ)
		memcpy(grown, environ, (count + 1) * sizeof *grown);
	watch->entries_size = (count + 1) * sizeof *grown;
	watch->environ = environ;
	return true;
}

/* Before the state is read: what changes meanwhile is seen next time. */
static bool watch(struct lane *lane)
{
	lane->watch.changes = atomic_load_explicit(&sffi__host_changes, memory_order_acquire);
	lane->watch.locale_changes = sffi__locale_changes();
	return watch_environment(&lane->watch);
}

/* ---- what is new ------------------------------------------------------------------------------ */

static size_t name_length(const char *entry)
{
	const char *equals = strchr(entry, '=');

	return equals ? (size_t)(equals - entry) : strlen(entry);
}

/* The entry of the same name, or NULL. */
static const char *find(const struct host_state *state, const char *wanted)
{
	size_t length = name_length(wanted);

	for (size_t at = 0; at < state->environment_size;) {
		const char *entry = state->environment + at;

		if (name_length(entry) == length && !memcmp(entry, wanted, length))
			return entry;
		at += strlen(entry) + 1;
	}
	return NULL;
}

static char *add(struct worker_news *news, char *to, const char *entry, size_t length)
{
	to = mempcpy(to, entry, length);
	*to++ = '\0';
	news->entries++;
	return to;
}

/* Differences only: what the callee has set itself stays. */
static void compare_environment(struct worker_news *news, const struct host_state *old,
				const struct host_state *new)
{
	char *to = news->environment;

	if (old->environment_size == new->environment_size &&
	    !memcmp(old->environment, new->environment, new->environment_size))
		return;
	for (size_t at = 0; at < new->environment_size;) {
		const char *entry = new->environment + at, *former = find(old, entry);

		if (!former || strcmp(former, entry))
			to = add(news, to, entry, strlen(entry));
		at += strlen(entry) + 1;
	}
	for (size_t at = 0; at < old->environment_size;) {
		const char *entry = old->environment + at;

		if (!find(new, entry))
			to = add(news, to, entry, name_length(entry));
		at += strlen(entry) + 1;
	}
}

static bool is_same_file(const struct host_standard *a, const struct host_standard *b)
{
	return a->device == b->device && a->inode == b->inode && a->access == b->access;
}

static void compare_standard(struct worker_news *news, const struct host_state *old,
			     const struct host_state *new)
{
	for (int i = 0; i < HOST_STANDARD; i++) {
		if (is_same_file(&old->standard[i], &new->standard[i]))
			continue;
		news->standard |= 1u << i;
		news->standard_closed |= new->standard[i].access < 0 ? 1u << i : 0;
	}
}

static void compare(struct worker_news *news, const struct peer *peer, const struct host_state *new)
{
	const struct host_state *old = &peer->mirrored;
	bool own_files = !(peer->share & SFFI_SHARE_CWD);

	memset(news, 0, sizeof *news);
	news->directory = -1;
	news->has_locale = strcmp(old->locale, new->locale) &&
			   strlen(new->locale) < sizeof news->locale;
	if (news->has_locale)
		strcpy(news->locale, new->locale);
	news->has_mask = own_files && old->mask != new->mask;
	news->mask = new->mask;
	news->has_priority = old->priority != new->priority;
	news->priority = new->priority;
	news->has_directory = own_files && (old->device != new->device || old->inode != new->inode);
	compare_standard(news, old, new);
	for (int i = 0; i < RLIM_NLIMITS; i++)
		if (memcmp(&old->limits[i], &new->limits[i], sizeof *new->limits))
			news->limits_changed |= 1u << i;
	memcpy(news->limits, new->limits, sizeof news->limits);
	compare_environment(news, old, new);
}

static bool name_locale(struct worker_news *news, locale_t locale)
{
	for (int i = 0; i < HOST_CATEGORIES; i++) {
		const char *name = i == LC_ALL ? "" : nl_langinfo_l(NL_LOCALE_NAME(i), locale);

		if (strlen(name) >= sizeof news->thread_locale[i])
			return false;
		strcpy(news->thread_locale[i], name);
	}
	return true;
}

/* Of the lane's own thread. With one_thread it is everybody's, and stays as it is. */
static void compare_thread(struct worker_news *news, const struct lane *lane)
{
	bool is_new = lane->attachments != lane->watch.attachments;
	const void *now = thread_locale();

	if (now == (is_new ? NULL : lane->watch.thread_locale) || lane->work.domain->options.one_thread)
		return;
	news->has_thread_locale = !now || name_locale(news, (locale_t)now);
}

static bool is_news(const struct worker_news *news)
{
	return news->has_locale || news->has_mask || news->has_priority || news->has_directory ||
	       news->standard || news->limits_changed || news->entries || news->has_thread_locale;
}

/* ---- telling ------------------------------------------------------------------------------------- */

static sffi_status tell(struct lane *lane, struct worker_news *news)
{
	uint64_t argument[4] = { (uintptr_t)news }, result[2];

	return sffi__isolated_operate(lane, LANE_MIRROR, argument, result, "the host's news");
}

/* One message, in the order in which worker/mirror.c takes them out of it. 0 or -errno. */
static int send_descriptors(struct peer *peer, const struct worker_news *news, int directory)
{
	int fds[1 + HOST_STANDARD];
	size_t count = 0;
	char byte = 0;

	if (directory >= 0)
		fds[count++] = directory;
	for (int i = 0; i < HOST_STANDARD; i++)
		if (news->standard & ~news->standard_closed & 1u << i)
			fds[count++] = i;
	if (!count)
		return 0;
	return sffi__own_regain(&peer->carry) ? sffi__os_send(peer->carry, &byte, 1, fds, count) : -EBADF;
}

/* What could not be sent is not news, and is tried again at the next change. */
static void leave_out(struct worker_news *news, struct host_state *now, const struct host_state *old)
{
	news->has_directory = false;
	news->standard = news->standard_closed = 0;
	now->device = old->device;
	now->inode = old->inode;
	memcpy(now->standard, old->standard, sizeof now->standard);
}

/* They go as such: a path may not be the worker's to follow. Where the table is shared, the
 * directory's number will do. */
static sffi_status tell_descriptors(struct lane *lane, struct worker_news *news, struct host_state *now)
{
	int directory = news->has_directory ? open(".", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	struct carry carry = sffi__carry_begin(lane);
	sffi_status status;

	news->has_directory = directory >= 0;
	if (carry.peer->carry < 0)
		news->directory = directory;
	else if (send_descriptors(carry.peer, news, directory))
		leave_out(news, now, &carry.peer->mirrored);
	status = tell(lane, news);
	sffi__carry_end(lane, &carry);
	sffi__os_close(directory);
	return status;
}

/* The peer's lock is held. */
static sffi_status tell_news(struct lane *lane, struct host_state *now)
{
	struct peer *peer = lane->peer;
	sffi_domain *domain = lane->work.domain;
	size_t size = sizeof(struct worker_news) + now->environment_size +
		      peer->mirrored.environment_size;
	struct worker_news *news = sffi__arena_take(domain->arena, size, false);
	sffi_status status = SFFI_OK;

	if (!news)
		return sffi__fail(SFFI_ENOMEM, "the arena is full");
	compare(news, peer, now);
	compare_thread(news, lane);
	if (news->has_directory || news->standard)
		status = tell_descriptors(lane, news, now);
	else if (is_news(news))
		status = tell(lane, news);
	sffi__arena_give(domain->arena, news);
	if (status)
		return status;
	sffi__host_state_free(&peer->mirrored);
	peer->mirrored = *now;
	*now = (struct host_state){ 0 };
	return SFFI_OK;
}

/* Inside an upcall another thread may wait for what this one's call has: it is not waited for. */
static bool lock_mirror(const struct lane *lane, pthread_mutex_t *mutex)
{
	return lane->work.depth ? !pthread_mutex_trylock(mutex) : !pthread_mutex_lock(mutex);
}

/* Another thread may hold the stream while it waits for this one, or for this very call: who holds
 * it writes it. */
static void flush_output(void)
{
	if (ftrylockfile(stdout))
		return;
	fflush_unlocked(stdout);
	funlockfile(stdout);
}

sffi_status sffi__mirror(struct lane *lane)
{
	struct peer *peer = lane->peer;
	struct host_state now = { 0 };
	int saved = errno;
	sffi_status status;

	lane->watch.is_off = !sffi__os_has(OS_MIRROR);
	if (lane->watch.is_off)
		return SFFI_OK;
	if (output_waits())
		flush_output();
	errno = saved;
	if (lane->attachments == lane->watch.attachments &&
	    atomic_load(&sffi__host_changes) == lane->watch.changes &&
	    !environment_is_other(&lane->watch) && !locale_is_other(&lane->watch) &&
	    thread_locale() == lane->watch.thread_locale)
		return SFFI_OK;
	if (!lock_mirror(lane, &peer->mirror))
		return SFFI_OK;
	sffi__peer_retain(peer);
	status = watch(lane) && sffi__host_state_read(&now)
			 ? SFFI_OK : sffi__fail(SFFI_ENOMEM, "out of memory for the host's state");
	if (!status)
		status = tell_news(lane, &now);
	sffi__host_state_free(&now);
	if (!status) {
		lane->watch.attachments = lane->attachments;
		lane->watch.thread_locale = thread_locale();
	} else {
		/* It was not told: the next call is to look again. */
		lane->watch.changes--;
	}
	pthread_mutex_unlock(&peer->mirror);
	sffi__peer_release(peer);
	errno = saved;
	return status;
}

void sffi_state_changed(void)
{
	atomic_fetch_add(&sffi__host_changes, 1);
}
