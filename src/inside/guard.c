/* SPDX-License-Identifier: MIT */
/*
 * Async-signal-safe: from on_fault() and on_interrupt() on, nothing is called that takes a lock
 * or allocates. The callee may have damaged anything in this process; what is trusted is the
 * thread pointer, the fiber that it leads to, and the host's own stack.
 */
#include "inside/guard.h"

#include "error.h"
#include "fault/handler.h"
#include "inside/interrupt.h"
#include "inside/poison.h"
#include "inside/proof.h"
#include "inside/handlers.h"
#include "inside/unwound.h"
#include "os/os.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static const int fault_signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS };

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { REPAIRS_MAX = 4, PAGE = 4096, ALTERNATE_STACK = 64 * 1024 };

static _Atomic(guard_repair *) repairs[REPAIRS_MAX];

void sffi__guard_add_repair(guard_repair *repair)
{
	for (int i = 0; i < REPAIRS_MAX; i++) {
		guard_repair *none = NULL;

		if (atomic_compare_exchange_strong(&repairs[i], &none, repair) || none == repair)
			return;
	}
}

/* ---- the host's own handlers ----------------------------------------------------- */

/* What the host, or a library, wants to be done with a signal that is no callee's fault. Read
 * by handlers, written by any thread: two copies, and the number of the one that counts. */
static struct host_action {
	struct sigaction copies[2];
	_Atomic unsigned current;
} host_actions[NSIG];
static pthread_mutex_t host_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic bool installed;

static const struct sigaction *host_action(int signal)
{
	return &host_actions[signal].copies[atomic_load(&host_actions[signal].current) & 1];
}

static void set_host_action(int signal, const struct sigaction *action)
{
	struct host_action *kept = &host_actions[signal];
	unsigned next = atomic_load(&kept->current) + 1;

	kept->copies[next & 1] = *action;
	atomic_store(&kept->current, next);
}

bool sffi__guard_owns(int signal)
{
	bool fault = false;

	for (size_t i = 0; i < COUNT(fault_signals); i++)
		fault |= fault_signals[i] == signal;
	return fault && atomic_load(&installed);
}

int sffi__guard_sigaction(int signal, const struct sigaction *action, struct sigaction *former)
{
	struct sigaction before;

	pthread_mutex_lock(&host_lock);
	before = *host_action(signal);
	if (action)
		set_host_action(signal, action);
	pthread_mutex_unlock(&host_lock);
	if (former)
		*former = before;
	return 0;
}

/* ---- handlers ------------------------------------------------------------------------- */

static void on_fault(int, siginfo_t *, void *);

static bool is_ours(const struct sigaction *action)
{
	return action->sa_flags & SA_SIGINFO && action->sa_sigaction == on_fault;
}

/* Ends the process as the signal would have without us. */
static void by_default(int signal, const siginfo_t *info)
{
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t set;

	sigaction(signal, &action, NULL);
	if (info->si_code > 0)
		return; /* the instruction is executed again */
	sigemptyset(&set);
	sigaddset(&set, signal);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	syscall(SYS_tgkill, getpid(), sffi__os_gettid(), signal);
}

