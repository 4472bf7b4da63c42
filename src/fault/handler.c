/* SPDX-License-Identifier: MIT */
/*
 * Async-signal-safe only. A handler writes what it knows into the control page, says so on
 * the lane, and holds still: the host copies the rest from outside and ends the worker.
 * Nothing here may trust the thread's local storage, which the callee may have overwritten:
 * the thread is known by the alternate stack that the handler runs on.
 */
#include "fault/handler.h"

#include "lane/wait.h"
#include "os/os.h"
#include "worker/worker.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/single_threaded.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

static const int fault_signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS };

#define COUNT(array) (sizeof(array) / sizeof *(array))

void sffi__enter_unwound(struct enter_guard *) __attribute__((noreturn, visibility("hidden")));
_Unwind_Reason_Code sffi__personality(int, _Unwind_Action, _Unwind_Exception_Class,
				      struct _Unwind_Exception *, struct _Unwind_Context *)
	__attribute__((visibility("hidden")));

/* The lane whose stack or alternate stack the address is on. */
static struct lane_thread *lane_at(const void *address)
{
	uintptr_t at = (uintptr_t)address;

	for (unsigned i = 0; i < LANES_MAX; i++) {
		struct lane_thread *lane = sffi__worker.lanes[i];

		if (lane && at >= (uintptr_t)lane && at < (uintptr_t)lane->stack + lane->stack_size)
			return lane;
	}
	return NULL;
}

/* What is left for this thread, its end and that of its process's memory, must not compete
 * with the host and with the worker that replaces this one. */
static _Noreturn void hold_still(void)
{
	static const struct sched_param none;
	sigset_t all;

	syscall(SYS_sched_setscheduler, 0, SCHED_IDLE, &none);
	sigfillset(&all);
	for (;;)
		syscall(SYS_rt_sigsuspend, &all, 8);
}

static void announce(struct lane_thread *lane)
{
	lane->slot->reply.event = LANE_FAULTED;
	sffi__lane_post(&lane->slot->reply.post, lane->sequence, &lane->slot->request.sleeping);
	sffi__notice_give(&lane->notice);
}

static void announce_to_all(void)
{
	for (unsigned i = 0; i < LANES_MAX; i++) {
		struct lane_thread *lane = sffi__worker.lanes[i];

		if (lane && atomic_load(&lane->busy))
			announce(lane);
	}
}

/* The first fault of the worker is the one that counts. */
static _Noreturn void report(struct lane_thread *lane, const struct fault_record *record)
{
	struct worker_control *control = sffi__worker.control;
	static _Atomic int reporter;
	int self = sffi__os_gettid(), nobody = 0;

	if (atomic_load(&reporter) == self) {
		/* A fault in here: the callee took the shared memory away. The host will see
		 * the death. */
		syscall(SYS_kill, getpid(), SIGKILL);
	}
	if (atomic_compare_exchange_strong(&reporter, &nobody, self)) {
		control->fault = *record;
		control->fault.lane = lane ? lane->lane : FAULT_NO_LANE;
		control->fault.tid = self;
		control->fault.alone = __libc_single_threaded;
		atomic_store(&control->faulted, 1);
		/* A thread that the library made has no caller: whoever waits is told. */
		if (lane && atomic_load(&lane->busy))
			announce(lane);
		else
			announce_to_all();
		/* With nobody waiting, the word is where the next call looks. */
		sffi__os_futex_wake(&control->faulted, 1);
	}
	hold_still();
}

/* In a child that a callee forked: die as it would without SafeFFI. */
static void die_by(int signal, const siginfo_t *info)
{
	struct sigaction fallback = { .sa_handler = SIG_DFL };
	sigset_t set;

	sigaction(signal, &fallback, NULL);
	if (info->si_code > 0)
		return; /* the instruction is executed again */
	sigemptyset(&set);
	sigaddset(&set, signal);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	syscall(SYS_tgkill, getpid(), sffi__os_gettid(), signal);
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
	struct fault_record record = sffi__record_signal(signal, info, context);

	if (!worker_is_self()) {
		die_by(signal, info);
		return;
	}
	if (signal == FAULT_SAMPLE_SIGNAL) {
		record.kind = SFFI_FAULT_TIMEOUT;
		record.signal = 0;
	}
	report(lane_at(&record), &record);
}

void sffi__fault_report(int signal, siginfo_t *info, void *context)
{
	struct fault_record record = sffi__record_signal(signal, info, context);

	if (signal == SIGTERM)
		record.kind = SFFI_FAULT_KILLED;
	report(lane_at(&record), &record);
}

/* exit() in a callee comes here before any exit handler of the host's program. */
static void on_exit_called(int status, void *data)
{
	struct fault_record record = { .kind = SFFI_FAULT_EXIT, .code = status };

	(void)data;
	if (!worker_is_self())
		return;
	sffi__record_here(&record);
	report(lane_at(&record), &record);
}

void sffi__enter_unwound(struct enter_guard *guard)
{
	struct fault_record record = { .kind = SFFI_FAULT_UNWOUND };

	/* In the host's own process (mode direct) there is nothing to go back to either. */
	if (!sffi__worker.control)
		abort();
	if (!worker_is_self())
		_exit(0);
	sffi__record_here(&record);
	report(lane_at(guard), &record);
}

/* Called by the unwinder (Itanium C++ ABI: Exception Handling, 1.6) when an exception
 * looks for a handler here, with the thrower's stack still whole, or when pthread_exit
 * unwinds the thread. */
_Unwind_Reason_Code sffi__personality(int version, _Unwind_Action actions,
				      _Unwind_Exception_Class class,
				      struct _Unwind_Exception *exception,
				      struct _Unwind_Context *context)
{
	struct fault_record record = {
		.kind = actions & _UA_FORCE_UNWIND ? SFFI_FAULT_THREAD_EXIT : SFFI_FAULT_UNWOUND,
	};
	struct lane_thread *lane = lane_at(&record);

	(void)version, (void)class, (void)exception, (void)context;
	if (!worker_is_self() || !lane)
		return _URC_CONTINUE_UNWIND;
	sffi__record_here(&record);
	report(lane, &record);
}

void sffi__fault_signals(sigset_t *set)
{
	sigemptyset(set);
	for (size_t i = 0; i < COUNT(fault_signals); i++)
		sigaddset(set, fault_signals[i]);
	sigaddset(set, FAULT_SAMPLE_SIGNAL);
}

void sffi__fault_handlers_install(void)
{
	struct sigaction fault = { .sa_sigaction = on_fault,
				   .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };

	sigfillset(&fault.sa_mask);
	for (size_t i = 0; i < COUNT(fault_signals); i++)
		sigdelset(&fault.sa_mask, fault_signals[i]);
	for (size_t i = 0; i < COUNT(fault_signals); i++)
		sigaction(fault_signals[i], &fault, NULL);
	sigaction(FAULT_SAMPLE_SIGNAL, &fault, NULL);
	sffi__signals_group();
	on_exit(on_exit_called, NULL);
}

void sffi__fault_thread_begin(struct lane_thread *lane)
{
	stack_t stack = { .ss_sp = lane->alternate_stack, .ss_size = lane->alternate_size };

	sigaltstack(&stack, &lane->former_alternate);
}

void sffi__fault_thread_end(struct lane_thread *lane)
{
	sigaltstack(&lane->former_alternate, NULL);
}
