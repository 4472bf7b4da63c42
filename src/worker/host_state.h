/* SPDX-License-Identifier: MIT */
/*
 * What workers have of the host's process besides memory and descriptors that are passed:
 * environment, locale, working directory, file mode mask, limits, priority, descriptors 0 to 2. A
 * worker is born with that of its zygote; what has changed in the host since, it is told before its
 * next call (mode/mirror.h).
 */
#ifndef SFFI_HOST_STATE_H
#define SFFI_HOST_STATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

enum { HOST_STANDARD = 3 };

/*
 * Which file one of the descriptors 0 to 2 is. Another open file of the same inode, with an offset
 * of its own, looks the same, as does a terminal that was opened again: the worker then keeps the one
 * that it has.
 */
struct host_standard {
	dev_t device;
	ino_t inode;
	int access; /* O_ACCMODE of it; -1: closed */
};

struct host_state {
	char *environment; /* entries with their NULs, one after the other; owned, or NULL */
	size_t environment_size;
	char *locale;      /* as setlocale(LC_ALL) names it; owned, or NULL */
	dev_t device;      /* of the working directory */
	ino_t inode;
	uint32_t mask;
	int32_t priority;
	struct rlimit limits[RLIM_NLIMITS];
	struct host_standard standard[HOST_STANDARD];
};

/* As it is now. False: out of memory. */
bool sffi__host_state_read(struct host_state *);
bool sffi__host_state_copy(struct host_state *, const struct host_state *);
void sffi__host_state_free(struct host_state *);
/* Another one after each setlocale() of this process that sets something else: glibc counts them for its message catalogues. The
 * variable is in its interface since programs count there themselves (gettext's manual, "gettext-grok"). */
static inline int sffi__locale_changes(void)
{
	extern int _nl_msg_cat_cntr;

	return __atomic_load_n(&_nl_msg_cat_cntr, __ATOMIC_RELAXED);
}
/* Copies the locale's name, as setlocale(LC_ALL) gives it. */
enum { HOST_LOCALE_SIZE = 1024, HOST_CATEGORIES = 13, HOST_CATEGORY_SIZE = 80 };
void sffi__host_locale(char name[HOST_LOCALE_SIZE]);
/* The working directory alone; descriptors 0 to 2 alone. */
void sffi__host_state_directory(struct host_state *);
void sffi__host_state_standard(struct host_state *);

/* The news as a worker gets them, in a block of the arena. */
struct worker_news {
	bool has_locale, has_mask, has_priority, has_directory;
	int32_t directory; /* its number where descriptors are shared; -1: it waits on the socket */
	/* A bit for each of 0 to 2: it is another now, or none. Where descriptors are not shared,
	 * those that are open wait on the socket, after the directory in its message. */
	uint32_t standard, standard_closed;
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
