/* SPDX-License-Identifier: MIT */
/*
 * In the clone: the calls of the callee that the filter did not let through. Descriptors of the
 * host's lead to what the host has, its places in files included, so that hardly anything may be
 * done with them; those that the rehearsal has opened itself are its own.
 */
#include "rehearsal/trap.h"

#include "rehearsal/filter.h"
#include "rehearsal/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

enum { OWN_FILE = 1, OWN_MEMORY = 2, DESCRIPTORS = 4096, CHILDREN = 64 };

struct trapped {
	int number;
	const struct rule *rule;
	uint64_t arguments[6];
	ucontext_t *context;
};

static const uint64_t needed_signals = 1ull << (SIGSEGV - 1) | 1ull << (SIGSYS - 1);

static unsigned char owned[DESCRIPTORS];
static pid_t children[CHILDREN];
static unsigned child_count;

long sffi__stage_call(int number, const uint64_t a[5])
{
	long result = syscall(number, a[0], a[1], a[2], a[3], a[4], sffi__filter_word);

	return result < 0 ? -errno : result;
}

static void fill_call(struct stage *stage, const void *context)
{
	const struct trapped *call = context;

	stage->call.number = call->number;
	memcpy(stage->call.arguments, call->arguments, sizeof stage->call.arguments);
}

static _Noreturn long end_at(const struct trapped *call)
{
	sffi__stage_end(STAGE_STOPPED, fill_call, call);
}

static bool owns(uint64_t fd, int what)
{
	return fd < DESCRIPTORS && (owned[fd] & what) == what;
}

static long own(long fd, int what)
{
	if (fd >= 0 && fd < DESCRIPTORS)
		owned[fd] = (unsigned char)what;
	return fd;
}

static void bring(const struct trapped *call, const struct rule_buffer *buffer)
{
	uint64_t size = buffer->least;

	if (buffer->unit && __builtin_mul_overflow(call->arguments[buffer->count], (uint64_t)buffer->unit, &size))
		return;
	if (size)
		sffi__pages_touch_buffer(call->arguments[buffer->address], size, buffer->writes);
}

/* Memory that the clone was made without is not there for the kernel either: it is brought in
 * before, for what is there in part makes a call that does a part. */
static long make(const struct trapped *call)
{
	for (size_t i = 0; i < RULE_BUFFERS; i++)
		bring(call, &call->rule->buffers[i]);
	return sffi__stage_call(call->number, call->arguments);
}

/* What is at an address of the callee's. False: it cannot be read there, which the kernel says instead of
 * faulting: it reads a signal set before it finds that it is not asked for anything. */
static bool peek(void *to, uint64_t from, size_t size)
{
	uint64_t probe[5] = { ~0ull, from, 0, sizeof(uint64_t) };

	sffi__pages_touch_buffer(from, size, false);
	for (size_t i = 0; i < size; i += sizeof(uint64_t), probe[1] += sizeof(uint64_t))
		if (sffi__stage_call(SYS_rt_sigprocmask, probe) == -EFAULT)
			return false;
	memcpy(to, (const void *)from, size);
	return true;
}

static long make_vector(const struct trapped *call)
{
	const struct rule_buffer *list = &call->rule->buffers[0];
	uint64_t count = call->arguments[list->count];
	struct iovec one;

	bring(call, list);
	for (uint64_t i = 0; i < count && i < IOV_MAX; i++) {
		if (!peek(&one, call->arguments[list->address] + i * sizeof one, sizeof one))
			break;
		sffi__pages_touch_buffer((uintptr_t)one.iov_base, one.iov_len, list->writes);
	}
	return make(call);
}

/* ---- waiting ------------------------------------------------------------------------ */

static void set_mask(const uint64_t *mask, uint64_t *former)
{
	const uint64_t arguments[5] = { SIG_SETMASK, (uintptr_t)mask, (uintptr_t)former, sizeof *mask };

	sffi__stage_call(SYS_rt_sigprocmask, arguments);
}

/* This handler keeps most signals out; who waits is to be interrupted as it would be. */
static long wait_with(const struct trapped *call, uint64_t mask)
{
	uint64_t former;
	long result;

	mask &= ~needed_signals;
	set_mask(&mask, &former);
	result = make(call);
	set_mask(&former, NULL);
	return result;
}

static long wait_here(struct trapped *call)
{
	const uint64_t callees = *(const uint64_t *)&call->context->uc_sigmask;
	unsigned index = call->rule->mask_argument;
	uint64_t mask;

	if (!index || !call->arguments[index])
		return wait_with(call, callees);
	if (!peek(&mask, call->arguments[index], sizeof mask))
		return -EFAULT;
	/* The kernel is not to set it once more: the signals that the rehearsal needs may be in it. */
	call->arguments[index] = 0;
	return wait_with(call, mask);
}

/* The sixth argument, of which the filter has made something else: see sffi__filter_word. */
static long wait_packed(struct trapped *call)
{
	struct {
		uint64_t mask, size;
	} packed = { 0 };
	uint64_t at = call->arguments[call->rule->mask_argument];

	if (at && !peek(&packed, at, sizeof packed))
		return -EFAULT;
	call->arguments[call->rule->mask_argument] = packed.mask;
	return wait_here(call);
}

