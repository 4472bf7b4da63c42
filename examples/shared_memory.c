/* SPDX-License-Identifier: MIT */
/* Memory that host and callee both work on: a block of the arena has the same address on both
 * sides, is passed without a copy however large it is, and outlives the worker. */
#include <safeffi.h>

#include <string.h>

enum { SIZE = 64 << 20 };

static int fail(void)
{
	fprintf(stderr, "shared_memory: %s\n", sffi_error());
	return 1;
}

int main(void)
{
	sffi_domain *domain = NULL;
	sffi_library *libc = NULL;
	sffi_function *memset_there = NULL, *abort_there = NULL;
	void *block = NULL;
	unsigned char *bytes;

	if (sffi_init() != SFFI_OK || sffi_domain_open(&domain, NULL) != SFFI_OK ||
	    sffi_library_open(&libc, domain, "libc.so.6") != SFFI_OK ||
	    sffi_function_get(&memset_there, libc, "void *memset(void *s, int c, size_t n)") != SFFI_OK ||
	    sffi_function_get(&abort_there, libc, "void abort(void)") != SFFI_OK ||
	    sffi_alloc(domain, &block, SIZE) != SFFI_OK)
		return fail();
	bytes = block;

	/* A `void *` says nothing of its length: arena memory needs none. Memory of the host's own
	 * would be refused here, with a sentence that says what to declare. */
	if (sffi_call(memset_there, NULL, block, 'x', (size_t)SIZE) != SFFI_OK)
		return fail();
	printf("the callee wrote '%c' ... '%c'\n", bytes[0], bytes[SIZE - 1]);

	if (sffi_call(abort_there, NULL) == SFFI_EFAULT)
		printf("then it crashed: %s\n", sffi_fault_get_summary(sffi_last_fault()));
	printf("the block still holds '%c' ... '%c'\n", bytes[0], bytes[SIZE - 1]);

	sffi_free(domain, block);
	sffi_function_release(&memset_there);
	sffi_function_release(&abort_there);
	sffi_library_close(&libc);
	sffi_domain_close(&domain);
	return 0;
}
