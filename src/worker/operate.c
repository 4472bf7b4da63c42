/* SPDX-License-Identifier: MIT */
/* What a lane's thread does besides calling. Whatever loads or unloads code runs the
 * library's own, and can fault like a callee. */
#include "worker/worker.h"

#include "fault/handler.h"
#include "os/os.h"
#include "worker/host_state.h"
#include "worker/interpose.h"
#include "worker/orders.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

typedef void operation(struct lane_thread *, const uint64_t argument[6], uint64_t result[2]);

static void load(struct lane_thread *self, const uint64_t argument[6], uint64_t result[2])
{
	void *handle = dlopen((const char *)argument[0], RTLD_NOW | RTLD_LOCAL);
	struct link_map *map = NULL;

	(void)self;
	if (!handle) {
		snprintf((char *)argument[1], argument[2], "%s", dlerror());
		return;
	}
	sffi__interpose();
	dlinfo(handle, RTLD_DI_LINKMAP, &map);
	result[0] = (uintptr_t)handle;
	result[1] = map ? map->l_addr : 0;
}

static void unload(struct lane_thread *self, const uint64_t argument[6], uint64_t result[2])
{
	(void)self, (void)result;
	dlclose((void *)argument[0]);
	sffi__interpose_unloaded();
}

static void symbol(struct lane_thread *self, const uint64_t argument[6], uint64_t result[2])
{
	const char *name = (const char *)argument[1];

	(void)self;
	result[0] = (uintptr_t)sffi__interposed(name, dlsym((void *)argument[0], name));
}

/* The end of a lane's thread: its thread-local destructors have run. */
static void collect_ended(void)
{
	for (unsigned i = LANE_FIRST; i < LANES_MAX; i++) {
		struct lane_thread *lane = sffi__worker.lanes[i];

		if (!lane || !lane->ended || pthread_tryjoin_np(lane->thread, NULL))
			continue;
		sffi__worker.lanes[i] = NULL;
		munmap(lane, (size_t)(lane->stack + lane->stack_size - (char *)lane));
	}
}

static pthread_key_t ending;
static pthread_once_t ending_once = PTHREAD_ONCE_INIT;
static bool has_ending;

/* The library's thread-local destructors may overflow the stack like any callee: the
 * alternate stack stays until they have run, which may take all rounds but the last. In
 * that one AddressSanitizer unmaps the thread's alternate stack, taking it for its own. */
static void on_ending(void *data)
{
	struct lane_thread *self = data;

	if (++self->rounds < PTHREAD_DESTRUCTOR_ITERATIONS - 1 &&
	    !pthread_setspecific(ending, self))
		return;
	sffi__fault_thread_end(self);
}

static void make_ending(void)
{
	has_ending = !pthread_key_create(&ending, on_ending);
}

static void *run_lane(void *data)
{
	struct lane_thread *self = data;

	sffi__fault_thread_begin(self);
	sffi__lane_serve(self);
	/* A library may have used up the keys. */
	pthread_once(&ending_once, make_ending);
	if (!has_ending || pthread_setspecific(ending, self))
		sffi__fault_thread_end(self);
	sffi__os_close(atomic_load(&self->notice.fd));
	self->ended = true;
	return NULL;
}

static int make_thread(struct lane_thread *lane)
{
	pthread_attr_t attributes;
	int error;

	pthread_attr_init(&attributes);
	error = pthread_attr_setstack(&attributes, lane->stack, lane->stack_size);
	if (!error)
		error = pthread_create(&lane->thread, &attributes, run_lane, lane);
	pthread_attr_destroy(&attributes);
	return error;
}

static void start(struct lane_thread *self, const uint64_t argument[6], uint64_t result[2])
{
	struct lane_thread *lane;
	unsigned number = (unsigned)argument[0];

	(void)self;
	if (number >= LANE_FIRST)
		collect_ended();
	if (number >= LANES_MAX || sffi__worker.lanes[number]) {
		result[0] = EBUSY;
		return;
	}
	lane = sffi__lane_thread_new(number);
	result[0] = lane ? (uint64_t)make_thread(lane) : ENOMEM;
	if (result[0] && lane) {
		sffi__worker.lanes[number] = NULL;
		munmap(lane, (size_t)(lane->stack + lane->stack_size - (char *)lane));
	}
}

static void take_fds(struct lane_thread *self, const uint64_t argument[6], uint64_t result[2])
{
	struct carried *carried = (struct carried *)argument[0];
	size_t count = argument[1];
	char byte;

	(void)self;
	/* The host has sent them before it asked. */
	if (sffi__os_receive(sffi__worker.socket, &byte, 1, carried->fd, &count, MSG_DONTWAIT) != 1)
		count = 0;
	for (size_t i = 0; i < count; i++) {
		/* As the host has them; they came close-on-exec. */
		if (!(argument[2] & 1u << i))
			fcntl(carried->fd[i], F_SETFD, 0);
		carried->file[i] = sffi__carried_file(carried->fd[i]);
	}
	result[0] = count;
}

