/* SPDX-License-Identifier: MIT */
/* The demo's second half: real functions of libc and libz, misused as programs do. */
#include "cli.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { TIMEOUT_MS = 100, ANY_SIGNAL = 0 };

struct crash {
	const char *heading;
	const char *library;
	const char *declaration;
	sffi_status (*run)(sffi_function *function);
	sffi_status status;   /* what the call must return */
	sffi_fault_kind kind; /* and the fault be */
	int signal;
};

static sffi_status call_strlen(sffi_function *function)
{
	size_t length;

	return sffi_call(function, &length, (const char *)NULL);
}

/* A token is passed untouched, as a handle of the library would be: this one is no z_stream. */
static sffi_status call_deflate(sffi_function *function)
{
	int result;

	return sffi_call(function, &result, (void *)0x40, 4);
}

static sffi_status call_free(sffi_function *function)
{
	return sffi_call(function, NULL, (void *)0x123456789000);
}

static sffi_status call_nothing(sffi_function *function)
{
	return sffi_call(function, NULL);
}

#if defined __x86_64__
static sffi_status call_div(sffi_function *function)
{
	long both;

	return sffi_call(function, &both, 1, 0);
}
#endif

static sffi_status call_memset(sffi_function *function)
{
	unsigned char buffer[24] = "untouched";
	sffi_status status = sffi_call(function, NULL, buffer, 'x', (size_t)20);

	/* Nothing is written to the host unless the call succeeds. */
	return memcmp(buffer, "untouched", 10) == 0 ? status : SFFI_OK;
}

static sffi_status call_pause(sffi_function *function)
{
	sffi_function_set_timeout(function, TIMEOUT_MS);
	return sffi_call(function, NULL);
}

static sffi_status call_exit(sffi_function *function)
{
	return sffi_call(function, NULL, 3);
}

static const struct crash crashes[] = {
	{ "A null pointer: strlen(NULL)", "libc.so.6", "size_t strlen(const char *s)", call_strlen,
	  SFFI_EFAULT, SFFI_FAULT_SIGNAL, SIGSEGV },
	{ "A handle that is none, inside libz: deflate(0x40, Z_FINISH)", "libz.so.1",
	  "int deflate(token stream, int flush)", call_deflate, SFFI_EFAULT, SFFI_FAULT_SIGNAL,
	  SIGSEGV },
	{ "A wild pointer: free(0x123456789000)", "libc.so.6", "void free(token block)", call_free,
	  SFFI_EFAULT, SFFI_FAULT_SIGNAL, ANY_SIGNAL },
	{ "The library gives up: abort()", "libc.so.6", "void abort(void)", call_nothing, SFFI_EFAULT,
	  SFFI_FAULT_SIGNAL, SIGABRT },
#if defined __x86_64__
	/* Other CPUs divide by zero without a trap. A div_t is returned as a long would be. */
	{ "A division by zero: div(1, 0)", "libc.so.6", "long div(int numerator, int denominator)",
	  call_div, SFFI_EFAULT, SFFI_FAULT_SIGNAL, SIGFPE },
#endif
	{ "Four bytes past the end: memset of 20 bytes in a buffer of 16", "libc.so.6",
	  "token memset(out uint8_t to[16], int c, size_t n)", call_memset, SFFI_EFAULT,
	  SFFI_FAULT_OVERRUN, ANY_SIGNAL },
	{ "It never returns: pause(), with a time-out of 100 ms", "libc.so.6", "int pause(void)",
	  call_pause, SFFI_ETIMEOUT, SFFI_FAULT_TIMEOUT, ANY_SIGNAL },
	{ "It ends the program, it thinks: exit(3)", "libc.so.6", "void exit(int status)", call_exit,
	  SFFI_EFAULT, SFFI_FAULT_EXIT, ANY_SIGNAL },
};

/* The report, set off from the demo's own words. */
static void print_report(const sffi_fault *fault)
{
	char *text = NULL, *rest, *line;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);

	if (!to)
		return;
	sffi_fault_print(fault, to);
	if (fclose(to) == 0 && text) {
		rest = text;
		while ((line = strsep(&rest, "\n")) != NULL)
			if (rest || *line)
				printf("   | %s\n", line);
	}
	free(text);
}

static int check_fault(const struct crash *crash, sffi_status status)
{
	const sffi_fault *fault = sffi_last_fault();
	int number = fault ? sffi_fault_get_signal(fault) : 0;

	if (!fault)
		return cli_demo_check(false, "the call returned %s without a fault: %s",
				      sffi_status_name(status), cli_error());
	print_report(fault);
	return cli_demo_check(status == crash->status && sffi_fault_get_kind(fault) == crash->kind &&
				      (crash->signal == ANY_SIGNAL || crash->signal == number),
			      "the call failed with %s (%s), and the host is here to say so",
			      sffi_status_name(status),
			      sffi_fault_kind_name(sffi_fault_get_kind(fault)));
}

static int run_crash(sffi_domain *domain, const struct crash *crash)
{
	sffi_library *library = NULL;
	sffi_function *function = NULL;
	int failures;

	if (sffi_library_open(&library, domain, crash->library) != SFFI_OK ||
	    sffi_function_get(&function, library, crash->declaration) != SFFI_OK)
		failures = cli_demo_check(false, "%s: %s", crash->declaration, cli_error());
	else
		failures = check_fault(crash, crash->run(function));
	sffi_function_release(&function);
	sffi_library_close(&library);
	return failures;
}

/* After every crash: the handle that was made before the first one still works. */
static int go_on(sffi_domain *domain, sffi_function *atoi_handle)
{
	int answer = 0;

	if (sffi_call(atoi_handle, &answer, "42") != SFFI_OK)
		return cli_demo_check(false, "the next call: %s", cli_error());
	return cli_demo_check(answer == 42, "the next call works: atoi(\"42\") is %d, in worker number %llu",
			      answer, (unsigned long long)sffi_domain_generation(domain));
}

int cli_demo_crashes(sffi_domain *domain)
{
	sffi_library *libc = NULL;
	sffi_function *atoi_handle = NULL;
	int failures = 0;

	puts("\n4. Crashes: each ends a worker, fails one call with a report, and the host goes on");
	if (sffi_library_open(&libc, domain, "libc.so.6") != SFFI_OK ||
	    sffi_function_get(&atoi_handle, libc, "int atoi(const char *text)") != SFFI_OK)
		failures = cli_demo_check(false, "atoi: %s", cli_error());
	for (size_t i = 0; failures == 0 && i < sizeof crashes / sizeof *crashes; i++) {
		printf("\n4.%zu. %s\n   %s\n", i + 1, crashes[i].heading, crashes[i].declaration);
		fflush(stdout);
		failures += run_crash(domain, &crashes[i]);
		failures += go_on(domain, atoi_handle);
	}
	sffi_function_release(&atoi_handle);
	sffi_library_close(&libc);
	return failures;
}
