/* SPDX-License-Identifier: MIT */
#include "worker/host_state.h"

#include "os/os.h"
#include "worker/own.h"

#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

static bool read_environment(struct host_state *state)
{
	size_t size = 0;
	char *to;

	for (char **entry = environ; entry && *entry; entry++)
		size += strlen(*entry) + 1;
	to = state->environment = malloc(size + 1);
	if (!to)
		return false;
	/* Another thread may be changing it, as it may for anybody who reads it. */
	for (char **entry = environ; entry && *entry; entry++) {
		size_t length = strlen(*entry) + 1;

		if ((size_t)(to - state->environment) + length > size)
			break;
		to = mempcpy(to, *entry, length);
	}
	state->environment_size = (size_t)(to - state->environment);
	return true;
}

/* umask(2) tells the mask only to those who change it, which other threads would see. */
static uint32_t read_mask(void)
{
	char *text = sffi__os_read_file("/proc/self/status");
	const char *line = text ? strstr(text, "\nUmask:") : NULL;
	uint32_t mask = line ? (uint32_t)strtoul(line + strlen("\nUmask:"), NULL, 8) : 022;

	free(text);
	return mask;
}

void sffi__host_state_directory(struct host_state *state)
{
	struct stat here = { 0 };

	if (stat(".", &here))
		here = (struct stat){ 0 };
	state->device = here.st_dev;
	state->inode = here.st_ino;
}

/* Where the host has a number closed, a descriptor of SafeFFI's own may have come to lie there. */
void sffi__host_state_standard(struct host_state *state)
{
	for (int i = 0; i < HOST_STANDARD; i++) {
		struct host_standard *standard = &state->standard[i];
		int flags = sffi__own_is(i) ? -1 : fcntl(i, F_GETFL);
		struct stat file;

		*standard = (struct host_standard){ .access = -1 };
		if (flags >= 0 && !fstat(i, &file))
			*standard = (struct host_standard){ file.st_dev, file.st_ino, flags & O_ACCMODE };
	}
}

/* Another thread may be setting it, which frees the name: what is read then may be another name or
 * none, but reading it does no harm. The lane will look again. */
void sffi__host_locale(char name[HOST_LOCALE_SIZE])
{
	const char *now = setlocale(LC_ALL, NULL);
	ssize_t got = sffi__os_read_memory(getpid(), name, (uintptr_t)now, HOST_LOCALE_SIZE - 1);

	/* Where the kernel refuses that. */
	if (got <= 0)
		strncpy(name, now, HOST_LOCALE_SIZE - 1);
	name[got > 0 ? got : HOST_LOCALE_SIZE - 1] = '\0';
}

static void read_kernels(struct host_state *state)
{
	state->mask = read_mask();
	for (int i = 0; i < RLIM_NLIMITS; i++)
		getrlimit((__rlimit_resource_t)i, &state->limits[i]);
}

/* Mask and limits take long to ask for, and every new worker is told: where each change is
 * counted, they are asked for once after it. */
static void take_kernels(struct host_state *state)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct host_state last;
	static bool is_counted, is_known;
	static uint32_t changes;
	uint32_t now = atomic_load(&sffi__host_changes);

	/* A child may have been forked while it was held. */
	if (pthread_mutex_trylock(&lock)) {
		read_kernels(state);
		return;
	}
	if (!is_known)
		is_counted = sffi__os_counts_changes();
	if (!is_known || !is_counted || changes != now)
		read_kernels(&last);
	is_known = true;
	changes = now;
	state->mask = last.mask;
	memcpy(state->limits, last.limits, sizeof state->limits);
	pthread_mutex_unlock(&lock);
}

bool sffi__host_state_read(struct host_state *state)
{
	char locale[HOST_LOCALE_SIZE];

	sffi__host_locale(locale);
	*state = (struct host_state){ .priority = getpriority(PRIO_PROCESS, 0) };
	take_kernels(state);
	sffi__host_state_directory(state);
	sffi__host_state_standard(state);
	state->locale = strdup(locale);
	if (state->locale && read_environment(state))
		return true;
	sffi__host_state_free(state);
	return false;
}

bool sffi__host_state_copy(struct host_state *to, const struct host_state *from)
{
	*to = *from;
	to->environment = malloc(from->environment_size + 1);
	to->locale = strdup(from->locale ? from->locale : "C");
	if (to->environment && to->locale) {
		if (from->environment)
			memcpy(to->environment, from->environment, from->environment_size);
		return true;
	}
	sffi__host_state_free(to);
	return false;
}

void sffi__host_state_free(struct host_state *state)
{
	free(state->environment);
	free(state->locale);
	state->environment = state->locale = NULL;
	state->environment_size = 0;
}
