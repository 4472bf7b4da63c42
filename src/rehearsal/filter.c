/* SPDX-License-Identifier: MIT */
#include "rehearsal/filter.h"

#include "error.h"
#include "os/os.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

const uint64_t sffi__filter_word[2];

static const struct filter_module *module;
static struct sock_fprog program;
static char reason[256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Out of the heap: a clone may be without that when it installs the filter. */
static void keep(void)
{
	size_t size = program.len * sizeof *program.filter;
	struct sock_filter *kept = sffi__os_map(NULL, size, PROT_READ | PROT_WRITE,
						MAP_PRIVATE | MAP_ANONYMOUS, -1);

	if (sffi__os_failed(kept)) {
		errno = -sffi__os_failed(kept);
		kept = NULL;
	} else {
		memcpy(kept, program.filter, size);
		mprotect(kept, size, PROT_READ);
	}
	free(program.filter);
	program.filter = kept;
}

static void load(void)
{
	char path[PATH_MAX];
	void *handle;

	sffi__os_beside_library(FILTER_MODULE, path);
	handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	module = handle ? dlsym(handle, "safeffi_filter") : NULL;
	if (!module) {
		snprintf(reason, sizeof reason, "its part with libseccomp is missing (%.150s)",
			 handle ? path : dlerror());
		return;
	}
	program.filter = module->make(sffi__rules, sffi__rule_count, (uintptr_t)&sffi__filter_word, &program.len);
	if (program.filter)
		keep();
	if (!program.filter)
		snprintf(reason, sizeof reason, "libseccomp made no filter: %s", strerror(errno));
	else if (prctl(PR_GET_SECCOMP) < 0 && errno == EINVAL)
		snprintf(reason, sizeof reason, "this kernel has no system call filters");
}

sffi_status sffi__filter_open(void)
{
	pthread_once(&once, load);
	return reason[0] ? sffi__fail(SFFI_ENOTSUP, "the mode 'rehearsed' is not to be had: %s", reason)
			 : SFFI_OK;
}

int sffi__filter_install(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program))
		return -errno;
	return 0;
}

const char *sffi__call_name(int number, char *to, size_t size)
{
	char *name = module ? module->name(number) : NULL;

	if (name)
		snprintf(to, size, "%s", name);
	else
		snprintf(to, size, "system call %d", number);
	free(name);
	return to;
}
