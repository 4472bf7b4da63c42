/* SPDX-License-Identifier: MIT */
/*
 * A program as small as a program can be, which makes processes: the measure for all
 * that makes workers. A program of its own, since a fork copies what the forking
 * process has, and the benchmark has SafeFFI and its libraries.
 */
#include "machine.h"
#include "operation.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static double fork_and_wait(void)
{
	uint64_t start = now_ns();
	int status;
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	if (child < 0 || waitpid(child, &status, 0) != child)
		return failed("cannot fork and wait: %s", strerror(errno));
	return (double)(now_ns() - start);
}

static double spawn_and_wait(void)
{
	uint64_t start = now_ns();
	char *arguments[] = { "/bin/true", NULL };
	int status, error;
	pid_t child;

	error = posix_spawn(&child, arguments[0], NULL, NULL, arguments, environ);
	if (error)
		return failed("cannot spawn /bin/true: %s", strerror(error));
	if (waitpid(child, &status, 0) != child || status != 0)
		return failed("/bin/true did not end well");
	return (double)(now_ns() - start);
}

/* The pause is there since the subject has one: it lets the former process end, outside
 * of what is measured. Without it both would be faster, caches being warm. */
static double repeat(double (*once)(void), unsigned count, unsigned milliseconds)
{
	double total = 0;

	for (unsigned i = 0; i < count; i++) {
		if (milliseconds)
			pause_ms(milliseconds);
		total += once();
	}
	return total / count;
}

static double op_fork(unsigned count)
{
	return repeat(fork_and_wait, count, 1);
}

static double op_fork_back_to_back(unsigned count)
{
	return repeat(fork_and_wait, count, 0);
}

static double op_spawn(unsigned count)
{
	return repeat(spawn_and_wait, count, 1);
}

int main(int argc, char **argv)
{
	static const struct operation operations[] = {
		{ "fork", op_fork },
		{ "fork-back-to-back", op_fork_back_to_back },
		{ "spawn", op_spawn },
		{ NULL, NULL },
	};

	if (argc != 2)
		return 2;
	serve(atoi(argv[1]), operations, true);
	return 0;
}