static void give_fds(struct lane_thread *self, const uint64_t argument[6], uint64_t result[2])
{
	const int *fds = (const int *)argument[0];
	char byte = 0;
	int error;

	(void)self;
	for (size_t i = 0; i < argument[1]; i++)
		result[1] |= fcntl(fds[i], F_GETFD) & FD_CLOEXEC ? 1u << i : 0;
	error = sffi__os_send(sffi__worker.socket, &byte, 1, fds, argument[1]);
	result[0] = (uint64_t)-error;
	for (size_t i = 0; !error && argument[2] && i < argument[1]; i++)
		close(fds[i]);
}

static void close_fds(struct lane_thread *self, const uint64_t argument[6], uint64_t result[2])
{
	const struct carried *carried = (const struct carried *)argument[0];

	(void)self;
	for (size_t i = 0; i < argument[1]; i++) {
		if (!sffi__carried_is(carried->fd[i], &carried->file[i]))
			result[0] |= UINT64_C(1) << i;
		else if (argument[2] & UINT64_C(1) << i)
			sffi__carried_close(carried->fd[i]);
	}
}

static void map(struct lane_thread *self, const uint64_t argument[6], uint64_t result[2])
{
	size_t count = 1;
	char byte;
	int fd = -1;
	void *mapped;

	(void)self;
	if (sffi__os_receive(sffi__worker.socket, &byte, 1, &fd, &count, MSG_DONTWAIT) != 1 || !count) {
		result[0] = EBADF;
		return;
	}
	mapped = mmap((void *)argument[0], argument[1], PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		      fd, (off_t)argument[2]);
	result[0] = mapped == MAP_FAILED ? (uint64_t)errno : 0;
	close(fd);
}

static void copy(struct lane_thread *self, const uint64_t argument[6], uint64_t result[2])
{
	(void)self;
	/* A process may always read itself, also when it is not dumpable. */
	result[0] = (uint64_t)sffi__os_read_memory(getpid(), (void *)argument[0], argument[1],
						   argument[2]);
	if ((ssize_t)result[0] < 0)
		result[0] = (uint64_t)sffi__os_write_memory(getpid(), argument[0],
							    (void *)argument[1], argument[2]);
}

static void thunks(struct lane_thread *self, const uint64_t argument[6], uint64_t result[2])
{
	(void)self;
	result[0] = (uint64_t)-sffi__thunks_make(argument[0], (uint32_t)argument[1], (uint32_t)argument[2]);
}

/* The pipe comes by the socket, unless all descriptors are the host's too. */
static void notice(struct lane_thread *self, const uint64_t argument[6], uint64_t result[2])
{
	unsigned lane = (unsigned)argument[0];
	struct notice *to = &sffi__worker.guests_notice;
	int fd = (int)argument[1];
	size_t count = 1;
	char byte;

	(void)self;
	if (fd >= 0)
		fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	else if (sffi__os_receive(sffi__worker.socket, &byte, 1, &fd, &count, MSG_DONTWAIT) != 1 || !count)
		fd = -1;
	if (lane < LANES_MAX)
		to = sffi__worker.lanes[lane] ? &sffi__worker.lanes[lane]->notice : NULL;
	result[0] = fd < 0 || !to ? EBADF : (uint64_t)-sffi__notice_take(to, fd);
}

static void mirror(struct lane_thread *self, const uint64_t argument[6], uint64_t result[2])
{
	(void)self, (void)result;
	sffi__news_take((const struct worker_news *)argument[0]);
}

static void tell(struct lane_thread *self, const uint64_t argument[6], uint64_t result[2])
{
	(void)self;
	result[0] = sffi__news_give((char *)argument[0], argument[1]);
}

static operation *const operations[LANE_OPERATION_COUNT] = {
	[LANE_LOAD] = load,
	[LANE_UNLOAD] = unload,
	[LANE_SYMBOL] = symbol,
	[LANE_START] = start,
	[LANE_TAKE_FDS] = take_fds,
	[LANE_GIVE_FDS] = give_fds,
	[LANE_CLOSE_FDS] = close_fds,
	[LANE_MAP] = map,
	[LANE_COPY] = copy,
	[LANE_THUNKS] = thunks,
	[LANE_NOTICE] = notice,
	[LANE_MIRROR] = mirror,
	[LANE_TELL] = tell,
};

void sffi__lane_operate(struct lane_thread *self, const struct lane_request *request)
{
	unsigned number = request->operation;

	memset(&self->result, 0, sizeof self->result);
	if (number < LANE_OPERATION_COUNT && operations[number])
		operations[number](self, request->frame.integer, self->result.integer);
}
