/* SPDX-License-Identifier: MIT */
/* What could do harm: here it is better not to be as in process. */
#include "state.h"

#include <fcntl.h>
#include <unistd.h>

static void works_still(struct state *state)
{
	note(state, "and then: %d", call(state, "int count_up(void)") > 0);
}

static void exits(struct state *state)
{
	call(state, "void end_process(int status)", 3);
	works_still(state);
}

static void replaces(struct state *state)
{
	call(state, "int replace_process(const char *program)", at("true"));
	works_still(state);
}

static void closes_everything(struct state *state)
{
	int fd = open("a", O_RDWR | O_CREAT, 0666);
	int last = state->line > state->terminal ? state->line : state->terminal;

	/* Without its terminal the host would be ended, by SIGHUP. */
	call(state, "int close_above(int low)", last + 1);
	note(state, "open: %d %d", fcntl(fd, F_GETFD) >= 0, fcntl(1, F_GETFD) >= 0);
	works_still(state);
}

static const struct row rows[] = {
	{ "exit", "exit() in the callee", exits, "cse", "It ends the worker, and the call fails.",
	  "nothing: the host is to go on", "exit" },
	{ "execve", "execve() in the callee", replaces, "cse", "Likewise.", "fork() first", "execve" },
	{ "close-all", "a callee that closes every descriptor but the standard ones", closes_everything, "ce",
	  "With nothing shared they are the worker's. Shared, the host loses its own, as in process; SafeFFI "
	  "gets its own back, from a process that nobody shares with, and all domains go on.",
	  "nothing: the host's are not the callee's to close" },
	{ 0 },
};
const struct group state_harm = { "Harm", rows };
