/* SPDX-License-Identifier: MIT */
/* What a worker and the host do at a fault, in small: a child whose handler leaves the
 * machine context in shared memory and stands still, a parent that copies what the report
 * needs and kills it. */
#include "test_fault.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

enum { STACK_SIZE = 256 * 1024, GUARD_SIZE = 4096, TEXT_MAX = 1 << 20, LIBRARY_MAX = 1 << 22 };

struct record {
	volatile int done;
	siginfo_t info;
	ucontext_t context;
};

static struct record *record;
static char *callee_stack;

static void on_signal(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	record->info = *info;
	record->context = *(ucontext_t *)context;
	__atomic_store_n(&record->done, 1, __ATOMIC_RELEASE);
	for (;;)
		pause();
}

/* The name under which the reports know the caller of a callee. */
void test_enter(void (*callee)(void *), void *argument) __asm__("sffi__enter");

__attribute__((noinline)) void test_enter(void (*callee)(void *), void *argument)
{
	callee(argument);
	__asm__ volatile("");
}

static void (*entry)(void *);
static void *entry_argument;

static void enter_on_stack(void)
{
	test_enter(entry, entry_argument);
	_exit(0);
}

static void run_child(void (*callee)(void *), void *argument)
{
	static const int caught[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS };
	stack_t alternate = { .ss_sp = malloc(1 << 16), .ss_size = 1 << 16 };
	struct sigaction action = { .sa_sigaction = on_signal,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
	ucontext_t here, there;

	sigaltstack(&alternate, NULL);
	for (size_t i = 0; i < sizeof caught / sizeof *caught; i++)
		sigaction(caught[i], &action, NULL);
	/* What libc prints when it aborts is not the test's output. */
	dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
	mprotect(callee_stack, GUARD_SIZE, PROT_NONE);
	getcontext(&there);
	there.uc_stack.ss_sp = callee_stack;
	there.uc_stack.ss_size = GUARD_SIZE + STACK_SIZE;
	there.uc_link = NULL;
	entry = callee;
	entry_argument = argument;
	makecontext(&there, enter_on_stack, 0);
	swapcontext(&here, &there);
	_exit(0);
}

static void fill_registers(sffi_fault *fault)
{
	static const int order[] = {
		REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP, REG_RSP, REG_R8,
		REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP,
	};
	const greg_t *values = record->context.uc_mcontext.gregs;

	for (unsigned i = 0; i < REGISTER_COUNT; i++)
		fault->registers.value[i] = (uint64_t)values[order[i]];
	fault->registers.flags = (uint64_t)values[REG_EFL];
	fault->has_registers = true;
	/* Intel SDM volume 3, 4.7: bit 1 of the page fault's error code is a write, bit 4 an
	 * instruction fetch; trap 13 is a general protection fault. */
	fault->access_is_write = values[REG_ERR] & 2;
	fault->access_is_execute = values[REG_ERR] & 16;
	fault->address_known = values[REG_TRAPNO] != 13;
}

static void copy_stack(sffi_fault *fault, pid_t pid)
{
	uintptr_t sp = fault->registers.value[REGISTER_SP] & -8ul;
	struct iovec to, from;
	ssize_t got;

	/* After an overflow the stack pointer is in the guard page, the words are above. */
	if (sp >= fault->stack_guard && sp < fault->stack_low)
		sp = fault->stack_low;
	fault->stack = malloc(FAULT_STACK_MAX);
	to = (struct iovec){ fault->stack, FAULT_STACK_MAX };
	from = (struct iovec){ (void *)sp, FAULT_STACK_MAX };
	if (sp < fault->stack_high && sp + FAULT_STACK_MAX > fault->stack_high)
		from.iov_len = to.iov_len = fault->stack_high - sp;
	got = process_vm_readv(pid, &to, 1, &from, 1, 0);
	fault->stack_address = sp;
	fault->stack_size = got > 0 ? (size_t)got : 0;
}

static char *read_maps(pid_t pid)
{
	char name[64], *text = calloc(1, TEXT_MAX);
	size_t used = 0;
	ssize_t got;
	int fd;

	snprintf(name, sizeof name, "/proc/%d/maps", (int)pid);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	while ((got = read(fd, text + used, TEXT_MAX - 1 - used)) > 0)
		used += (size_t)got;
	close(fd);
	return text;
}

static sffi_fault *fill(pid_t pid)
{
	sffi_fault *fault = sffi__fault_new();

	fault->kind = SFFI_FAULT_SIGNAL;
	fault->signal = record->info.si_signo;
	fault->code = record->info.si_code;
	fault->address = (uintptr_t)record->info.si_addr;
	fault->pid = fault->tid = pid;
	fault->generation = 1;
	fault->stack_guard = (uintptr_t)callee_stack;
	fault->stack_low = fault->stack_guard + GUARD_SIZE;
	fault->stack_high = fault->stack_low + STACK_SIZE;
	strcpy(fault->function, "callee");
	strcpy(fault->call, "callee(argument = 0x1)");
	fill_registers(fault);
	copy_stack(fault, pid);
	fault->maps = read_maps(pid);
	return fault;
}

sffi_fault *test_capture(void (*callee)(void *), void *argument)
{
	sffi_fault *fault = NULL;
	int status;
	pid_t pid;

	if (!record) {
		record = mmap(NULL, sizeof *record, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		callee_stack = mmap(NULL, GUARD_SIZE + STACK_SIZE, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	}
	memset(record, 0, sizeof *record);
	pid = fork();
	if (pid == 0)
		run_child(callee, argument);
	while (!__atomic_load_n(&record->done, __ATOMIC_ACQUIRE)) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return NULL;
		usleep(200);
	}
	fault = fill(pid);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return fault;
}

const char *test_program(void)
{
	static char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);

	path[length > 0 ? length : 0] = '\0';
	return path;
}

/* The loader takes a library of the same SONAME for the one that it has. */
static void rename_library(char *image, size_t size)
{
	static const char name[] = "libjansson.so";

	for (size_t i = 0; i + sizeof name <= size; i++) {
		if (!memcmp(image + i, name, sizeof name - 1))
			image[i + 3] = 'J';
	}
}

void test_copy_library(char directory[64], char path[96])
{
	size_t size = 0;
	char *image;
	Dl_info info;
	FILE *file;

	strcpy(directory, "/tmp/test_fault.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, 96, "%s/lib copy.so", directory);
	ck_assert(dladdr((void *)json_object_size, &info));
	file = fopen(info.dli_fname, "r");
	ck_assert_ptr_nonnull(file);
	image = malloc(LIBRARY_MAX);
	size = fread(image, 1, LIBRARY_MAX, file);
	fclose(file);
	rename_library(image, size);
	file = fopen(path, "w");
	ck_assert_uint_eq(fwrite(image, 1, size, file), size);
	fclose(file);
	free(image);
}

char *test_print(const sffi_fault *fault, sffi_status (*print)(const sffi_fault *, FILE *))
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	ck_assert_int_eq(print(fault, out), SFFI_OK);
	fclose(out);
	return text;
}
