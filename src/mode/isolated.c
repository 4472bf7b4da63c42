/* SPDX-License-Identifier: MIT */
/* The mode `isolated`: callees run in a worker process. Calls are in isolated_call.c. */
#include "mode/isolated.h"

#include "error.h"
#include "memory/zone.h"
#include "os/os.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/single_threaded.h>

static sffi_status isolated_open(sffi_domain *domain)
{
	sffi_status status = sffi__arena_new(&domain->arena, domain);

	if (!status)
		status = sffi__workers_open(domain);
	return status;
}

static pid_t isolated_pid(sffi_domain *domain)
{
	struct peer *peer;
	pid_t pid;

	pthread_mutex_lock(&domain->lock);
	peer = atomic_load(&domain->peer);
	pid = peer ? peer->pid : 0;
	pthread_mutex_unlock(&domain->lock);
	return pid;
}

/* ---- requests ------------------------------------------------------------------------ */

/* On lane 0 the sequence is the peer's: more than one thread may ask there. */
enum lane_outcome sffi__isolated_request(struct lane *lane, enum lane_operation operation,
					 uint64_t deadline_ns)
{
	uint32_t *sequence = &lane->peer->sequence[LANE_MAIN];
	enum lane_outcome outcome;

	atomic_store_explicit(&lane->peer->latest, lane, memory_order_relaxed);
	if (lane->index != LANE_MAIN)
		return sffi__lane_request(lane, operation, deadline_ns);
	lane->sequence = *sequence;
	outcome = sffi__lane_request(lane, operation, deadline_ns);
	*sequence = lane->sequence;
	return outcome;
}

void sffi__isolated_turn_begin(struct lane *lane)
{
	struct peer *peer = lane->peer;

	lane->has_turn = false;
	if (lane->index != LANE_MAIN)
		return;
	if (!lane->domain->options.one_thread) {
		if (atomic_load_explicit(&peer->has_manager, memory_order_acquire))
			return;
		/* A callee may keep this thread busy for long: while the host has one thread,
		 * nobody can ask for another meanwhile. */
		if (!__libc_single_threaded && !sffi__lane_make_manager(peer))
			return;
	}
	pthread_mutex_lock(&peer->manager);
	lane->has_turn = true;
}

void sffi__isolated_turn_end(struct lane *lane)
{
	if (lane->has_turn)
		pthread_mutex_unlock(&lane->peer->manager);
}

sffi_status sffi__isolated_operate(struct lane *lane, enum lane_operation operation,
				   const uint64_t argument[4], uint64_t result[2], const char *doing)
{
	struct fault_scene scene = { .lane = lane, .doing = doing,
				     .timeout_ms = lane->domain->options.timeout_ms };
	enum lane_outcome outcome;

	sffi__isolated_turn_begin(lane);
	memcpy(lane_frame(lane)->integer, argument, 4 * sizeof *argument);
	outcome = sffi__isolated_request(lane, operation, sffi__deadline(scene.timeout_ms));
	if (outcome == LANE_DONE)
		memcpy(result, lane->slot->reply.result.integer, 2 * sizeof *result);
	sffi__isolated_turn_end(lane);
	return outcome == LANE_DONE ? SFFI_OK : sffi__worker_failed(lane, outcome, &scene);
}

/* ---- libraries --------------------------------------------------------------------------- */

/* Loads it into the lane's worker, if it is not there. */
static sffi_status load_here(struct lane *lane, sffi_library *library)
{
	enum { TEXT = 1024 };
	size_t length = strlen(library->path) + 1;
	char doing[160];
	uint64_t argument[4], result[2];
	char *scratch;
	sffi_status status;

	if (library->generation == lane->peer->generation)
		return SFFI_OK;
	scratch = sffi__lane_scratch(lane, length + TEXT);
	if (!scratch)
		return sffi__fail(SFFI_ENOMEM, "the arena is full");
	memcpy(scratch, library->path, length);
	memset(scratch + length, 0, TEXT);
	argument[0] = *library->path ? (uintptr_t)scratch : 0;
	argument[1] = (uintptr_t)scratch + length;
	argument[2] = TEXT;
	argument[3] = 0;
	snprintf(doing, sizeof doing, "a constructor of %.100s", library->path);
	status = sffi__isolated_operate(lane, LANE_LOAD, argument, result, doing);
	if (status)
		return status;
	if (!result[0]) {
		scratch[length + TEXT - 1] = '\0';
		return sffi__fail(SFFI_ENOLIB, "cannot load %s: %.600s",
				  library->name ? library->name : "the program", scratch + length);
	}
	library->handle = result[0];
	library->base = result[1];
	library->generation = lane->peer->generation;
	return SFFI_OK;
}

