/* SPDX-License-Identifier: MIT */
/* In the clone: what it does before the callee, what it does about signals, how it ends. */
#include "rehearsal/clone.h"

#include "fault/handler.h"
#include "os/os.h"
#include "rehearsal/filter.h"
#include "rehearsal/trap.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ALTERNATE_SIZE = 128 * 1024 };

struct stage *sffi__stage;

/* As a worker's: those that end the callee, and those for the whole process group, which are
 * the host's to answer. */
static const int fault_signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS };
static const int group_signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP };

#define COUNT(array) (sizeof(array) / sizeof *(array))

bool sffi__rehearsal_is_here(void)
{
	return sffi__stage;
}

bool sffi__stage_is_self(void)
{
	return syscall(SYS_getpid) == sffi__stage->self;
}

static _Noreturn void hold_still(void)
{
	sigset_t all;

	sigfillset(&all);
	for (;;)
		syscall(SYS_rt_sigsuspend, &all, 8);
}

_Noreturn void sffi__stage_end(enum stage_end end, void (*fill)(struct stage *, const void *),
			       const void *context)
{
	struct stage *stage = sffi__stage;

	if (!atomic_exchange(&stage->ending, 1)) {
		stage->is_child = !sffi__stage_is_self();
		if (fill)
			fill(stage, context);
		atomic_store(&stage->end, end);
		sffi__os_futex_wake(&stage->end, 1);
	}
	hold_still();
}

static void fill_error(struct stage *stage, const void *error)
{
	stage->error = *(const int *)error;
}

_Noreturn void sffi__stage_fail(int error)
{
	sffi__stage_end(STAGE_FAILED, fill_error, &error);
}

static void fill_record(struct stage *stage, const void *record)
{
	stage->record = *(const struct fault_record *)record;
}

_Noreturn void sffi__stage_fault(const struct fault_record *record)
{
	sffi__stage_end(STAGE_FAULTED, fill_record, record);
}

/* A process that the callee made dies as it would without us; what comes of it is the callee's. */
static void die_by(int signal, const siginfo_t *info)
{
	struct { /* as the kernel has it */
		void (*handler)(int);
		uint64_t flags[3];
	} fallback = { SIG_DFL };
	uint64_t action[5] = { (uint64_t)signal, (uintptr_t)&fallback, 0, 8 };
	uint64_t again[5] = { (uint64_t)syscall(SYS_getpid), (uint64_t)syscall(SYS_gettid),
			      (uint64_t)signal };

	sffi__stage_call(SYS_rt_sigaction, action);
	if (info->si_code <= 0)
		sffi__stage_call(SYS_tgkill, again);
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
	enum { FROM_FILTER = 1 }; /* SYS_SECCOMP */
	struct fault_record record = sffi__record_signal(signal, info, context);
	int saved = errno;

	if (signal == SIGSYS && info->si_code == FROM_FILTER) {
		sffi__trap_call(info, context);
	} else if (signal == SIGSEGV && record.address_known &&
		   sffi__pages_touch(record.address, record.is_write)) {
		/* The instruction is executed again. */
	} else if (!sffi__stage_is_self()) {
		die_by(signal, info);
	} else {
		record.tid = sffi__os_gettid();
		if (signal == FAULT_SAMPLE_SIGNAL) {
			record.kind = SFFI_FAULT_TIMEOUT;
			record.signal = 0;
		}
		sffi__stage_fault(&record);
	}
	errno = saved;
}

static void on_group_signal(int signal)
{
	(void)signal;
}

static int signals_begin(const sigset_t *host)
{
	struct sigaction fault = { .sa_sigaction = on_fault,
				   .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
	struct sigaction group = { .sa_handler = on_group_signal, .sa_flags = SA_RESTART };
	stack_t alternate = { .ss_size = ALTERNATE_SIZE };
	sigset_t mask = *host;

	alternate.ss_sp = sffi__os_map(NULL, ALTERNATE_SIZE, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
	if (sffi__os_failed(alternate.ss_sp))
		return sffi__os_failed(alternate.ss_sp);
	sigaltstack(&alternate, NULL);
	sigfillset(&fault.sa_mask);
	for (size_t i = 0; i < COUNT(fault_signals); i++) {
		sigdelset(&fault.sa_mask, fault_signals[i]);
		sigdelset(&mask, fault_signals[i]);
	}
	for (size_t i = 0; i < COUNT(fault_signals); i++)
		sigaction(fault_signals[i], &fault, NULL);
	sigaction(FAULT_SAMPLE_SIGNAL, &fault, NULL);
	sigdelset(&mask, FAULT_SAMPLE_SIGNAL);
	for (size_t i = 0; i < COUNT(group_signals); i++)
		sigaction(group_signals[i], &group, NULL);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	return 0;
}

/* Keeps what the clone has now, so that it can be told what the callee changed, though the host's
 * other threads go on meanwhile. */
static int make_twin(struct stage *stage)
{
	sigset_t all;
	pid_t pid = sffi__os_fork(0, 0, NULL);

	if (pid < 0)
		return pid;
	if (pid) {
		stage->twin = pid;
		return 0;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != stage->self)
		_exit(0);
	sigfillset(&all);
	for (;;)
		syscall(SYS_rt_sigsuspend, &all, 8);
}

/* The host's arena is its own to write to from now on: the callee's copies are in there. */
static int own_arena(struct stage *stage)
{
	for (size_t i = 0; i < stage->piece_count; i++) {
		const struct held_range *piece = stage_piece(stage, i);
		void *mapped = mmap((void *)piece->low, piece->high - piece->low, piece->protection,
				    MAP_PRIVATE | MAP_NORESERVE | MAP_FIXED, stage->arena,
				    (off_t)piece->first);

		if (mapped == MAP_FAILED)
			return -errno;
	}
	return 0;
}

_Noreturn void sffi__clone_main(struct stage *stage, const sigset_t *mask, void (*perform)(void *),
				void *context)
{
	int error;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != stage->host)
		_exit(0);
	sffi__stage = stage;
	stage->self = (pid_t)syscall(SYS_getpid);
	/* A core would be as large as the host, and tell of nothing that the report does not. */
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 });
	error = own_arena(stage);
	if (!error && stage->wants_twin)
		error = make_twin(stage);
	if (!error)
		error = sffi__pages_begin();
	if (!error)
		error = signals_begin(mask);
	if (!error)
		error = sffi__filter_install();
	if (error)
		sffi__stage_fail(error);
	perform(context);
	sffi__stage_end(STAGE_RETURNED, NULL, NULL);
}
