/* SPDX-License-Identifier: MIT */
/* In the host: makes the clone, waits for it, takes down what it did, ends it. */
#include "rehearsal/rehearse.h"

#include "domain.h"
#include "error.h"
#include "fault/handler.h"
#include "fault/tell.h"
#include "memory/region.h"
#include "os/os.h"
#include "rehearsal/changes.h"
#include "rehearsal/filter.h"
#include "rehearsal/hold.h"
#include "rehearsal/verdict.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/single_threaded.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE = 4096 };

enum outcome {
	OUTCOME_LATE,  /* past its time, or cancelled */
	OUTCOME_ALONE, /* past its time, waiting for a thread that it does not have */
	OUTCOME_ENDED, /* as `end` says */
	OUTCOME_DIED,
};

struct rehearsal {
	const struct rehearsal_plan *plan;
	sffi_rehearsal *verdict;
	struct stage *stage;
	size_t stage_size;
	struct held_range *ranges; /* the host's own list; the stage's is shared */
	size_t range_count;
	int memory, pidfd;
	pid_t pid;
	bool has_threads;
	enum outcome outcome;
	uint32_t end; /* stage_end, as it was when the waiting ended: the callee may write to the stage */
	int wait_status;
};

sffi_status sffi__rehearsal_open(void)
{
	uint64_t entry;
	int file = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	ssize_t got = file < 0 ? -1
			       : pread(file, &entry, sizeof entry,
				       (off_t)((uintptr_t)&entry / PAGE * sizeof entry));

	sffi__os_close(file);
	if (got != sizeof entry)
		return sffi__fail(SFFI_ENOTSUP, "the mode 'rehearsed' is not to be had: it needs /proc, and "
						"/proc/self/pagemap cannot be read");
	return sffi__filter_open();
}

/* ---- making it -------------------------------------------------------------------------- */

static bool host_has_threads(void)
{
	struct stat tasks;

	/* A directory has one link more for each directory in it. */
	return !__libc_single_threaded && (stat("/proc/self/task", &tasks) || tasks.st_nlink > 3);
}

static int make_stage(struct rehearsal *r)
{
	const struct rehearsal_plan *plan = r->plan;
	struct arena *arena = plan->domain->arena;
	struct maps *maps = &r->verdict->maps;
	const uintptr_t needed[] = { (uintptr_t)__builtin_frame_address(0), (uintptr_t)pthread_self(),
				     plan->stack_low };
	char *text = sffi__os_read_file("/proc/self/maps");
	size_t size;

	sffi__maps_parse(maps, text);
	free(text);
	if (!maps->count)
		return -ENOMEM;
	size = sizeof *r->stage + maps->count * sizeof *r->ranges;
	r->stage = sffi__os_map(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
	if (sffi__os_failed(r->stage)) {
		int error = sffi__os_failed(r->stage);

		r->stage = NULL;
		return error;
	}
	r->stage->size = r->stage_size = size;
	r->stage->host = getpid();
	r->stage->memory = r->memory;
	r->stage->wants_twin = r->has_threads;
	r->stage->arena = sffi__arena_fd(arena);
	r->stage->room = maps->count;
	sffi__hold_arena(r->stage, maps, sffi__arena_low(arena),
			 sffi__arena_low(arena) + sffi__arena_size(arena));
	sffi__hold_choose(r->stage, maps, needed, sizeof needed / sizeof *needed);
	r->range_count = r->stage->range_count;
	r->ranges = calloc(r->range_count + 1, sizeof *r->ranges);
	if (!r->ranges)
		return -ENOMEM;
	memcpy(r->ranges, r->stage->ranges, r->range_count * sizeof *r->ranges);
	return 0;
}

static int make_clone(struct rehearsal *r)
{
	sigset_t all, mask;

	sffi__changes_prepare();
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &mask);
	sffi__hold_begin(r->ranges, r->range_count);
	r->pid = sffi__os_fork(0, 0, &r->pidfd);
	if (!r->pid) {
		sffi__regions_unlock();
		sffi__clone_main(r->stage, &mask, r->plan->perform, r->plan->context);
	}
	sffi__hold_end(r->ranges, r->range_count);
	sffi__os_advise(r->stage, r->stage_size, MADV_DONTFORK);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	return r->pid < 0 ? r->pid : 0;
}

