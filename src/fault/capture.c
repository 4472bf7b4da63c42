/* SPDX-License-Identifier: MIT */
#include "fault/capture.h"

#include "fault/handler.h"
#include "memory/zone.h"
#include "os/os.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void describe(sffi_fault *fault, const struct fault_scene *scene)
{
	if (scene->function && !scene->arguments) {
		snprintf(fault->function, sizeof fault->function, "%s", scene->function->name);
		snprintf(fault->call, sizeof fault->call, "%s", scene->function->name);
	} else if (scene->function) {
		snprintf(fault->function, sizeof fault->function, "%s", scene->function->name);
		sffi__describe_call(scene->function, scene->arguments, fault->call, sizeof fault->call);
	} else if (scene->doing) {
		snprintf(fault->call, sizeof fault->call, "%s", scene->doing);
	}
}

static void list_buffers(sffi_fault *fault, const struct marshal *m)
{
	if (!m || !m->count)
		return;
	fault->buffers = calloc(m->count, sizeof *fault->buffers);
	if (!fault->buffers)
		return;
	fault->buffer_count = m->count;
	for (size_t i = 0; i < m->count; i++) {
		const struct copy *copy = &m->copies[i];
		const char *name = m->function->type->parameters[copy->parameter].name;

		fault->buffers[i].parameter = copy->parameter;
		fault->buffers[i].address = (uintptr_t)copy->data;
		fault->buffers[i].host = copy->host;
		fault->buffers[i].size = copy->size;
		snprintf(fault->buffers[i].name, sizeof fault->buffers[i].name, "%s", name ? name : "");
	}
}

/* The stack from the stack pointer on, as far as there is any. */
static void copy_stack(sffi_fault *fault)
{
	enum { PAGE = 4096 };
	uintptr_t sp = fault->registers.value[REGISTER_SP];
	unsigned char *stack = malloc(FAULT_STACK_MAX);
	size_t have = 0;

	/* Of one that ran over, sp is in the guard page already. */
	if (sp >= fault->stack_guard && sp < fault->stack_low)
		sp = fault->stack_low;
	/* A leaf function's red zone lies below (psABI 3.2.2); unwinding does not need it. */
	while (stack && have < FAULT_STACK_MAX) {
		/* On a stack that is known all of it can be read; elsewhere page by page. */
		size_t step = sp < fault->stack_high ? fault->stack_high - (sp + have)
						     : PAGE - (sp + have) % PAGE;
		ssize_t got;

		if (step > FAULT_STACK_MAX - have)
			step = FAULT_STACK_MAX - have;
		if (!step)
			break;
		got = sffi__os_read_memory(fault->pid, stack + have, sp + have, step);
		if (got <= 0)
			break;
		have += (size_t)got;
	}
	fault->stack = stack;
	fault->stack_size = have;
	fault->stack_address = sp;
}

/* The bounds of the lane's stack: found in the maps, since the worker's own word for them
 * may be overwritten. The stack is the mapping that the stack pointer is in or next to. */
static void find_stack(sffi_fault *fault)
{
	uintptr_t sp = fault->registers.value[REGISTER_SP], low, high, guard_low = 0, guard_high = 0;
	const char *line = fault->maps;

	while (line && *line) {
		char permissions[8] = "", *end;

		low = strtoul(line, &end, 16);
		high = *end == '-' ? strtoul(end + 1, &end, 16) : 0;
		if (*end == ' ')
			strncpy(permissions, end + 1, 4);
		if (!strncmp(permissions, "---", 3)) {
			guard_low = low;
			guard_high = high;
		} else if (guard_high == low && high > fault->zone_low && low < fault->zone_high &&
			   sp >= guard_low && sp <= high && permissions[1] == 'w') {
			fault->stack_guard = guard_low;
			fault->stack_low = low;
			fault->stack_high = high;
			return;
		}
		line = strchr(line, '\n');
		line += line != NULL;
	}
}

/* A stack that runs over hits its guard page, or the one below it. */
static bool looks_like_overflow(const sffi_fault *fault)
{
	enum { NEAR = 1 << 20 };

	return fault->signal == SIGSEGV && fault->address_known &&
	       fault->address - fault->registers.value[REGISTER_SP] + NEAR < 2 * NEAR;
}

