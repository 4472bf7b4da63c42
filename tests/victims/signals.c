/* SPDX-License-Identifier: MIT */
/* Dies of every signal that a processor or a C library sends. */
#include "victim.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int null_read(void)
{
	return *(volatile int *)launder(0);
}

void null_write(int value)
{
	*(volatile int *)launder(8) = value;
}

/* A member of a NULL struct. */
int null_member(void)
{
	return *(volatile int *)launder(0x18);
}

int wild_read(void)
{
	return *(volatile int *)launder(0x123456789000);
}

void wild_write(void)
{
	*(volatile int *)launder(0x123456789000) = 1;
}

/* Crashes at the address that it is given, if that is bad. */
int read_at(void *address)
{
	return *(volatile unsigned char *)address;
}

void write_at(void *address, int value)
{
	*(volatile unsigned char *)address = (unsigned char)value;
}

/* Not an address at all on x86-64: the processor does not say which it was. */
int noncanonical_read(void)
{
	return *(volatile int *)launder(0x8000000000000000);
}

void call_null(void)
{
	((void (*)(void))launder(0))();
}

void call_wild(void)
{
	((void (*)(void))launder(0x123456789000))();
}

static const char constant[4096] __attribute__((aligned(4096))) = "constant";

void write_constant(void)
{
	*(volatile char *)launder((uintptr_t)constant) = 'C';
}

static unsigned char data[64] = { 0xc3 /* ret */ };

void execute_data(void)
{
	((void (*)(void))launder((uintptr_t)data))();
}

/* A page of a file that ends before it. */
void bus_error(void)
{
	int fd = memfd_create("short", MFD_CLOEXEC);
	volatile char *page;

	if (fd < 0)
		return;
	page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page != MAP_FAILED)
		page[4096] = 1;
}

int divide(int a, int b)
{
	/* Both unknown to the compiler: 1 / x needs no division. */
	volatile int dividend = a, divisor = b;

	return dividend / divisor;
}

int divide_by_zero(void)
{
#if defined __x86_64__
	return divide(1, 0);
#else
	return raise(SIGFPE);
#endif
}

void illegal_instruction(void)
{
#if defined __x86_64__
	__asm__ volatile("ud2");
#else
	__builtin_trap();
#endif
}

void breakpoint(void)
{
#if defined __x86_64__
	__asm__ volatile("int3");
#else
	raise(SIGTRAP);
#endif
}

void do_abort(void)
{
	abort();
}

/* By the kernel, as in a sandboxed library: a filter that traps getppid. */
void forbidden_call(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof code / sizeof *code, code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		raise(SIGSYS);
	syscall(SYS_getppid);
}

int send_signal(int number)
{
	return raise(number);
}

static volatile int endless = 1;

/* Not a tail call: every level keeps a block that the next one could have changed. */
static int descend(int depth)
{
	volatile char block[256];
	int below;

	if (!endless)
		return depth;
	block[0] = (char)depth;
	below = descend(depth + 1);
	return below + block[0];
}

int stack_overflow(void)
{
	return descend(0);
}

/* One big frame, which may step over a single guard page. */
int stack_jump(void)
{
	volatile char block[32 << 20];

	block[0] = 1;
	block[sizeof block - 1] = 2;
	return block[0] + block[sizeof block - 1];
}

void double_free(void)
{
	void *block = malloc(2000), *keeper = malloc(2000);

	free(launder((uintptr_t)block));
	free(launder((uintptr_t)block));
	free(keeper);
}

/* Writes on over the head of the block behind it, then frees that. */
void heap_overflow(void)
{
	char *first = malloc(100000), *second = malloc(100000), *keeper = malloc(100000);
	char *low = first < second ? first : second, *high = first < second ? second : first;

	/* Blocks from free lists may lie far apart: then only the head itself. */
	if (high - low > 101000)
		low = high - 16;
	memset(launder((uintptr_t)low), 0x41, (size_t)(high - low));
	__asm__ volatile("" ::: "memory"); /* gcc drops writes to what is freed next */
	free(launder((uintptr_t)high));
	free(keeper);
}

void free_stack(void)
{
	char block[64];

	free(launder((uintptr_t)(block + 8)));
}

void use_after_unmap(void)
{
	volatile char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return;
	page[0] = 1;
	munmap((void *)page, 4096);
	page[1] = 2;
}

/* Past the end of a mapping that something else does not follow. */
void past_mapping(void)
{
	volatile char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED)
		return;
	munmap((void *)(pages + 4096), 4096);
	for (int i = 0; i < 4200; i++)
		pages[i] = 1;
}

/* Three frames deep, to be found in the call stack in this order. */
static __attribute__((noinline)) int innermost(volatile int *p)
{
	int value = *p;

	return value + 1;
}

static __attribute__((noinline)) int middle(volatile int *p)
{
	int value = innermost(p);

	return value + 1;
}

int outermost(void *p)
{
	int value = middle(p);

	return value + 1;
}
