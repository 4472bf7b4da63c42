/* SPDX-License-Identifier: MIT */
#include "rehearsal/rules.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { PATH_SIZE = 4096, NOTHING = -1 };

#define NO_BUFFER .buffer = { .address = NOTHING }
#define ALLOW(name) { SYS_##name, RULE_ALLOW, NO_BUFFER },
#define ALLOW_IF(name, index, bits, wanted) \
	{ SYS_##name, RULE_ALLOW_IF, .argument = (index), .mask = (bits), .value = (wanted), NO_BUFFER },
/* A path is as long as it is: the pages that it may lie on. */
#define PATH(name, index) \
	{ SYS_##name, RULE_LOOK, .argument = (index), .buffer = { (index), NOTHING, PATH_SIZE, false }, \
	  .words = "of", .is_path = true },
#define FILL(name, index, bytes) \
	{ SYS_##name, RULE_LOOK, .buffer = { (index), NOTHING, (bytes), true } },
#define FILL_SIZED(name, index, length) \
	{ SYS_##name, RULE_LOOK, .buffer = { (index), (length), 0, true } },
#define ASK(name, what, index, text) \
	{ SYS_##name, (what), .argument = (index), NO_BUFFER, .words = (text) },
#define END_PATH(name, index) \
	{ SYS_##name, RULE_END, .argument = (index), NO_BUFFER, .words = "of", .is_path = true },

const struct rule sffi__rules[] = {
	/* Its own memory. */
	ALLOW(brk) ALLOW(munmap) ALLOW(mprotect) ALLOW(mremap) ALLOW(madvise) ALLOW(mincore)
	ALLOW(mlock) ALLOW(mlock2) ALLOW(munlock) ALLOW(membarrier) ALLOW(pkey_mprotect)
	ALLOW(pkey_alloc) ALLOW(pkey_free) ALLOW(msync)
	ALLOW_IF(mmap, 3, MAP_SHARED, 0)
	ALLOW_IF(mmap, 3, MAP_SHARED | MAP_ANONYMOUS, MAP_SHARED | MAP_ANONYMOUS)
	ALLOW_IF(mmap, 2, PROT_WRITE, 0)
	/* Time and waiting. */
	ALLOW(futex) ALLOW(sched_yield) ALLOW(nanosleep) ALLOW(clock_nanosleep) ALLOW(clock_gettime)
	ALLOW(clock_getres) ALLOW(gettimeofday) ALLOW(times) ALLOW(getitimer) ALLOW(setitimer)
	ALLOW(timer_create) ALLOW(timer_settime) ALLOW(timer_gettime) ALLOW(timer_getoverrun)
	ALLOW(timer_delete) ALLOW(ppoll) ALLOW(pselect6) ALLOW(wait4) ALLOW(waitid)
	ALLOW(restart_syscall)
	/* Who it is. */
	ALLOW(getpid) ALLOW(gettid) ALLOW(getppid) ALLOW(getuid) ALLOW(geteuid) ALLOW(getgid)
	ALLOW(getegid) ALLOW(getresuid) ALLOW(getresgid) ALLOW(getgroups) ALLOW(getpgid) ALLOW(getsid)
	ALLOW(getrusage) ALLOW(getcpu) ALLOW(getpriority) ALLOW(sched_getaffinity)
	ALLOW(sched_getscheduler) ALLOW(sched_getparam) ALLOW(sched_get_priority_max)
	ALLOW(sched_get_priority_min) ALLOW(capget)
	/* Its own threads and signals. */
	ALLOW(set_robust_list) ALLOW(get_robust_list) ALLOW(set_tid_address) ALLOW(rseq)
	ALLOW(sigaltstack) ALLOW(rt_sigreturn) ALLOW(rt_sigpending) ALLOW(rt_sigtimedwait)
	ALLOW(rt_sigsuspend) ALLOW(exit)
	ALLOW_IF(clone, 0, CLONE_THREAD, CLONE_THREAD)
	/* Its own directory and mask for new files. */
	ALLOW(chdir) ALLOW(fchdir) ALLOW(umask)
	/* Looking. */
	FILL(uname, 0, 400) FILL(sysinfo, 0, 128)
	FILL_SIZED(getrandom, 0, 1) FILL_SIZED(getcwd, 0, 1)
	FILL(fstat, 1, sizeof(struct stat)) FILL(fstatfs, 1, 128)
	FILL_SIZED(pread64, 1, 2) FILL(preadv, 1, 0)
	PATH(faccessat, 1) PATH(faccessat2, 1) PATH(statfs, 0) PATH(statx, 1) PATH(newfstatat, 1)
	{ SYS_readlinkat, RULE_LOOK, .argument = 1, .buffer = { 2, 3, 0, true }, .words = "of",
	  .is_path = true },
	PATH(getxattr, 0) PATH(lgetxattr, 0) PATH(listxattr, 0)
	ASK(fadvise64, RULE_LOOK, 0, "of descriptor")
	/* Descriptors. */
	{ SYS_openat, RULE_OPEN, .argument = 1, .buffer = { 1, NOTHING, PATH_SIZE, false },
	  .words = "of", .is_path = true },
	ASK(eventfd2, RULE_MAKE, 0, NULL) ASK(epoll_create1, RULE_MAKE, 0, NULL)
	ASK(memfd_create, RULE_MAKE, 0, NULL) ASK(timerfd_create, RULE_MAKE, 0, NULL)
	ASK(signalfd4, RULE_MAKE, 0, NULL) ASK(inotify_init1, RULE_MAKE, 0, NULL)
	ASK(pipe2, RULE_MAKE_PAIR, 0, NULL) ASK(socketpair, RULE_MAKE_PAIR, 3, NULL)
	{ SYS_read, RULE_OWN, .argument = 0, .buffer = { 1, 2, 0, true }, .words = "from descriptor" },
	ASK(readv, RULE_OWN, 0, "from descriptor")
	{ SYS_getdents64, RULE_OWN, .argument = 0, .buffer = { 1, 2, 0, true },
	  .words = "from descriptor" },
	{ SYS_write, RULE_OWN_MEMORY, .argument = 0, .buffer = { 1, 2, 0, false },
	  .words = "to descriptor" },
	ASK(writev, RULE_OWN_MEMORY, 0, "to descriptor")
	{ SYS_pwrite64, RULE_OWN_MEMORY, .argument = 0, .buffer = { 1, 2, 0, false },
	  .words = "to descriptor" },
	ASK(ftruncate, RULE_OWN_MEMORY, 0, "of descriptor")
	ASK(fallocate, RULE_OWN_MEMORY, 0, "of descriptor")
	ASK(epoll_ctl, RULE_OWN_MEMORY, 0, "of descriptor")
	ASK(epoll_pwait, RULE_OWN_MEMORY, 0, "on descriptor")
	ASK(timerfd_settime, RULE_OWN_MEMORY, 0, "of descriptor")
	ASK(timerfd_gettime, RULE_LOOK, 0, "of descriptor")
	ASK(lseek, RULE_SEEK, 0, "of descriptor") ASK(close, RULE_CLOSE, 0, "of descriptor")
	ASK(dup, RULE_DUP, 0, "of descriptor") ASK(dup3, RULE_DUP_TO, 0, "of descriptor")
	ASK(fcntl, RULE_FCNTL, 0, "of descriptor") ASK(ioctl, RULE_IOCTL, 0, "on descriptor")
	/* Processes. */
	ASK(kill, RULE_KILL, 0, "of process") ASK(tgkill, RULE_KILL, 0, "of process")
	ASK(clone, RULE_FORK, 0, NULL) ASK(clone3, RULE_MISSING, 0, NULL)
	ASK(exit_group, RULE_EXIT, 0, NULL)
	ASK(prlimit64, RULE_SELF, 0, "of process") ASK(setpriority, RULE_END, 1, "of process")
	ASK(sched_setaffinity, RULE_SELF, 0, "of process")
	ASK(sched_setscheduler, RULE_SELF, 0, "of process")
	ASK(sched_setparam, RULE_SELF, 0, "of process")
	ASK(rt_sigaction, RULE_ACTION, 0, "of signal") ASK(rt_sigprocmask, RULE_MASK, 0, NULL)
	ASK(prctl, RULE_PRCTL, 0, "of option")
	/* What ends it, for its words. */
	ASK(pwritev, RULE_END, 0, "to descriptor") ASK(pwritev2, RULE_END, 0, "to descriptor")
	ASK(preadv2, RULE_END, 0, "from descriptor")
	ASK(sendto, RULE_END, 0, "to descriptor") ASK(sendmsg, RULE_END, 0, "to descriptor")
	ASK(sendmmsg, RULE_END, 0, "to descriptor") ASK(sendfile, RULE_END, 0, "to descriptor")
	ASK(recvfrom, RULE_END, 0, "from descriptor") ASK(recvmsg, RULE_END, 0, "from descriptor")
	ASK(recvmmsg, RULE_END, 0, "from descriptor") ASK(connect, RULE_END, 0, "of descriptor")
	ASK(bind, RULE_END, 0, "of descriptor") ASK(listen, RULE_END, 0, "of descriptor")
	ASK(accept4, RULE_END, 0, "on descriptor") ASK(accept, RULE_END, 0, "on descriptor")
	ASK(shutdown, RULE_END, 0, "of descriptor") ASK(setsockopt, RULE_END, 0, "of descriptor")
	ASK(flock, RULE_END, 0, "of descriptor") ASK(fsync, RULE_END, 0, "of descriptor")
	ASK(fdatasync, RULE_END, 0, "of descriptor") ASK(fchmod, RULE_END, 0, "of descriptor")
	ASK(fchown, RULE_END, 0, "of descriptor")
	END_PATH(unlinkat, 1) END_PATH(mkdirat, 1) END_PATH(mknodat, 1) END_PATH(renameat2, 1)
	END_PATH(linkat, 1) END_PATH(symlinkat, 0) END_PATH(fchmodat, 1) END_PATH(fchownat, 1)
	END_PATH(utimensat, 1) END_PATH(truncate, 0) END_PATH(execve, 0) END_PATH(execveat, 1)
	END_PATH(setxattr, 0)
#ifdef SYS_open /* calls that newer CPUs never had */
	ALLOW(time) ALLOW(alarm) ALLOW(pause) ALLOW(poll) ALLOW(select) ALLOW(getpgrp) ALLOW(getrlimit)
	{ SYS_open, RULE_OPEN, .argument = 0, .buffer = { 0, NOTHING, PATH_SIZE, false }, .words = "of",
	  .is_path = true },
	PATH(access, 0) PATH(stat, 0) PATH(lstat, 0)
	{ SYS_readlink, RULE_LOOK, .argument = 0, .buffer = { 1, 2, 0, true }, .words = "of",
	  .is_path = true },
	ASK(pipe, RULE_MAKE_PAIR, 0, NULL) ASK(eventfd, RULE_MAKE, 0, NULL)
	ASK(epoll_create, RULE_MAKE, 0, NULL) ASK(epoll_wait, RULE_OWN_MEMORY, 0, "on descriptor")
	{ SYS_getdents, RULE_OWN, .argument = 0, .buffer = { 1, 2, 0, true }, .words = "from descriptor" },
	ASK(dup2, RULE_DUP_TO, 0, "of descriptor") ASK(fork, RULE_FORK, 0, NULL)
	ASK(arch_prctl, RULE_END, 0, NULL)
	END_PATH(unlink, 0) END_PATH(mkdir, 0) END_PATH(rmdir, 0) END_PATH(mknod, 0) END_PATH(creat, 0)
	END_PATH(rename, 0) END_PATH(link, 0) END_PATH(symlink, 0) END_PATH(chmod, 0) END_PATH(chown, 0)
	END_PATH(lchown, 0) END_PATH(utime, 0) END_PATH(utimes, 0)
#endif
#ifdef SYS_renameat
	END_PATH(renameat, 1)
#endif
};

const size_t sffi__rule_count = sizeof sffi__rules / sizeof *sffi__rules;

const struct rule *sffi__rule_of(int number)
{
	for (size_t i = 0; i < sffi__rule_count; i++)
		if (sffi__rules[i].number == number && sffi__rules[i].kind != RULE_ALLOW_IF)
			return &sffi__rules[i];
	return NULL;
}

bool sffi__rule_is_made(enum rule_kind kind)
{
	return kind > RULE_ALLOW_IF && kind != RULE_MISSING;
}