static void fetch(sffi_fault *fault)
{
	fault->maps = sffi__peer_maps(fault->peer);
	fault->peer = NULL;
	if (fault->has_registers)
		find_stack(fault);
}

/* The host's own mappings: it may have others by now, but a callee's fault is not to wait for
 * their text, which takes ten times as long as the fault. */
static void fetch_own(sffi_fault *fault)
{
	if (!fault->maps && !fault->is_frugal)
		fault->maps = sffi__os_read_file("/proc/self/maps");
}

static pthread_mutex_t fetching = PTHREAD_MUTEX_INITIALIZER;

static void fetch_once(sffi_fault *fault)
{
	pthread_mutex_lock(&fetching);
	if (fault->peer)
		fetch(fault);
	else if (fault->is_inside)
		fetch_own(fault);
	pthread_mutex_unlock(&fetching);
}

void sffi__fault_settle(sffi_fault *fault)
{
	pthread_mutex_lock(&fetching);
	if (fault->peer && __atomic_load_n(&fault->references, __ATOMIC_ACQUIRE) > 1)
		fetch(fault);
	fault->peer = NULL;
	pthread_mutex_unlock(&fetching);
}

void sffi__fault_forget_fetching(void)
{
	pthread_mutex_init(&fetching, NULL);
}

static void copy_process(sffi_fault *fault, struct peer *peer)
{
	fault->peer = peer;
	/* What holds still keeps what it has until the report is read. */
	if (!peer->control->fault.alone || !fault->has_registers || looks_like_overflow(fault))
		fetch(fault);
	if (!fault->has_registers)
		return;
	copy_stack(fault);
	if (fault->kind == SFFI_FAULT_SIGNAL && fault->signal == SIGSEGV && fault->address_known &&
	    fault->stack_guard && fault->address >= fault->stack_guard &&
	    fault->address < fault->stack_low)
		fault->kind = SFFI_FAULT_STACK_OVERFLOW;
}

void sffi__fault_take_record(sffi_fault *fault, const struct fault_record *record)
{
	fault->kind = record->kind <= SFFI_FAULT_THREAD_EXIT ? (sffi_fault_kind)record->kind
							     : SFFI_FAULT_SIGNAL;
	fault->signal = record->signal >= 0 && record->signal < NSIG ? record->signal : 0;
	fault->code = record->code;
	fault->tid = record->tid;
	fault->address = record->address;
	fault->address_known = record->address_known;
	fault->access_is_write = record->is_write;
	fault->access_is_execute = record->is_execute;
	fault->has_registers = record->has_registers;
	fault->registers = record->registers;
}

/* Copied once, then checked: the callee may be writing to it still. */
static void from_record(sffi_fault *fault, const struct peer *peer)
{
	struct fault_record record = peer->control->fault;

	sffi__fault_take_record(fault, &record);
	if (record.lane == FAULT_NO_LANE)
		snprintf(fault->note, sizeof fault->note,
			 "It happened in a thread that the library made itself.");
}

/* The zygote tells how it ended a moment after the pidfd tells that it did. */
static uint32_t ended_state(const struct peer *peer)
{
	enum { PATIENCE_MS = 500 };
	uint64_t end = sffi__os_now_ns() + PATIENCE_MS * 1000000ull;

	while (atomic_load(&peer->status->word) == WORKER_RUNNING &&
	       sffi__peer_dead((struct peer *)peer) && sffi__os_now_ns() < end)
		sffi__os_futex_wait(&peer->status->word, WORKER_RUNNING, end);
	return atomic_load(&peer->status->word);
}

