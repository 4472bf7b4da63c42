/* SPDX-License-Identifier: MIT */
/* FILE, and the order of what both sides print. */
#include "state.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

static void stream_as_handle(struct state *state)
{
	long stream = call(state, "void *open_stream(const char *path, const char *mode)", at("a"), at("w"));

	call(state, "int put_to(void *stream, const char *text)", stream, at("one "));
	call(state, "int put_to(void *stream, const char *text)", stream, at("two"));
	note(state, "before: '%s'", contents("a"));
	call(state, "int close_stream(void *stream)", stream);
	note(state, "after: '%s'", contents("a"));
}

static void stream_of_host(struct state *state)
{
	FILE *stream = fopen("a", "w");

	note(state, "%d", call(state, "int put_to(void *stream, const char *text)", at(stream), at("x")) > 0);
	fclose(stream);
	note(state, "%s", contents("a"));
}

/* The row's standard output becomes the descriptor, for the worker, too. */
static void be_output(struct state *state, int fd)
{
	sffi_domain *domain = state->domain;

	fflush(stdout);
	dup2(fd, 1);
	/* The stream finds out anew what it writes to. */
	setvbuf(stdout, NULL, isatty(1) ? _IOLBF : _IOFBF, 4096);
	if (domain && sffi_domain_restart(domain))
		told(state, sffi_error());
}

static void print_in_turns(struct state *state)
{
	printf("host ");
	call(state, "int print(const char *text)", at("callee "));
	printf("host ");
	call(state, "int print(const char *text)", at("callee\n"));
	printf("host\n");
	fflush(stdout);
}

static void output_is_replaced(struct state *state)
{
	be_output(state, open("old", O_RDWR | O_CREAT, 0666));
	call(state, "int print_and_flush(const char *text)", at("1"));
	dup2(open("new", O_RDWR | O_CREAT, 0666), 1);
	call(state, "int print_and_flush(const char *text)", at("2"));
	note(state, "'%s' '%s'", contents("old"), contents("new"));
	note(state, "%d", freopen("newer", "w", stdout) != NULL);
	call(state, "int print_and_flush(const char *text)", at("3"));
	note(state, "'%s' '%s'", contents("new"), contents("newer"));
}

static void order_in_a_file(struct state *state)
{
	be_output(state, open("out", O_RDWR | O_CREAT | O_APPEND, 0666));
	print_in_turns(state);
	note(state, "%s", contents("out"));
}

/* A terminal gives a line at a time. */
static const char *all_of(int fd)
{
	static char text[512];
	struct pollfd poller = { .fd = fd, .events = POLLIN };
	size_t size = 0;

	while (size < sizeof text - 1 && poll(&poller, 1, 0) == 1 && poller.revents & POLLIN) {
		ssize_t got = read(fd, text + size, sizeof text - 1 - size);

		if (got <= 0)
			break;
		size += (size_t)got;
	}
	text[size] = '\0';
	return text;
}

static void order_in_a_pipe(struct state *state)
{
	int ends[2];

	if (pipe(ends))
		return;
	be_output(state, ends[1]);
	print_in_turns(state);
	note(state, "%s", all_of(ends[0]));
}

static void order_on_a_terminal(struct state *state)
{
	be_output(state, state->line);
	print_in_turns(state);
	note(state, "%s", all_of(state->terminal));
}

static void order_with_flush(struct state *state)
{
	be_output(state, open("out", O_RDWR | O_CREAT | O_APPEND, 0666));
	printf("host ");
	call(state, "int print_and_flush(const char *text)", at("callee"));
	note(state, "%s", contents("out"));
}

static void lost_in_a_crash(struct state *state)
{
	/* What it printed before, in a call that returned. */
	be_output(state, open("out", O_RDWR | O_CREAT | O_APPEND, 0666));
	call(state, "int print(const char *text)", at("printed"));
	state_close(state);
	fflush(stdout);
	note(state, "%s", contents("out"));
}

static void errors(struct state *state)
{
	fflush(stderr);
	dup2(open("out", O_RDWR | O_CREAT | O_APPEND, 0666), 2);
	if (state->domain && sffi_domain_restart(state->domain))
		told(state, sffi_error());
	fprintf(stderr, "host ");
	call(state, "int complain(const char *text)", at("callee "));
	fprintf(stderr, "host");
	note(state, "%s", contents("out"));
}

static void input_in_turns(struct state *state)
{
	char line[64] = "";
	int ends[2];

	if (pipe(ends) || write(ends[1], "one\ntwo\nthree\n", 14) != 14)
		return;
	dup2(ends[0], 0);
	/* As a host does that lets others read. */
	setvbuf(stdin, NULL, _IONBF, 0);
	if (state->domain && sffi_domain_restart(state->domain))
		told(state, sffi_error());
	note(state, "%s", call_text(state, "const char *read_line(void)"));
	close(ends[1]);
	note(state, "%s", fgets(line, sizeof line, stdin) ? line : "(end)");
	note(state, "%s", call_text(state, "const char *read_line(void)"));
}

static const struct row rows[] = {
	{ "stream", "`FILE *` of the callee's fopen(), as a handle", stream_as_handle, "",
	  "It lives in the worker, and is used there.", NULL, .not_sanitized = true },
	{ "stream-host", "`FILE *` of the host, used by the callee", stream_of_host, "cse",
	  "It is memory of the host.", "pass `fileno()` as `fd`", "host's own memory" },
	{ "order-file", "the order of host's and callee's printf(), into a file", order_in_a_file, "",
	  "The host flushes what it has before a call, the worker after it.", NULL },
	{ "order-pipe", "the same, into a pipe", order_in_a_pipe, "", "Likewise.", NULL },
	{ "order-terminal", "the same, on a terminal", order_on_a_terminal, "", "Likewise.", NULL },
	{ "order-flush", "printf() in the host, printf() and fflush() in the callee", order_with_flush, "",
	  "Likewise.", NULL },
	{ "output-end", "what the callee printed, when the domain is closed", lost_in_a_crash, "",
	  "It was written when its call returned.", NULL },
	{ "stderr", "the order of what both write to stderr", errors, "", "It has no buffer.", NULL },
	{ "replaced", "dup2() and freopen() in the host over 0 to 2, used by the callee", output_is_replaced,
	  "ce", "The worker has what they were when it started.",
	  "sffi_domain_restart() after it, or share (`SFFI_SHARE_FILES`)" },
	{ "stdin", "lines of stdin, read in turns from a pipe", input_in_turns, "",
	  "The worker's stdin takes no more than is asked for; the host's must be unbuffered, too.",
	  NULL },
	{ 0 },
};
const struct group state_streams = { "Streams", rows };
