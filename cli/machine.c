/* SPDX-License-Identifier: MIT */
/* doctor's first part: each thing is tried, not looked up by kernel version, because
 * distributions carry features back and containers take them away. */
#include "cli.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

/* Numbers that the headers of Debian 12 do not have yet, or not under every compiler. They are
 * the same on all CPUs that SafeFFI knows. */
enum {
	NUMBER_PIDFD_OPEN = 434,
	NUMBER_LANDLOCK_CREATE_RULESET = 444,
	NUMBER_FUTEX_WAITV = 449,
	ADVICE_WIPEONFORK = 18,
	ADVICE_POPULATE_READ = 22,
	USERFAULTFD_USER_MODE_ONLY = 1,
	LANDLOCK_VERSION = 1
};

enum answer { NO, YES, INFORMATION };

enum { DETAIL_MAX = 160 };

static enum answer kernel(char *detail)
{
	struct utsname name;

	uname(&name);
	snprintf(detail, DETAIL_MAX, "%.40s %.40s on %.40s", name.sysname, name.release, name.machine);
	return INFORMATION;
}

static enum answer cores(char *detail)
{
	cpu_set_t set;
	int usable = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;

	snprintf(detail, DETAIL_MAX, "%ld online, %d usable%s", sysconf(_SC_NPROCESSORS_ONLN), usable,
		 usable == 1 ? ": host and worker take turns on one" : "");
	return INFORMATION;
}

static enum answer has_futex_waitv(char *detail)
{
	/* No waiters at all is EINVAL where the call exists. */
	long status = syscall(NUMBER_FUTEX_WAITV, NULL, 0, 0, NULL, 0);

	snprintf(detail, DETAIL_MAX, "wait for the reply or the worker's death in one system call");
	return status < 0 && errno == ENOSYS ? NO : YES;
}

static enum answer has_pidfd(char *detail)
{
	int fd = (int)syscall(NUMBER_PIDFD_OPEN, getpid(), 0);

	snprintf(detail, DETAIL_MAX, "notice the worker's end whatever it did to shared memory");
	if (fd < 0)
		return NO;
	close(fd);
	return YES;
}

static enum answer has_process_vm(char *detail)
{
	int from = 42, to = 0, status;
	struct iovec local = { &to, sizeof to }, remote = { &from, sizeof from };
	pid_t child = fork();

	snprintf(detail, DETAIL_MAX, "read a worker's memory for reports and sffi_read");
	if (child < 0)
		return NO;
	if (child == 0) {
		pause();
		_exit(0);
	}
	status = (int)process_vm_readv(child, &local, 1, &remote, 1, 0);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return status == (int)sizeof to && to == from ? YES : NO;
}

static enum answer read_first_line(const char *path, char *line, size_t size)
{
	FILE *file = fopen(path, "re");
	enum answer answer = file && fgets(line, (int)size, file) ? YES : NO;

	if (file)
		fclose(file);
	if (answer == YES)
		line[strcspn(line, "\n")] = '\0';
	return answer;
}

static enum answer yama(char *detail)
{
	static const char *const scopes[] = {
		"0: any process of yours may be debugged",
		"1: only children; a held worker allows its debugger by itself",
		"2: only root may debug a held worker",
		"3: nobody may debug a held worker",
	};
	char line[16];
	int scope;

	if (read_first_line("/proc/sys/kernel/yama/ptrace_scope", line, sizeof line) == NO) {
		snprintf(detail, DETAIL_MAX, "Yama is not there: nothing is restricted");
		return INFORMATION;
	}
	scope = atoi(line);
	snprintf(detail, DETAIL_MAX, "%s", scope >= 0 && scope <= 3 ? scopes[scope] : line);
	return INFORMATION;
}

static enum answer has_pagemap_scan(char *detail)
{
	/* struct pm_scan_arg of <linux/fs.h>, since Linux 6.7. */
	struct {
		uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
		uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
	} scan = { .size = sizeof scan };
	uint64_t regions[3];
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	long status;

	scan.start = (uintptr_t)&scan & ~(uint64_t)4095;
	scan.end = scan.start + 4096;
	scan.vec = (uintptr_t)regions;
	scan.vec_len = 1;
	scan.category_anyof_mask = scan.return_mask = 1 << 3; /* PAGE_IS_PRESENT */
	status = fd < 0 ? -1 : ioctl(fd, _IOC(_IOC_READ | _IOC_WRITE, 'f', 16, sizeof scan), &scan);
	if (fd >= 0)
		close(fd);
	snprintf(detail, DETAIL_MAX, "find the pages that a callee wrote (rehearsed; Linux 6.7)");
	return status >= 0 ? YES : NO;
}

static enum answer has_pkeys(char *detail)
{
	int key = pkey_alloc(0, 0);

	snprintf(detail, DETAIL_MAX, "protect the heap in tens of nanoseconds (shielded)");
	if (key < 0)
		return NO;
	pkey_free(key);
	return YES;
}

static enum answer huge_pages(char *detail)
{
	char own[96] = "not there", shared[96] = "not there";