static void from_wait_status(sffi_fault *fault, const struct peer *peer)
{
	uint32_t state = ended_state(peer);
	int status = peer->status->wait_status;

	if (state == WORKER_RUNNING && sffi__peer_dead((struct peer *)peer)) {
		fault->signal = SIGKILL;
		fault->kind = SFFI_FAULT_KILLED;
		snprintf(fault->note, sizeof fault->note,
			 "Its parent, safeffi-zygote, has ended, and its workers with it.");
	} else if (state == WORKER_EXECUTED || state == WORKER_RUNNING) {
		fault->kind = SFFI_FAULT_EXIT;
		fault->code = state == WORKER_EXECUTED && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
		snprintf(fault->note, sizeof fault->note,
			 "The callee replaced its process by another program (execve).");
	} else if (WIFEXITED(status)) {
		fault->kind = SFFI_FAULT_EXIT;
		fault->code = WEXITSTATUS(status);
	} else {
		fault->signal = WIFSIGNALED(status) ? WTERMSIG(status) : SIGKILL;
		fault->kind = fault->signal == SIGKILL || fault->signal == SIGTERM ? SFFI_FAULT_KILLED
										   : SFFI_FAULT_SIGNAL;
		if (fault->signal != SIGKILL)
			snprintf(fault->note, sizeof fault->note,
				 "The callee had blocked the signal or taken its handler away: there is "
				 "no more to tell.");
	}
}

/* Asks the thread where it is. */
static void sample(const struct peer *peer, const struct fault_scene *scene)
{
	enum { PATIENCE_MS = 20 };
	uint64_t end = sffi__os_now_ns() + PATIENCE_MS * 1000000ull;
	int tid = scene->lane ? (int)scene->lane->slot->progress.tid : 0;

	if (tid <= 0 || syscall(SYS_tgkill, peer->pid, tid, FAULT_SAMPLE_SIGNAL))
		return;
	while (!atomic_load(&peer->control->faulted) && sffi__os_now_ns() < end)
		sffi__os_futex_wait(&peer->control->faulted, 0, end);
}

static void from_timeout(sffi_fault *fault, const struct peer *peer, const struct fault_scene *scene)
{
	fault->timeout_ms = scene->timeout_ms;
	sample(peer, scene);
	if (atomic_load(&peer->control->faulted))
		from_record(fault, peer);
	fault->kind = SFFI_FAULT_TIMEOUT;
	fault->signal = 0;
}

void sffi__fault_begin(sffi_fault *fault, const struct fault_scene *scene)
{
	sffi__fault_fetch_maps = fetch_once;
	fault->arena_low = ARENA_AREA_LOW;
	fault->arena_high = arena_range_low(ARENAS_MAX);
	describe(fault, scene);
	list_buffers(fault, scene->marshal);
}

static sffi_fault *begin(const struct peer *peer, const struct fault_scene *scene)
{
	sffi_fault *fault = sffi__fault_new();

	if (!fault)
		return NULL;
	fault->pid = peer->pid;
	fault->generation = peer->generation;
	fault->zone_low = zone_low(peer->zone);
	fault->zone_high = fault->zone_low + ZONE_SIZE;
	sffi__fault_begin(fault, scene);
	return fault;
}

sffi_fault *sffi__fault_capture(struct peer *peer, enum lane_outcome outcome,
				const struct fault_scene *scene)
{
	sffi_fault *fault = begin(peer, scene);

	if (!fault)
		return NULL;
	switch (outcome) {
	case LANE_TIMED_OUT:
		from_timeout(fault, peer, scene);
		break;
	case LANE_CANCELED:
		fault->kind = SFFI_FAULT_KILLED;
		fault->signal = SIGKILL;
		snprintf(fault->note, sizeof fault->note, "The host cancelled the call (sffi_cancel).");
		break;
	case LANE_STALE_CALLBACK:
		sample(peer, scene);
		if (atomic_load(&peer->control->faulted))
			from_record(fault, peer);
		fault->kind = SFFI_FAULT_STALE_CALLBACK;
		fault->signal = 0;
		break;
	case LANE_WORKER_STOPPED:
		fault->kind = SFFI_FAULT_SIGNAL;
		fault->signal = SIGSTOP;
		break;
	default:
		if (atomic_load(&peer->control->faulted))
			from_record(fault, peer);
		else
			from_wait_status(fault, peer);
	}
	copy_process(fault, peer);
	return fault;
}

sffi_fault *sffi__fault_overrun(const struct peer *peer, const struct fault_overrun *overrun,
				const struct fault_scene *scene)
{
	sffi_fault *fault = begin(peer, scene);

	if (!fault)
		return NULL;
	fault->kind = SFFI_FAULT_OVERRUN;
	fault->overrun = *overrun;
	return fault;
}