static sffi_status isolated_load(sffi_library *library)
{
	struct lane *lane = sffi__lane_get(library->domain);
	sffi_status status;

	if (!lane)
		return SFFI_ENOMEM;
	if (!library->name && library->domain->options.spawn == SFFI_SPAWN_EXEC)
		return sffi__fail(SFFI_ENOTSUP, "the host's own program is not in a worker that is a "
						"program of its own (SFFI_SPAWN_EXEC); use "
						"SFFI_SPAWN_CLONE");
	status = sffi__worker_ready(lane);
	if (!status)
		status = load_here(lane, library);
	return status;
}

static void isolated_unload(sffi_library *library)
{
	struct lane *lane = sffi__lane_get(library->domain);
	uint64_t argument[4] = { 0 }, result[2];

	if (!lane || sffi__worker_ready(lane) || library->generation != lane->peer->generation)
		return;
	argument[0] = library->handle;
	sffi__isolated_operate(lane, LANE_UNLOAD, argument, result, "a destructor of a library");
}

static sffi_status symbol(struct lane *lane, sffi_library *library, const char *name, uint64_t *address)
{
	uint64_t argument[4] = { 0 }, result[2];
	size_t length = strlen(name) + 1;
	sffi_status status;
	char *scratch;

	if (library->closed)
		return sffi__fail(SFFI_ECLOSED, "the library of '%s' was closed", name);
	status = load_here(lane, library);
	if (status)
		return status;
	scratch = sffi__lane_scratch(lane, length);
	if (!scratch)
		return sffi__fail(SFFI_ENOMEM, "the arena is full");
	memcpy(scratch, name, length);
	argument[0] = library->handle;
	argument[1] = (uintptr_t)scratch;
	status = sffi__isolated_operate(lane, LANE_SYMBOL, argument, result, "the loader");
	if (!status && !result[0])
		status = sffi__fail(SFFI_ENOSYM, "%s has no symbol '%s'",
				    library->name ? library->name : "the program", name);
	*address = result[0];
	return status;
}

/* ---- addresses of functions ------------------------------------------------------------------ */

/* Code of the host: at the same address in a clone, if it was loaded before the zygote was
 * made; elsewhere by its path and offset. */
static sffi_status image_address(struct lane *lane, sffi_function *function, uint64_t *address)
{
	sffi_library image = { .domain = function->domain, .name = function->image_path,
			       .path = function->image_path };
	sffi_status status;

	if (!lane->peer->exec &&
	    sffi__zygote_has_code(function->fixed - function->image_offset)) {
		*address = function->fixed;
		return SFFI_OK;
	}
	status = load_here(lane, &image);
	if (status)
		return sffi__fail(SFFI_EADDRESS, "%s is code of %s, which the worker cannot load: %.300s",
				  function->name, function->image_path, sffi_error());
	*address = image.base + function->image_offset;
	return SFFI_OK;
}

static sffi_status find_address(struct lane *lane, sffi_function *function, uint64_t *address)
{
	if (function->library)
		return symbol(lane, function->library, function->name, address);
	if (function->image_path)
		return image_address(lane, function, address);
	if (function->fixed_generation != lane->peer->generation)
		return sffi__fail(SFFI_ESTALE, "%s is code of worker %lu, which is gone", function->name,
				  (unsigned long)function->fixed_generation);
	*address = function->fixed;
	return SFFI_OK;
}

sffi_status sffi__isolated_address(struct lane *lane, sffi_function *function, uint64_t *address)
{
	sffi_status status;

	if (atomic_load_explicit(&function->generation, memory_order_acquire) ==
	    lane->peer->generation) {
		*address = atomic_load_explicit(&function->address, memory_order_relaxed);
		return SFFI_OK;
	}
	status = find_address(lane, function, address);
	if (status)
		return status;
	atomic_store(&function->address, *address);
	atomic_store_explicit(&function->generation, lane->peer->generation, memory_order_release);
	return SFFI_OK;
}

static sffi_status isolated_resolve(sffi_function *function)
{
	struct lane *lane = sffi__lane_get(function->domain);
	uint64_t address;
	sffi_status status;

	if (!lane)
		return SFFI_ENOMEM;
	status = sffi__worker_ready(lane);
	return status ? status : sffi__isolated_address(lane, function, &address);
}

static sffi_status isolated_global(sffi_library *library, const char *name, void **address)
{
	struct lane *lane = sffi__lane_get(library->domain);
	uint64_t found = 0;
	sffi_status status;

	if (!lane)
		return SFFI_ENOMEM;
	status = sffi__worker_ready(lane);
	if (!status)
		status = symbol(lane, library, name, &found);
	if (!status)
		*address = (void *)found;
	return status;
}

/* ---- memory -------------------------------------------------------------------------------------- */

static sffi_status bad_address(int error, uintptr_t address, const char *verb)
{
	if (error == -EFAULT || error >= 0)
		return sffi__fail(SFFI_EADDRESS, "%#lx cannot be %s in the worker: nothing is mapped "
						 "there", (unsigned long)address, verb);
	return sffi__fail_system(error, "reach the worker's memory");
}