/* ---- descriptors ------------------------------------------------------------------- */

/* A terminal, a fifo or a device may do anything when it is opened. */
static bool is_harmless(const struct stat *file, int *what)
{
	unsigned minor_number = minor(file->st_rdev);

	*what = OWN_FILE;
	if (S_ISREG(file->st_mode) || S_ISDIR(file->st_mode))
		return true;
	if (!S_ISCHR(file->st_mode) || major(file->st_rdev) != 1)
		return false;
	*what = OWN_FILE | OWN_MEMORY; /* null, zero, full, random, urandom: see mem(4) */
	return minor_number == 3 || minor_number == 5 || (minor_number >= 7 && minor_number <= 9);
}

static long open_path(struct trapped *call)
{
	unsigned path = call->rule->argument;
	uint64_t *flags = &call->arguments[path + 1];
	struct stat file;
	uint64_t look[5] = { path ? call->arguments[0] : (uint64_t)AT_FDCWD, call->arguments[path],
			     (uintptr_t)&file, 0 };
	long found = sffi__stage_call(SYS_newfstatat, look);
	int what = OWN_FILE;

	if (found == -EFAULT && sffi__pages_touch_buffer(look[1], 4096, false))
		found = sffi__stage_call(SYS_newfstatat, look);
	/* Nothing is made or emptied; what is there already is just opened. */
	if (*flags & O_TRUNC || (*flags & O_TMPFILE) == O_TMPFILE || (*flags & O_CREAT && found == -ENOENT))
		end_at(call);
	if (*flags & O_CREAT && !(*flags & O_EXCL))
		*flags &= ~(uint64_t)O_CREAT;
	if (!found && !is_harmless(&file, &what))
		end_at(call);
	return own(make(call), what);
}

static long make_pair(const struct trapped *call)
{
	const int *pair = (const int *)call->arguments[call->rule->argument];
	long result = make(call);

	if (result >= 0) {
		own(pair[0], OWN_FILE | OWN_MEMORY);
		own(pair[1], OWN_FILE | OWN_MEMORY);
	}
	return result;
}

static long seek(const struct trapped *call)
{
	bool moves = call->arguments[2] != SEEK_CUR || call->arguments[1];

	return moves && !owns(call->arguments[0], OWN_FILE) ? end_at(call) : make(call);
}

/* The clone's descriptors are its own to close; but that one is the rehearsal's. */
static long close_one(const struct trapped *call)
{
	uint64_t fd = call->arguments[0];

	if ((int)fd == sffi__stage->memory)
		return -EBADF;
	own((int)fd, 0);
	return make(call);
}

static int owned_as(uint64_t fd)
{
	return fd < DESCRIPTORS ? owned[fd] : 0;
}

static long duplicate_to(const struct trapped *call)
{
	if ((int)call->arguments[1] == sffi__stage->memory)
		return -EBADF;
	return own(make(call), owned_as(call->arguments[0]));
}

static long control(const struct trapped *call)
{
	uint64_t fd = call->arguments[0];

	switch (call->arguments[1]) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		return own(make(call), owned_as(fd));
	case F_GETFD:
	case F_SETFD:
	case F_GETFL:
	case F_GETLK:
	case F_GETOWN:
	case F_GET_SEALS:
	case F_GETPIPE_SZ:
		return make(call);
	default:
		return owns(fd, OWN_FILE | OWN_MEMORY) ? make(call) : end_at(call);
	}
}

static long device_control(const struct trapped *call)
{
	switch (call->arguments[1]) {
	case TCGETS:
	case TIOCGWINSZ:
	case TIOCGPGRP:
	case FIONREAD:
		return make(call);
	default:
		return owns(call->arguments[0], OWN_FILE | OWN_MEMORY) ? make(call) : end_at(call);
	}
}

/* ---- processes and signals ---------------------------------------------------------- */

static bool is_own_process(uint64_t pid)
{
	for (unsigned i = 0; i < child_count && i < CHILDREN; i++)
		if ((int)pid == children[i])
			return true;
	return (int)pid == syscall(SYS_getpid) || (int)pid == sffi__stage->self;
}

/* What it sends to itself comes when this handler has returned, where the callee is. */
static long send(const struct trapped *call)
{
	uint64_t all = ~0ull, block[5] = { SIG_BLOCK, (uintptr_t)&all, 0, sizeof all };

	sffi__stage_call(SYS_rt_sigprocmask, block);
	return make(call);
}

static long fork_here(const struct trapped *call)
{
	pid_t parent = (pid_t)syscall(SYS_getpid);
	long pid;

	/* vfork and posix_spawn: another program is next, and the memory is one. */
	if (call->number == SYS_clone && call->arguments[0] & (CLONE_VM | CLONE_VFORK))
		end_at(call);
	pid = make(call);
	if (pid > 0 && child_count < CHILDREN)
		children[child_count++] = (pid_t)pid;
	if (!pid) {
		const uint64_t with_parent[5] = { PR_SET_PDEATHSIG, SIGKILL };

		sffi__stage_call(SYS_prctl, with_parent);
		if (syscall(SYS_getppid) != parent)
			syscall(SYS_exit);
	}
	return pid;
}