static int begin(struct rehearsal *r)
{
	int error;

	r->memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	if (r->memory < 0)
		return -errno;
	r->memory = sffi__os_move_high(r->memory);
	/* One at a time: a clone must not have what is shared between another one and the host, and
	 * whoever forks meanwhile must not lack what is held. */
	sffi__regions_lock();
	error = make_stage(r);
	if (!error)
		error = make_clone(r);
	sffi__regions_unlock();
	return error;
}

/* ---- waiting ------------------------------------------------------------------------------- */

static bool wait_until(struct rehearsal *r, uint64_t deadline)
{
	enum { LOOK_MS = 20 };

	while (atomic_load(&r->stage->end) == STAGE_RUNNING) {
		uint64_t now = sffi__os_now_ns(), look = now + LOOK_MS * 1000000ull;

		if (now >= deadline || atomic_load(r->plan->is_canceled))
			return false;
		sffi__os_futex_wait(&r->stage->end, STAGE_RUNNING, look < deadline ? look : deadline);
		if (atomic_load(&r->stage->end) == STAGE_RUNNING && sffi__os_pidfd_dead(r->pidfd)) {
			r->outcome = OUTCOME_DIED;
			return true;
		}
	}
	r->end = atomic_load(&r->stage->end);
	r->outcome = OUTCOME_ENDED;
	return true;
}

/* Asks the callee where it is. */
static void sample(struct rehearsal *r)
{
	enum { PATIENCE_MS = 100 };

	if (!syscall(SYS_tgkill, r->pid, r->pid, FAULT_SAMPLE_SIGNAL))
		wait_until(r, sffi__os_now_ns() + PATIENCE_MS * 1000000ull);
}

/* A lock, a condition or a semaphore: the thread that will give it may be one of the host's. */
static bool waits_for_thread(const struct rehearsal *r)
{
	char path[64], *text;
	bool waits;

	if (!r->has_threads)
		return false;
	snprintf(path, sizeof path, "/proc/%d/syscall", (int)r->pid);
	text = sffi__os_read_file(path);
	waits = text && text[0] >= '0' && text[0] <= '9' && atoi(text) == SYS_futex;
	free(text);
	return waits;
}

static void watch(struct rehearsal *r)
{
	unsigned own = r->plan->scene.timeout_ms, patience = own ? own : REHEARSAL_PATIENCE_MS;

	if (wait_until(r, sffi__os_now_ns() + patience * 1000000ull) || atomic_load(r->plan->is_canceled))
		return;
	if (waits_for_thread(r)) {
		r->outcome = OUTCOME_ALONE;
		return;
	}
	/* It may come to its end in that moment; or not answer at all, with its signals blocked. */
	sample(r);
	if (r->outcome == OUTCOME_ENDED && r->end == STAGE_FAULTED &&
	    r->stage->record.kind == SFFI_FAULT_TIMEOUT)
		r->outcome = OUTCOME_LATE;
}

/* ---- what it left ----------------------------------------------------------------------------- */

static void count_processes(struct rehearsal *r)
{
	char path[64], *children, *at;
	struct stat tasks;

	snprintf(path, sizeof path, "/proc/%d/task", (int)r->pid);
	if (!stat(path, &tasks) && tasks.st_nlink > 3)
		r->verdict->threads = tasks.st_nlink - 3;
	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)r->pid, (int)r->pid);
	children = sffi__os_read_file(path);
	for (at = children; at && (at = strchr(at, ' ')); at++)
		r->verdict->children++;
	free(children);
	if (r->has_threads && r->verdict->children)
		r->verdict->children--; /* the twin */
}

