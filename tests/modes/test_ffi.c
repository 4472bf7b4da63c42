/* SPDX-License-Identifier: MIT */
/* Calls in libffi's terms, beside libffi's own. */
#include "ffi_helper.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- scalars ----------------------------------------------------------------------------- */

START_TEST(every_scalar_as_ffi_call_has_it)
{
	static const uint64_t values[] = { 0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff };
	unsigned char expected[RESULT_MAX], result[RESULT_MAX], mask[RESULT_MAX];
	ffi_cif cif;

	memset(mask, 0xff, sizeof mask);
	for (size_t i = 0; i < SCALARS; i++) {
		ffi_type *type = scalars[i].type;

		prepared(&cif, type, 1, &type);
		for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
			uint64_t value = values[v] << (type->size > 2 ? 8 * type->size - 16 : 0);
			void *avalues[] = { &value };

			if (type == &ffi_type_pointer)
				value = values[v] & 0xff;
			memset(expected, POISON, sizeof expected);
			memset(result, POISON, sizeof result);
			ffi_call(&cif, function(scalars[i].name), expected, avalues);
			ok(sffi_ffi_call(domain, &cif, function(scalars[i].name), result, avalues));
			same_results(scalars[i].name, type, expected, result, mask);
			ok(sffi_ffi_call(domain, &cif, function(scalars[i].name), NULL, avalues));
		}
	}
}
END_TEST

/* ---- many signatures ------------------------------------------------------------------------ */

START_TEST(random_signatures)
{
	const struct ffi_case *cases;
	unsigned count, errors = 0;

	open_cases(&cases, &count);
	for (unsigned i = 0; i < count; i++) {
		struct made_call *made = make_call(&cases[i]);

		errors += made->libffi_errs;
		ok(sffi_ffi_call(domain, &made->cif, cases[i].function, made->result, made->avalues + 1));
		same_results(cases[i].declaration, cases[i].result, made->expected, made->result,
			     made->mask);
	}
	ck_assert_uint_le(errors, count / 50);
}
END_TEST

/* ---- whose code, whose memory ----------------------------------------------------------------- */

static int calls; /* the worker's is another one */

static int here(int a, int b)
{
	calls++;
	return a * 100 + b;
}

START_TEST(static_functions_of_the_host)
{
	ffi_type *types[] = { &ffi_type_sint, &ffi_type_sint };
	int a = 3, b = 4;
	void *avalues[] = { &a, &b };
	ffi_arg result = 0;
	ffi_cif cif;

	prepared(&cif, &ffi_type_sint, 2, types);
	if (test_is_exec()) {
		refused(sffi_ffi_call(domain, &cif, FFI_FN(here), &result, avalues), SFFI_EADDRESS,
			"cannot load");
		return;
	}
	ok(sffi_ffi_call(domain, &cif, FFI_FN(here), &result, avalues));
	ck_assert_int_eq((int)result, 304);
	ck_assert_int_eq(calls, test_is_inside());
}
END_TEST

START_TEST(pointers_pass_or_are_refused)
{
	ffi_type *type = &ffi_type_pointer;
	ffi_cif cif, length;
	void *pointer = NULL, *result = &cif, *avalues[] = { &pointer }, *text;
	void (*echo)(void) = function("echo_pointer");
	sffi_domain *other;
	ffi_arg size = 0;

	prepared(&cif, type, 1, &type);
	prepared(&length, &ffi_type_uint64, 1, &type);
	ok(sffi_ffi_call(domain, &cif, echo, &result, avalues));
	ck_assert_ptr_null(result);
	ok(sffi_alloc(domain, &text, 16));
	strcpy(text, "in the arena");
	pointer = text;
	ok(sffi_ffi_call(domain, &length, function("length_of"), &size, avalues));
	ck_assert_uint_eq(size, strlen(text));
	/* The host's own, and another domain's. */
	pointer = &size;
	result = NULL;
	refused(sffi_ffi_call(domain, &cif, echo, &result, avalues), SFFI_ETYPE, "host's own memory");
	ck_assert_ptr_null(result);
	other = test_open();
	ok(sffi_alloc(other, &pointer, 16));
	refused(sffi_ffi_call(domain, &cif, echo, &result, avalues), SFFI_EADDRESS, "another domain");
	sffi_domain_close(&other);
}
END_TEST