static void fill_exit(struct stage *stage, const void *context)
{
	const struct trapped *call = context;

	stage->record = (struct fault_record){ .kind = SFFI_FAULT_EXIT, .code = (int)call->arguments[0],
					       .tid = (int)syscall(SYS_gettid), .has_registers = 1 };
	sffi__machine_registers(call->context, &stage->record.registers);
}

static long leave(const struct trapped *call)
{
	if (sffi__stage_is_self())
		sffi__stage_end(STAGE_FAULTED, fill_exit, call);
	return make(call);
}

bool sffi__trap_needs(int signal)
{
	return signal == SIGSEGV || signal == SIGSYS;
}

static long action(const struct trapped *call)
{
	return call->arguments[1] && sffi__trap_needs((int)call->arguments[0]) ? end_at(call) : make(call);
}

/* The mask that counts is the one that the handler goes back to. */
static long mask(const struct trapped *call)
{
	uint64_t *now = (uint64_t *)&call->context->uc_sigmask, set, former = *now;

	if (call->arguments[1]) {
		memcpy(&set, (const void *)call->arguments[1], sizeof set);
		if (call->arguments[0] == SIG_BLOCK)
			*now |= set;
		else if (call->arguments[0] == SIG_UNBLOCK)
			*now &= ~set;
		else if (call->arguments[0] == SIG_SETMASK)
			*now = set;
		else
			return -EINVAL;
		*now &= ~needed_signals;
	}
	if (call->arguments[2])
		memcpy((void *)call->arguments[2], &former, sizeof former);
	return 0;
}

static long process_control(const struct trapped *call)
{
	switch (call->arguments[0]) {
	case PR_SET_NAME:
	case PR_GET_NAME:
	case PR_GET_DUMPABLE:
	case PR_GET_SECCOMP:
	case PR_CAPBSET_READ:
	case PR_GET_PDEATHSIG:
	case PR_GET_NO_NEW_PRIVS:
	case PR_SET_TIMERSLACK:
	case PR_GET_TIMERSLACK:
#ifdef PR_SET_VMA
	case PR_SET_VMA: /* glibc and others name their mappings */
#endif
		return make(call);
	default:
		end_at(call);
	}
}

/* ---- which --------------------------------------------------------------------------- */

static long decide(struct trapped *call)
{
	uint64_t target = call->arguments[call->rule->argument];

	switch (call->rule->kind) {
	case RULE_LOOK:
		return make(call);
	case RULE_LOOK_VECTOR:
		return make_vector(call);
	case RULE_WAIT:
		return wait_here(call);
	case RULE_WAIT_PACKED:
		return wait_packed(call);
	case RULE_OPEN:
		return open_path(call);
	case RULE_MAKE:
		return own(make(call), OWN_FILE | OWN_MEMORY);
	case RULE_MAKE_PAIR:
		return make_pair(call);
	case RULE_OWN:
		return owns(target, OWN_FILE) ? make(call) : end_at(call);
	case RULE_OWN_VECTOR:
		return owns(target, OWN_FILE) ? make_vector(call) : end_at(call);
	case RULE_OWN_MEMORY:
		return owns(target, OWN_FILE | OWN_MEMORY) ? make(call) : end_at(call);
	case RULE_OWN_MEMORY_VECTOR:
		return owns(target, OWN_FILE | OWN_MEMORY) ? make_vector(call) : end_at(call);
	case RULE_OWN_WAIT:
		return owns(target, OWN_FILE | OWN_MEMORY) ? wait_here(call) : end_at(call);
	case RULE_SEEK:
		return seek(call);
	case RULE_CLOSE:
		return close_one(call);
	case RULE_DUP:
		return own(make(call), owned_as(target));
	case RULE_DUP_TO:
		return duplicate_to(call);
	case RULE_FCNTL:
		return control(call);
	case RULE_IOCTL:
		return device_control(call);
	case RULE_KILL:
		return is_own_process(target) ? send(call) : end_at(call);
	case RULE_SELF:
		return !target || is_own_process(target) ? make(call) : end_at(call);
	case RULE_FORK:
		return fork_here(call);
	case RULE_EXIT:
		return leave(call);
	case RULE_ACTION:
		return action(call);
	case RULE_MASK:
		return mask(call);
	case RULE_PRCTL:
		return process_control(call);
	default:
		end_at(call);
	}
}

void sffi__trap_call(const siginfo_t *info, void *context)
{
	static const struct rule unknown = { .kind = RULE_END };
	struct trapped call = { .number = info->si_syscall, .context = context };

	call.rule = sffi__rule_of(call.number);
	if (!call.rule)
		call.rule = &unknown;
	sffi__machine_call(context, call.arguments);
	sffi__machine_return(context, decide(&call));
}