/* A worker that the host may not look into copies itself. */
static ssize_t copy_by_worker(struct lane *lane, uintptr_t to, uintptr_t from, size_t size)
{
	uint64_t argument[4] = { to, from, size }, result[2];

	if (sffi__isolated_operate(lane, LANE_COPY, argument, result, "a copy of memory"))
		return -EIO;
	return (ssize_t)result[0];
}

static bool must_ask_worker(ssize_t copied)
{
	return copied == -EPERM || copied == -ENOSYS;
}

sffi_status sffi__isolated_read(struct lane *lane, void *to, uintptr_t from, size_t size)
{
	ssize_t copied = -ENOSYS;
	char *scratch;

	if (sffi__os_has(OS_PROCESS_VM))
		copied = sffi__os_read_memory(lane->peer->pid, to, from, size);
	if (must_ask_worker(copied)) {
		scratch = sffi__arena_take(lane->domain->arena, size, false);
		if (!scratch)
			return sffi__fail(SFFI_ENOMEM, "the arena is full");
		copied = copy_by_worker(lane, (uintptr_t)scratch, from, size);
		if (copied == (ssize_t)size)
			memcpy(to, scratch, size);
		sffi__arena_give(lane->domain->arena, scratch);
	}
	return copied == (ssize_t)size ? SFFI_OK : bad_address((int)copied, from, "read");
}

static sffi_status isolated_read(sffi_domain *domain, void *to, uintptr_t from, size_t size)
{
	struct lane *lane = sffi__lane_get(domain);
	sffi_status status = lane ? sffi__worker_ready(lane) : SFFI_ENOMEM;

	return status ? status : sffi__isolated_read(lane, to, from, size);
}

static sffi_status isolated_write(sffi_domain *domain, uintptr_t to, const void *from, size_t size)
{
	struct lane *lane = sffi__lane_get(domain);
	sffi_status status = lane ? sffi__worker_ready(lane) : SFFI_ENOMEM;
	ssize_t copied = -ENOSYS;
	char *scratch;

	if (status)
		return status;
	if (sffi__os_has(OS_PROCESS_VM))
		copied = sffi__os_write_memory(lane->peer->pid, to, from, size);
	if (must_ask_worker(copied)) {
		scratch = sffi__arena_take(domain->arena, size, false);
		if (!scratch)
			return sffi__fail(SFFI_ENOMEM, "the arena is full");
		memcpy(scratch, from, size);
		copied = copy_by_worker(lane, to, (uintptr_t)scratch, size);
		sffi__arena_give(domain->arena, scratch);
	}
	return copied == (ssize_t)size ? SFFI_OK : bad_address((int)copied, to, "written");
}

static sffi_status add_lent(sffi_domain *domain, const struct lent *lent)
{
	struct lent *grown = realloc(domain->lents, (domain->lent_count + 1) * sizeof *grown);

	if (!grown)
		return sffi__fail(SFFI_ENOMEM, "out of memory for the list of lent blocks");
	domain->lents = grown;
	domain->lents[domain->lent_count++] = *lent;
	return SFFI_OK;
}

static sffi_status isolated_lend(sffi_domain *to, sffi_domain *from, uintptr_t low, size_t size)
{
	struct lent lent = { .low = low, .size = size, .offset = low - sffi__arena_low(from->arena) };
	struct lane *lane = sffi__lane_get(to);
	sffi_status status = lane ? sffi__worker_ready(lane) : SFFI_ENOMEM;

	if (status)
		return status;
	if (lane->peer->carry < 0)
		return sffi__fail(SFFI_ENOTSUP, "memory cannot be lent to a domain that shares "
						"descriptors with the host");
	lent.fd = fcntl(sffi__arena_fd(from->arena), F_DUPFD_CLOEXEC, 3);
	if (lent.fd < 0)
		return sffi__fail_system(errno, "keep the lent memory");
	status = sffi__worker_map_lent(lane->peer, &lent);
	if (!status) {
		pthread_mutex_lock(&to->lock);
		status = add_lent(to, &lent);
		pthread_mutex_unlock(&to->lock);
	}
	if (status)
		sffi__os_close(lent.fd);
	return status;
}

const struct mode_ops sffi__isolated = {
	.mode = SFFI_ISOLATED,
	.name = "isolated",
	.open = isolated_open,
	.close = sffi__workers_close,
	.restart = sffi__workers_restart,
	.pid = isolated_pid,
	.load = isolated_load,
	.unload = isolated_unload,
	.resolve = isolated_resolve,
	.call = sffi__isolated_call,
	.batch = sffi__isolated_batch,
	.global = isolated_global,
	.read = isolated_read,
	.write = isolated_write,
	.lend = isolated_lend,
};
