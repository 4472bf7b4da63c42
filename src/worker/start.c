/* SPDX-License-Identifier: MIT */
/* A new process becomes a worker. */
#include "worker/worker.h"

#include "fault/handler.h"
#include "memory/zone.h"
#include "os/os.h"
#include "worker/interpose.h"

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

struct worker sffi__worker = { .socket = -1, .guests_notice.fd = -1 };

/* The zone becomes the only free range, with the shared memory at its low end. */
static void map_control(const struct worker_start *start)
{
	char *low = (char *)zone_low(start->zone);
	void *mapped;
	int error;

	error = sffi__os_unmap(low, ZONE_SIZE);
	if (error)
		sffi__worker_give_up("open its zone", error);
	mapped = sffi__os_map(low, WORKER_SHARED_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			      start->control_fd);
	error = sffi__os_failed(mapped);
	if (error)
		sffi__worker_give_up("map its control memory", error);
	/* A child that a callee forks cannot post here. The next page is never mapped: what a
	 * pointer that must not be followed points to. */
	sffi__os_advise(low, WORKER_SHARED_SIZE, MADV_DONTFORK);
	sffi__os_map(low + WORKER_SHARED_SIZE, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		     -1);
	sffi__worker.control = mapped;
	sffi__os_close(start->control_fd);
}

static void make_mark(void)
{
	uint8_t *mark = sffi__os_map(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				     -1);

	if (sffi__os_failed(mark))
		sffi__worker_give_up("allocate a page", sffi__os_failed(mark));
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
		sffi__interpose();
		dlinfo(handle, RTLD_DI_LINKMAP, &map);
		control->library[i].handle = (uintptr_t)handle;
		control->library[i].base = map ? map->l_addr : 0;
		control->libraries_loaded = i + 1;
		name += strlen(name) + 1;
	}
	return WORKER_READY;
}

/* The first time that something is done, the kernel brings the memory for it. What every
 * worker does can be done beforehand, while nobody waits. */
static __attribute__((noinline)) void warm_up(struct lane_thread *self)
{
	enum { PAGE = 4096, DEEP = 16 * 1024 };
	volatile char deep[DEEP];
	void *library = dlopen("libm.so.6", RTLD_NOW | RTLD_LOCAL);

	if (library) {
		dlsym(library, "cos");
		dlclose(library);
		sffi__interpose_unloaded();
	}
	for (size_t i = 0; i < DEEP; i += PAGE)
		(void)deep[i];
	for (size_t i = 1; i <= 2; i++)
		((volatile char *)self->alternate_stack)[self->alternate_size - i * PAGE] = 0;
	*(volatile uint8_t *)&self->slot->reply.event = LANE_RETURNED;
}

static void serve_main(void *lane)
{
	struct lane_thread *self = lane;
	struct worker_control *control = sffi__worker.control;
	struct lane_request manager = { .operation = LANE_START, .frame.integer[0] = LANE_MANAGER };
	enum worker_ready ready;

	sffi__fault_thread_begin(self);
	if (sffi__worker.at_leisure)
		warm_up(self);
	sffi__worker_adopt(sffi__worker.socket);
	atomic_store(&self->busy, 1); /* a crashing constructor is lane 0's fault */
	if (control->thunk_pages)
		sffi__thunks_make(control->thunks, 0, control->thunk_pages);
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

	sffi__worker.pid = getpid();
	map_control(start);
	sffi__worker.at_leisure = start->at_leisure;
	/* Out of the way of what the callee opens. */
	sffi__worker.socket = sffi__os_move_high(start->socket);
	make_mark();
	sffi__interpose();
	sffi__signals_forward();
	main_lane = sffi__lane_thread_new(0);
	if (!main_lane)
		sffi__worker_give_up("allocate its main stack", -ENOMEM);
	sffi__fault_signals(&faults);
	pthread_sigmask(SIG_UNBLOCK, &faults, NULL);
	main_lane->thread = pthread_self();
	/* The first thread too has its stack in the zone. */
	sffi__switch_stack(main_lane->stack + main_lane->stack_size, serve_main, main_lane);
}