/* The twin, if it is one: a child of the clone's. */
static pid_t former_of(const struct rehearsal *r)
{
	pid_t twin = r->stage->twin;
	char path[64], *text, *end;
	int parent = 0;

	if (!r->has_threads)
		return getpid();
	snprintf(path, sizeof path, "/proc/%d/stat", (int)twin);
	text = twin > 0 ? sffi__os_read_file(path) : NULL;
	end = text ? strrchr(text, ')') : NULL;
	if (end)
		sscanf(end + 1, " %*c %d", &parent);
	free(text);
	return parent == r->pid ? twin : 0;
}

static void look_around(struct rehearsal *r)
{
	struct change_search search = {
		.verdict = r->verdict, .plan = r->plan, .stage = r->stage, .ranges = r->ranges,
		.range_count = r->range_count, .clone = r->pid, .former = former_of(r), .has_twin = r->has_threads,
		.frame = sffi__own_frames_end(),
	};

	if (r->outcome == OUTCOME_DIED)
		return;
	if (search.former > 0)
		sffi__changes_find(&search);
	count_processes(r);
	r->verdict->upcalls = r->stage->upcalls;
}

/* ---- the fault ----------------------------------------------------------------------------------- */

static void copy_stack(sffi_fault *fault)
{
	uintptr_t sp = fault->registers.value[REGISTER_SP];
	size_t size = FAULT_STACK_MAX;
	ssize_t got;

	if (sp >= fault->stack_guard && sp < fault->stack_low)
		sp = fault->stack_low;
	if (sp < fault->stack_low || sp >= fault->stack_high)
		size = PAGE - sp % PAGE;
	else if (fault->stack_high - sp < size)
		size = fault->stack_high - sp;
	fault->stack = malloc(size);
	got = fault->stack ? sffi__os_read_memory(fault->pid, fault->stack, sp, size) : 0;
	fault->stack_size = got > 0 ? (size_t)got : 0;
	fault->stack_address = sp;
}

static void by_wait_status(sffi_fault *fault, int status)
{
	if (WIFEXITED(status)) {
		fault->kind = SFFI_FAULT_EXIT;
		fault->code = WEXITSTATUS(status);
		return;
	}
	fault->signal = WIFSIGNALED(status) ? WTERMSIG(status) : SIGKILL;
	fault->kind = fault->signal == SIGKILL || fault->signal == SIGTERM ? SFFI_FAULT_KILLED
									   : SFFI_FAULT_SIGNAL;
}

static void take_overrun(sffi_fault *fault, const struct stage *stage)
{
	fault->kind = SFFI_FAULT_OVERRUN;
	fault->overrun = stage->overrun;
	fault->overrun.name[sizeof fault->overrun.name - 1] = '\0';
	if (fault->overrun.parameter >= ABI_ARGUMENTS_MAX)
		fault->overrun.parameter = 0;
}

static void describe(sffi_fault *fault, const struct rehearsal *r)
{
	const struct fault_record record = r->stage->record;

	fault->pid = r->pid;
	fault->generation = r->plan->domain->generation;
	fault->stack_guard = r->plan->stack_guard;
	fault->stack_low = r->plan->stack_low;
	fault->stack_high = r->plan->stack_high;
	if (r->outcome == OUTCOME_DIED) {
		by_wait_status(fault, r->wait_status);
	} else if (r->end == STAGE_OVERRAN) {
		take_overrun(fault, r->stage);
	} else if (r->end != STAGE_RUNNING) {
		sffi__fault_take_record(fault, &record);
		if (record.kind == SFFI_FAULT_STALE_CALLBACK)
			fault->kind = SFFI_FAULT_STALE_CALLBACK;
	}
	if (r->outcome == OUTCOME_LATE) {
		fault->kind = SFFI_FAULT_TIMEOUT;
		fault->signal = 0;
		fault->timeout_ms = r->plan->scene.timeout_ms;
	}
	if (fault->kind == SFFI_FAULT_SIGNAL && fault->signal == SIGSEGV && fault->address_known &&
	    fault->address >= fault->stack_guard && fault->address < fault->stack_low)
		fault->kind = SFFI_FAULT_STACK_OVERFLOW;
	snprintf(fault->note, sizeof fault->note,
		 "It happened in a rehearsal: in the host nothing has been done.");
}

