/* SPDX-License-Identifier: MIT */
/* Takes away what the process needs to go on. */
#include "victim.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static int limit(int resource, unsigned long value)
{
	struct rlimit both = { value, value };

	return setrlimit((__rlimit_resource_t)resource, &both);
}

/* No more memory than there is. */
int limit_memory(unsigned long bytes)
{
	return limit(RLIMIT_AS, bytes);
}

int limit_memory_and_crash(unsigned long bytes)
{
	limit(RLIMIT_AS, bytes);
	return *(volatile int *)launder(0);
}

int limit_descriptors(unsigned long count)
{
	return limit(RLIMIT_NOFILE, count);
}

int limit_processes(unsigned long count)
{
	return limit(RLIMIT_NPROC, count);
}

int limit_stack(unsigned long bytes)
{
	return limit(RLIMIT_STACK, bytes);
}

int limit_file_size(unsigned long bytes)
{
	return limit(RLIMIT_FSIZE, bytes);
}

/* SIGXCPU after a second, SIGKILL after two. */
int limit_cpu(void)
{
	struct rlimit both = { 1, 2 };

	return setrlimit(RLIMIT_CPU, &both);
}

/* Its memory and maps are root's then. */
int hide(void)
{
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

int hide_and_crash(void)
{
	hide();
	return *(volatile int *)launder(0);
}

int hide_and_become_nobody(void)
{
	if (setgid(65534) != 0 || setuid(65534) != 0)
		return -1;
	return hide();
}

int rename_self(const char *name)
{
	return prctl(PR_SET_NAME, name, 0, 0, 0);
}

/* A name that breaks a careless parser of /proc/PID/stat. */
int rename_badly(void)
{
	return prctl(PR_SET_NAME, ") R 1 1\n(", 0, 0, 0);
}

/* No death with the parent. */
int outlive_parent(void)
{
	return prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
}

/* Takes memory until there is none, or `most` megabytes; gives how many it got. */
int fill_memory(int most)
{
	int got = 0;

	while (got < most) {
		void *block = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (block == MAP_FAILED)
			break;
		memset(block, 0xa5, 1 << 20);
		got++;
	}
	return got;
}

/* Takes addresses until there are none: later mappings fail. */
int fill_addresses(void)
{
	int got = 0;

	for (size_t size = (size_t)1 << 46; size >= 4096; size /= 2)
		while (got < 60000 && mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
					   -1, 0) != MAP_FAILED)
			got++;
	return got;
}

int slow_down(void)
{
	return setpriority(PRIO_PROCESS, 0, 19);
}

/* As the out-of-memory killer would see to it. */
int be_chosen(void)
{
	return raise(SIGKILL);
}
