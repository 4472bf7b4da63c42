/* SPDX-License-Identifier: MIT */
#include "fault/signals.h"

#include <signal.h>
#include <stddef.h>

/* Newer than some C libraries; values from the kernel's asm-generic/siginfo.h. */
enum {
	CODE_SEGV_ADIDERR = 6,
	CODE_SEGV_MTEAERR = 8,
	CODE_SEGV_MTESERR = 9,
	CODE_SEGV_CPERR = 10,
	CODE_TRAP_HWBKPT = 4,
	CODE_TRAP_UNK = 5,
	CODE_TRAP_PERF = 6,
	CODE_SYS_SECCOMP = 1,
	CODE_SYS_USER_DISPATCH = 2,
	ANY_SIGNAL = 0
};

struct signal_words {
	int signal;
	const char *name, *words;
};

static const struct signal_words signals[] = {
	{ SIGHUP, "SIGHUP", "hung up" },
	{ SIGINT, "SIGINT", "interrupted" },
	{ SIGQUIT, "SIGQUIT", "quit" },
	{ SIGILL, "SIGILL", "illegal instruction" },
	{ SIGTRAP, "SIGTRAP", "trap" },
	{ SIGABRT, "SIGABRT", "aborted" },
	{ SIGBUS, "SIGBUS", "bus error" },
	{ SIGFPE, "SIGFPE", "arithmetic error" },
	{ SIGKILL, "SIGKILL", "killed" },
	{ SIGUSR1, "SIGUSR1", "user signal 1" },
	{ SIGSEGV, "SIGSEGV", "segmentation fault" },
	{ SIGUSR2, "SIGUSR2", "user signal 2" },
	{ SIGPIPE, "SIGPIPE", "broken pipe" },
	{ SIGALRM, "SIGALRM", "alarm clock" },
	{ SIGTERM, "SIGTERM", "terminated" },
	{ SIGCHLD, "SIGCHLD", "child changed" },
	{ SIGCONT, "SIGCONT", "continued" },
	{ SIGSTOP, "SIGSTOP", "stopped" },
	{ SIGTSTP, "SIGTSTP", "stopped from the terminal" },
	{ SIGTTIN, "SIGTTIN", "stopped by terminal input" },
	{ SIGTTOU, "SIGTTOU", "stopped by terminal output" },
	{ SIGURG, "SIGURG", "urgent data" },
	{ SIGXCPU, "SIGXCPU", "processor time limit" },
	{ SIGXFSZ, "SIGXFSZ", "file size limit" },
	{ SIGVTALRM, "SIGVTALRM", "virtual alarm clock" },
	{ SIGPROF, "SIGPROF", "profiling alarm clock" },
	{ SIGWINCH, "SIGWINCH", "window changed" },
	{ SIGPOLL, "SIGPOLL", "input or output possible" },
	{ SIGPWR, "SIGPWR", "power failure" },
	{ SIGSYS, "SIGSYS", "bad system call" },
};

struct code_words {
	int signal, code;
	const char *name, *words;
};

