/* SPDX-License-Identifier: MIT */
/* What would this call do? In the mode `rehearsed` every call is tried out in a copy of the program
 * first, and the verdict tells what it wrote where nobody had declared it, and where it stopped. */
#include <safeffi.h>

static int settings[4] = { 1, 2, 3, 4 };

static void tell(sffi_status status)
{
	printf("%s; ", sffi_status_name(status));
	sffi_rehearsal_print(sffi_last_rehearsal(), stdout);
}

int main(void)
{
	sffi_function *length, *fill, *say;
	sffi_domain *domain;
	sffi_library *libc;
	sffi_options options;
	const char text[] = "said once\n";

	setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	sffi_options_init(&options);
	options.mode = SFFI_REHEARSED;
	if (sffi_domain_open(&domain, &options) != SFFI_OK ||
	    sffi_library_open(&libc, domain, "libc.so.6") != SFFI_OK ||
	    sffi_function_get(&length, libc, "size_t strlen(const char *s)") != SFFI_OK ||
	    sffi_function_get(&fill, libc, "void *memset(token at, int byte, size_t size)") != SFFI_OK ||
	    sffi_function_get(&say, libc, "long write(int fd, const char text[size], size_t size)") != SFFI_OK) {
		fprintf(stderr, "%s\n", sffi_error());
		return 1;
	}

	/* Reads, and nothing else. */
	tell(sffi_call(length, NULL, "harmless"));
	/* Crashes, and has done nothing. */
	tell(sffi_call(length, NULL, (const char *)NULL));
	/* Writes to memory of ours that its declaration does not tell of: the verdict does. */
	tell(sffi_call(fill, NULL, settings + 1, 7, sizeof(int)));
	printf("settings: %d %#x %d %d\n", settings[0], (unsigned)settings[1], settings[2], settings[3]);
	/* Output cannot be taken back: the rehearsal ends there, and it comes once. */
	tell(sffi_call(say, NULL, 1, text, sizeof text - 1));

	sffi_library_close(&libc);
	sffi_domain_close(&domain);
	return 0;
}
