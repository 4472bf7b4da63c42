/* SPDX-License-Identifier: MIT */
/* Who the callee is. */
#include "state.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

static void ids(struct state *state)
{
	note(state, "%d", call(state, "int own_id(int which)", 0) == getpid());
	note(state, "%d", call(state, "int own_id(int which)", 1) == getppid());
	note(state, "%d", call(state, "int own_id(int which)", 2) == gettid());
}

static void ids_differ(struct state *state)
{
	long pid = call(state, "int own_id(int which)", 0);

	note(state, "%d", pid == call(state, "int own_id(int which)", 0));
	note(state, "%d", pid == (state->domain && sffi_domain_pid(state->domain)
				  ? sffi_domain_pid(state->domain) : getpid()));
}

static void users(struct state *state)
{
	note(state, "%d", call(state, "int user_id(int which)", 0) == (long)getuid());
	note(state, "%d", call(state, "int user_id(int which)", 1) == (long)geteuid());
	note(state, "%d", call(state, "int user_id(int which)", 2) == getgroups(0, NULL));
}

static void becoming(struct state *state)
{
	enum { NOBODY = 65534 };

	note(state, "%ld", call(state, "int become(int user)", NOBODY));
	note(state, "%d %d", getuid(), getgid());
	call(state, "int count_up(void)");
}

static void group_read(struct state *state)
{
	note(state, "%d", call(state, "int group_and_session(int which)", 0) == getpgrp());
	note(state, "%d", call(state, "int group_and_session(int which)", 1) == getsid(0));
}

/* The host leads its session: in process it can do neither. */
static void group_and_session(struct state *state)
{
	note(state, "%ld", call(state, "int new_group(void)"));
	note(state, "%ld", call(state, "int new_session(void)"));
	note(state, "%d", getsid(0) == getpid());
}

static void name_of_thread(struct state *state)
{
	char name[32] = "";

	call(state, "int set_name(const char *name)", at("from-callee"));
	prctl(PR_GET_NAME, name);
	note(state, "%d", !strcmp(name, "from-callee"));
}

static void own_program(struct state *state)
{
	char path[PATH_MAX] = "";

	note(state, "%zd", readlink("/proc/self/exe", path, sizeof path - 1) > 0 ? (ssize_t)1 : -1);
	note(state, "%d", !strcmp(path, call_text(state, "const char *own_program(void)")));
}

static void own_descriptors(struct state *state)
{
	int fd = open("a", O_RDWR | O_CREAT, 0666);

	/* A number that nothing else has. */
	fd = fcntl(fd, F_DUPFD, 321);
	note(state, "%ld", call(state, "int has_descriptor(int number)", fd));
}

static void terminal(struct state *state)
{
	struct pollfd poller = { .fd = state->terminal, .events = POLLIN };
	char text[64] = "";

	note(state, "%d", call(state, "int terminal_group(void)") == tcgetpgrp(state->line));
	call(state, "int write_terminal(const char *text)", at("shown"));
	note(state, "%d", poll(&poller, 1, 1000));
	fcntl(state->terminal, F_SETFL, O_NONBLOCK);
	note(state, "%zd %s", read(state->terminal, text, sizeof text - 1), text);
}

static const struct row rows[] = {
	{ "ids", "getpid(), getppid(), gettid(), compared with the host's", ids, "cse",
	  "They are the worker's own. The host's would be a lie that breaks libraries: OpenSSL repeats its "
	  "random numbers when two processes have one id.",
	  "pass the host's ids as arguments; sffi_domain_pid() is the worker's" },
	{ "ids-stay", "getpid(), from call to call, and as the host knows it", ids_differ, "",
	  "sffi_domain_pid() tells.", NULL },
	{ "users", "user, group, groups", users, "", "The worker is the host's user.", NULL },
	{ "setuid", "setuid(), setgid() in the callee (root)", becoming, "cse",
	  "Of one process only; the C library makes it so for all threads of that one. The call says so: "
	  "it returns `SFFI_ENOTSUP`, with its result.",
	  "call it in the host before the domain is opened", "the user or the groups of its worker alone",
	  true },
	{ "group", "process group and session, asked for", group_read, "", "The worker is in the host's.",
	  NULL },
	{ "group-change", "setpgid(), setsid() in the callee", group_and_session, "cse",
	  "They move the worker, which then gets none of its terminal's signals, and not the host.",
	  "call them in the host before the domain is opened" },
	{ "name", "prctl(`PR_SET_NAME`) in the callee", name_of_thread, "cse",
	  "It names the worker's thread.", "prctl() in the host" },
	{ "exe", "/proc/self/exe", own_program, "e", "A clone runs the host's program, `safeffi-worker` is "
	  "another.", "`SFFI_SPAWN_CLONE`" },
	{ "proc-fd", "/proc/self/fd", own_descriptors, "ce", "It lists the worker's.",
	  "share (`SFFI_SHARE_FILES`), or look in the host" },
	{ "terminal", "the controlling terminal, opened by the callee", terminal, "",
	  "It is the session's.", NULL },
	{ 0 },
};
const struct group state_identity = { "Identity", rows };
