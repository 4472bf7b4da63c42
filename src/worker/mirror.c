/* SPDX-License-Identifier: MIT */
/* The worker takes over what has changed in the host; and what the callee prints goes out
 * when its call ends. */
#include "worker/worker.h"

#include "os/os.h"
#include "worker/host_state.h"
#include "worker/interpose.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the host knows, as the pointers that lead to it and how often the locale had been set. */
static char **known_environ, **known_entries;
static size_t known_size;
static int known_locale_changes;
static pthread_mutex_t known_lock = PTHREAD_MUTEX_INITIALIZER;

extern char **environ;

static bool is_known(void)
{
	return known_entries && environ == known_environ &&
	       sffi__locale_changes() == known_locale_changes &&
	       (!environ || !memcmp(environ, known_entries, known_size));
}

static void note_known(void)
{
	size_t count = 0;
	char **grown;

	while (environ && environ[count])
		count++;
	grown = realloc(known_entries, (count + 1) * sizeof *grown);
	if (!grown)
		return;
	known_entries = grown;
	known_locale_changes = sffi__locale_changes();
	known_environ = environ;
	known_size = (count + 1) * sizeof *grown;
	if (environ)
		memcpy(grown, environ, known_size);
}

static void take_environment(const struct worker_news *news)
{
	const char *entry = news->environment;

	for (uint32_t i = 0; i < news->entries; i++) {
		const char *equals = strchr(entry, '=');
		char *name = strndup(entry, equals ? (size_t)(equals - entry) : strlen(entry));

		if (name && equals)
			setenv(name, equals + 1, 1);
		else if (name)
			unsetenv(name);
		free(name);
		entry += strlen(entry) + 1;
	}
}

/* What it made before is freed, unless the callee has set another in its place. */
static void take_thread_locale(const struct worker_news *news)
{
	static __thread locale_t taken;
	locale_t made = (locale_t)0, former;

	for (int i = 0; i < HOST_CATEGORIES; i++) {
		locale_t next;

		if (!*news->thread_locale[i])
			continue;
		next = newlocale(1 << i, news->thread_locale[i], made);
		if (!next && made)
			freelocale(made);
		if (!next)
			return;
		made = next;
	}
	former = uselocale(made ? made : LC_GLOBAL_LOCALE);
	if (taken && former == taken)
		freelocale(taken);
	taken = made;
}

static void take_directory(int directory)
{
	if (directory < 0)
		return;
	if (fchdir(directory))
		errno = 0; /* the host could enter it, this process may not: it stays where it is */
	sffi__os_close(directory);
}

/* -1: closed there. What waits in the stream goes to the former file. */
static void take_standard(int number, int fd)
{
	if (number == STDOUT_FILENO)
		sffi__output_flush();
	if (fd < 0)
		sffi__os_close(number);
	else
		dup2(fd, number);
	sffi__os_close(fd);
}

/* That the former file was at its end says nothing of the new one. */
static void begin_input(void)
{
	/* Who holds it reads from it. */
	if (ftrylockfile(stdin))
		return;
	clearerr_unlocked(stdin);
	funlockfile(stdin);
}

/* Out of the way: the numbers 0 to 2 are free where the host had them closed, and are to be put
 * over. */
static int receive_high(int fds[1 + HOST_STANDARD])
{
	size_t count = 1 + HOST_STANDARD;
	char byte;

	if (sffi__os_receive(sffi__worker.socket, &byte, 1, fds, &count, MSG_DONTWAIT) != 1)
		return 0;
	for (size_t i = 0; i < count; i++) {
		int low = fds[i];

		if (low >= HOST_STANDARD)
			continue;
		fds[i] = fcntl(low, F_DUPFD_CLOEXEC, HOST_STANDARD);
		sffi__os_close(low);
	}
	return (int)count;
}

/* In the order in which they were sent. Where the process has no numbers left, the last are missing:
 * what they were for stays as it is. */
static void take_sent(const struct worker_news *news)
{
	uint32_t open = news->standard & ~news->standard_closed;
	int fds[1 + HOST_STANDARD], next = 0;
	int count = news->has_directory || open ? receive_high(fds) : 0;

	if (news->has_directory && next < count)
		take_directory(fds[next++]);
	for (int i = 0; i < HOST_STANDARD; i++) {
		int fd = open & 1u << i && next < count ? fds[next++] : -1;

		if (fd >= 0 || news->standard_closed & 1u << i)
			take_standard(i, fd);
	}
}

/* The lock is held. */
static void look(void)
{
	bool first = !known_entries;

	if (is_known())
		return;
	note_known();
	if (!first)
		interpose_note(CHANGED_ENVIRONMENT);
}

/* What it refuses, the callee would be refused, too. */
void sffi__news_take(const struct worker_news *news)
{
	/* What the callee has changed itself is to be told, too. */
	if (sffi__worker.shares) {
		pthread_mutex_lock(&known_lock);
		look();
	}
	/* Without a socket the table is the host's. */
	if (sffi__worker.socket >= 0)
		take_sent(news);
	else if (news->has_directory)
		take_directory(fcntl(news->directory, F_DUPFD_CLOEXEC, HOST_STANDARD));
	if (news->standard & 1u << STDIN_FILENO)
		begin_input();
	if (news->has_mask)
		umask((mode_t)news->mask);
	if (news->has_priority)
		setpriority(PRIO_PROCESS, 0, news->priority);
	for (int i = 0; i < RLIM_NLIMITS; i++)
		if (news->limits_changed & 1u << i)
			setrlimit((__rlimit_resource_t)i, &news->limits[i]);
	if (news->entries)
		take_environment(news);
	if (news->has_locale)
		setlocale(LC_ALL, news->locale);
	if (news->has_thread_locale)
		take_thread_locale(news);
	/* The host knows. */
	if (sffi__worker.shares) {
		note_known();
		pthread_mutex_unlock(&known_lock);
	}
}

void sffi__news_look(void)
{
	int saved = errno;

	pthread_mutex_lock(&known_lock);
	look();
	pthread_mutex_unlock(&known_lock);
	errno = saved;
}

size_t sffi__news_give(char *to, size_t size)
{
	const char *name = setlocale(LC_ALL, NULL);
	size_t used = strlen(name) + 1;

	if (used > size)
		return 0;
	memcpy(to, name, used);
	for (char **entry = environ; entry && *entry; entry++) {
		size_t length = strlen(*entry) + 1;

		if (used + length > size)
			return 0;
		memcpy(to + used, *entry, length);
		used += length;
	}
	return used;
}

void sffi__output_flush(void)
{
	int saved = errno;

	/* Who holds it writes it. */
	if (!ftrylockfile(stdout)) {
		fflush_unlocked(stdout);
		funlockfile(stdout);
	}
	errno = saved;
}

void sffi__input_share(void)
{
	/* What is taken out of it is what is asked for: the rest is the host's. */
	setvbuf(stdin, NULL, _IONBF, 0);
}