	read_first_line("/sys/kernel/mm/transparent_hugepage/enabled", own, sizeof own);
	read_first_line("/sys/kernel/mm/transparent_hugepage/shmem_enabled", shared, sizeof shared);
	snprintf(detail, DETAIL_MAX, "%.60s; shared memory: %.80s", own, shared);
	return INFORMATION;
}

static enum answer has_userfaultfd(char *detail)
{
	int full = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	int user = (int)syscall(SYS_userfaultfd,
				O_CLOEXEC | O_NONBLOCK | USERFAULTFD_USER_MODE_ONLY);

	snprintf(detail, DETAIL_MAX, "%s", full >= 0   ? "also for pages that system calls touch"
					   : user >= 0 ? "for user mode only"
						       : "serve a worker's pages on demand");
	if (full >= 0)
		close(full);
	if (user >= 0)
		close(user);
	return full >= 0 || user >= 0 ? YES : NO;
}

static enum answer has_sealing(char *detail)
{
	int fd = memfd_create("safeffi doctor", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	bool sealed = fd >= 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0;

	if (fd >= 0)
		close(fd);
	snprintf(detail, DETAIL_MAX, "a callee cannot truncate the memory that it shares");
	return sealed ? YES : NO;
}

static bool advice_works(int advice)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool works = page != MAP_FAILED && madvise(page, 4096, advice) == 0;

	if (page != MAP_FAILED)
		munmap(page, 4096);
	return works;
}

static enum answer has_wipeonfork(char *detail)
{
	snprintf(detail, DETAIL_MAX, "tell a callee's own children from the worker");
	return advice_works(ADVICE_WIPEONFORK) ? YES : NO;
}

static enum answer has_populate(char *detail)
{
	snprintf(detail, DETAIL_MAX, "fill page tables ahead (Linux 5.14)");
	return advice_works(ADVICE_POPULATE_READ) ? YES : NO;
}

static enum answer has_rseq(char *detail)
{
	snprintf(detail, DETAIL_MAX, "know at no cost whether host and worker share a CPU");
	return __rseq_size > 0 ? YES : NO;
}

static enum answer has_seccomp(char *detail)
{
	unsigned action = SECCOMP_RET_TRAP;

	snprintf(detail, DETAIL_MAX, "filters of system calls");
	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0 ? YES : NO;
}

static enum answer has_landlock(char *detail)
{
	long version = syscall(NUMBER_LANDLOCK_CREATE_RULESET, NULL, 0, LANDLOCK_VERSION);

	if (version < 0) {
		snprintf(detail, DETAIL_MAX, "limits on files");
		return NO;
	}
	snprintf(detail, DETAIL_MAX, "limits on files, ABI %ld", version);
	return YES;
}

static enum answer has_elfutils(char *detail)
{
	void *handle = dlopen("libdw.so.1", RTLD_LAZY | RTLD_LOCAL);

	snprintf(detail, DETAIL_MAX, "call stacks with function, file and line in reports");
	if (!handle)
		return NO;
	dlclose(handle);
	return YES;
}

static enum answer has_debug_information(char *detail)
{
	bool found = access("/usr/lib/debug/.build-id", R_OK) == 0;

	snprintf(detail, DETAIL_MAX, "%s", found ? "of system libraries, in /usr/lib/debug"
						 : "of system libraries: install libc6-dbg for lines in libc");
	return found ? YES : NO;
}

/* SAFEFFI_WITHOUT takes the names that os/feature.c has; they are the same here. */
static const struct probe {
	const char *name;
	enum answer (*run)(char *detail);
} probes[] = {
	{ "kernel", kernel },
	{ "cores", cores },
	{ "futex_waitv", has_futex_waitv },
	{ "pidfd", has_pidfd },
	{ "process_vm", has_process_vm },
	{ "memfd_seals", has_sealing },
	{ "wipeonfork", has_wipeonfork },
	{ "madv_populate", has_populate },
	{ "rseq", has_rseq },
	{ "pagemap_scan", has_pagemap_scan },
	{ "pkeys", has_pkeys },
	{ "userfaultfd", has_userfaultfd },
	{ "seccomp", has_seccomp },
	{ "landlock", has_landlock },
	{ "huge pages", huge_pages },
	{ "ptrace_scope", yama },
	{ "elfutils", has_elfutils },
	{ "debug information", has_debug_information },
};

/* Whether SAFEFFI_WITHOUT, a comma list, has the name. */
static bool is_switched_off(const char *name)
{
	const char *list = getenv("SAFEFFI_WITHOUT");
	size_t length = strlen(name);

	for (; list && *list; list += strcspn(list, ","), list += *list == ',')
		if (strncmp(list, name, length) == 0 && (list[length] == ',' || !list[length]))
			return true;
	return false;
}

void cli_print_machine(FILE *to)
{
	static const char *const words[] = { [NO] = "no    ", [YES] = "yes   ", [INFORMATION] = "" };
	char detail[DETAIL_MAX];

	fputs("Machine\n", to);
	for (size_t i = 0; i < sizeof probes / sizeof *probes; i++) {
		enum answer answer = probes[i].run(detail);

		fprintf(to, "  %-18s %s%s%s\n", probes[i].name, words[answer], detail,
			is_switched_off(probes[i].name) ? " (switched off by SAFEFFI_WITHOUT)" : "");
	}
}
