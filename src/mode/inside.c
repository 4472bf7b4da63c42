/* SPDX-License-Identifier: MIT */
#include "mode/inside.h"

#include "error.h"
#include "inside/guard.h"
#include "inside/interrupt.h"
#include "inside/poison.h"
#include "inside/reach.h"
#include "memory/callbacks.h"
#include "memory/probe.h"

#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

/* ---- domains ------------------------------------------------------------------------- */

static void start(sffi_domain *domain)
{
	pthread_mutex_lock(&domain->lock);
	domain->generation++;
	domain->stopped = false;
	pthread_mutex_unlock(&domain->lock);
}

static void tell_start(sffi_domain *domain)
{
	if (domain->options.on_start)
		domain->options.on_start(domain, domain->generation, domain->options.data);
}

sffi_status sffi__inside_open(sffi_domain *domain)
{
	const struct inside_ops *ops = domain->ops->inside;
	sffi_status status = sffi__interrupt_open();

	if (!status && ops->is_guarded && is_poisoned())
		status = sffi__poison_refuse();
	if (!status && ops->open)
		status = ops->open(domain);
	if (!status)
		status = sffi__arena_new(&domain->arena, domain);
	if (!status)
		status = sffi__callbacks_new(&domain->callbacks, domain);
	if (!status)
		status = sffi__inside_new(domain);
	if (status)
		return status;
	start(domain);
	tell_start(domain);
	return SFFI_OK;
}

static void close_handle(void *handle)
{
	dlclose(handle);
}

static void close_library(sffi_library *library)
{
	void *handle = (void *)library->handle;

	library->handle = 0;
	if (!handle || is_poisoned())
		return;
	sffi__inside_do(library->domain, close_handle, handle, "a destructor of a library");
}

/* Its libraries stay until nobody holds them: a callee may be in one. */
void sffi__inside_end_domain(sffi_domain *domain)
{
	domain->closed = true;
	sffi__inside_close(domain);
	sffi__fibers_sweep();
}

/* Their state starts anew, as far as the loader lets go of them. */
sffi_status sffi__inside_restart(sffi_domain *domain)
{
	sffi_status status = SFFI_OK;

	if (domain->ops->inside->is_guarded && is_poisoned())
		return sffi__poison_refuse();
	domain->stopped = false;
	for (size_t i = domain->library_count; i > 0; i--)
		close_library(domain->libraries[i - 1]);
	start(domain);
	for (size_t i = 0; i < domain->library_count && !status; i++)
		status = sffi__inside_load(domain->libraries[i]);
	if (!status)
		tell_start(domain);
	return status;
}

pid_t sffi__inside_pid(sffi_domain *domain)
{
	(void)domain;
	return 0;
}

void sffi__inside_libraries_changed(sffi_domain *domain)
{
	(void)domain;
}

void sffi__inside_callback_made(sffi_domain *domain)
{
	sffi__inside_make_thunks(domain);
}

/* All arenas are mapped in this process. */
sffi_status sffi__inside_lend(sffi_domain *to, sffi_domain *from, uintptr_t low, size_t size)
{
	(void)to, (void)from, (void)low, (void)size;
	return SFFI_OK;
}

/* ---- libraries ----------------------------------------------------------------------------- */

struct loading {
	const char *path; /* NULL: the program */
	void *handle;
	char complaint[600];
};

/* Runs on the callee's stack: the constructors are the library's. */
static void load(void *argument)
{
	struct loading *loading = argument;

	loading->handle = dlopen(loading->path, RTLD_NOW | RTLD_LOCAL);
	if (!loading->handle)
		snprintf(loading->complaint, sizeof loading->complaint, "%s", dlerror());
}

sffi_status sffi__inside_load(sffi_library *library)
{
	struct loading loading = { .path = *library->path ? library->path : NULL };
	sffi_domain *domain = library->domain;
	struct link_map *map = NULL;
	char doing[160];
	sffi_status status;

	snprintf(doing, sizeof doing, "a constructor of %.100s", library->path);
	status = sffi__inside_do(domain, load, &loading, doing);
	if (domain->ops->inside->is_guarded && !is_poisoned())
		sffi__guard_check();
	if (status)
		return status;
	if (!loading.handle)
		return sffi__fail(SFFI_ENOLIB, "cannot load %s: %.600s",
				  library->name ? library->name : "the program", loading.complaint);
	dlinfo(loading.handle, RTLD_DI_LINKMAP, &map);
	pthread_mutex_lock(&domain->lock);
	library->handle = (uintptr_t)loading.handle;
	library->base = map ? map->l_addr : 0;
	library->generation = domain->generation;
	pthread_mutex_unlock(&domain->lock);
	return SFFI_OK;
}

/* Not yet: see sffi__inside_let_go. */
void sffi__inside_unload(sffi_library *library)
{
	(void)library;
}

/* Nobody can call into it any more. In contrast to a worker, which just ends, the library's
 * destructors run: behind the guard, while there is one. */
void sffi__inside_let_go(sffi_library *library)
{
	if (library->handle && library->domain->closed)
		dlclose((void *)library->handle);
	else
		close_library(library);
	library->handle = 0;
}

static sffi_status symbol(sffi_library *library, const char *name, uint64_t *address)
{
	if (library->closed || !library->handle)
		return sffi__fail(SFFI_ECLOSED, "the library of '%s' was closed", name);
	*address = (uintptr_t)dlsym((void *)library->handle, name);
	if (*address)
		return SFFI_OK;
	return sffi__fail(SFFI_ENOSYM, "%s has no symbol '%s'", library->name ? library->name : "the program",
			  name);
}

sffi_status sffi__inside_global(sffi_library *library, const char *name, void **address)
{
	uint64_t found = 0;
	sffi_status status = symbol(library, name, &found);

	if (!status)
		*address = (void *)found;
	return status;
}

/* ---- functions ------------------------------------------------------------------------------- */

static sffi_status find(sffi_function *function, uint64_t *address)
{
	if (function->library)
		return symbol(function->library, function->name, address);
	*address = function->fixed;
	if (sffi__host_executable((void *)*address))
		return SFFI_OK;
	return sffi__fail(SFFI_EADDRESS, "%#lx is not in the code of the program or a library, nor in any "
					 "other: %s cannot be there", (unsigned long)*address, function->name);
}

sffi_status sffi__inside_find_address(sffi_function *function, uint64_t *address)
{
	sffi_domain *domain = function->domain;
	sffi_status status = find(function, address);

	if (status)
		return status;
	pthread_mutex_lock(&domain->lock);
	atomic_store(&function->address, *address);
	atomic_store_explicit(&function->generation, domain->generation, memory_order_release);
	pthread_mutex_unlock(&domain->lock);
	return SFFI_OK;
}

sffi_status sffi__inside_resolve(sffi_function *function)
{
	uint64_t address;

	return inside_address(function, &address);
}

/* ---- memory ------------------------------------------------------------------------------------ */

sffi_status sffi__inside_read_memory(sffi_domain *domain, void *to, uintptr_t from, size_t size)
{
	(void)domain;
	return sffi__inside_read(to, from, size);
}

sffi_status sffi__inside_write_memory(sffi_domain *domain, uintptr_t to, const void *from, size_t size)
{
	(void)domain;
	return sffi__inside_write(to, from, size);
}