static sffi_fault *make_fault(const struct rehearsal *r)
{
	sffi_fault *fault = sffi__fault_new();
	char path[32];

	if (!fault)
		return NULL;
	describe(fault, r);
	sffi__fault_begin(fault, &r->plan->scene);
	if (r->outcome == OUTCOME_DIED)
		return fault;
	snprintf(path, sizeof path, "/proc/%d/maps", (int)r->pid);
	fault->maps = sffi__os_read_file(path);
	if (fault->has_registers)
		copy_stack(fault);
	return fault;
}

/* ---- the verdict ------------------------------------------------------------------------------------ */

/* The argument as text, if the call was given a path or a number of some kind. */
static void tell_argument(const struct rehearsal *r, const struct rule *rule, char *to, size_t size)
{
	uint64_t value = r->stage->call.arguments[rule->argument % 6];
	char path[64], text[256] = "";
	ssize_t got;

	if (rule->is_path) {
		got = sffi__os_read_memory(r->pid, text, value, sizeof text - 1);
		if (got <= 0) /* the page ends before */
			got = sffi__os_read_memory(r->pid, text, value, PAGE - value % PAGE);
		snprintf(to, size, " %s \"%.*s\"", rule->words, (int)sizeof text, text);
		return;
	}
	snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)r->pid, (int)value);
	got = strstr(rule->words, "descriptor") ? readlink(path, text, sizeof text - 1) : 0;
	if (got > 0)
		snprintf(to, size, " %s %d (%s)", rule->words, (int)value, text);
	else
		snprintf(to, size, " %s %d", rule->words, (int)value);
}

static void tell_stop(const struct rehearsal *r)
{
	const struct rule *rule = sffi__rule_of(r->stage->call.number);
	sffi_rehearsal *verdict = r->verdict;
	char argument[400] = "";

	verdict->kind = SFFI_REHEARSAL_STOPPED;
	sffi__call_name(r->stage->call.number, verdict->operation, sizeof verdict->operation);
	if (rule && rule->words)
		tell_argument(r, rule, argument, sizeof argument);
	snprintf(verdict->text, sizeof verdict->text, "sound up to `%s`%s%s", verdict->operation, argument,
		 r->stage->is_child ? ", in a process that the callee made" : "");
}

static void judge_late(struct rehearsal *r)
{
	sffi_rehearsal *verdict = r->verdict;
	bool is_canceled = atomic_load(r->plan->is_canceled);

	verdict->kind = r->plan->scene.timeout_ms && !is_canceled ? SFFI_REHEARSAL_TIMEOUT
								  : SFFI_REHEARSAL_UNFINISHED;
	if (is_canceled)
		snprintf(verdict->text, sizeof verdict->text, "cancelled");
	else
		snprintf(verdict->text, sizeof verdict->text, "still running after %d s",
			 REHEARSAL_PATIENCE_MS / 1000);
}

static void judge(struct rehearsal *r)
{
	sffi_rehearsal *verdict = r->verdict;

	verdict->kind = SFFI_REHEARSAL_FAULTED;
	if (r->outcome == OUTCOME_LATE) {
		judge_late(r);
	} else if (r->outcome == OUTCOME_ALONE) {
		verdict->kind = SFFI_REHEARSAL_UNFINISHED;
		snprintf(verdict->text, sizeof verdict->text, "sound up to where it waits for another thread, "
			 "which a rehearsal does not have");
	} else if (r->outcome == OUTCOME_DIED) {
		/* The fault says how. */
	} else if (r->end == STAGE_STOPPED) {
		tell_stop(r);
	} else if (r->end == STAGE_UPCALLED) {
		verdict->kind = SFFI_REHEARSAL_STOPPED;
		snprintf(verdict->text, sizeof verdict->text, "sound up to the first call back to the host");
	} else if (r->end == STAGE_FAILED) {
		verdict->kind = SFFI_REHEARSAL_UNFINISHED;
		snprintf(verdict->text, sizeof verdict->text, "could not be rehearsed: %s",
			 strerror(-r->stage->error));
	} else if (r->end == STAGE_RETURNED || r->end == STAGE_REFUSED) {
		verdict->kind = SFFI_REHEARSAL_SURVIVED;
		snprintf(verdict->text, sizeof verdict->text, "%s",
			 r->end == STAGE_REFUSED ? "sound up to where a handler of the host ended it"
						 : "survived");
	}
}

