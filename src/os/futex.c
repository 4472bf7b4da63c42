/* SPDX-License-Identifier: MIT */
#include "os/os.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

/* struct futex_waitv of <linux/futex.h>, which Debian 12's lacks nothing of, under a name
 * that no header has. */
struct waiter {
	uint64_t value;
	uint64_t address;
	uint32_t flags;
	uint32_t reserved;
};

enum { WAITER_SIZE_U32 = 2 };

/* syscall(2) sets errno: put the callee's back. */
static long quietly(long result, int saved)
{
	if (result < 0) {
		result = -errno;
		errno = saved;
	}
	return result;
}

uint64_t sffi__os_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

unsigned sffi__os_cpu(void)
{
	/* The kernel keeps the number in the thread's rseq area: one load, where the vDSO's
	 * getcpu takes 20 ns. */
	if (__rseq_size > 0) {
		const struct rseq *area =
			(const struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);
		unsigned cpu = __atomic_load_n(&area->cpu_id, __ATOMIC_RELAXED);

		if ((int)cpu >= 0)
			return cpu;
	}
	return (unsigned)sched_getcpu();
}

static struct timespec to_timespec(uint64_t ns)
{
	return (struct timespec){ .tv_sec = (time_t)(ns / 1000000000u),
				  .tv_nsec = (long)(ns % 1000000000u) };
}

int sffi__os_futex_wait(_Atomic uint32_t *word, uint32_t expected, uint64_t deadline_ns)
{
	struct timespec deadline = to_timespec(deadline_ns);
	int saved = errno;

	/* FUTEX_WAIT_BITSET, unlike FUTEX_WAIT, takes an absolute time: futex(2). */
	return (int)quietly(syscall(SYS_futex, word, FUTEX_WAIT_BITSET, expected,
				    deadline_ns ? &deadline : NULL, NULL, FUTEX_BITSET_MATCH_ANY),
			    saved);
}

int sffi__os_futex_wait_any(const struct os_wait *waits, size_t count, uint64_t deadline_ns)
{
	enum { LOOK_NS = 5000000 };
	struct waiter waiters[OS_WAITS_MAX];
	struct timespec deadline = to_timespec(deadline_ns);
	int saved = errno;
	uint64_t look;

	for (size_t i = 0; i < count; i++)
		waiters[i] = (struct waiter){ waits[i].expected, (uintptr_t)waits[i].word,
					      WAITER_SIZE_U32, 0 };
	if (sffi__os_has(OS_FUTEX_WAITV))
		return (int)quietly(syscall(SYS_futex_waitv, waiters, count, 0,
					    deadline_ns ? &deadline : NULL, CLOCK_MONOTONIC),
				    saved);
	for (size_t i = 1; i < count; i++)
		if (atomic_load(waits[i].word) != waits[i].expected)
			return -EAGAIN;
	look = sffi__os_now_ns() + LOOK_NS;
	if (deadline_ns && deadline_ns < look)
		look = deadline_ns;
	return sffi__os_futex_wait(waits[0].word, waits[0].expected, look);
}

void sffi__os_futex_wake(_Atomic uint32_t *word, int waiters)
{
	int saved = errno;

	syscall(SYS_futex, word, FUTEX_WAKE, waiters, NULL, NULL, 0);
	errno = saved;
}

uint64_t sffi__deadline(unsigned timeout_ms)
{
	return timeout_ms ? sffi__os_now_ns() + timeout_ms * 1000000ull : OS_NO_DEADLINE;
}
