/* SPDX-License-Identifier: MIT */
/* doctor's last part: medians of short runs, to compare with each other on one machine. The
 * benchmark (make bench) is the one that pins, repeats and compares with peers. */
#include "cli.h"

#include "error.h"

#include <sched.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { RUNS_MAX = 64, CALLS_IN_A_RUN = 200 };

/* A domain with two functions: one that works and one that crashes. */
struct bench {
	sffi_domain *domain;
	sffi_library *library;
	sffi_function *good, *bad;
};

static double now_us(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static void close_bench(struct bench *bench)
{
	sffi_function_release(&bench->good);
	sffi_function_release(&bench->bad);
	sffi_library_close(&bench->library);
	sffi_domain_close(&bench->domain);
}

static sffi_status call_good(struct bench *bench)
{
	int result = 0;
	sffi_status status = sffi_call(bench->good, &result, -1);

	if (status == SFFI_OK && result != 1)
		return sffi__fail(SFFI_ESYSTEM, "abs(-1) returned %d", result);
	return status;
}

static sffi_status open_bench(struct bench *bench, sffi_spawn spawn)
{
	sffi_options options;
	sffi_status status;

	memset(bench, 0, sizeof *bench);
	sffi_options_init(&options);
	options.mode = SFFI_ISOLATED;
	options.spawn = spawn;
	status = sffi_domain_open(&bench->domain, &options);
	if (status == SFFI_OK)
		status = sffi_library_open(&bench->library, bench->domain, "libc.so.6");
	if (status == SFFI_OK)
		status = sffi_function_get(&bench->good, bench->library, "int abs(int)");
	if (status == SFFI_OK)
		status = sffi_function_get(&bench->bad, bench->library, "size_t strlen(const char *s)");
	return status;
}

/* ---- what is measured: each returns microseconds, or less than 0 with a sentence ---- */

static double fork_and_wait(struct bench *bench)
{
	double start = now_us();
	pid_t child = fork();

	(void)bench;
	if (child == 0)
		_exit(0);
	if (child < 0 || waitpid(child, NULL, 0) != child) {
		sffi__fail(SFFI_ESYSTEM, "cannot fork");
		return -1;
	}
	return now_us() - start;
}

static double open_and_call(sffi_spawn spawn)
{
	struct bench fresh;
	double start = now_us(), end;
	sffi_status status = open_bench(&fresh, spawn);

	if (status == SFFI_OK)
		status = call_good(&fresh);
	end = now_us();
	close_bench(&fresh);
	return status == SFFI_OK ? end - start : -1;
}

static double open_clone(struct bench *bench)
{
	(void)bench;
	return open_and_call(SFFI_SPAWN_CLONE);
}

static double open_exec(struct bench *bench)
{
	(void)bench;
	return open_and_call(SFFI_SPAWN_EXEC);
}

static double call_often(struct bench *bench)
{
	double start = now_us();

	for (int i = 0; i < CALLS_IN_A_RUN; i++)
		if (call_good(bench) != SFFI_OK)
			return -1;
	return (now_us() - start) / CALLS_IN_A_RUN;
}

static double crash_and_call(struct bench *bench)
{
	double start = now_us();

	if (sffi_call(bench->bad, NULL, (const char *)NULL) != SFFI_EFAULT) {
		sffi__fail(SFFI_ESYSTEM, "strlen(NULL) did not fault");
		return -1;
	}
	return call_good(bench) == SFFI_OK ? now_us() - start : -1;
}

/* Puts this thread, and every thread of the worker, on the CPUs of the set. */
static void place(const struct bench *bench, const cpu_set_t *set)
{
	char path[48];
	struct dirent *entry;
	DIR *threads;

	sched_setaffinity(0, sizeof *set, set);
	snprintf(path, sizeof path, "/proc/%d/task", (int)sffi_domain_pid(bench->domain));
	threads = opendir(path);
	if (!threads)
		return;
	while ((entry = readdir(threads)))
		if (atoi(entry->d_name) > 0)
			sched_setaffinity(atoi(entry->d_name), sizeof *set, set);
	closedir(threads);
}

static double call_on_one_core(struct bench *bench)
{
	cpu_set_t all, one;
	double cost;

	if (sched_getaffinity(0, sizeof all, &all) != 0) {
		sffi__fail(SFFI_ESYSTEM, "cannot read the CPUs of this thread");
		return -1;
	}
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu() >= 0 ? (size_t)sched_getcpu() : 0, &one);
	place(bench, &one);
	cost = call_often(bench);
	place(bench, &all);
	return cost;
}

static const struct measure {
	const char *name;
	int runs;
	double (*run)(struct bench *bench);
} measures[] = {
	{ "fork and wait, bare", 41, fork_and_wait },
	{ "open a domain (clone), first call", 21, open_clone },
	{ "open a domain (exec), first call", 11, open_exec },
	{ "a call, back to back", 41, call_often },
	{ "a call, both on one core", 21, call_on_one_core },
	{ "a crash, until the next good call", 21, crash_and_call },
};

static int compare(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

static void print_measure(FILE *to, const struct measure *measure, struct bench *bench)
{
	double times[RUNS_MAX];

	for (int i = 0; i < measure->runs; i++) {
		times[i] = measure->run(bench);
		if (times[i] < 0) {
			fprintf(to, "  %-36s not measured: %s\n", measure->name, cli_error());
			return;
		}
	}
	qsort(times, (size_t)measure->runs, sizeof *times, compare);
	fprintf(to, "  %-36s %10.2f us   (best %.2f)\n", measure->name, times[measure->runs / 2],
		times[0]);
	fflush(to);
}

void cli_print_costs(FILE *to)
{
	struct bench bench;

	fputs("\nCosts, medians of short runs\n", to);
	fflush(to);
	if (open_bench(&bench, SFFI_SPAWN_CLONE) != SFFI_OK) {
		fprintf(to, "  not measured: %s\n", cli_error());
		close_bench(&bench);
		return;
	}
	for (size_t i = 0; i < sizeof measures / sizeof *measures; i++)
		print_measure(to, &measures[i], &bench);
	close_bench(&bench);
}
