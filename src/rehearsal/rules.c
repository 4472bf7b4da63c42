/* SPDX-License-Identifier: MIT */
#include "rehearsal/rules.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>

enum { PATH_SIZE = 4096, NAME_SIZE = 256, TIME = 16, TIMER = 32, SET = 8, FD_SET = 128, USAGE = 144, EVENT = 12 };

/* Buffers, of so many bytes, or as many units as the argument says: read by the kernel, or written. */
#define IN(index, bytes) { .address = (index), .least = (bytes) }
#define OUT(index, bytes) { .address = (index), .least = (bytes), .writes = true }
#define IN_SIZED(index, length, bytes) { .address = (index), .count = (length), .unit = (bytes) }
#define OUT_SIZED(index, length, bytes) \
	{ .address = (index), .count = (length), .unit = (bytes), .writes = true }
/* A path is as long as it is: the pages that it may lie on. */
#define PATH_IN(index) IN(index, PATH_SIZE)

#define ALLOW(name) { SYS_##name, RULE_ALLOW },
#define ALLOW_IF(name, index, bits, wanted) \
	{ SYS_##name, RULE_ALLOW_IF, .argument = (index), .mask = (bits), .value = (wanted) },
#define LOOK(name, ...) { SYS_##name, RULE_LOOK, .buffers = { __VA_ARGS__ } },
/* What is in the words is the argument at the index. */
#define LOOK_PATH(name, index, ...) \
	{ SYS_##name, RULE_LOOK, .argument = (index), .words = "of", .is_path = true, \
	  .buffers = { PATH_IN(index), __VA_ARGS__ } },
/* mask: the index of the signal mask that it waits with; 0: the callee's. */
#define WAIT(name, index, ...) \
	{ SYS_##name, RULE_WAIT, .mask_argument = (index), .buffers = { __VA_ARGS__ } },
#define ON(name, what, text, ...) \
	{ SYS_##name, (what), .argument = 0, .words = (text), .buffers = { __VA_ARGS__ } },
#define ASK(name, what, index, text) \
	{ SYS_##name, (what), .argument = (index), .words = (text) },
#define END_PATH(name, index) \
	{ SYS_##name, RULE_END, .argument = (index), .words = "of", .is_path = true },

const struct rule sffi__rules[] = {
	/* Its own memory. */
	ALLOW(brk) ALLOW(munmap) ALLOW(mprotect) ALLOW(mremap) ALLOW(madvise) 
	LOOK(mincore, OUT(2, PATH_SIZE)) ALLOW(mlock) ALLOW(mlock2) ALLOW(munlock) ALLOW(membarrier) ALLOW(pkey_mprotect)
	ALLOW(pkey_alloc) ALLOW(pkey_free) ALLOW(msync)
	ALLOW_IF(mmap, 3, MAP_SHARED, 0)
	ALLOW_IF(mmap, 3, MAP_SHARED | MAP_ANONYMOUS, MAP_SHARED | MAP_ANONYMOUS)
	ALLOW_IF(mmap, 2, PROT_WRITE, 0)
	/* Time and waiting. */
	ALLOW(futex) ALLOW(sched_yield) ALLOW(restart_syscall) ALLOW(timer_getoverrun) ALLOW(timer_delete)
	WAIT(nanosleep, 0, IN(0, TIME), OUT(1, TIME))
	WAIT(clock_nanosleep, 0, IN(2, TIME), OUT(3, TIME))
	LOOK(clock_gettime, OUT(1, TIME)) LOOK(clock_getres, OUT(1, TIME))
	LOOK(gettimeofday, OUT(0, TIME), OUT(1, 8)) LOOK(times, OUT(0, 32))
	LOOK(getitimer, OUT(1, TIMER)) LOOK(setitimer, IN(1, TIMER), OUT(2, TIMER))
	LOOK(timer_create, IN(1, sizeof(struct sigevent)), OUT(2, 4))
	LOOK(timer_settime, IN(2, TIMER), OUT(3, TIMER)) LOOK(timer_gettime, OUT(1, TIMER))
	WAIT(ppoll, 3, OUT_SIZED(0, 1, sizeof(struct pollfd)), IN(2, TIME), IN(3, SET))
	{ SYS_pselect6, RULE_WAIT_PACKED, .mask_argument = 5,
	  .buffers = { OUT(1, FD_SET), OUT(2, FD_SET), OUT(3, FD_SET), OUT(4, TIME) } },
	WAIT(wait4, 0, OUT(1, 4), OUT(3, USAGE))
	WAIT(waitid, 0, OUT(2, sizeof(siginfo_t)), OUT(4, USAGE))
	WAIT(rt_sigtimedwait, 0, IN(0, SET), OUT(1, sizeof(siginfo_t)), IN(2, TIME))
	/* Who it is. */
	ALLOW(getpid) ALLOW(gettid) ALLOW(getppid) ALLOW(getuid) ALLOW(geteuid) ALLOW(getgid)
	ALLOW(getegid) ALLOW(getpgid) ALLOW(getsid) ALLOW(getpriority) ALLOW(sched_getscheduler)
	ALLOW(sched_get_priority_max) ALLOW(sched_get_priority_min)
	LOOK(getresuid, OUT(0, 4), OUT(1, 4), OUT(2, 4)) LOOK(getresgid, OUT(0, 4), OUT(1, 4), OUT(2, 4))
	LOOK(getgroups, OUT_SIZED(1, 0, 4)) LOOK(getrusage, OUT(1, USAGE)) LOOK(getcpu, OUT(0, 4), OUT(1, 4))
	LOOK(sched_getaffinity, OUT_SIZED(2, 1, 1)) LOOK(sched_getparam, OUT(1, 4))
	LOOK(capget, OUT(0, 8), OUT(1, 24))
	/* Its own threads and signals. */
	ALLOW(set_robust_list) ALLOW(get_robust_list) ALLOW(set_tid_address) ALLOW(rseq)
	ALLOW(sigaltstack) ALLOW(rt_sigreturn) ALLOW(rt_sigsuspend) ALLOW(exit)
	LOOK(rt_sigpending, OUT_SIZED(0, 1, 1))
	ALLOW_IF(clone, 0, CLONE_THREAD, CLONE_THREAD)
	/* Its own directory and mask for new files. */
	LOOK(chdir, PATH_IN(0)) ALLOW(fchdir) ALLOW(umask)
	/* Looking. */
	LOOK(uname, OUT(0, sizeof(struct utsname))) LOOK(sysinfo, OUT(0, 128))
	LOOK(getrandom, OUT_SIZED(0, 1, 1)) LOOK(getcwd, OUT_SIZED(0, 1, 1))
	LOOK(fstat, OUT(1, sizeof(struct stat))) LOOK(fstatfs, OUT(1, sizeof(struct statfs)))
	LOOK(pread64, OUT_SIZED(1, 2, 1))
	{ SYS_preadv, RULE_LOOK_VECTOR, .buffers = { OUT_SIZED(1, 2, sizeof(struct iovec)) } },
	LOOK_PATH(faccessat, 1) LOOK_PATH(faccessat2, 1) LOOK_PATH(statfs, 0, OUT(1, sizeof(struct statfs)))
	LOOK_PATH(statx, 1, OUT(4, sizeof(struct statx))) LOOK_PATH(newfstatat, 1, OUT(2, sizeof(struct stat)))
	LOOK_PATH(readlinkat, 1, OUT_SIZED(2, 3, 1))
	LOOK_PATH(getxattr, 0, IN(1, NAME_SIZE), OUT_SIZED(2, 3, 1))
	LOOK_PATH(lgetxattr, 0, IN(1, NAME_SIZE), OUT_SIZED(2, 3, 1))
	LOOK_PATH(listxattr, 0, OUT_SIZED(1, 2, 1))
	ASK(fadvise64, RULE_LOOK, 0, "of descriptor")
	/* Descriptors. */
	{ SYS_openat, RULE_OPEN, .argument = 1, .words = "of", .is_path = true, .buffers = { PATH_IN(1) } },
	ASK(eventfd2, RULE_MAKE, 0, NULL) ASK(epoll_create1, RULE_MAKE, 0, NULL)
	ASK(timerfd_create, RULE_MAKE, 0, NULL) ASK(inotify_init1, RULE_MAKE, 0, NULL)
	{ SYS_memfd_create, RULE_MAKE, .buffers = { IN(0, NAME_SIZE) } },
	{ SYS_signalfd4, RULE_MAKE, .buffers = { IN(1, SET) } },
	{ SYS_pipe2, RULE_MAKE_PAIR, .argument = 0, .buffers = { OUT(0, 8) } },
	{ SYS_socketpair, RULE_MAKE_PAIR, .argument = 3, .buffers = { OUT(3, 8) } },
	ON(read, RULE_OWN, "from descriptor", OUT_SIZED(1, 2, 1))
	ON(readv, RULE_OWN_VECTOR, "from descriptor", OUT_SIZED(1, 2, sizeof(struct iovec)))
	ON(getdents64, RULE_OWN, "from descriptor", OUT_SIZED(1, 2, 1))
	ON(write, RULE_OWN_MEMORY, "to descriptor", IN_SIZED(1, 2, 1))
	ON(writev, RULE_OWN_MEMORY_VECTOR, "to descriptor", IN_SIZED(1, 2, sizeof(struct iovec)))
	ON(pwrite64, RULE_OWN_MEMORY, "to descriptor", IN_SIZED(1, 2, 1))
	ASK(ftruncate, RULE_OWN_MEMORY, 0, "of descriptor")
	ASK(fallocate, RULE_OWN_MEMORY, 0, "of descriptor")
	ON(epoll_ctl, RULE_OWN_MEMORY, "of descriptor", IN(3, EVENT))
	{ SYS_epoll_pwait, RULE_OWN_WAIT, .argument = 0, .words = "on descriptor", .mask_argument = 4,
	  .buffers = { OUT_SIZED(1, 2, EVENT), IN(4, SET) } },
	ON(timerfd_settime, RULE_OWN_MEMORY, "of descriptor", IN(2, TIMER), OUT(3, TIMER))
	ON(timerfd_gettime, RULE_LOOK, "of descriptor", OUT(1, TIMER))
	ASK(lseek, RULE_SEEK, 0, "of descriptor") ASK(close, RULE_CLOSE, 0, "of descriptor")
	ASK(dup, RULE_DUP, 0, "of descriptor") ASK(dup3, RULE_DUP_TO, 0, "of descriptor")
	/* The third argument of some commands is an address. */
	ON(fcntl, RULE_FCNTL, "of descriptor", OUT(2, 32)) ON(ioctl, RULE_IOCTL, "on descriptor", OUT(2, 64))
	/* Processes. */
	ASK(kill, RULE_KILL, 0, "of process") ASK(tgkill, RULE_KILL, 0, "of process")
	ASK(clone, RULE_FORK, 0, NULL) ASK(clone3, RULE_MISSING, 0, NULL)
	ASK(exit_group, RULE_EXIT, 0, NULL)
	ON(prlimit64, RULE_SELF, "of process", IN(2, TIME), OUT(3, TIME)) ASK(setpriority, RULE_END, 1, "of process")
	ON(sched_setaffinity, RULE_SELF, "of process", IN_SIZED(2, 1, 1))
	ON(sched_setscheduler, RULE_SELF, "of process", IN(2, 4))
	ON(sched_setparam, RULE_SELF, "of process", IN(1, 4))
	ON(rt_sigaction, RULE_ACTION, "of signal", IN(1, 32), OUT(2, 32)) ASK(rt_sigprocmask, RULE_MASK, 0, NULL)
	ON(prctl, RULE_PRCTL, "of option", OUT(1, 16), IN(4, NAME_SIZE))
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
	ALLOW(alarm) ALLOW(pause) ALLOW(getpgrp)
	LOOK(time, OUT(0, 8)) LOOK(getrlimit, OUT(1, TIME))
	WAIT(poll, 0, OUT_SIZED(0, 1, sizeof(struct pollfd)))
	WAIT(select, 0, OUT(1, FD_SET), OUT(2, FD_SET), OUT(3, FD_SET), OUT(4, TIME))
	{ SYS_open, RULE_OPEN, .argument = 0, .words = "of", .is_path = true, .buffers = { PATH_IN(0) } },
	LOOK_PATH(access, 0) LOOK_PATH(stat, 0, OUT(1, sizeof(struct stat)))
	LOOK_PATH(lstat, 0, OUT(1, sizeof(struct stat))) LOOK_PATH(readlink, 0, OUT_SIZED(1, 2, 1))
	{ SYS_pipe, RULE_MAKE_PAIR, .argument = 0, .buffers = { OUT(0, 8) } },
	ASK(eventfd, RULE_MAKE, 0, NULL) ASK(epoll_create, RULE_MAKE, 0, NULL)
	{ SYS_epoll_wait, RULE_OWN_WAIT, .argument = 0, .words = "on descriptor",
	  .buffers = { OUT_SIZED(1, 2, EVENT) } },
	ON(getdents, RULE_OWN, "from descriptor", OUT_SIZED(1, 2, 1))
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