/* As the kernel would have called it, but on the alternate stack. */
static void by_host(int signal, siginfo_t *info, void *context)
{
	const struct sigaction action = *host_action(signal);
	struct sigaction fallback = { .sa_handler = SIG_DFL };
	sigset_t block = action.sa_mask, before;

	if (is_ours(&action) || action.sa_handler == SIG_DFL) {
		by_default(signal, info);
		return;
	}
	if (action.sa_handler == SIG_IGN) {
		/* The kernel does not ignore a fault. */
		if (info->si_code > 0)
			by_default(signal, info);
		return;
	}
	if (action.sa_flags & SA_RESETHAND)
		set_host_action(signal, &fallback);
	if (!(action.sa_flags & SA_NODEFER))
		sigaddset(&block, signal);
	sigprocmask(SIG_BLOCK, &block, &before);
	if (action.sa_flags & SA_SIGINFO)
		action.sa_sigaction(signal, info, context);
	else
		action.sa_handler(signal);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

/* A handler that was put in place of ours without our knowing, and has called us. */
static void put_right(int signal)
{
	struct sigaction now;

	if (sigaction(signal, NULL, &now) || is_ours(&now))
		return;
	set_host_action(signal, &now);
	now = (struct sigaction){ .sa_sigaction = on_fault,
				  .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
	sigaction(signal, &now, NULL);
}

/* What kill(2) sends is for the program; raise(3) and abort(3) of the callee are its own. */
static bool is_own(const siginfo_t *info)
{
	return info->si_code > 0 || (info->si_code == SI_TKILL && info->si_pid == getpid());
}

static __thread struct {
	uintptr_t low;
	size_t size;
	bool is_ready;
} alternate __attribute__((tls_model("initial-exec")));

/* A handler of the host's that has interrupted the callee is no callee: it is told by the
 * alternate stack, if it asked to run there. */
static bool is_on_alternate_stack(uintptr_t sp)
{
	return sp - alternate.low < alternate.size;
}

/* Where the callee stood when it was taken by surprise: before a handler's own fault. */
static __thread struct { sigset_t mask; } interrupted __attribute__((tls_model("initial-exec")));

static void land(struct fiber *fiber, void *context)
{
	fiber->is_judged = false;
	sffi__machine_land(context, &fiber->registers, FIBER_FAULTED);
}

/* The fault of a callee. Its call ends in any case; whether the process can be trusted after it
 * is asked first, since later the frames are gone. */
static void fail_call(struct fiber *fiber, const struct fault_record *record, void *context)
{
	ucontext_t *machine = context;

	if (fiber->is_judged) {
		/* The callee's stack cannot be walked. */
		fiber->poisons = true;
		machine->uc_sigmask = interrupted.mask;
		land(fiber, context);
		return;
	}
	fiber->record = *record;
	interrupted.mask = machine->uc_sigmask;
	fiber->is_judged = true;
	fiber->poisons = sffi__poison_judge(fiber, record);
	land(fiber, context);
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
	struct fiber *fiber = sffi__fiber_running;
	struct fault_record record;
	guard_repair *repair;
	int error = errno;

	for (int i = 0; i < REPAIRS_MAX && (repair = atomic_load(&repairs[i])); i++) {
		if (repair(signal, info, context)) {
			errno = error;
			return;
		}
	}
	if (!fiber || !fiber->registers.active || !is_own(info)) {
		by_host(signal, info, context);
		errno = error;
		return;
	}
	record = sffi__record_signal(signal, info, context);
	if (!fiber->is_judged && is_on_alternate_stack(record.registers.value[REGISTER_SP])) {
		by_host(signal, info, context);
		errno = error;
		return;
	}
	put_right(signal);
	fail_call(fiber, &record, context);
}

/* Of time-outs and cancellations: never the host's business. */
static void on_interrupt(int signal, siginfo_t *info, void *context)
{
	struct fiber *fiber = sffi__fiber_running;
	struct fault_record record;
	enum fiber_interrupt why;

	if (!fiber || !fiber->registers.active || fiber->is_judged)
		return;
	why = sffi__interrupt_wanted(fiber);
	if (why == INTERRUPT_NONE)
		return;
	record = sffi__record_signal(signal, info, context);
	record.kind = why == INTERRUPT_TIMEOUT ? SFFI_FAULT_TIMEOUT : SFFI_FAULT_KILLED;
	record.signal = 0;
	fail_call(fiber, &record, context);
}

/* ---- installing -------------------------------------------------------------------------- */

static sffi_status install(void)
{
	struct sigaction action = { .sa_sigaction = on_fault,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
	struct sigaction former;

	for (size_t i = 0; i < COUNT(fault_signals); i++) {
		int signal = fault_signals[i];

		if (sigaction(signal, NULL, &former))
			return sffi__fail_system(errno, "ask for the handlers of signals");
		/* A rehearsal's clone has them already. */
		if (is_ours(&former))
			continue;
		set_host_action(signal, &former);
		if (sigaction(signal, &action, NULL))
			return sffi__fail_system(errno, "install the handlers for faults");
	}
	atomic_store(&installed, true);
	return SFFI_OK;
}

sffi_status sffi__interrupt_open(void)
{
	struct sigaction action = { .sa_sigaction = on_interrupt,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART };

	sffi__interrupt_watch_forks();
	/* But not faults: walking the callee's stack may be one. */
	sigfillset(&action.sa_mask);
	for (size_t i = 0; i < COUNT(fault_signals); i++)
		sigdelset(&action.sa_mask, fault_signals[i]);
	if (sigaction(FAULT_SAMPLE_SIGNAL, &action, NULL))
		return sffi__fail_system(errno, "install the handler for time-outs");
	return SFFI_OK;
}

void sffi__guard_check(void)
{
	if (!atomic_load(&installed))
		return;
	pthread_mutex_lock(&host_lock);
	for (size_t i = 0; i < COUNT(fault_signals); i++)
		put_right(fault_signals[i]);
	pthread_mutex_unlock(&host_lock);
	sffi__handlers_keep();
}

static pthread_once_t open_once = PTHREAD_ONCE_INIT;
static sffi_status open_status;
static char open_sentence[512];

static void open_guard(void)
{
	open_status = sffi__poison_open();
	if (!open_status)
		open_status = sffi__guard_thread();
	if (!open_status)
		open_status = install();
	if (!open_status)
		open_status = sffi__prove_guard();
	if (!open_status) {
		sffi__handlers_keep();
		sffi__exit_watch();
	} else {
		snprintf(open_sentence, sizeof open_sentence, "%s", sffi_error());
	}
}

sffi_status sffi__guard_open(void)
{
	pthread_once(&open_once, open_guard);
	return open_status ? sffi__fail(open_status, "%s", open_sentence) : SFFI_OK;
}

/* ---- threads ------------------------------------------------------------------------------- */

static pthread_key_t stack_key;
static pthread_once_t stack_once = PTHREAD_ONCE_INIT;

/* Frees the alternate stack, unless the thread has got another one meanwhile. */
static void free_stack(void *low)
{
	stack_t none = { .ss_flags = SS_DISABLE }, now;

	if (!sigaltstack(NULL, &now) && now.ss_sp == (char *)low + PAGE)
		sigaltstack(&none, NULL);
	sffi__os_unmap(low, PAGE + ALTERNATE_STACK);
	alternate.is_ready = false;
}

static void make_stack_key(void)
{
	pthread_key_create(&stack_key, free_stack);
}

static sffi_status give_stack(void)
{
	stack_t stack = { .ss_size = ALTERNATE_STACK };
	char *low = sffi__os_map(NULL, PAGE + ALTERNATE_STACK, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1);

	if (sffi__os_failed(low))
		return sffi__fail_system(sffi__os_failed(low), "make a stack for signal handlers");
	mprotect(low, PAGE, PROT_NONE);
	stack.ss_sp = low + PAGE;
	if (sigaltstack(&stack, NULL)) {
		int error = errno;

		sffi__os_unmap(low, PAGE + ALTERNATE_STACK);
		return sffi__fail_system(error, "give the thread a stack for signal handlers");
	}
	pthread_once(&stack_once, make_stack_key);
	pthread_setspecific(stack_key, low);
	return SFFI_OK;
}

sffi_status sffi__guard_thread(void)
{
	sffi_status status = SFFI_OK;
	sigset_t set;
	stack_t now;

	if (alternate.is_ready)
		return SFFI_OK;
	/* One that the host has given it will do, if it is large enough. */
	if (sigaltstack(NULL, &now) || now.ss_flags & SS_DISABLE || now.ss_size < ALTERNATE_STACK / 2)
		status = give_stack();
	if (status || sigaltstack(NULL, &now))
		return status;
	alternate.low = (uintptr_t)now.ss_sp;
	alternate.size = now.ss_size;
	/* The kernel ends a process for a fault whose signal is blocked. */
	sffi__fault_signals(&set);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	alternate.is_ready = true;
	return SFFI_OK;
}
