/* SPDX-License-Identifier: MIT */
#include "os/os.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *const names[OS_FEATURE_COUNT] = {
	[OS_FUTEX_WAITV] = "futex_waitv",
	[OS_HUGE_PAGES] = "hugepages",
	[OS_PKEYS] = "pkeys",
	[OS_SINGLE_STEP] = "single_step",
	[OS_MADV_POPULATE] = "madv_populate",
	[OS_PROCESS_VM] = "process_vm",
	[OS_RSEQ] = "rseq",
	[OS_MIRROR] = "mirror",
};

static bool present[OS_FEATURE_COUNT];
static pthread_once_t once = PTHREAD_ONCE_INIT;

const char *sffi__os_feature_name(enum os_feature feature)
{
	return names[feature];
}

/* Whether the comma separated list has the word. */
static bool listed(const char *list, const char *word)
{
	size_t length = strlen(word);

	while (list && *list) {
		size_t item = strcspn(list, ",");

		if (item == length && !strncmp(list, word, length))
			return true;
		list += item + (list[item] == ',');
	}
	return false;
}

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

static void probe(void)
{
	const char *without = getenv("SAFEFFI_WITHOUT");
	int saved = errno;
	char here = 1, copy = 0;
	void *page = (void *)((uintptr_t)&here & ~(uintptr_t)4095);

	/* No futexes to wait for: EINVAL where the call exists. */
	present[OS_FUTEX_WAITV] = syscall(SYS_futex_waitv, NULL, 0, 0, NULL, 0) < 0 && errno != ENOSYS;
	present[OS_MADV_POPULATE] = !madvise(page, 4096, MADV_POPULATE_READ);
	present[OS_PROCESS_VM] = sffi__os_read_memory(getpid(), &copy, (uintptr_t)&here, 1) == 1;
	present[OS_RSEQ] = __rseq_size > 0;
	/* Found out where they are used: no worker needs to know. */
	present[OS_HUGE_PAGES] = present[OS_PKEYS] = present[OS_SINGLE_STEP] = true;
	present[OS_MIRROR] = true;
	for (int i = 0; i < OS_FEATURE_COUNT; i++)
		present[i] = present[i] && !listed(without, names[i]);
	errno = saved;
}

bool sffi__os_has(enum os_feature feature)
{
	pthread_once(&once, probe);
	return present[feature];
}
