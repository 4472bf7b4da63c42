/* SPDX-License-Identifier: MIT */
/* FILE, and the order of what both sides print. */
#include "state.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
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

/* The row's standard output becomes the descriptor. */
static void be_output(int fd)
{
	fflush(stdout);
	dup2(fd, 1);
	/* The stream finds out anew what it writes to. */
	setvbuf(stdout, NULL, isatty(1) ? _IOLBF : _IOFBF, 4096);
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

static int file(const char *path)
{
	return open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
}

static void output_is_replaced(struct state *state)
{
	be_output(file("old"));
	call(state, "int print_and_flush(const char *text)", at("1"));
	dup2(file("new"), 1);
	call(state, "int print_and_flush(const char *text)", at("2"));
	note(state, "'%s' '%s'", contents("old"), contents("new"));
	note(state, "%d", freopen("newer", "w", stdout) != NULL);
	call(state, "int print(const char *text)", at("3"));
	/* In process the stream is the host's, too. */
	fflush(stdout);
	note(state, "'%s' '%s'", contents("new"), contents("newer"));
	dup3(file("errors"), 2, 0);
	call(state, "int complain(const char *text)", at("4"));
	note(state, "%d", freopen("more", "a", stderr) != NULL);
	call(state, "int complain(const char *text)", at("5"));
	fflush(stderr);
	note(state, "'%s' '%s'", contents("errors"), contents("more"));
}

static int file_of(const char *path, const char *text)
{
	FILE *stream = fopen(path, "w");

	fputs(text, stream);
	fclose(stream);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static void input_is_replaced(struct state *state)
{
	setvbuf(stdin, NULL, _IONBF, 0);
	dup2(file_of("old", "one\n"), 0);
	note(state, "%s", call_text(state, "const char *read_line(void)"));
	dup2(file_of("new", "two\n"), 0);
	note(state, "%s", call_text(state, "const char *read_line(void)"));
	note(state, "%s", call_text(state, "const char *read_line(void)"));
	/* A stream that was at its end. */
	close(file_of("newer", "three\n"));
	note(state, "%d", freopen("newer", "r", stdin) != NULL);
	note(state, "%s", call_text(state, "const char *read_line(void)"));
}

/* One message brings them all, together with the directory. */
static void all_are_replaced(struct state *state)
{
	mkdir("below", 0755);
	dup2(file_of("in", "line\n"), 0);
	setvbuf(stdin, NULL, _IONBF, 0);
	be_output(file("out"));
	dup2(file("errors"), 2);
	note(state, "%d", chdir("below"));
	note(state, "%s", call_text(state, "const char *read_line(void)"));
	call(state, "int print_and_flush(const char *text)", at("1"));
	call(state, "int complain(const char *text)", at("2"));
	call(state, "fd open_file(const char *path, int flags)", at("a"), O_RDWR | O_CREAT);
	note(state, "'%s' '%s' %d", contents("../out"), contents("../errors"), access("a", F_OK));
}

/* What is opened next in the host takes the numbers; the worker's are free, too. */
static void output_is_closed(struct state *state)
{
	be_output(file("old"));
	call(state, "int print_and_flush(const char *text)", at("1"));
	close(0);
	close(1);
	sffi_state_changed();
	note(state, "%ld", call(state, "int isatty(int number)", 1));
	note(state, "%s", word_for(state_errno(state)));
	note(state, "%d", file_of("in", "line\n"));
	note(state, "%d", file("new"));
	sffi_state_changed();
	call(state, "int print_and_flush(const char *text)", at("2"));
	note(state, "%s", call_text(state, "const char *read_line(void)"));
	note(state, "'%s' '%s'", contents("old"), contents("new"));
}

static void replaced_by_callee(struct state *state)
{
	be_output(file("hosts"));
	call(state, "int print_and_flush(const char *text)", at("1"));
	call(state, "int put_over(fd from, int to)", file("callees"), 1);
	call(state, "int print_and_flush(const char *text)", at("2"));
	/* The host changes another. */
	dup2(file("errors"), 2);
	call(state, "int print_and_flush(const char *text)", at("3"));
	note(state, "'%s' '%s'", contents("hosts"), contents("callees"));
	dup2(file("new"), 1);
	call(state, "int print_and_flush(const char *text)", at("4"));
	note(state, "'%s' '%s'", contents("callees"), contents("new"));
}

static void order_in_a_file(struct state *state)
{
	be_output(open("out", O_RDWR | O_CREAT | O_APPEND, 0666));
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
	be_output(ends[1]);
	print_in_turns(state);
	note(state, "%s", all_of(ends[0]));
}

static void order_on_a_terminal(struct state *state)
{
	be_output(state->line);
	print_in_turns(state);
	note(state, "%s", all_of(state->terminal));
}

static void order_with_flush(struct state *state)
{
	be_output(open("out", O_RDWR | O_CREAT | O_APPEND, 0666));
	printf("host ");
	call(state, "int print_and_flush(const char *text)", at("callee"));
	note(state, "%s", contents("out"));
}

static void lost_in_a_crash(struct state *state)
{
	/* What it printed before, in a call that returned. */
	be_output(open("out", O_RDWR | O_CREAT | O_APPEND, 0666));
	call(state, "int print(const char *text)", at("printed"));
	state_close(state);
	fflush(stdout);
	note(state, "%s", contents("out"));
}

static void errors(struct state *state)
{
	fflush(stderr);
	dup2(open("out", O_RDWR | O_CREAT | O_APPEND, 0666), 2);
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
	note(state, "%s", call_text(state, "const char *read_line(void)"));
	close(ends[1]);
	note(state, "%s", fgets(line, sizeof line, stdin) ? line : "(end)");
	note(state, "%s", call_text(state, "const char *read_line(void)"));
}

#define MIRRORED "The host's is the callee's when a call starts, once it has changed."

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
	{ "replaced", "dup2() and freopen() in the host over 1 and 2, used by the callee", output_is_replaced,
	  "", MIRRORED, NULL },
	{ "replaced-input", "dup2() and freopen() in the host over 0, used by the callee", input_is_replaced,
	  "", MIRRORED, NULL },
	{ "replaced-all", "dup2() in the host over 0 to 2, and chdir(), before one call", all_are_replaced, "",
	  MIRRORED, NULL },
	{ "closed", "close() in the host of 0 and 1, and other files there", output_is_closed, "",
	  "close() alone is not noticed: the host says so with sffi_state_changed().", NULL },
	{ "replaced-stays", "dup2() in the callee over 1, used by its next calls", replaced_by_callee, "",
	  "It stays until the host changes its own.", NULL },
	{ "stdin", "lines of stdin, read in turns from a pipe", input_in_turns, "",
	  "The worker's stdin takes no more than is asked for; the host's must be unbuffered, too.",
	  NULL },
	{ 0 },
};
const struct group state_streams = { "Streams", rows };
