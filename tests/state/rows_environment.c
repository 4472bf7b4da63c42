/* SPDX-License-Identifier: MIT */
/* Environment, locale, time zone. */
#include "state.h"

#include <langinfo.h>
#include <locale.h>
#include <time.h>
#include <unistd.h>

static const char *theirs(struct state *state, const char *name)
{
	return call_text(state, "const char *get_variable(const char *name)", at(name));
}

static void set_by_host(struct state *state)
{
	setenv("STATE_A", "one", 1);
	note(state, "%s", theirs(state, "STATE_A"));
	setenv("STATE_A", "two", 1);
	note(state, "%s", theirs(state, "STATE_A"));
	putenv("STATE_A=three");
	note(state, "%s", theirs(state, "STATE_A"));
}

static void unset_by_host(struct state *state)
{
	setenv("STATE_A", "one", 1);
	note(state, "%s", theirs(state, "STATE_A"));
	unsetenv("STATE_A");
	note(state, "%s", theirs(state, "STATE_A"));
	clearenv();
	note(state, "%ld", call(state, "int count_variables(void)"));
	setenv("STATE_B", "alone", 1);
	note(state, "%s %ld", theirs(state, "STATE_B"), call(state, "int count_variables(void)"));
}

static void replaced_by_host(struct state *state)
{
	extern char **environ;
	static char *others[] = { "STATE_A=mine", "STATE_B=too", NULL };

	call(state, "int count_variables(void)");
	environ = others;
	note(state, "%s %ld", theirs(state, "STATE_B"), call(state, "int count_variables(void)"));
}

static void set_by_callee(struct state *state)
{
	call(state, "int set_variable(const char *name, const char *value)", at("STATE_A"), at("callee"));
	note(state, "%s", getenv("STATE_A") ? getenv("STATE_A") : "(none)");
}

static void stays_in_callee(struct state *state)
{
	call(state, "int set_variable(const char *name, const char *value)", at("STATE_A"), at("callee"));
	note(state, "%s", theirs(state, "STATE_A"));
	call(state, "int set_variable(const char *name, const char *value)", at("STATE_A"), 0);
	note(state, "%s", theirs(state, "STATE_A"));
}

static void both_set(struct state *state)
{
	call(state, "int set_variable(const char *name, const char *value)", at("STATE_A"), at("callee"));
	setenv("STATE_B", "host", 1);
	note(state, "%s %s", theirs(state, "STATE_A"), theirs(state, "STATE_B"));
}

static void locale_of_host(struct state *state)
{
	note(state, "%s", call_text(state, "const char *encoding(void)"));
	note(state, "%d", setlocale(LC_ALL, "C.UTF-8") != NULL);
	note(state, "%s", call_text(state, "const char *encoding(void)"));
	setlocale(LC_ALL, "C");
	note(state, "%s", call_text(state, "const char *encoding(void)"));
}

static void locale_of_callee(struct state *state)
{
	call(state, "const char *set_locale(const char *name)", at("C.UTF-8"));
	note(state, "%s", nl_langinfo(CODESET));
}

static void locale_stays(struct state *state)
{
	call(state, "const char *set_locale(const char *name)", at("C.UTF-8"));
	note(state, "%s", call_text(state, "const char *encoding(void)"));
}

static void thread_locale_of_host(struct state *state)
{
	locale_t made = newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0);

	note(state, "%d", uselocale(made) == LC_GLOBAL_LOCALE);
	note(state, "%s", call_text(state, "const char *encoding(void)"));
	uselocale(LC_GLOBAL_LOCALE);
	note(state, "%s", call_text(state, "const char *encoding(void)"));
	freelocale(made);
}

static void thread_locale_of_callee(struct state *state)
{
	note(state, "%ld", call(state, "int use_locale(const char *name)", at("C.UTF-8")));
	note(state, "%s", nl_langinfo(CODESET));
}

static void thread_locale_stays(struct state *state)
{
	call(state, "int use_locale(const char *name)", at("C.UTF-8"));
	note(state, "%s", call_text(state, "const char *encoding(void)"));
}

static void zone_of_host(struct state *state)
{
	setenv("TZ", "UTC0", 1);
	tzset();
	note(state, "%ld", call(state, "int local_hour(long when)", 0));
	setenv("TZ", "XXX-05:30", 1);
	tzset();
	note(state, "%ld", call(state, "int local_hour(long when)", 0));
}

static void zone_of_callee(struct state *state)
{
	time_t zero = 0;

	call(state, "int set_variable(const char *name, const char *value)", at("TZ"), at("XXX-05:30"));
	note(state, "%ld", call(state, "int local_hour(long when)", 0));
	note(state, "%d", localtime(&zero)->tm_hour);
}

#define MIRRORED "The host's is the callee's when a call starts, once it has changed."
#define ONE_SIDE "A callee changes its own process only."
#define STAYS "It is the worker's own, until the host changes the same."

static const struct row rows[] = {
	{ "setenv-host", "setenv(), putenv() in the host, getenv() in the callee", set_by_host, "", MIRRORED,
	  NULL },
	{ "unsetenv-host", "unsetenv(), clearenv() in the host", unset_by_host, "", MIRRORED, NULL },
	{ "environ-host", "`environ` replaced by the host", replaced_by_host, "", MIRRORED, NULL },
	{ "setenv-callee", "setenv() in the callee, getenv() in the host", set_by_callee, "ce", ONE_SIDE,
	  "setenv() in the host, which both see; or share" },
	{ "setenv-stays", "setenv() in the callee, getenv() in its next calls", stays_in_callee, "", STAYS,
	  NULL },
	{ "setenv-both", "setenv() on both sides, of different variables", both_set, "", STAYS, NULL },
	{ "locale-host", "setlocale() in the host, used by the callee", locale_of_host, "", MIRRORED, NULL },
	{ "locale-callee", "setlocale() in the callee, used by the host", locale_of_callee, "ce", ONE_SIDE,
	  "setlocale() in the host, which both see; or share" },
	{ "uselocale-host", "uselocale() in the host, used by the callee", thread_locale_of_host, "",
	  "It is that of the thread, of the worker's as of the host's.", NULL },
	{ "uselocale-callee", "uselocale() in the callee, used by the host", thread_locale_of_callee, "cse",
	  "It is that of the worker's thread.", "uselocale() in the host, which both threads have then" },
	{ "uselocale-stays", "uselocale() in the callee, used by its next calls", thread_locale_stays, "",
	  STAYS, NULL },
	{ "locale-stays", "setlocale() in the callee, used by its next calls", locale_stays, "", STAYS,
	  NULL },
	{ "tz-host", "`TZ` and tzset() in the host, localtime() in the callee", zone_of_host, "", MIRRORED,
	  NULL },
	{ "tz-callee", "`TZ` set in the callee, localtime() in the host", zone_of_callee, "ce", ONE_SIDE,
	  "set it in the host, which both see; or share" },
	{ 0 },
};
const struct group state_environment = { "Environment, locale, time zone", rows };
