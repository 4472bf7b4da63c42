/* SPDX-License-Identifier: MIT */
/* Limits, priority, CPUs. */
#include "state.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

static void limit_of_host(struct state *state)
{
	struct rlimit limit;

	call(state, "int get_limit(int resource)", RLIMIT_CORE);
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = 200;
	setrlimit(RLIMIT_NOFILE, &limit);
	note(state, "%ld", call(state, "int get_limit(int resource)", RLIMIT_NOFILE));
	limit.rlim_cur = 300;
	prlimit(0, RLIMIT_NOFILE, &limit, NULL);
	note(state, "%ld", call(state, "int get_limit(int resource)", RLIMIT_NOFILE));
}

static void limit_of_callee(struct state *state)
{
	struct rlimit limit;

	call(state, "int set_limit(int resource, int value)", RLIMIT_NOFILE, 200);
	getrlimit(RLIMIT_NOFILE, &limit);
	note(state, "%d", limit.rlim_cur == 200);
}

static void limit_stays(struct state *state)
{
	call(state, "int set_limit(int resource, int value)", RLIMIT_NOFILE, 200);
	note(state, "%ld", call(state, "int get_limit(int resource)", RLIMIT_NOFILE));
}

static void nice_of_host(struct state *state)
{
	call(state, "int get_priority(void)");
	setpriority(PRIO_PROCESS, 0, 7);
	note(state, "%ld", call(state, "int get_priority(void)"));
}

static void nice_of_callee(struct state *state)
{
	int before = getpriority(PRIO_PROCESS, 0);

	call(state, "int be_nice(int by)", 3);
	note(state, "%d", getpriority(PRIO_PROCESS, 0) - before);
}

static void nice_stays(struct state *state)
{
	call(state, "int be_nice(int by)", 3);
	note(state, "%ld", call(state, "int get_priority(void)"));
}

static void cpus_stay(struct state *state)
{
	call(state, "int stay_on_one_cpu(void)");
	note(state, "%ld", call(state, "int cpu_count(void)"));
}

static void cpus_of_callee(struct state *state)
{
	cpu_set_t set;

	call(state, "int stay_on_one_cpu(void)");
	sched_getaffinity(0, sizeof set, &set);
	note(state, "%d", CPU_COUNT(&set));
}

#define MIRRORED "The host's is the callee's when a call starts, once it has changed."
#define ONE_SIDE "With nothing shared a callee changes its own process only."

static const struct row rows[] = {
	{ "rlimit-host", "setrlimit(), prlimit() in the host, seen by the callee", limit_of_host, "", MIRRORED,
	  NULL },
	{ "rlimit-callee", "setrlimit() in the callee, seen by the host", limit_of_callee, "ce", ONE_SIDE,
	  "setrlimit() in the host, which both have; or share" },
	{ "rlimit-stays", "setrlimit() in the callee, seen by its next calls", limit_stays, "",
	  "It stays until the host changes its own.", NULL },
	{ "nice-host", "setpriority() in the host, seen by the callee", nice_of_host, "", MIRRORED, NULL },
	{ "nice-callee", "nice() in the callee, seen by the host", nice_of_callee, "ce", ONE_SIDE,
	  "nice() in the host; or share" },
	{ "nice-stays", "nice() in the callee, seen by its next calls", nice_stays, "",
	  "It stays until the host changes its own.", NULL },
	{ "affinity", "sched_setaffinity() in the callee, seen by the host", cpus_of_callee, "ce",
	  "It is that of a thread of the worker's.", "call it in the host; or share" },
	{ "affinity-stays", "sched_setaffinity() in the callee, for its next calls", cpus_stay, "",
	  "Each host thread has a thread of the worker.", NULL },
	{ 0 },
};
const struct group state_limits = { "Limits", rows };