START_TEST(memory_of_the_callee)
{
	ffi_type *type = &ffi_type_uint;
	unsigned count = 8;
	void *avalues[] = { &count };
	int *numbers = NULL, copy[8];
	ffi_cif make, echo;

	prepared(&make, &ffi_type_pointer, 1, &type);
	ok(sffi_ffi_call(domain, &make, function("make_numbers"), &numbers, avalues));
	ok(sffi_read(domain, copy, numbers, sizeof copy));
	ck_assert_int_eq(copy[1], 7919 % 64);
	type = &ffi_type_pointer;
	prepared(&echo, &ffi_type_pointer, 1, &type);
	avalues[0] = &numbers;
	ok(sffi_ffi_call(domain, &echo, function("echo_pointer"), NULL, avalues));
	ok(sffi_domain_restart(domain));
	refused(sffi_ffi_call(domain, &echo, function("echo_pointer"), NULL, avalues), SFFI_ESTALE,
		"which is gone");
}
END_TEST

START_TEST(variadic_cifs)
{
	ffi_type *types[] = { &ffi_type_sint, &ffi_type_sint, &ffi_type_double, &ffi_type_sint,
			      &ffi_type_double };
	int count = 4, i = 1, j = 3;
	double x = 2.5, y = 4.25, expected = 0, result = 0;
	void *avalues[] = { &count, &i, &x, &j, &y };
	ffi_cif cif;

	ck_assert_int_eq(ffi_prep_cif_var(&cif, FFI_DEFAULT_ABI, 1, 5, &ffi_type_double, types), FFI_OK);
	ffi_call(&cif, function("sum_of"), &expected, avalues);
	ok(sffi_ffi_call(domain, &cif, function("sum_of"), &result, avalues));
	ck_assert(result == expected && result == 10.75);
}
END_TEST

/* ---- what is kept ------------------------------------------------------------------------------- */

/* A cif is told by what it says, not by where it lies. */
START_TEST(the_same_cif_says_something_else)
{
	ffi_type *elements[] = { &ffi_type_sint32, &ffi_type_sint32, NULL };
	ffi_type pair = { 0, 0, FFI_TYPE_STRUCT, elements }, *type = &ffi_type_uint8;
	uint64_t value = 0x00000002fffffff0u, result;
	void *avalues[] = { &value };
	ffi_cif cif;

	prepared(&cif, type, 1, &type);
	ok(sffi_ffi_call(domain, &cif, function("echo_u64"), &result, avalues));
	ck_assert_uint_eq(result, 0xf0);
	type = &ffi_type_sint32;
	prepared(&cif, type, 1, &type);
	ok(sffi_ffi_call(domain, &cif, function("echo_u64"), &result, avalues));
	ck_assert_int_eq((int64_t)result, -16);
	type = &pair;
	prepared(&cif, type, 1, &type);
	ok(sffi_ffi_call(domain, &cif, function("echo_u64"), &result, avalues));
	ck_assert_uint_eq(result, value);
	elements[1] = NULL;
	pair.size = pair.alignment = 0;
	prepared(&cif, type, 1, &type);
	result = 0;
	ok(sffi_ffi_call(domain, &cif, function("echo_u64"), &result, avalues));
	ck_assert_uint_eq(result, value & 0xffffffff);
}
END_TEST

/* More functions than are kept: every argument list of thirteen of two types. */
START_TEST(more_than_is_kept)
{
	enum { ARGUMENTS = 13, ROUNDS = 1 << ARGUMENTS };
	ffi_type *types[ARGUMENTS];
	uint64_t zero = 0, result;
	int32_t first = 0;
	void *avalues[ARGUMENTS] = { &first };
	ffi_cif cif;

	for (int i = 1; i < ARGUMENTS; i++)
		avalues[i] = &zero;
	for (int round = 0; round < test_times(ROUNDS); round++) {
		for (int i = 0; i < ARGUMENTS; i++)
			types[i] = round >> i & 1 ? &ffi_type_uint64 : &ffi_type_sint32;
		types[0] = &ffi_type_sint32;
		first = round;
		prepared(&cif, &ffi_type_sint32, ARGUMENTS, types);
		ok(sffi_ffi_call(domain, &cif, function("echo_s32"), &result, avalues));
		ck_assert_uint_eq(result, (unsigned)round);
	}
}
END_TEST

static void *call_often(void *data)
{
	void (*echo)(void) = data;
	ffi_type *types[] = { &ffi_type_sint32, &ffi_type_pointer, &ffi_type_double };
	int32_t value;
	double real = 1;
	void *null = NULL, *avalues[] = { &value, &null, &real };
	ffi_arg result;
	ffi_cif cif;

	for (value = 0; value < test_times(300); value++) {
		prepared(&cif, &ffi_type_sint32, 1 + (unsigned)value % 3, types);
		ok(sffi_ffi_call(domain, &cif, echo, &result, avalues));
		ck_assert_int_eq((int)result, value);
		if (value % 50 == 49)
			sffi_ffi_release(domain);
	}
	return NULL;
}

