/* SPDX-License-Identifier: MIT */
#include "job.h"

#include <dlfcn.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

static char directory[64];

static bool wake(sffi_domain *domain)
{
	sffi_library *libc = NULL;
	sffi_function *function = NULL;
	bool good = sffi_library_open(&libc, domain, "libc.so.6") == SFFI_OK &&
		    sffi_function_get(&function, libc, "int getppid(void)") == SFFI_OK &&
		    sffi_call(function, NULL) == SFFI_OK;

	sffi_function_release(&function);
	return good;
}

bool job_open(struct job *job, const char *library, const char *declarations, const sffi_symbol *symbols)
{
	char path[4096];
	sffi_status status;

	if (machine.peer == CPU_ANY)
		return cannot("there is only one processor here");
	if (!pin_self(machine.host))
		return cannot("cannot pin the host");
	snprintf(path, sizeof path, "%s/%s", EXAMPLES, declarations);
	status = sffi_init();
	if (!status)
		status = sffi_domain_open(&job->domain, NULL);
	if (!status)
		status = sffi_library_open(&job->library, job->domain, library);
	if (!status)
		status = sffi_library_declare_file(job->library, path);
	if (!status)
		status = sffi_functions_get(job->library, symbols);
	if (status)
		return host_cannot(library, status);
	/* Its threads are there when they are pinned. */
	if (!wake(job->domain) || !pin_process(sffi_domain_pid(job->domain), machine.peer))
		return cannot("cannot pin the worker");
	return true;
}

void *job_here(const char *library)
{
	void *here = dlopen(library, RTLD_NOW | RTLD_LOCAL);

	if (!here)
		cannot("cannot load %s here: %s", library, dlerror());
	return here;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
	(void)status;
	(void)kind;
	(void)where;
	return remove(path);
}

void job_remove_directory(void)
{
	if (*directory)
		nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *job_directory(void)
{
	if (*directory)
		return directory;
	snprintf(directory, sizeof directory, "/tmp/safeffi-bench-XXXXXX");
	if (!mkdtemp(directory)) {
		*directory = '\0';
		cannot("no directory can be made in /tmp");
		return NULL;
	}
	return directory;
}
