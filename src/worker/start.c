/* SPDX-License-Identifier: MIT */
/* A new process becomes a worker. */
#include "worker/worker.h"

#include "fault/handler.h"
#include "os/os.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

struct worker sffi__worker = { .carry = -1 };

static _Noreturn void give_up(const char *what, int error)
{
	char text[160];
	int length = snprintf(text, sizeof text, "safeffi: a worker cannot %s: %s\n", what,
			      strerror(-error));

	if (write(2, text, (size_t)length) < 0)
		_exit(126);
	_exit(126);
}

/* The zone becomes the only free range, with the shared memory at its low end. */
static void map_shared(const struct worker_start *start)
{
	void *low = (void *)start->zone_low;
	struct worker_control *control;
	void *mapped;
	int error;

	error = sffi__os_unmap(low, start->zone_high - start->zone_low);
	if (error)
		give_up("open its zone", error);
	mapped = sffi__os_map(low, WORKER_SHARED_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			      start->control_fd);
	error = sffi__os_failed(mapped);
	if (error)
		give_up("map its control memory", error);
	control = mapped;
	mapped = sffi__os_map((void *)control->arena_low, control->arena_size, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_FIXED, start->arena_fd);
	error = sffi__os_failed(mapped);
	if (error)
		give_up("map its arena", error);
	/* A child that a callee forks cannot post here. The next page is never mapped: what a
	 * pointer that must not be followed points to. */
	sffi__os_advise(low, WORKER_SHARED_SIZE, MADV_DONTFORK);
	mapped = sffi__os_map((char *)low + WORKER_SHARED_SIZE, 4096, PROT_NONE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1);
	sffi__worker.control = control;
	sffi__worker.carry = start->carry_fd;
	sffi__os_close(start->control_fd);
	sffi__os_close(start->arena_fd);
}

static void make_mark(void)
{
	uint8_t *mark = sffi__os_map(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				     -1);

	if (sffi__os_failed(mark))
		give_up("allocate a page", sffi__os_failed(mark));
	sffi__os_advise(mark, 4096, MADV_WIPEONFORK);
	*mark = 1;
	sffi__worker.mark = mark;
}

/* Loads the libraries that the domain has, in order, before anybody calls. */
static enum worker_ready load_libraries(struct worker_control *control)
{
	const char *name = worker_library_names(control);

	for (uint32_t i = 0; i < control->libraries; i++) {
		void *handle = dlopen(*name ? name : NULL, RTLD_NOW | RTLD_LOCAL);
		struct link_map *map = NULL;

		if (!handle) {
			snprintf(control->loader_error, sizeof control->loader_error, "%s", dlerror());
			return WORKER_LIBRARY_FAILED;
		}
		dlinfo(handle, RTLD_DI_LINKMAP, &map);
		control->library[i].handle = (uintptr_t)handle;
		control->library[i].base = map ? map->l_addr : 0;
		control->libraries_loaded = i + 1;
		name += strlen(name) + 1;
	}
	return WORKER_READY;
}

static void serve_main(void *lane)
{
	struct lane_thread *self = lane;
	struct worker_control *control = sffi__worker.control;
	struct lane_request manager = { .operation = LANE_START, .frame.integer[0] = LANE_MANAGER };
	enum worker_ready ready;

	sffi__fault_thread_begin(self);
	atomic_store(&self->busy, 1); /* a crashing constructor is lane 0's fault */
	ready = load_libraries(control);
	atomic_store(&self->busy, 0);
	if (ready == WORKER_READY && control->manager)
		sffi__lane_operate(self, &manager);
	atomic_store(&control->ready, ready);
	sffi__os_futex_wake(&control->ready, 1);
	sffi__lane_serve(self);
	_exit(0);
}

void sffi__worker_main(const struct worker_start *start)
{
	struct lane_thread *main_lane;
	sigset_t faults;

	map_shared(start);
	make_mark();
	main_lane = sffi__lane_thread_new(0);
	if (!main_lane)
		give_up("allocate its main stack", -ENOMEM);
	sffi__fault_signals(&faults);
	pthread_sigmask(SIG_UNBLOCK, &faults, NULL);
	main_lane->thread = pthread_self();
	/* The first thread too has its stack in the zone. */
	sffi__switch_stack(main_lane->stack + main_lane->stack_size, serve_main, main_lane);
}
