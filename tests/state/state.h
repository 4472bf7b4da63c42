/* SPDX-License-Identifier: MIT */
/*
 * Process state: every row does one thing with one piece of it, in every column the same way,
 * and notes what the host observes then. Same in a column: the notes are those of the column
 * `direct`. A row runs in a process and a directory of its own, once for each column.
 */
#ifndef TEST_STATE_H
#define TEST_STATE_H

#include "safeffi.h"

#include <stdlib.h>
#include <string.h>

enum column { COLUMN_DIRECT, COLUMN_CLONE, COLUMN_SHARING, COLUMN_EXEC, COLUMN_COUNT };

struct state {
	enum column column;
	sffi_domain *domain;
	sffi_library *library;
	struct notes *notes;
	int terminal, line; /* both ends of the host's controlling terminal */
};

struct row {
	const char *name;
	const char *what; /* as the table says it */
	void (*run)(struct state *);
	/* The columns in which it is not the same: c(lone), s(haring), e(xec). */
	const char *differs;
	const char *why;
	const char *instead; /* where it differs */
	/* Words of the sentence that tells of the difference where it could do harm. */
	const char *told;
	bool as_root;
	/* AddressSanitizer's allocator ignores zones: what a worker allocates lies where the host's
	 * does. */
	bool not_sanitized;
};

struct group {
	const char *title;
	const struct row *rows; /* up to one without a name */
};
extern const struct group state_descriptors, state_streams, state_files, state_locks,
	state_environment, state_libraries, state_identity, state_processes, state_signals,
	state_limits, state_memory, state_harm;

/* What the host observes: compared between the columns. */
void note(struct state *, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What SafeFFI says of it. */
void told(struct state *, const char *sentence);

/* Calls a function of callee.c, or of the C library, by its declaration. Values are passed as
 * longs, pointers too; narrower results are extended. A call that fails is noted: -1. */
long state_call(struct state *, const char *declaration, const long *arguments);
#define call(state, declaration, ...) \
	state_call(state, declaration, (const long[]){ __VA_ARGS__ __VA_OPT__(,) 0 })
#define at(pointer) ((long)(pointer))
/* The text of a call that returns one, until the next. */
const char *state_call_text(struct state *, const char *declaration, const long *arguments);
#define call_text(state, declaration, ...) \
	state_call_text(state, declaration, (const long[]){ __VA_ARGS__ __VA_OPT__(,) 0 })

/* A variable of the callee's library, as a binding reads it. */
int state_variable(struct state *, const char *name);
/* The callee's errno of the last call. */
int state_errno(struct state *);
/* errno by name where the rows need it; the number else. */
const char *word_for(int error);

/* The contents of a file as they are now, cut: one of a few static buffers. */
const char *contents(const char *path);
/* Does something in a process beside, which knows nothing of SafeFFI: its result, 0 to 255. */
int beside(int (*)(void *), void *data);
/* Ends the domain, as the host's exit would. */
void state_close(struct state *);

#endif
