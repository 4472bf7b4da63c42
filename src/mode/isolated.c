/* SPDX-License-Identifier: MIT */
/* The mode `isolated`: callees run in a worker process. Calls are in isolated_call.c. */
#include "mode/isolated_upcall.h"

#include "error.h"
#include "memory/callbacks.h"
#include "memory/zone.h"
#include "os/os.h"
#include "worker/own.h"

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
		status = sffi__callbacks_new(&domain->callbacks, domain);
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
	struct peer *peer = lane->peer;
	uint32_t *sequence = &peer->sequence[LANE_MAIN];
	enum lane_outcome outcome;

	lane_asks(lane);
	if (lane->index == LANE_MAIN)
		lane->sequence = *sequence;
	outcome = sffi__lane_request(lane, operation, deadline_ns);
	if (lane->index == LANE_MAIN)
		*sequence = lane->sequence;
	return lane_was_told(lane, outcome);
}

void sffi__isolated_ask(struct lane *lane, enum lane_operation operation)
{
	if (lane->index == LANE_MAIN)
		lane->sequence = lane->peer->sequence[LANE_MAIN];
	sffi__lane_ask(lane, operation);
	if (lane->index == LANE_MAIN)
		lane->peer->sequence[LANE_MAIN] = lane->sequence;
}

