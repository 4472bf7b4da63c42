/* SPDX-License-Identifier: MIT */
/* A program that was written against libffi: where ffi_call was, sffi_ffi_call is.
 * cc ffi_call.c $(pkg-config --cflags --libs safeffi-ffi) -lm */
#include <safeffi-ffi.h>

#include <math.h>

static void show(const char *what, sffi_status status, const double *result)
{
	if (status != SFFI_OK)
		printf("%s: %s: %s\n", what, sffi_status_name(status), sffi_ffi_error());
	else
		printf("%s is %g\n", what, *result);
}

/* Static, and in no library: a worker is a copy of this program. */
static double inverse_at(const double *address)
{
	return 1 / *address;
}

int main(void)
{
	ffi_type *two[] = { &ffi_type_double, &ffi_type_double }, *one[] = { &ffi_type_pointer };
	ffi_cif power, inverse;
	double x = 2, y = 10, result = 0;
	void *values[] = { &x, &y }, *address = NULL, *places[] = { &address };
	sffi_domain *domain;

	if (sffi_init() != SFFI_OK || sffi_domain_open(&domain, NULL) != SFFI_OK) {
		fprintf(stderr, "%s\n", sffi_error());
		return 1;
	}
	ffi_prep_cif(&power, FFI_DEFAULT_ABI, 2, &ffi_type_double, two);
	ffi_prep_cif(&inverse, FFI_DEFAULT_ABI, 1, &ffi_type_double, one);
	show("pow(2, 10)", sffi_ffi_call(domain, &power, FFI_FN(pow), &result, values), &result);

	show("the inverse at NULL", sffi_ffi_call(domain, &inverse, FFI_FN(inverse_at), &result, places),
	     &result);
	address = &x;
	show("the inverse in the host", sffi_ffi_call(domain, &inverse, FFI_FN(inverse_at), &result, places),
	     &result);
	if (sffi_alloc(domain, &address, sizeof x) == SFFI_OK) {
		*(double *)address = x;
		show("the inverse in the arena",
		     sffi_ffi_call(domain, &inverse, FFI_FN(inverse_at), &result, places), &result);
	}
	sffi_ffi_release(domain);
	sffi_domain_close(&domain);
	return 0;
}
