/* SPDX-License-Identifier: MIT */
/* The callee calls the host: the C library's qsort, in a worker, sorts by a comparison here.
 *
 * A plain C function is passed as it is. A callback with a handler is what a virtual machine
 * makes of its own closures; this one has enough after some comparisons, and ends the call. */
#include <safeffi.h>

enum { COUNT = 10, PATIENCE = 12 };

static const char declaration[] =
	"void qsort(int base[count], size_t count, size_t size,"
	"           int (*compare)(const int *a, const int *b))";

static int fail(void)
{
	fprintf(stderr, "sort: %s\n", sffi_error());
	return 1;
}

static int downwards(const int *a, const int *b)
{
	return (*a < *b) - (*a > *b);
}

/* Gets the addresses of the arguments' values, which are pointers here. */
static void impatient(void *result, void *const *arguments, void *data)
{
	const int *a = *(const int *const *)arguments[0], *b = *(const int *const *)arguments[1];
	int *comparisons = data;

	if (++*comparisons > PATIENCE)
		sffi_upcall_fail("that is enough comparing");
	*(int *)result = (*a > *b) - (*a < *b);
}

static void print(const char *what, const int *numbers)
{
	printf("%s:", what);
	for (int i = 0; i < COUNT; i++)
		printf(" %d", numbers[i]);
	printf("\n");
}

static int sort(sffi_domain *domain, sffi_function *qsort_there)
{
	int numbers[COUNT] = { 3, 1, 4, 1, 5, 9, 2, 6, 5, 3 }, comparisons = 0;
	sffi_callback *callback = NULL;
	sffi_status status;

	if (sffi_call(qsort_there, NULL, numbers, (size_t)COUNT, sizeof *numbers, downwards) != SFFI_OK)
		return fail();
	print("sorted downwards", numbers);

	if (sffi_callback_new(&callback, domain, "int (*)(const int *a, const int *b)", impatient,
			      &comparisons) != SFFI_OK)
		return fail();
	status = sffi_call(qsort_there, NULL, numbers, (size_t)COUNT, sizeof *numbers,
			   sffi_callback_address(callback));
	printf("upwards: %s: %s\n", sffi_status_name(status), sffi_error());
	/* The callee was abandoned in the middle: nothing that it did came back. */
	print("still", numbers);
	sffi_callback_release(&callback);
	return status == SFFI_EUPCALL ? 0 : 1;
}

int main(void)
{
	sffi_domain *domain = NULL;
	sffi_library *libc = NULL;
	sffi_function *qsort_there = NULL;
	int status;

	if (sffi_init() != SFFI_OK || sffi_domain_open(&domain, NULL) != SFFI_OK ||
	    sffi_library_open(&libc, domain, "libc.so.6") != SFFI_OK ||
	    sffi_function_get(&qsort_there, libc, declaration) != SFFI_OK)
		status = fail();
	else
		status = sort(domain, qsort_there);
	sffi_function_release(&qsort_there);
	sffi_library_close(&libc);
	sffi_domain_close(&domain);
	return status;
}
