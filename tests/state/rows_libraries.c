/* SPDX-License-Identifier: MIT */
/* What a library keeps: static state, thread-local state, threads. */
#include "state.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

/* Until the file has the text; what others do takes its time. */
static bool comes(const char *path, const char *text)
{
	for (int look = 0; look < 5000; look++) {
		if (!strcmp(contents(path), text))
			return true;
		poll(NULL, 0, 2);
	}
	return false;
}

static void errors(struct state *state)
{
	note(state, "%ld", call(state, "int fail_with(int error)", 42));
	note(state, "%d", state_errno(state));
	call(state, "int count_up(void)");
	note(state, "%d", state_errno(state));
}

static void hidden_state(struct state *state)
{
	note(state, "%s", call_text(state, "const char *next_word(int first)", 1));
	note(state, "%s", call_text(state, "const char *next_word(int first)", 0));
	note(state, "%s", call_text(state, "const char *next_word(int first)", 0));
}

static void globals(struct state *state)
{
	call(state, "int count_up(void)");
	call(state, "int count_up(void)");
	note(state, "%d", state_variable(state, "counter"));
}

static void *count_twice(void *data)
{
	struct state *state = data;

	call(state, "int count_mine(void)");
	note(state, "%ld", call(state, "int count_mine(void)"));
	return NULL;
}

static void thread_local(struct state *state)
{
	pthread_t thread;

	call(state, "int count_mine(void)");
	if (pthread_create(&thread, NULL, count_twice, state))
		return;
	pthread_join(thread, NULL);
	note(state, "%ld", call(state, "int count_mine(void)"));
}

static void *set_key(void *data)
{
	call(data, "int set_key(void)");
	return NULL;
}

static void keys(struct state *state)
{
	char path[4096];
	pthread_t thread;

	note(state, "%ld", call(state, "int make_key(const char *path)",
				at(strcat(getcwd(path, sizeof path - 8), "/ended"))));
	if (pthread_create(&thread, NULL, set_key, state))
		return;
	pthread_join(thread, NULL);
	note(state, "%d", comes("ended", "x"));
}

static void threads(struct state *state)
{
	note(state, "%ld", call(state, "int run_thread(void)"));
}

static void left_thread(struct state *state)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return;
	call(state, "int leave_thread(keep fd go)", ends[0]);
	note(state, "%zd", write(ends[1], "x", 1));
	note(state, "%d", comes("from-thread", "later"));
}

static void random_of_callee(struct state *state)
{
	call(state, "void seed(int by)", 42);
	note(state, "%ld %ld", call(state, "int random_number(void)"), call(state, "int random_number(void)"));
}

static void random_of_host(struct state *state)
{
	srand(42);
	note(state, "%ld", call(state, "int random_number(void)"));
}

static int numbers_beside(void *data)
{
	int fd = open("beside", O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	struct state *state = data;
	sffi_options options;
	sffi_function *random = NULL;
	int number = 0;

	sffi_options_init(&options);
	options.spawn = state->column == COLUMN_EXEC ? SFFI_SPAWN_EXEC : SFFI_SPAWN_CLONE;
	state->domain = NULL;
	options.mode = state->column == COLUMN_DIRECT ? SFFI_DIRECT : SFFI_ISOLATED;
	if (sffi_domain_open(&state->domain, &options) ||
	    sffi_library_open(&state->library, state->domain, VICTIMS "/libvictim_state.so") ||
	    sffi_function_get(&random, state->library, "int guarded_random(void)") ||
	    sffi_call(random, &number))
		return 1;
	return dprintf(fd, "%d", number) <= 0;
}

/* A generator that knows its process: another one must not repeat its numbers. */
static void reseeding(struct state *state)
{
	struct state copy = *state;
	char mine[16];

	snprintf(mine, sizeof mine, "%ld", call(state, "int guarded_random(void)"));
	note(state, "%d", beside(numbers_beside, &copy));
	note(state, "differ: %d", strcmp(mine, contents("beside")) != 0);
}

static void options_of_getopt(struct state *state)
{
	note(state, "%ld", call(state, "int parse_options(void)"));
	note(state, "%d", state_variable(state, "optind"));
}

static void loading(struct state *state)
{
	note(state, "%ld", call(state, "int load_math(void)"));
}

static void handlers_at_exit(struct state *state)
{
	char path[4096];
	note(state, "%ld", call(state, "int at_exit(const char *path)",
				at(strcat(getcwd(path, sizeof path - 8), "/ended"))));
	/* The runner looks for the file when the host has ended. */
	exit(0);
}

static const struct row rows[] = {
	{ "errno", "`errno`", errors, "", "It comes back with every call: sffi_errno().", NULL },
	{ "strtok", "strtok() over several calls, and other hidden static state", hidden_state, "",
	  "The library lives in one worker.", NULL },
	{ "globals", "a variable of the library", globals, "", "sffi_global() and sffi_read() find it.", NULL },
	{ "tls", "thread-local state for each thread of the host", thread_local, "",
	  "Each host thread has a thread of the worker.", NULL },
	{ "keys", "destructors of pthread keys, at a host thread's end", keys, "",
	  "The worker's thread ends with it.", NULL },
	{ "threads", "pthread_create() in the callee", threads, "", "They are the worker's.", NULL },
	{ "threads-left", "a thread of the callee's that goes on after the call", left_thread, "",
	  "The worker goes on between calls.", NULL },
	{ "srand-callee", "srand() and rand() in the callee", random_of_callee, "",
	  "The library's calls see the same generator.", NULL },
	{ "srand-host", "srand() in the host, rand() in the callee", random_of_host, "cse",
	  "The worker has the C library's generator once more.", "srand() through the domain" },
	{ "reseed", "a random generator that reseeds itself in another process", reseeding, "",
	  "getpid() is the worker's own: no two workers repeat each other's numbers.", NULL },
	{ "getopt", "getopt()'s globals", options_of_getopt, "", "sffi_global() finds them.", NULL },
	{ "dlopen", "dlopen() inside the callee", loading, "", "Into the worker.", NULL },
	{ "atexit", "an exit handler of the library, when the host exits", handlers_at_exit, "cse",
	  "The worker is ended, it does not exit: a callee that hangs must not hold the host up.",
	  "call what is to be done at the end before the domain is closed" },
	{ 0 },
};
const struct group state_libraries = { "What libraries keep", rows };