void sffi__isolated_turn_begin(struct lane *lane)
{
	struct peer *peer = lane->peer;

	/* A call below has it. */
	if (lane->keeps_turn)
		return;
	lane->has_turn = false;
	if (lane->index != LANE_MAIN)
		return;
	if (!lane->work.domain->options.one_thread) {
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
	if (lane->has_turn && !lane->keeps_turn)
		pthread_mutex_unlock(&lane->peer->manager);
}

/* What runs code of the library's may wait for a thread of the library's own: whoever waits for it
 * serves that. Of all else the caller of an sffi_ function knows nothing, so that no handlers of
 * his are to run in it. */
static bool runs_callees(enum lane_operation operation)
{
	return operation == LANE_LOAD || operation == LANE_UNLOAD || operation == LANE_END;
}

sffi_status sffi__isolated_operate(struct lane *lane, enum lane_operation operation,
				   const uint64_t argument[4], uint64_t result[2], const char *doing)
{
	struct fault_scene scene = { .lane = lane, .doing = doing,
				     .timeout_ms = lane->work.domain->options.timeout_ms };
	enum lane_outcome outcome;
	bool took_guests = lane->takes_guests;

	sffi__isolated_turn_begin(lane);
	lane->takes_guests &= runs_callees(operation);
	memcpy(lane_frame(lane)->integer, argument, 4 * sizeof *argument);
	outcome = sffi__isolated_converse(lane, operation, sffi__deadline(scene.timeout_ms));
	lane->takes_guests = took_guests;
	lane->unstarted = (outcome == LANE_WORKER_DIED || outcome == LANE_ABANDONED) && !lane->conversed &&
			  !sffi__lane_was_started(lane);
	if (outcome == LANE_DONE)
		memcpy(result, lane->slot->reply.result.integer, 2 * sizeof *result);
	sffi__isolated_turn_end(lane);
	return outcome == LANE_DONE ? SFFI_OK : sffi__isolated_failed(lane, outcome, &scene);
}

/* A refusal leaves the worker as it is; one that was replaced meanwhile is another's fault. */
sffi_status sffi__isolated_failed(struct lane *lane, enum lane_outcome outcome,
				  const struct fault_scene *scene)
{
	const char *what = scene->function ? scene->function->name : scene->doing;

	if (outcome == LANE_REFUSED)
		return sffi__fail(SFFI_EUPCALL, "%s: the handler of its upcall refused: %s", what,
				  lane->work.refusal);
	if (outcome != LANE_REPLACED)
		return sffi__worker_failed(lane, outcome, scene);
	if (lane->work.domain->closed)
		return sffi__fail(SFFI_ECLOSED, "the domain was closed during %s", what);
	return sffi__fail(SFFI_ECOLLATERAL, "%s was in work when a call in the handler of its upcall "
					    "brought the worker down, or replaced it", what);
}

/* ---- libraries --------------------------------------------------------------------------- */

/* A library in the lane's worker. */
struct loaded {
	uint64_t handle, base;
};

static bool is_loaded(const struct lane *lane, sffi_library *library, struct loaded *loaded)
{
	bool here;

	pthread_mutex_lock(&library->domain->lock);
	here = library->generation == lane->peer->generation;
	*loaded = (struct loaded){ library->handle, library->base };
	pthread_mutex_unlock(&library->domain->lock);
	return here;
}

/* Threads come here late, too: an older worker's must not stand for a newer one's. */
static void note_loaded(const struct lane *lane, sffi_library *library, const struct loaded *loaded)
{
	pthread_mutex_lock(&library->domain->lock);
	if (lane->peer->generation > library->generation) {
		library->handle = loaded->handle;
		library->base = loaded->base;
		library->generation = lane->peer->generation;
	}
	pthread_mutex_unlock(&library->domain->lock);
}

/* block: the path, then room for the loader's complaint. */
static sffi_status load_by(struct lane *lane, sffi_library *library, char *block, size_t room,
			   struct loaded *loaded)
{
	size_t length = strlen(library->path) + 1;
	uint64_t argument[4] = { 0 }, result[2];
	char doing[160];
	sffi_status status;

	memcpy(block, library->path, length);
	argument[0] = *library->path ? (uintptr_t)block : 0;
	argument[1] = (uintptr_t)block + length;
	argument[2] = room;
	snprintf(doing, sizeof doing, "a constructor of %.100s", library->path);
	status = sffi__isolated_operate(lane, LANE_LOAD, argument, result, doing);
	if (status)
		return status;
	if (!result[0]) {
		block[length + room - 1] = '\0';
		return sffi__fail(SFFI_ENOLIB, "cannot load %s: %.600s",
				  library->name ? library->name : "the program", block + length);
	}
	*loaded = (struct loaded){ result[0], result[1] };
	note_loaded(lane, library, loaded);
	return SFFI_OK;
}

/* Loads it into the lane's worker, if it is not there. In a block of its own: a call below may
 * have the lane's scratch. */
static sffi_status load_here(struct lane *lane, sffi_library *library, struct loaded *loaded)
{
	enum { ROOM = 1024 };
	sffi_domain *domain = lane->work.domain;
	sffi_status status;
	char *block;

	if (is_loaded(lane, library, loaded))
		return SFFI_OK;
	block = sffi__arena_take(domain->arena, strlen(library->path) + 1 + ROOM, true);
	if (!block)
		return sffi__fail(SFFI_ENOMEM, "the arena is full");
	status = load_by(lane, library, block, ROOM, loaded);
	sffi__arena_give(domain->arena, block);
	return status;
}

static sffi_status isolated_load(sffi_library *library)
{
	struct lane *lane = sffi__lane_get(library->domain);
	struct loaded loaded;
	sffi_status status;

	if (!lane)
		return SFFI_ENOMEM;
	if (!library->name && library->domain->options.spawn == SFFI_SPAWN_EXEC)
		return sffi__fail(SFFI_ENOTSUP, "the host's own program is not in a worker that is a "
						"program of its own (SFFI_SPAWN_EXEC); use "
						"SFFI_SPAWN_CLONE");
	status = sffi__worker_ready(lane);
	if (!status)
		status = load_here(lane, library, &loaded);
	return status;
}

static void isolated_unload(sffi_library *library)
{
	struct lane *lane = sffi__lane_get(library->domain);
	uint64_t argument[4] = { 0 }, result[2];
	struct loaded loaded;

	if (!lane || sffi__worker_ready(lane) || !is_loaded(lane, library, &loaded))
		return;
	argument[0] = loaded.handle;
	sffi__isolated_operate(lane, LANE_UNLOAD, argument, result, "a destructor of a library");
}

static sffi_status symbol(struct lane *lane, sffi_library *library, const char *name, uint64_t *address)
{
	uint64_t argument[4] = { 0 }, result[2];
	size_t length = strlen(name) + 1;
	struct loaded loaded;
	sffi_status status;
	char *block;

	if (library->closed)
		return sffi__fail(SFFI_ECLOSED, "the library of '%s' was closed", name);
	status = load_here(lane, library, &loaded);
	if (status)
		return status;
	block = sffi__arena_take(library->domain->arena, length, false);
	if (!block)
		return sffi__fail(SFFI_ENOMEM, "the arena is full");
	memcpy(block, name, length);
	argument[0] = loaded.handle;
	argument[1] = (uintptr_t)block;
	status = sffi__isolated_operate(lane, LANE_SYMBOL, argument, result, "the loader");
	sffi__arena_give(library->domain->arena, block);
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
	struct loaded loaded;
	sffi_status status;

	if (!lane->peer->exec &&
	    sffi__zygote_has_code(function->fixed - function->image_offset)) {
		*address = function->fixed;
		return SFFI_OK;
	}
	status = load_here(lane, &image, &loaded);
	if (status)
		return sffi__fail(SFFI_EADDRESS, "%s is code of %s, which the worker cannot load: %.300s",
				  function->name, function->image_path, sffi_error());
	*address = loaded.base + function->image_offset;
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

/* As note_loaded. Who reads between the two has a worker that is gone already. */
static void note_address(const struct lane *lane, sffi_function *function, uint64_t address)
{
	uint64_t generation = lane->peer->generation;

	pthread_mutex_lock(&function->domain->lock);
	if (generation > atomic_load(&function->generation)) {
		atomic_store(&function->address, address);
		atomic_store_explicit(&function->generation, generation, memory_order_release);
	}
	pthread_mutex_unlock(&function->domain->lock);
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
	note_address(lane, function, *address);
	return SFFI_OK;
}

static sffi_status isolated_resolve(sffi_function *function)
{
	struct lane *lane = sffi__lane_get(function->domain);
	int attempts = 3; /* a worker's end is told a moment after it */
	uint64_t address;
	sffi_status status;

	if (!lane)
		return SFFI_ENOMEM;
	do {
		lane->unstarted = false;
		status = sffi__worker_ready(lane);
		if (!status)
			status = sffi__isolated_address(lane, function, &address);
	} while (status && lane->unstarted && attempts--);
	return status;
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

	return status ? status : sffi__isolated_write(lane, to, from, size);
}

/* That a worker cannot be had, or ends meanwhile, is no failure: the next one begins with all
 * thunks. But a spare was begun before. Nearly always there is nothing to do: thunks are made by
 * the page. */
static void isolated_callback_made(sffi_domain *domain)
{
	struct lane *lane = sffi__lane_get(domain);

	if (!lane || sffi__worker_ready(lane) ||
	    atomic_load(&lane->peer->thunk_pages) >= sffi__callbacks_pages(domain->callbacks))
		return;
	if (!sffi__isolated_make_thunks(lane) && domain->options.spare)
		sffi__spare_renew(domain);
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

/* From a handler: the lane's own thread maps it, since the turn at it may be this thread's, and the
 * callee waits for the handler anyway. */
static sffi_status map_below(struct lane *lane, struct lent *lent)
{
	uint64_t argument[4] = { lent->low, lent->size, lent->offset }, result[2] = { 0 };
	struct carry carry = sffi__carry_begin(lane);
	char byte = 0;
	int error = sffi__own_regain(&carry.peer->carry) && sffi__own_regain(&lent->fd)
			    ? sffi__os_send(carry.peer->carry, &byte, 1, &lent->fd, 1) : -EBADF;
	sffi_status status = error ? sffi__fail_system(error, "send lent memory to the worker")
				   : sffi__isolated_operate(lane, LANE_MAP, argument, result,
							    "the lending of memory");

	sffi__carry_end(lane, &carry);
	if (!status && result[0])
		return sffi__fail_system((int)result[0], "map lent memory in the worker");
	return status;
}

static sffi_status map_lent(struct lane *lane, struct lent *lent)
{
	if (lane->work.depth)
		return map_below(lane, lent);
	if (atomic_load(&lane->peer->stepper) == sffi__os_gettid())
		return sffi__fail(SFFI_EINVAL, "the worker's one thread is in a call in steps (one_thread); "
					       "lend before it, or when it is finished");
	return sffi__worker_map_lent(lane->peer, lent);
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
	if (sffi__arena_fd(from->arena) < 0)
		return sffi__fail(SFFI_ESYSTEM, OWN_LOST "no memory of this domain can be lent any more");
	lent.fd = sffi__own_note(fcntl(sffi__arena_fd(from->arena), F_DUPFD_CLOEXEC, 3));
	if (lent.fd < 0)
		return sffi__fail_system(errno, "keep the lent memory");
	status = map_lent(lane, &lent);
	if (!status) {
		pthread_mutex_lock(&to->lock);
		status = add_lent(to, &lent);
		pthread_mutex_unlock(&to->lock);
	}
	if (status)
		sffi__own_close(lent.fd);
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
	.libraries_changed = sffi__spare_renew,
	.resolve = isolated_resolve,
	.call = sffi__isolated_call,
	.batch = sffi__isolated_batch,
	.global = isolated_global,
	.read = isolated_read,
	.write = isolated_write,
	.lend = isolated_lend,
	.callback_made = isolated_callback_made,
	.steps = &sffi__isolated_steps,
};
