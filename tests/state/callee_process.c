/* SPDX-License-Identifier: MIT */
/* Identity, processes, signals, limits. */
#include "callee.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- who it is --------------------------------------------------------------------------- */

int own_id(int which)
{
	switch (which) {
	case 0:
		return getpid();
	case 1:
		return getppid();
	default:
		return gettid();
	}
}

int user_id(int which)
{
	switch (which) {
	case 0:
		return (int)getuid();
	case 1:
		return (int)geteuid();
	default:
		return getgroups(0, NULL);
	}
}

int group_and_session(int which)
{
	return which ? getsid(0) : getpgrp();
}

int become(int user)
{
	return setresgid((gid_t)user, (gid_t)user, (gid_t)user) ? -1
	       : setresuid((uid_t)user, (uid_t)user, (uid_t)user);
}

int new_group(void)
{
	return setpgid(0, 0);
}

int new_session(void)
{
	return setsid() < 0 ? -1 : 0;
}

int set_name(const char *name)
{
	return prctl(PR_SET_NAME, name);
}

const char *own_program(void)
{
	static char path[4096];
	ssize_t got = readlink("/proc/self/exe", path, sizeof path - 1);

	path[got < 0 ? 0 : got] = '\0';
	return path;
}

int has_descriptor(int fd)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return !access(path, F_OK);
}

int terminal_group(void)
{
	int fd = open("/dev/tty", O_RDWR);
	int group = fd < 0 ? -1 : tcgetpgrp(fd);

	close(fd);
	return group;
}

int write_terminal(const char *text)
{
	int fd = open("/dev/tty", O_RDWR);
	int result = write_text(fd, text);

	close(fd);
	return result;
}

/* ---- processes --------------------------------------------------------------------------- */

int fork_child(int status)
{
	pid_t pid = fork();

	if (!pid)
		_exit(status);
	return pid;
}

int wait_for_child(int pid)
{
	int status;

	return waitpid(pid, &status, 0) < 0 ? -1 : WEXITSTATUS(status);
}

int run_command(const char *command)
{
	int status = system(command);

	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

const char *output_of(const char *command)
{
	static char text[64];
	FILE *pipe = popen(command, "r");

	if (!pipe || !fgets(text, sizeof text, pipe))
		text[0] = '\0';
	if (pipe)
		pclose(pipe);
	return text;
}

int spawn_program(const char *program, const char *argument)
{
	extern char **environ;
	char *arguments[] = { (char *)program, (char *)argument, NULL };
	pid_t pid = -1;

	return posix_spawnp(&pid, program, NULL, NULL, arguments, environ) ? -1 : pid;
}

/* Writes when it is told to, long after the call. */
int leave_child(int go, const char *path)
{
	pid_t pid = fork();
	char byte;
	int fd;

	if (pid)
		return pid > 0;
	if (read(go, &byte, 1) != 1)
		_exit(1);
	fd = open(path, O_WRONLY | O_CREAT, 0666);
	_exit(write(fd, "child", 5) != 5);
}

int replace_process(const char *program)
{
	char *arguments[] = { (char *)program, NULL };

	return execvp(program, arguments);
}

/* ---- signals ----------------------------------------------------------------------------- */

static volatile sig_atomic_t caught;

static void on_signal(int signal)
{
	caught = signal;
}

int install_handler(int signal)
{
	struct sigaction action = { .sa_handler = on_signal };

	return sigaction(signal, &action, NULL);
}

int caught_signal(void)
{
	return caught;
}

int raise_it(int signal)
{
	return raise(signal);
}

int kill_itself(int signal)
{
	return kill(getpid(), signal);
}

int block_signal(int signal)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signal);
	return pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int is_blocked(int signal)
{
	sigset_t set;

	pthread_sigmask(SIG_SETMASK, NULL, &set);
	return sigismember(&set, signal);
}

int ignores(int signal)
{
	struct sigaction action;

	sigaction(signal, NULL, &action);
	return action.sa_handler == SIG_IGN;
}

int set_alarm(int microseconds)
{
	return (int)ualarm((useconds_t)microseconds, 0);
}

int set_interval_timer(int microseconds)
{
	struct itimerval soon = { .it_value.tv_usec = microseconds };

	return setitimer(ITIMER_REAL, &soon, NULL);
}

int set_posix_timer(int microseconds, int signal)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = signal };
	struct itimerspec soon = { .it_value.tv_nsec = microseconds * 1000L };
	timer_t timer;

	return timer_create(CLOCK_MONOTONIC, &event, &timer) ? -1
							     : timer_settime(timer, 0, &soon, NULL);
}

static void on_timer(union sigval value)
{
	counter = value.sival_int;
}

int set_thread_timer(int value)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD, .sigev_notify_function = on_timer,
				  .sigev_value.sival_int = value };
	struct itimerspec soon = { .it_value.tv_nsec = 1000 };
	timer_t timer;

	return timer_create(CLOCK_MONOTONIC, &event, &timer) ? -1
							     : timer_settime(timer, 0, &soon, NULL);
}

int break_pipe(int fd)
{
	return write(fd, "x", 1) < 0 ? errno : 0;
}

/* ---- limits ------------------------------------------------------------------------------ */

int get_limit(int resource)
{
	struct rlimit limit;

	return getrlimit((__rlimit_resource_t)resource, &limit) ? -1 : (int)limit.rlim_cur;
}

int set_limit(int resource, int value)
{
	struct rlimit limit;

	getrlimit((__rlimit_resource_t)resource, &limit);
	limit.rlim_cur = (rlim_t)value;
	return setrlimit((__rlimit_resource_t)resource, &limit);
}

int get_priority(void)
{
	return getpriority(PRIO_PROCESS, 0);
}

int be_nice(int by)
{
	return nice(by);
}

int cpu_count(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof set, &set) ? -1 : CPU_COUNT(&set);
}

int stay_on_one_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	return sched_setaffinity(0, sizeof set, &set);
}

/* ---- harm -------------------------------------------------------------------------------- */

void end_process(int status)
{
	exit(status);
}

int crash(void)
{
	return *(volatile int *)launder(16);
}

int close_above(int low)
{
	return close_range((unsigned)low, ~0u, 0);
}
