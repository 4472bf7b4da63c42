/* SPDX-License-Identifier: MIT */
/* The functions by which a callee makes its process another than the host's: credentials(7),
 * chroot(2); and those by which it changes limits and scheduling. */
#include "worker/interpose.h"

#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/resource.h>
#include <unistd.h>

static int noted(int result, enum worker_change change)
{
	if (result >= 0 && interpose_applies())
		interpose_note(change);
	return result;
}

static int noted_setuid(uid_t user)
{
	return noted(setuid(user), CHANGED_IDENTITY);
}

static int noted_seteuid(uid_t user)
{
	return noted(seteuid(user), CHANGED_IDENTITY);
}

static int noted_setreuid(uid_t real, uid_t effective)
{
	return noted(setreuid(real, effective), CHANGED_IDENTITY);
}

static int noted_setresuid(uid_t real, uid_t effective, uid_t saved)
{
	return noted(setresuid(real, effective, saved), CHANGED_IDENTITY);
}

static int noted_setgid(gid_t group)
{
	return noted(setgid(group), CHANGED_IDENTITY);
}

static int noted_setegid(gid_t group)
{
	return noted(setegid(group), CHANGED_IDENTITY);
}

static int noted_setregid(gid_t real, gid_t effective)
{
	return noted(setregid(real, effective), CHANGED_IDENTITY);
}

static int noted_setresgid(gid_t real, gid_t effective, gid_t saved)
{
	return noted(setresgid(real, effective, saved), CHANGED_IDENTITY);
}

static int noted_setgroups(size_t count, const gid_t *groups)
{
	return noted(setgroups(count, groups), CHANGED_IDENTITY);
}

static int noted_initgroups(const char *user, gid_t group)
{
	return noted(initgroups(user, group), CHANGED_IDENTITY);
}

/* Their results are the former ones, with or without an error: setfsuid(2). */
static int noted_setfsuid(uid_t user)
{
	int former = setfsuid(user);

	noted(0, CHANGED_IDENTITY);
	return former;
}

static int noted_setfsgid(gid_t group)
{
	int former = setfsgid(group);

	noted(0, CHANGED_IDENTITY);
	return former;
}

static int noted_chroot(const char *path)
{
	return noted(chroot(path), CHANGED_ROOT);
}

const struct replacement sffi__identity_functions[] = {
	{ "chroot", (void *)noted_chroot, (void *)chroot },
	{ "initgroups", (void *)noted_initgroups, (void *)initgroups },
	{ "setegid", (void *)noted_setegid, (void *)setegid },
	{ "seteuid", (void *)noted_seteuid, (void *)seteuid },
	{ "setfsgid", (void *)noted_setfsgid, (void *)setfsgid },
	{ "setfsuid", (void *)noted_setfsuid, (void *)setfsuid },
	{ "setgid", (void *)noted_setgid, (void *)setgid },
	{ "setgroups", (void *)noted_setgroups, (void *)setgroups },
	{ "setregid", (void *)noted_setregid, (void *)setregid },
	{ "setresgid", (void *)noted_setresgid, (void *)setresgid },
	{ "setresuid", (void *)noted_setresuid, (void *)setresuid },
	{ "setreuid", (void *)noted_setreuid, (void *)setreuid },
	{ "setuid", (void *)noted_setuid, (void *)setuid },
};
const size_t sffi__identity_function_count =
	sizeof sffi__identity_functions / sizeof *sffi__identity_functions;

/* ---- limits and scheduling ------------------------------------------------------------------- */

static int noted_setrlimit(__rlimit_resource_t resource, const struct rlimit *limit)
{
	return noted(setrlimit(resource, limit), CHANGED_LIMITS);
}

static int noted_prlimit(pid_t pid, enum __rlimit_resource resource, const struct rlimit *limit,
			 struct rlimit *former)
{
	return noted(prlimit(pid, resource, limit, former), limit ? CHANGED_LIMITS : CHANGED_NOTHING);
}

static int noted_setpriority(__priority_which_t which, id_t who, int priority)
{
	return noted(setpriority(which, who, priority), CHANGED_LIMITS);
}

/* Its result may be any number, with or without an error. */
static int noted_nice(int by)
{
	int result = nice(by);

	noted(0, CHANGED_LIMITS);
	return result;
}

static int noted_affinity(pid_t pid, size_t size, const cpu_set_t *set)
{
	return noted(sched_setaffinity(pid, size, set), CHANGED_PROCESSORS);
}

/* 0 or an error number. */
static int noted_thread_affinity(pthread_t thread, size_t size, const cpu_set_t *set)
{
	int error = pthread_setaffinity_np(thread, size, set);

	noted(-error, CHANGED_PROCESSORS);
	return error;
}

/* On 64-bit machines the two names are one function. */
const struct replacement sffi__limit_functions[] = {
	{ "nice", (void *)noted_nice, (void *)nice },
	{ "prlimit", (void *)noted_prlimit, (void *)prlimit },
	{ "prlimit64", (void *)noted_prlimit, (void *)prlimit },
	{ "pthread_setaffinity_np", (void *)noted_thread_affinity, (void *)pthread_setaffinity_np },
	{ "sched_setaffinity", (void *)noted_affinity, (void *)sched_setaffinity },
	{ "setpriority", (void *)noted_setpriority, (void *)setpriority },
	{ "setrlimit", (void *)noted_setrlimit, (void *)setrlimit },
	{ "setrlimit64", (void *)noted_setrlimit, (void *)setrlimit },
};
const size_t sffi__limit_function_count = sizeof sffi__limit_functions / sizeof *sffi__limit_functions;
