/* SPDX-License-Identifier: MIT */
#include "inside/interrupt.h"

#include "error.h"
#include "fault/handler.h"
#include "os/os.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static __thread pid_t own_id __attribute__((tls_model("initial-exec")));

/* The kernel is asked once a thread. */
static pid_t thread_id(void)
{
	if (!own_id)
		own_id = sffi__os_gettid();
	return own_id;
}

static void forget_id(void)
{
	own_id = 0;
}

static void watch_forks(void)
{
	pthread_atfork(NULL, NULL, forget_id);
}

void sffi__interrupt_watch_forks(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, watch_forks);
}

/* A timer of the thread's own: the signal is for the thread whose callee it is. */
static sffi_status make_timer(struct fiber *fiber)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = FAULT_SAMPLE_SIGNAL };

	if (atomic_load(&fiber->has_timer) && fiber->thread == thread_id())
		return SFFI_OK;
	sffi__interrupt_end(fiber);
	event.sigev_notify_thread_id = thread_id();
	if (timer_create(CLOCK_MONOTONIC, &event, &fiber->timer))
		return sffi__fail_system(errno, "make a timer for the call's time-out");
	fiber->thread = thread_id();
	atomic_store(&fiber->has_timer, true);
	return SFFI_OK;
}

static void set_timer(struct fiber *fiber, uint64_t deadline_ns)
{
	/* Again and again: the first one may come when the callee is about to be entered, or has
	 * just called back. */
	struct itimerspec time = { .it_value = { (time_t)(deadline_ns / 1000000000),
						 (long)(deadline_ns % 1000000000) },
				   .it_interval = { 0, 10000000 } };

	if (!deadline_ns)
		time = (struct itimerspec){ 0 };
	timer_settime(fiber->timer, TIMER_ABSTIME, &time, NULL);
}

sffi_status sffi__interrupt_arm(struct fiber *fiber, uint64_t deadline_ns)
{
	sffi_status status = make_timer(fiber);

	if (status)
		return status;
	/* To store in that order costs as much as a callee's few lines. */
	if (atomic_load(&fiber->deadline_ns) != deadline_ns)
		atomic_store(&fiber->deadline_ns, deadline_ns);
	if (deadline_ns)
		set_timer(fiber, deadline_ns);
	return SFFI_OK;
}

void sffi__interrupt_disarm(struct fiber *fiber)
{
	if (atomic_exchange(&fiber->deadline_ns, 0))
		set_timer(fiber, 0);
}

void sffi__interrupt_cancel(struct fiber *fiber)
{
	enum { AT_ONCE = 1 };

	/* In this order: whoever makes the timer looks at the flag afterwards. */
	atomic_store(&fiber->is_canceled, true);
	if (atomic_load(&fiber->has_timer))
		set_timer(fiber, AT_ONCE);
}

void sffi__interrupt_forget_cancel(struct fiber *fiber)
{
	if (atomic_load(&fiber->is_canceled) && atomic_exchange(&fiber->is_canceled, false) &&
	    atomic_load(&fiber->has_timer))
		set_timer(fiber, 0);
}

void sffi__interrupt_end(struct fiber *fiber)
{
	if (atomic_exchange(&fiber->has_timer, false))
		timer_delete(fiber->timer);
}

enum fiber_interrupt sffi__interrupt_wanted(struct fiber *fiber)
{
	uint64_t deadline = atomic_load(&fiber->deadline_ns);

	if (atomic_load(&fiber->is_canceled))
		return INTERRUPT_CANCEL;
	return deadline && sffi__os_now_ns() >= deadline ? INTERRUPT_TIMEOUT : INTERRUPT_NONE;
}