START_TEST(threads_at_once)
{
	enum { THREADS = 6 };
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, call_often, (void *)function("echo_s32"));
	call_often((void *)function("echo_s32"));
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}
END_TEST

static void call_once(sffi_domain *in)
{
	ffi_type *type = &ffi_type_sint;
	int value = 7;
	void *avalues[] = { &value };
	ffi_arg result = 0;
	ffi_cif cif;

	prepared(&cif, type, 1, &type);
	ok(sffi_ffi_call(in, &cif, function("echo_s32"), &result, avalues));
	ck_assert_int_eq((int)result, 7);
}

START_TEST(domains_come_and_go)
{
	struct test_resources before = { 0 };

	for (int i = 0; i < 30; i++) {
		sffi_domain *one = test_open();

		call_once(one);
		if (i % 2)
			sffi_ffi_release(one);
		sffi_domain_close(&one);
		if (i == 10)
			before = test_resources();
	}
	test_same_resources(before);
	call_once(domain);
}
END_TEST

START_TEST(a_forked_child)
{
	ffi_cif cif;
	pid_t child;
	int status;

	call_once(domain);
	prepared(&cif, &ffi_type_void, 0, NULL);
	fflush(NULL);
	child = fork();
	if (!child) {
		sffi_domain *own = NULL;

		refused(sffi_ffi_call(domain, &cif, function("length_of"), NULL, NULL), SFFI_ECLOSED,
			"forked");
		own = test_open();
		call_once(own);
		sffi_domain_close(&own);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	call_once(domain);
}
END_TEST

/* ---- what goes wrong --------------------------------------------------------------------------- */

START_TEST(faults)
{
	ffi_type *pointer = &ffi_type_pointer;
	void *null = NULL, *avalues[] = { &null };
	ffi_arg result = 4711;
	ffi_cif length;

	prepared(&length, &ffi_type_uint64, 1, &pointer);
	for (int i = 0; i < 3; i++) {
		refused(sffi_ffi_call(domain, &length, function("length_of"), &result, avalues), SFFI_EFAULT,
			"SIGSEGV");
		/* By its name, which a cif has not. */
		ck_assert(strstr(sffi_fault_get_call(sffi_last_fault()), "length_of("));
		ck_assert_uint_eq(result, 4711);
	}
}
END_TEST

START_TEST(errno_is_the_callees)
{
	ffi_type *integer = &ffi_type_sint;
	int error = ENOTTY;
	void *avalues[] = { &error };
	ffi_arg result = 0;
	ffi_cif fail;

	prepared(&fail, &ffi_type_sint, 1, &integer);
	ok(sffi_ffi_call(domain, &fail, function("fail_with"), &result, avalues));
	ck_assert_int_eq((int)result, -1);
	ck_assert_int_eq(sffi_errno(), ENOTTY);
}
END_TEST

static void nothing(ffi_cif *cif, void *ret, void **args, void *data)
{
	(void)cif, (void)ret, (void)args, (void)data;
}

/* All that a cif can have wrong, for calls and closures alike. */
static void refuse_cif(ffi_cif *cif, sffi_status status, const char *words)
{
	void *avalues[2] = { avalues, avalues }, *code = NULL;
	sffi_ffi_closure *closure;

	refused(sffi_ffi_call(domain, cif, function("echo_s32"), NULL, avalues), status, words);
	ok(sffi_ffi_closure_alloc(&closure, domain));
	refused(sffi_ffi_prep_closure(closure, cif, nothing, NULL, &code), status, words);
	ck_assert_ptr_null(code);
	sffi_ffi_closure_free(&closure);
}

START_TEST(cifs_that_cannot_be)
{
	ffi_type *elements[] = { &ffi_type_double, NULL }, *none[] = { NULL };
	ffi_type handmade = { 16, 8, FFI_TYPE_STRUCT, elements };
	ffi_type strange = { 4, 4, 77, NULL }, *types[] = { &ffi_type_sint };
	ffi_type wrong = { 3, 1, FFI_TYPE_SINT32, NULL };
	ffi_type odd = { 8, 4, FFI_TYPE_COMPLEX, (ffi_type *[]){ &ffi_type_sint32, NULL } };
	ffi_cif cif;

	prepared(&cif, &ffi_type_sint, 1, types);
	cif.abi = FFI_LAST_ABI;
	refuse_cif(&cif, SFFI_ENOTSUP, "FFI_DEFAULT_ABI");
	refuse_cif(&(ffi_cif){ .abi = FFI_DEFAULT_ABI }, SFFI_EINVAL, "ffi_prep_cif");
	cif.abi = FFI_DEFAULT_ABI;
	types[0] = &handmade;
	refuse_cif(&cif, SFFI_ETYPE, "argument 1 of the cif is a struct whose size");
	handmade.elements = none;
	refuse_cif(&cif, SFFI_ETYPE, "without elements");
	elements[0] = &ffi_type_void;
	handmade.elements = elements;
	refuse_cif(&cif, SFFI_ETYPE, "void");
	elements[0] = &handmade; /* for ever */
	refuse_cif(&cif, SFFI_ETYPE, "64 structs deep");
	types[0] = &strange;
	refuse_cif(&cif, SFFI_ETYPE, "that libffi does not have");
	types[0] = &wrong;
	refuse_cif(&cif, SFFI_ETYPE, "another size");
	types[0] = &odd;
	refuse_cif(&cif, SFFI_ETYPE, "complex");
	types[0] = NULL;
	refuse_cif(&cif, SFFI_ETYPE, "NULL");
	types[0] = &ffi_type_void;
	refuse_cif(&cif, SFFI_ETYPE, "void");
	cif.rtype = &strange;
	refuse_cif(&cif, SFFI_ETYPE, "the result of the cif");
	test_still_works(domain);
}
END_TEST

START_TEST(bad_arguments)
{
	ffi_type *type = &ffi_type_sint;
	void *avalues[] = { NULL }, *code;
	sffi_ffi_closure *closure = NULL;
	ffi_cif cif;

	prepared(&cif, type, 1, &type);
	refused(sffi_ffi_call(NULL, &cif, function("echo_s32"), NULL, avalues), SFFI_EINVAL, "NULL");
	refused(sffi_ffi_call(domain, NULL, function("echo_s32"), NULL, avalues), SFFI_EINVAL, "NULL");
	refused(sffi_ffi_call(domain, &cif, NULL, NULL, avalues), SFFI_EINVAL, "NULL");
	refused(sffi_ffi_call(domain, &cif, function("echo_s32"), NULL, NULL), SFFI_EINVAL, "arguments");
	refused(sffi_ffi_call(domain, &cif, function("echo_s32"), NULL, avalues), SFFI_EINVAL, "argument 1");
	refused(sffi_ffi_call(domain, &cif, (void (*)(void))(uintptr_t)16, NULL, avalues), SFFI_EADDRESS,
		"not in the code");
	refused(sffi_ffi_closure_alloc(NULL, domain), SFFI_EINVAL, "NULL");
	refused(sffi_ffi_closure_alloc(&closure, NULL), SFFI_EINVAL, "NULL");
	ok(sffi_ffi_closure_alloc(&closure, domain));
	refused(sffi_ffi_prep_closure(closure, &cif, NULL, NULL, &code), SFFI_EINVAL, "NULL");
	refused(sffi_ffi_prep_closure(closure, &cif, nothing, NULL, NULL), SFFI_EINVAL, "NULL");
	refused(sffi_ffi_prep_closure(NULL, &cif, nothing, NULL, &code), SFFI_EINVAL, "NULL");
	sffi_ffi_closure_free(&closure);
	sffi_ffi_closure_free(&closure);
	sffi_ffi_closure_free(NULL);
	sffi_ffi_release(NULL);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("ffi");
	TCase *tests = tcase_create("ffi");

	tcase_add_checked_fixture(tests, open_domain, close_domain);
	tcase_set_timeout(tests, 120);
	test_add(tests, every_scalar_as_ffi_call_has_it);
	test_add(tests, random_signatures);
	test_add(tests, static_functions_of_the_host);
	test_add(tests, pointers_pass_or_are_refused);
	test_add(tests, memory_of_the_callee);
	test_add(tests, variadic_cifs);
	test_add(tests, the_same_cif_says_something_else);
	test_add(tests, more_than_is_kept);
	test_add(tests, threads_at_once);
	test_add(tests, domains_come_and_go);
	test_add(tests, a_forked_child);
	test_add(tests, faults);
	test_add(tests, errno_is_the_callees);
	test_add(tests, cifs_that_cannot_be);
	test_add(tests, bad_arguments);
	suite_add_tcase(suite, tests);
	return test_main(argc, argv, suite);
}