static bool has_failed(const sffi_rehearsal *verdict)
{
	return verdict->kind == SFFI_REHEARSAL_FAULTED || verdict->kind == SFFI_REHEARSAL_TIMEOUT;
}

static void bury(struct rehearsal *r)
{
	if (r->pid <= 0)
		return;
	sffi__os_pidfd_signal(r->pidfd, SIGKILL);
	while (waitpid(r->pid, &r->wait_status, __WALL) < 0 && errno == EINTR)
		;
	sffi__os_close(r->pidfd);
	r->pid = -1;
}

static void take_down(struct rehearsal *r)
{
	pid_t pid = r->pid;

	if (r->outcome == OUTCOME_DIED)
		bury(r);
	look_around(r);
	judge(r);
	if (!has_failed(r->verdict))
		return;
	if (r->outcome == OUTCOME_DIED)
		r->pid = pid;
	r->verdict->fault = make_fault(r);
	if (r->outcome == OUTCOME_DIED)
		r->pid = -1;
	if (r->verdict->fault)
		snprintf(r->verdict->text, sizeof r->verdict->text, "%s",
			 sffi_fault_get_summary(r->verdict->fault));
}

static void end(struct rehearsal *r)
{
	bury(r);
	if (r->stage)
		sffi__os_unmap(r->stage, r->stage_size);
	free(r->ranges);
	sffi__os_close(r->memory);
}

/* One clone. Its verdict, or NULL with a sentence. */
static sffi_rehearsal *try(const struct rehearsal_plan *plan, bool has_threads)
{
	struct rehearsal r = { .plan = plan, .verdict = sffi__verdict_new(), .memory = -1, .pid = -1,
			       .has_threads = has_threads };
	int error;

	if (!r.verdict) {
		sffi__fail(SFFI_ENOMEM, "out of memory for the verdict of a rehearsal");
		return NULL;
	}
	snprintf(r.verdict->function, sizeof r.verdict->function, "%s", plan->scene.function->name);
	sffi__describe_call(plan->scene.function, plan->scene.arguments, r.verdict->call,
			    sizeof r.verdict->call);
	error = begin(&r);
	if (!error) {
		watch(&r);
		take_down(&r);
	}
	end(&r);
	if (error) {
		sffi_rehearsal_release(&r.verdict);
		sffi__fail_system(error, "make a clone for a rehearsal");
	}
	return r.verdict;
}

sffi_status sffi__rehearse(const struct rehearsal_plan *plan)
{
	bool has_threads = host_has_threads();
	sffi_rehearsal *verdict = try(plan, has_threads);
	sffi_fault *fault;

	/* A clone has but one of the host's threads, and none of the locks that others held will
	 * ever open in it: what fails is seen to fail twice before it counts. */
	if (verdict && has_threads && has_failed(verdict)) {
		sffi_rehearsal_release(&verdict);
		verdict = try(plan, has_threads);
	}
	sffi__set_last_rehearsal(verdict);
	if (!verdict)
		return SFFI_ESYSTEM;
	if (!has_failed(verdict))
		return SFFI_OK;
	fault = sffi_fault_retain(verdict->fault);
	sffi__set_last_fault(fault);
	return sffi__fault_tell(verdict->kind == SFFI_REHEARSAL_TIMEOUT ? SFFI_ETIMEOUT : SFFI_EFAULT,
				fault, plan->scene.function->name);
}
