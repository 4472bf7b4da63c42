/* SPDX-License-Identifier: MIT */
/*
 * The system call filter of a rehearsal. libseccomp makes it, in a module of its own that is
 * loaded when the first domain of the kind is opened, so that no other program has it in memory.
 */
#ifndef SFFI_FILTER_H
#define SFFI_FILTER_H

#include "rehearsal/rules.h"
#include "safeffi.h"

#include <linux/filter.h>

/* Makes the filter, once a process. SFFI_ENOTSUP: the module is not there, or this machine does
 * not let programs filter themselves. */
sffi_status sffi__filter_open(void);
/* From now on it holds for the calling thread, and for those that it makes. 0, -errno. */
int sffi__filter_install(void);
/* Its address stands in the sixth argument of a call that is to pass: not to be there by accident.
 * The two calls that use theirs, pselect6 and epoll_pwait, find no signal mask at it. */
extern const uint64_t sffi__filter_word[2];
/* "write"; written to `to` if it is only a number. */
const char *sffi__call_name(int number, char *to, size_t size);

#define FILTER_MODULE "safeffi-filter.so"

struct filter_module {
	/* The program, malloc'd; NULL: errno. */
	struct sock_filter *(*make)(const struct rule *, size_t count, uint64_t word,
				    unsigned short *length);
	/* malloc'd, or NULL. */
	char *(*name)(int number);
};
/* The module's one symbol. */
extern const struct filter_module safeffi_filter __attribute__((visibility("default")));

#endif
