/* SPDX-License-Identifier: MIT */
/* Makes processes of its own. */
#include "victim.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Both return: the child runs on into code that is not its own. */
int fork_and_return(void)
{
	return fork();
}

static int wait_for(pid_t child)
{
	int status = -1;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* 128 + 11 if the child died of its SIGSEGV, as it would anywhere. */
int child_crashes(void)
{
	pid_t child = fork();

	if (child == 0)
		*(volatile int *)launder(0) = 1;
	return wait_for(child);
}

/* The callee does not wait: the crash comes while something else runs. */
int child_crashes_later(int milliseconds)
{
	pid_t child = fork();

	if (child == 0) {
		usleep((useconds_t)milliseconds * 1000);
		*(volatile int *)launder(0) = 1;
	}
	return child > 0 ? 0 : -1;
}

int grandchild_crashes(void)
{
	pid_t child = fork();

	if (child == 0) {
		pid_t grandchild = fork();

		if (grandchild == 0)
			*(volatile int *)launder(0) = 1;
		_exit(wait_for(grandchild));
	}
	return wait_for(child);
}

int child_exits(int status)
{
	pid_t child = fork();

	if (child == 0)
		exit(status);
	return wait_for(child);
}

int child__exits(int status)
{
	pid_t child = fork();

	if (child == 0)
		_exit(status);
	return wait_for(child);
}

int child_aborts(void)
{
	pid_t child = fork();

	if (child == 0)
		abort();
	return wait_for(child);
}

/* A process that nobody waits for, with a session of its own; it ends after a while by itself. */
int daemonize(int milliseconds)
{
	pid_t child = fork();

	if (child == 0) {
		setsid();
		if (fork() == 0)
			usleep((useconds_t)milliseconds * 1000);
		_exit(0);
	}
	return wait_for(child);
}

/* Returns how many went well. */
int fork_many(int count)
{
	int good = 0;

	for (int i = 0; i < count; i++) {
		volatile int number = i;
		pid_t child = fork();

		if (child == 0)
			_exit(number & 63);
		good += child > 0 && wait_for(child) == (i & 63);
	}
	return good;
}

int run_system(const char *command)
{
	int status = system(command);

	return status < 0 ? -1 : WEXITSTATUS(status);
}

/* The number that the command prints. */
int run_popen(const char *command)
{
	FILE *pipe = popen(command, "r");
	int number = -1;

	if (!pipe)
		return -1;
	if (fscanf(pipe, "%d", &number) != 1)
		number = -1;
	pclose(pipe);
	return number;
}

int run_spawn(const char *program)
{
	char *arguments[] = { (char *)program, NULL };
	pid_t child;

	if (posix_spawn(&child, program, NULL, NULL, arguments, environ) != 0)
		return -1;
	return wait_for(child);
}

/* 0 unless there is somebody's child here that is not ours. */
int wait_for_any(void)
{
	int status;

	return waitpid(-1, &status, WNOHANG) < 0 && errno == ECHILD ? 0 : 1;
}

/* Until the kernel says no; then all are ended and waited for. */
int fork_until_refused(int most)
{
	pid_t children[256];
	int count = 0;

	while (count < most && count < 256) {
		pid_t child = fork();

		if (child < 0)
			break;
		if (child == 0) {
			pause();
			_exit(0);
		}
		children[count++] = child;
	}
	for (int i = 0; i < count; i++) {
		kill(children[i], SIGKILL);
		wait_for(children[i]);
	}
	return count;
}
