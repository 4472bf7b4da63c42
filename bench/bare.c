/* SPDX-License-Identifier: MIT */
#include "bare.h"

#include "callee.h"
#include "host.h"
#include "machine.h"
#include "operation.h"

#include <errno.h>
#include <ffi.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>

double op_pointer(unsigned count)
{
	int (*volatile function)(int, int) = (int (*)(int, int))callee_symbol("add");
	int (*add_here)(int, int) = function;
	int result = 0;
	uint64_t start;

	if (!add_here)
		return NAN;
	start = now_ns();
	for (unsigned i = 0; i < count; i++)
		result = add_here(result, 1);
	return result == (int)count ? (double)(now_ns() - start) / count
				    : failed("add in process was wrong");
}

/* ---- libffi -------------------------------------------------------------- */

double op_ffi(unsigned count)
{
	static ffi_type *types[] = { &ffi_type_sint, &ffi_type_sint };
	void (*add_here)(void) = (void (*)(void))callee_symbol("add");
	unsigned warm_up = count / 10 + 1;
	int a, b = 1;
	void *arguments[] = { &a, &b };
	uint64_t start = 0;
	ffi_arg result;
	ffi_cif cif;

	if (!add_here)
		return NAN;
	if (ffi_prep_cif(&cif, FFI_DEFAULT_ABI, 2, &ffi_type_sint, types) != FFI_OK)
		return failed("libffi does not know int (int, int)");
	for (unsigned i = 0; i < warm_up + count; i++) {
		if (i == warm_up)
			start = now_ns();
		a = (int)i;
		ffi_call(&cif, add_here, &result, arguments);
		if ((int)result != a + b)
			return failed("libffi's result of add was wrong");
	}
	return (double)(now_ns() - start) / count;
}

double op_ffi_mixed(unsigned count)
{
	static ffi_type *types[] = {
		&ffi_type_sint, &ffi_type_double, &ffi_type_slong, &ffi_type_float,
		&ffi_type_sshort, &ffi_type_double, &ffi_type_uint, &ffi_type_float,
		&ffi_type_sint8, &ffi_type_double, &ffi_type_slong, &ffi_type_double,
		&ffi_type_uint16, &ffi_type_float, &ffi_type_sint64, &ffi_type_double,
	};
	void (*add_here)(void) = (void (*)(void))callee_symbol("add_mixed");
	unsigned warm_up = count / 10 + 1;
	struct mixed mixed;
	uint64_t start = 0;
	double result;
	ffi_cif cif;

	if (!add_here)
		return NAN;
	mixed_init(&mixed);
	if (ffi_prep_cif(&cif, FFI_DEFAULT_ABI, MIXED, &ffi_type_double, types) != FFI_OK)
		return failed("libffi does not know the types of add_mixed");
	for (unsigned i = 0; i < warm_up + count; i++) {
		if (i == warm_up)
			start = now_ns();
		mixed.a = (int)i;
		ffi_call(&cif, add_here, &result, mixed.arguments);
		if (result != (double)i + MIXED - 1)
			return failed("libffi's result of add_mixed was wrong");
	}
	return (double)(now_ns() - start) / count;
}

/* ---- a signal -------------------------------------------------------------- */

/* void bench_poke(void) stores to NULL; the handler lets it go on at bench_poked. */
#if defined(__x86_64__)
#define CONTEXT_PC(context) (context)->uc_mcontext.gregs[REG_RIP]
#define STORE_AND_RETURN "xor %eax, %eax\nmov %eax, (%rax)\nbench_poked: ret\n"
#elif defined(__aarch64__)
#define CONTEXT_PC(context) (context)->uc_mcontext.pc
#define STORE_AND_RETURN "mov x0, #0\nstr w0, [x0]\nbench_poked: ret\n"
#endif
__asm__(".text\n.globl bench_poke\n.globl bench_poked\n.type bench_poke, %function\n"
	"bench_poke: " STORE_AND_RETURN);
void bench_poke(void);
void bench_poked(void);

static volatile unsigned caught;

static void on_signal(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)info;
	caught++;
	CONTEXT_PC((ucontext_t *)context) = (greg_t)bench_poked;
}

static bool catch_signal(void)
{
	enum { STACK = 64 * 1024 };
	static char stack[STACK];
	struct sigaction action = { .sa_sigaction = on_signal,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK };
	stack_t alternate = { .ss_sp = stack, .ss_size = sizeof(stack) };

	if (sigaltstack(&alternate, NULL) || sigaction(SIGSEGV, &action, NULL))
		return cannot("cannot install a handler: %s", strerror(errno));
	return true;
}

double op_signal(unsigned count)
{
	unsigned warm_up = count / 10 + 1;
	uint64_t start = 0;

	if (!catch_signal())
		return NAN;
	caught = 0;
	for (unsigned i = 0; i < warm_up + count; i++) {
		if (i == warm_up)
			start = now_ns();
		bench_poke();
	}
	return caught == warm_up + count ? (double)(now_ns() - start) / count
					 : failed("a fault was not caught");
}
