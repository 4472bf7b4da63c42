/* SPDX-License-Identifier: MIT */
/* Children, of either side. */
#include "state.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static bool comes(const char *path, const char *text)
{
	for (int look = 0; look < 5000; look++) {
		if (!strcmp(contents(path), text))
			return true;
		poll(NULL, 0, 2);
	}
	return false;
}

static void waited_by_callee(struct state *state)
{
	long pid = call(state, "int fork_child(int status)", 7);

	note(state, "%d", pid > 0);
	note(state, "%ld", call(state, "int wait_for_child(int pid)", pid));
}

static void waited_by_host(struct state *state)
{
	int status = 0;
	pid_t pid = (pid_t)call(state, "int fork_child(int status)", 7);

	note(state, "%d", waitpid(pid, &status, 0) == pid);
	note(state, "%d", WEXITSTATUS(status));
}

/* waitpid itself, in the domain: the callee's children are the worker's. */
static void waited_through_domain(struct state *state)
{
	long pid = call(state, "int fork_child(int status)", 7);
	int status = 0;

	note(state, "%d", call(state, "int waitpid(int pid, int *status, int options)", pid, at(&status),
			       0) == pid);
	note(state, "%d", WEXITSTATUS(status));
}

static void nobodys_children(struct state *state)
{
	call(state, "int count_up(void)");
	note(state, "%d", waitpid(-1, NULL, WNOHANG));
}

static void hosts_child(struct state *state)
{
	pid_t pid = fork();

	if (!pid)
		_exit(5);
	note(state, "%ld", call(state, "int wait_for_child(int pid)", pid));
}

static void commands(struct state *state)
{
	note(state, "%ld", call(state, "int run_command(const char *command)", at("echo done >made; exit 3")));
	note(state, "%s", contents("made"));
}

static void pipes_of_commands(struct state *state)
{
	note(state, "%s", call_text(state, "const char *output_of(const char *command)", at("echo said")));
}

static void spawned(struct state *state)
{
	long pid = call(state, "int spawn_program(const char *program, const char *argument)", at("false"), 0);

	note(state, "%ld", call(state, "int wait_for_child(int pid)", pid));
}

static void environment_of_commands(struct state *state)
{
	setenv("STATE_A", "for children", 1);
	call(state, "int run_command(const char *command)", at("echo $STATE_A >made"));
	note(state, "%s", contents("made"));
}

static void outliving_the_call(struct state *state)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return;
	call(state, "int leave_child(fd go, const char *path)", ends[0], at("made"));
	note(state, "%zd", write(ends[1], "x", 1));
	note(state, "%d", comes("made", "child"));
}

static void outliving_the_domain(struct state *state)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return;
	call(state, "int leave_child(fd go, const char *path)", ends[0], at("made"));
	state_close(state);
	note(state, "%zd", write(ends[1], "x", 1));
	note(state, "%d", comes("made", "child"));
}

static void signalled_by_host(struct state *state)
{
	pid_t pid;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return;
	pid = (pid_t)call(state, "int fork_child(int status)", 0);
	note(state, "%d", kill(pid, 0));
	note(state, "%ld", call(state, "int wait_for_child(int pid)", pid));
	note(state, "%d", kill(pid, 0));
}

static const struct row rows[] = {
	{ "fork-callee", "fork() in the callee, waitpid() in the callee", waited_by_callee, "",
	  "The child is the worker's.", NULL },
	{ "fork-host", "fork() in the callee, waitpid() in the host", waited_by_host, "cse",
	  "The child is the worker's: the kernel answers the host `ECHILD`.",
	  "call waitpid() through the domain, as in the next row" },
	{ "fork-domain", "fork() in the callee, waitpid() called through the domain", waited_through_domain,
	  "", "The wait is forwarded like any other call.", NULL },
	{ "fork-kill", "kill() by the host, of a child of the callee's", signalled_by_host, "",
	  "A process id means the same to all.", NULL },
	{ "wait-any", "wait() of the host for any child", nobodys_children, "",
	  "Workers are not the host's children.", NULL },
	{ "host-child", "a child of the host, waited for by the callee", hosts_child, "cse",
	  "It is the host's: the callee is told `ECHILD`.", "waitpid() in the host" },
	{ "system", "system()", commands, "", "The child is the worker's.", NULL },
	{ "popen", "popen()", pipes_of_commands, "", "Likewise.", NULL },
	{ "spawn", "posix_spawn()", spawned, "", "Likewise.", NULL },
	{ "environ-children", "what children of the callee find in their environment",
	  environment_of_commands, "", "The host's variables, as the callee has them.", NULL },
	{ "outlive-call", "a child that outlives the call", outliving_the_call, "",
	  "The worker goes on between calls.", NULL },
	{ "outlive-domain", "a child that outlives the domain", outliving_the_domain, "",
	  "Only the worker ends with its domain.", NULL },
	{ 0 },
};
const struct group state_processes = { "Processes", rows };
