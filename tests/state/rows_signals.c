/* SPDX-License-Identifier: MIT */
/* Signals: who is told. */
#include "state.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>
#include <fcntl.h>

static volatile sig_atomic_t caught;

static void on_signal(int signal)
{
	caught = signal;
}

static void handle(int signal)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(signal, &action, NULL);
}

static bool comes(int signal)
{
	for (int look = 0; look < 5000 && caught != signal; look++)
		poll(NULL, 0, 2);
	return caught == signal;
}

static void raised(struct state *state)
{
	handle(SIGUSR1);
	note(state, "%ld", call(state, "int raise_it(int signal)", SIGUSR1));
	note(state, "%d", caught == SIGUSR1);
}

static void killed(struct state *state)
{
	handle(SIGUSR2);
	note(state, "%ld", call(state, "int kill_itself(int signal)", SIGUSR2));
	note(state, "%d", caught == SIGUSR2);
}

static void terminated(struct state *state)
{
	handle(SIGTERM);
	note(state, "%ld", call(state, "int raise_it(int signal)", SIGTERM));
	note(state, "%d", caught == SIGTERM);
}

static void unhandled(struct state *state)
{
	call(state, "int raise_it(int signal)", SIGUSR1);
	note(state, "the host goes on");
}

static void ignored(struct state *state)
{
	signal(SIGUSR1, SIG_IGN);
	note(state, "%ld", call(state, "int raise_it(int signal)", SIGUSR1));
}

static void alarms(struct state *state)
{
	handle(SIGALRM);
	call(state, "int set_alarm(int microseconds)", 1000);
	note(state, "%d", comes(SIGALRM));
}

static void interval_timers(struct state *state)
{
	handle(SIGALRM);
	call(state, "int set_interval_timer(int microseconds)", 1000);
	note(state, "%d", comes(SIGALRM));
}

static void posix_timers(struct state *state)
{
	handle(SIGUSR1);
	call(state, "int set_posix_timer(int microseconds, int signal)", 1000, SIGUSR1);
	note(state, "%d", comes(SIGUSR1));
}

static void thread_timers(struct state *state)
{
	call(state, "int set_thread_timer(int value)", 4711);
	for (int look = 0; look < 5000 && state_variable(state, "counter") != 4711; look++)
		poll(NULL, 0, 2);
	note(state, "%d", state_variable(state, "counter"));
}

static void handled_by_callee(struct state *state)
{
	call(state, "int install_handler(int signal)", SIGUSR1);
	call(state, "int raise_it(int signal)", SIGUSR1);
	note(state, "%d", call(state, "int caught_signal(void)") == SIGUSR1);
}

static void sent_to_host(struct state *state)
{
	call(state, "int install_handler(int signal)", SIGUSR1);
	kill(getpid(), SIGUSR1);
	note(state, "%d", call(state, "int caught_signal(void)") == SIGUSR1);
}

static void sent_to_worker(struct state *state)
{
	pid_t pid = state->domain ? sffi_domain_pid(state->domain) : 0;

	call(state, "int install_handler(int signal)", SIGUSR1);
	kill(pid ? pid : getpid(), SIGUSR1);
	for (int look = 0; look < 5000 && call(state, "int caught_signal(void)") != SIGUSR1; look++)
		poll(NULL, 0, 2);
	note(state, "%d", call(state, "int caught_signal(void)") == SIGUSR1);
}

static void masks(struct state *state)
{
	sigset_t set;

	call(state, "int block_signal(int signal)", SIGUSR1);
	pthread_sigmask(SIG_SETMASK, NULL, &set);
	note(state, "%d", sigismember(&set, SIGUSR1));
}

static void mask_stays(struct state *state)
{
	call(state, "int block_signal(int signal)", SIGUSR1);
	note(state, "%ld", call(state, "int is_blocked(int signal)", SIGUSR1));
}

static void broken_pipes(struct state *state)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return;
	close(ends[0]);
	handle(SIGPIPE);
	note(state, "%s", word_for((int)call(state, "int break_pipe(fd pipe)", ends[1])));
	note(state, "%d", comes(SIGPIPE));
}

static void own_signals(struct state *state)
{
	handle(SIGUSR1);
	call(state, "int count_up(void)");
	kill(getpid(), SIGUSR1);
	note(state, "%d", caught == SIGUSR1);
	note(state, "%ld", call(state, "int count_up(void)"));
}

#define FORWARDED "A signal that the callee sends to its own process, and has no handler for, goes to the host if " \
		  "that has one."

static const struct row rows[] = {
	{ "raise", "raise() in the callee, handled by the host", raised, "", FORWARDED, NULL },
	{ "kill", "kill(getpid()) in the callee, handled by the host", killed, "", FORWARDED, NULL },
	{ "sigterm", "raise(`SIGTERM`) in the callee, handled by the host", terminated, "", FORWARDED, NULL },
	{ "sigpipe", "`SIGPIPE` in the callee, handled by the host", broken_pipes, "", FORWARDED, NULL },
	{ "ignored", "a signal that the host ignores, raised in the callee", ignored, "", FORWARDED, NULL },
	{ "unhandled", "a signal that nobody handles, raised in the callee", unhandled, "cse",
	  "It ends the worker, and the call fails.", "nothing: the host is to go on", "SIGUSR1" },
	{ "alarm", "alarm() in the callee, handled by the host", alarms, "", FORWARDED, NULL },
	{ "setitimer", "setitimer() in the callee, handled by the host", interval_timers, "", FORWARDED,
	  NULL },
	{ "timer", "a POSIX timer of the callee, handled by the host", posix_timers, "", FORWARDED, NULL },
	{ "timer-thread", "a POSIX timer of the callee, with a thread", thread_timers, "",
	  "It is the worker's.", NULL },
	{ "handler-raise", "sigaction() and raise() in the callee", handled_by_callee, "",
	  "Handlers of the callee's are the worker's.", NULL },
	{ "handler-worker", "a handler of the callee's, for a signal to its process", sent_to_worker, "",
	  "sffi_domain_pid() names the process.", NULL },
	{ "handler-host", "a handler of the callee's, for a signal to the host", sent_to_host, "cse",
	  "The kernel asks the host's handlers only.",
	  "handle it in the host, and kill(sffi_domain_pid()) from there" },
	{ "handler-own", "a handler of the host's, for a signal to the host", own_signals, "",
	  "Workers have no part in it.", NULL },
	{ "mask", "a signal blocked by the callee, seen by the host", masks, "cse",
	  "The mask is that of the worker's thread.", "block it in the host" },
	{ "mask-stays", "a signal blocked by the callee, in its next calls", mask_stays, "",
	  "Each host thread has a thread of the worker.", NULL },
	{ 0 },
};
const struct group state_signals = { "Signals and timers", rows };
