/* SPDX-License-Identifier: MIT */
#include "os/os.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel's set has 64 signals, glibc's has more, and pthread_sigmask keeps some of them
 * unblocked. */
enum { SET_SIZE = sizeof(uint64_t) };

uint64_t sffi__os_block_signals(void)
{
	uint64_t all = UINT64_MAX, mask = 0;
	int saved = errno;

	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &mask, SET_SIZE);
	errno = saved;
	return mask;
}

void sffi__os_restore_signals(uint64_t mask)
{
	int saved = errno;

	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, SET_SIZE);
	errno = saved;
}

int sffi__os_signal_thread(pid_t tid, int signal, const void *value)
{
	siginfo_t info;
	int saved = errno, result;

	memset(&info, 0, sizeof info);
	info.si_signo = signal;
	info.si_code = SI_QUEUE;
	info.si_pid = getpid();
	info.si_uid = getuid();
	info.si_value.sival_ptr = (void *)value;
	result = syscall(SYS_rt_tgsigqueueinfo, info.si_pid, tid, signal, &info) ? -errno : 0;
	errno = saved;
	return result;
}
