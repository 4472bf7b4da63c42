/* SPDX-License-Identifier: MIT */
/*
 * What workers have of the host's process besides memory and descriptors: environment,
 * locale, working directory, file mode mask, limits, priority. A worker is born with that of
 * its zygote; what has changed in the host since, it is told before its next call
 * (mode/mirror.h).
 */
#ifndef SFFI_HOST_STATE_H
#define SFFI_HOST_STATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

struct host_state {
	char *environment; /* entries with their NULs, one after the other; owned, or NULL */
	size_t environment_size;
	char *locale;      /* as setlocale(LC_ALL) names it; owned, or NULL */
	dev_t device;      /* of the working directory */
	ino_t inode;
	uint32_t mask;
	int32_t priority;
	struct rlimit limits[RLIM_NLIMITS];
};

/* As it is now. False: out of memory. */
bool sffi__host_state_read(struct host_state *);
bool sffi__host_state_copy(struct host_state *, const struct host_state *);
void sffi__host_state_free(struct host_state *);
/* Copies the locale's name, as setlocale(LC_ALL) gives it. */
enum { HOST_LOCALE_SIZE = 1024, HOST_CATEGORIES = 13, HOST_CATEGORY_SIZE = 80 };
void sffi__host_locale(char name[HOST_LOCALE_SIZE]);
/* The working directory alone. */
void sffi__host_state_directory(struct host_state *);

/* The news as a worker gets them, in a block of the arena. */
struct worker_news {
	bool has_locale, has_mask, has_priority, has_directory;
	int32_t directory; /* its number where descriptors are shared; -1: it waits on the socket */
	uint32_t mask;
	int32_t priority;
	uint32_t limits_changed; /* a bit for each */
	struct rlimit limits[RLIM_NLIMITS];
	char locale[HOST_LOCALE_SIZE];
	bool has_thread_locale;
	/* By category; all empty: the program's. */
	char thread_locale[HOST_CATEGORIES][HOST_CATEGORY_SIZE];
	uint32_t entries;  /* "NAME=value" is set, "NAME" is removed; NUL-terminated */
	char environment[];
};

#endif
