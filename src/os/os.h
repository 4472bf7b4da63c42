/* SPDX-License-Identifier: MIT */
/*
 * The system calls. Everything here returns a value >= 0, or -errno; errno itself is left
 * alone, so that a callee's errno survives what the worker does around a call. All of it
 * is async-signal-safe.
 */
#ifndef SFFI_OS_H
#define SFFI_OS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/wait.h>

#ifndef P_PIDFD /* glibc 2.36 */
#define P_PIDFD 3
#endif

/* ---- what the kernel offers ---------------------------------------------- */

/* SAFEFFI_WITHOUT=futex_waitv,... switches a feature off, so that its fall-back is used. */
enum os_feature {
	OS_FUTEX_WAITV,      /* 5.16: wait for a reply or a death at once */
	OS_HUGE_PAGES,       /* shielded: asked for when it opens, as the next two are */
	OS_PKEYS,            /* 4.9 and a CPU that has them: memory protection keys */
	OS_SINGLE_STEP,      /* shielded: a CPU that a signal handler can make stop after one step */
	OS_MADV_POPULATE,    /* 5.14: ask whether memory is readable or writable */
	OS_PROCESS_VM,       /* 3.2, unless forbidden: read another process's memory */
	OS_RSEQ,             /* 4.18 and glibc 2.35: the current CPU in one load */
	OS_MIRROR,           /* no feature of the kernel's: workers follow the host's state */
	OS_FEATURE_COUNT
};

bool sffi__os_has(enum os_feature);
const char *sffi__os_feature_name(enum os_feature);

/* ---- time, cpu -------------------------------------------------------------- */

/* CLOCK_MONOTONIC. */
uint64_t sffi__os_now_ns(void);
/* The CPU this thread runs on, at this moment. */
unsigned sffi__os_cpu(void);

/* ---- futexes (shared between processes) ------------------------------------- */

enum { OS_NO_DEADLINE = 0 };

/* The time at which what starts now is over; 0: OS_NO_DEADLINE. */
uint64_t sffi__deadline(unsigned timeout_ms);
/* Waits while *word == expected, until the absolute deadline. 0; -EAGAIN: it was
 * different; -ETIMEDOUT; -EINTR. */
int sffi__os_futex_wait(_Atomic uint32_t *word, uint32_t expected, uint64_t deadline_ns);
struct os_wait {
	_Atomic uint32_t *word;
	uint32_t expected;
};
enum { OS_WAITS_MAX = 3 };
/* Waits while all words are as expected. Without the kernel's help the first one is waited
 * for, the others only looked at every few milliseconds: -ETIMEDOUT may then come early. */
int sffi__os_futex_wait_any(const struct os_wait *, size_t count, uint64_t deadline_ns);
void sffi__os_futex_wake(_Atomic uint32_t *word, int waiters);

/* ---- what the kernel alone knows of this process ----------------------------- */

/* How often working directory, mask, limits, priority or descriptors 0 to 2 may have changed:
 * changes.c. */
extern _Atomic uint32_t sffi__host_changes;
/* Whether all of this process does them that way: it was linked with the library. */
bool sffi__os_counts_changes(void);

/* ---- memory ------------------------------------------------------------------- */

/* mmap, as an address or -errno cast to pointer: see sffi__os_failed. */
void *sffi__os_map(void *address, size_t size, int protection, int flags, int fd);
static inline int sffi__os_failed(const void *mapped)
{
	return (uintptr_t)mapped >= (uintptr_t)-4095 ? (int)(intptr_t)mapped : 0;
}
int sffi__os_unmap(void *address, size_t size);
int sffi__os_advise(void *address, size_t size, int advice);
int sffi__os_protect(void *address, size_t size, int protection);
/* A protection key that the calling thread may use freely, or -errno. */
int sffi__os_key_new(void);
void sffi__os_key_free(int key);
/* Key 0 is every page's that has no other. */
int sffi__os_protect_by_key(void *address, size_t size, int protection, int key);
/* An anonymous file of that size, close-on-exec, sealed against change of size: who maps
 * it can not be killed by another's ftruncate. */
int sffi__os_memfd(const char *name, size_t size);
/* Copies between this process and another, or itself: never a fault. Bytes copied. */
ssize_t sffi__os_read_memory(pid_t pid, void *to, uintptr_t from, size_t size);
ssize_t sffi__os_write_memory(pid_t pid, uintptr_t to, const void *from, size_t size);

/* ---- signals ------------------------------------------------------------------ */

/* Blocks every signal for this thread, gives the mask that was; and puts it back. */
uint64_t sffi__os_block_signals(void);
void sffi__os_restore_signals(uint64_t mask);
/* Sends a signal with a value to one thread of this process. 0 or -errno. */
int sffi__os_signal_thread(pid_t tid, int signal, const void *value);

/* ---- processes ------------------------------------------------------------------ */

/* fork(2) by clone3 with flags such as CLONE_FILES and the exit signal 0 or SIGCHLD; stores
 * a pidfd if asked. The child has glibc's cached thread id and robust list put right, but
 * runs no atfork handlers. The child gets 0. */
pid_t sffi__os_fork(uint64_t flags, int exit_signal, int *pidfd);
/* Whether this process was made so, or is the child of one that was. Locks that the host's
 * threads held at that moment never open in it: handlers of pthread_atfork, which run when a
 * callee forks, leave them alone. */
bool sffi__os_is_clone(void);
int sffi__os_pidfd_open(pid_t pid);
int sffi__os_pidfd_signal(int pidfd, int signal);
/* Whether the process of the pidfd has ended. */
bool sffi__os_pidfd_dead(int pidfd);
pid_t sffi__os_gettid(void);
/* 'R', 'S', ... as in /proc/<pid>/stat; 0: gone. */
char sffi__os_process_state(pid_t pid);
/* A small file read whole into a malloc'd, NUL-terminated text; NULL: no. */
char *sffi__os_read_file(const char *path);

/* Where our own files are: beside the library in a build tree, else where they were
 * installed. Writes at most PATH_MAX bytes. Not async-signal-safe. */
void sffi__os_beside_library(const char *name, char *path);

/* ---- descriptors -------------------------------------------------------------------- */

enum { OS_FDS_MAX = 16 };

/* One message with descriptors; never blocks for long, never raises SIGPIPE. */
int sffi__os_send(int socket, const void *data, size_t size, const int *fds, size_t fd_count);
/* One message; descriptors beyond *fd_count are closed. flags: MSG_DONTWAIT. Bytes; 0: the
 * peer is gone. */
ssize_t sffi__os_receive(int socket, void *data, size_t size, int *fds, size_t *fd_count, int flags);
void sffi__os_close(int fd);
/* The highest free descriptor number at or below the limit: out of a program's way. */
int sffi__os_move_high(int fd);
/* Closes every descriptor of this process above 2 except those listed (sorted or not). */
void sffi__os_close_all_but(const int *keep, size_t count);

#endif
