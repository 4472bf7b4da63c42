/* SPDX-License-Identifier: MIT */
/* The whole of SafeFFI in ten lines: open, declare, call, crash, report, go on.
 * cc first_call.c $(pkg-config --cflags --libs safeffi) */
#include <safeffi.h>

int main(void)
{
	sffi_domain *domain;
	sffi_library *libc;
	sffi_function *strlen_there;
	size_t length = 0;

	if (sffi_domain_open(&domain, NULL) != SFFI_OK ||
	    sffi_library_open(&libc, domain, "libc.so.6") != SFFI_OK ||
	    sffi_function_get(&strlen_there, libc, "size_t strlen(const char *s)") != SFFI_OK) {
		fprintf(stderr, "%s\n", sffi_error());
		return 1;
	}

	sffi_call(strlen_there, &length, "a crash is a failed call");
	printf("strlen said %zu\n", length);

	if (sffi_call(strlen_there, &length, (const char *)NULL) == SFFI_EFAULT)
		sffi_fault_print(sffi_last_fault(), stdout);

	sffi_call(strlen_there, &length, "and the program goes on");
	printf("strlen said %zu\n", length);

	sffi_function_release(&strlen_there);
	sffi_library_close(&libc);
	sffi_domain_close(&domain);
	return 0;
}
