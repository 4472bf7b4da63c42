/* SPDX-License-Identifier: MIT */
#include "machine.h"

#include <dirent.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct machine machine = { .host = 0, .peer = CPU_ANY };

void machine_find(void)
{
	cpu_set_t allowed;
	int found[2] = { 0, CPU_ANY }, count = 0;

	CPU_ZERO(&allowed);
	sched_getaffinity(0, sizeof(allowed), &allowed);
	for (int cpu = 0; cpu < CPU_SETSIZE && count < 2; cpu++)
		if (CPU_ISSET(cpu, &allowed))
			found[count++] = cpu;
	machine.host = found[0];
	machine.peer = found[1];
}

uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 * MILLISECOND + (uint64_t)now.tv_nsec;
}

void pause_ms(unsigned milliseconds)
{
	struct timespec time = {
		.tv_sec = milliseconds / 1000,
		.tv_nsec = (long)(milliseconds % 1000 * MILLISECOND),
	};

	nanosleep(&time, NULL);
}

static bool pin(pid_t thread, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu != CPU_ANY ? cpu : machine.host, &set);
	if (cpu == CPU_ANY && machine.peer != CPU_ANY)
		CPU_SET(machine.peer, &set);
	return sched_setaffinity(thread, sizeof(set), &set) == 0;
}

bool pin_self(int cpu)
{
	return pin(0, cpu);
}

bool pin_process(pid_t pid, int cpu)
{
	char path[64];
	DIR *threads;
	struct dirent *entry;
	bool ok = true;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	threads = opendir(path);
	if (!threads)
		return false;
	while ((entry = readdir(threads)))
		if (entry->d_name[0] != '.' && !pin((pid_t)atoi(entry->d_name), cpu))
			ok = false;
	closedir(threads);
	return ok;
}

const char *path_beside(const char *name)
{
	static char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash;

	if (length < 0)
		return name;
	path[length] = '\0';
	slash = strrchr(path, '/');
	if (!slash || (size_t)(slash + 1 - path) + strlen(name) >= sizeof(path))
		return name;
	strcpy(slash + 1, name);
	return path;
}

long private_memory_kib(pid_t pid)
{
	char line[256];
	FILE *file;
	long total = 0, kib;
	int found = 0;

	snprintf(line, sizeof(line), "/proc/%d/smaps_rollup", (int)pid);
	file = fopen(line, "re");
	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "Private_Clean: %ld kB", &kib) == 1 ||
		    sscanf(line, "Private_Dirty: %ld kB", &kib) == 1) {
			total += kib;
			found++;
		}
	}
	fclose(file);
	return found == 2 ? total : -1;
}