static const struct code_words codes[] = {
	{ SIGSEGV, SEGV_MAPERR, "SEGV_MAPERR", "address not mapped" },
	{ SIGSEGV, SEGV_ACCERR, "SEGV_ACCERR", "access not permitted" },
	{ SIGSEGV, SEGV_BNDERR, "SEGV_BNDERR", "bounds check failed" },
	{ SIGSEGV, SEGV_PKUERR, "SEGV_PKUERR", "refused by a protection key" },
	{ SIGSEGV, CODE_SEGV_ADIDERR, "SEGV_ADIDERR", "address tag not allowed" },
	{ SIGSEGV, CODE_SEGV_MTEAERR, "SEGV_MTEAERR", "memory tag mismatch, reported late" },
	{ SIGSEGV, CODE_SEGV_MTESERR, "SEGV_MTESERR", "memory tag mismatch" },
	{ SIGSEGV, CODE_SEGV_CPERR, "SEGV_CPERR",
	  "control flow protection: a return address was changed" },
	{ SIGSEGV, SI_KERNEL, "SI_KERNEL", "general protection" },
	{ SIGBUS, BUS_ADRALN, "BUS_ADRALN", "address not aligned" },
	{ SIGBUS, BUS_ADRERR, "BUS_ADRERR", "no memory behind the address" },
	{ SIGBUS, BUS_OBJERR, "BUS_OBJERR", "hardware error of the object" },
	{ SIGBUS, BUS_MCEERR_AR, "BUS_MCEERR_AR", "memory hardware error" },
	{ SIGBUS, BUS_MCEERR_AO, "BUS_MCEERR_AO", "memory hardware error found" },
	{ SIGBUS, SI_KERNEL, "SI_KERNEL", "stack segment or address not valid" },
	{ SIGFPE, FPE_INTDIV, "FPE_INTDIV", "integer division by zero, or its result too large" },
	{ SIGFPE, FPE_INTOVF, "FPE_INTOVF", "integer overflow" },
	{ SIGFPE, FPE_FLTDIV, "FPE_FLTDIV", "floating-point division by zero" },
	{ SIGFPE, FPE_FLTOVF, "FPE_FLTOVF", "floating-point overflow" },
	{ SIGFPE, FPE_FLTUND, "FPE_FLTUND", "floating-point underflow" },
	{ SIGFPE, FPE_FLTRES, "FPE_FLTRES", "floating-point result not exact" },
	{ SIGFPE, FPE_FLTINV, "FPE_FLTINV", "floating-point operation not valid" },
	{ SIGFPE, FPE_FLTSUB, "FPE_FLTSUB", "subscript out of range" },
	{ SIGILL, ILL_ILLOPC, "ILL_ILLOPC", "illegal opcode" },
	{ SIGILL, ILL_ILLOPN, "ILL_ILLOPN",
	  "illegal operand: ud2 of a trap or a sanitizer, or no code" },
	{ SIGILL, ILL_ILLADR, "ILL_ILLADR", "illegal addressing mode" },
	{ SIGILL, ILL_ILLTRP, "ILL_ILLTRP", "illegal trap" },
	{ SIGILL, ILL_PRVOPC, "ILL_PRVOPC", "privileged opcode" },
	{ SIGILL, ILL_PRVREG, "ILL_PRVREG", "privileged register" },
	{ SIGILL, ILL_COPROC, "ILL_COPROC", "coprocessor error" },
	{ SIGILL, ILL_BADSTK, "ILL_BADSTK", "internal stack error" },
	{ SIGTRAP, TRAP_BRKPT, "TRAP_BRKPT", "breakpoint" },
	{ SIGTRAP, TRAP_TRACE, "TRAP_TRACE", "single step" },
	{ SIGTRAP, CODE_TRAP_HWBKPT, "TRAP_HWBKPT", "hardware breakpoint" },
	{ SIGTRAP, CODE_TRAP_UNK, "TRAP_UNK", "unknown trap" },
	{ SIGTRAP, CODE_TRAP_PERF, "TRAP_PERF", "performance event" },
	{ SIGTRAP, SI_KERNEL, "SI_KERNEL", "breakpoint instruction" },
	{ SIGSYS, CODE_SYS_SECCOMP, "SYS_SECCOMP", "refused by a seccomp filter" },
	{ SIGSYS, CODE_SYS_USER_DISPATCH, "SYS_USER_DISPATCH", "caught by system call dispatch" },
	{ SIGABRT, SI_TKILL, "SI_TKILL", "abort() was called" },
	{ ANY_SIGNAL, SI_USER, "SI_USER", "sent by kill()" },
	{ ANY_SIGNAL, SI_TKILL, "SI_TKILL", "sent by tgkill() or raise()" },
	{ ANY_SIGNAL, SI_QUEUE, "SI_QUEUE", "sent by sigqueue()" },
	{ ANY_SIGNAL, SI_TIMER, "SI_TIMER", "sent by a timer" },
	{ ANY_SIGNAL, SI_KERNEL, "SI_KERNEL", "sent by the kernel" },
};

static const struct signal_words *find_signal(int signal)
{
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
		if (signals[i].signal == signal)
			return &signals[i];
	}
	return NULL;
}

static const struct code_words *find_code(int signal, int code)
{
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		if ((codes[i].signal == signal || codes[i].signal == ANY_SIGNAL) &&
		    codes[i].code == code)
			return &codes[i];
	}
	return NULL;
}

const char *sffi__signal_name(int signal)
{
	const struct signal_words *found = find_signal(signal);

	return found ? found->name : signal >= 32 ? "real-time signal" : "unknown signal";
}

const char *sffi__signal_words(int signal)
{
	const struct signal_words *found = find_signal(signal);

	return found ? found->words : "signal";
}

const char *sffi__code_name(int signal, int code)
{
	const struct code_words *found = find_code(signal, code);

	return found ? found->name : "";
}

const char *sffi__code_words(int signal, int code)
{
	const struct code_words *found = find_code(signal, code);

	return found ? found->words : "";
}
