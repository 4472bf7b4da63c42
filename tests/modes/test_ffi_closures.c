/* SPDX-License-Identifier: MIT */
/* Closures in libffi's terms, beside libffi's own. */
#include "ffi_helper.h"

#include <stdlib.h>

/* Does in the host what the callee would have done. */
static void call_here(ffi_cif *cif, void *ret, void **args, void *data)
{
	const struct made_call *made = data;

	ck_assert_ptr_eq(cif, &made->cif);
	if (made->libffi_errs)
		made->one->direct(ret, args);
	else
		ffi_call(cif, made->one->function, ret, args);
}

START_TEST(closures_of_random_signatures)
{
	const struct ffi_case *cases;
	sffi_ffi_closure *closure;
	unsigned count;

	open_cases(&cases, &count);
	ok(sffi_ffi_closure_alloc(&closure, domain));
	for (unsigned i = 0; i < count; i++) {
		struct made_call *made = make_call(&cases[i]);

		ok(sffi_ffi_prep_closure(closure, &made->cif, call_here, made, &made->code));
		ok(sffi_ffi_call(domain, &made->caller, cases[i].caller, made->result, made->avalues));
		same_results(cases[i].declaration, cases[i].result, made->expected, made->result,
			     made->mask);
	}
	sffi_ffi_closure_free(&closure);
	ck_assert_ptr_null(closure);
}
END_TEST

/* ---- closures ----------------------------------------------------------------------------------- */

static void compare_there(ffi_cif *cif, void *ret, void **args, void *data)
{
	int a, b;

	(void)cif;
	ok(sffi_read(domain, &a, *(void **)args[0], sizeof a));
	ok(sffi_read(domain, &b, *(void **)args[1], sizeof b));
	++*(int *)data;
	*(ffi_sarg *)ret = a - b;
}

static void compare_in_arena(ffi_cif *cif, void *ret, void **args, void *data)
{
	(void)cif;
	++*(int *)data;
	*(ffi_sarg *)ret = **(int **)args[0] - **(int **)args[1];
}

START_TEST(closures_sort)
{
	ffi_type *two[] = { &ffi_type_pointer, &ffi_type_pointer };
	ffi_type *sort[] = { &ffi_type_uint, &ffi_type_pointer };
	ffi_type *quick[] = { &ffi_type_pointer, &ffi_type_ulong, &ffi_type_ulong, &ffi_type_pointer };
	ffi_cif compare, make, sorted, qsort_cif;
	sffi_ffi_closure *closure;
	unsigned count = 50;
	size_t length = count, size = sizeof(int);
	int seen = 0, *block;
	ffi_arg result = 0;
	void *code, *numbers, *avalues[] = { &count, &code };
	void *quick_values[] = { &block, &length, &size, &code };

	prepared(&compare, &ffi_type_sint, 2, two);
	prepared(&make, &ffi_type_pointer, 1, sort);
	prepared(&sorted, &ffi_type_sint, 2, sort);
	prepared(&qsort_cif, &ffi_type_void, 4, quick);
	ok(sffi_ffi_closure_alloc(&closure, domain));
	ok(sffi_ffi_prep_closure(closure, &compare, compare_there, &seen, &code));
	ok(sffi_ffi_call(domain, &make, function("make_numbers"), &numbers, avalues));
	ok(sffi_ffi_call(domain, &sorted, function("sort_numbers"), &result, avalues));
	ck_assert_int_eq((int)result, 1);
	ck_assert_int_gt(seen, 50);
	/* The C library's own, on memory that both have. */
	ok(sffi_alloc(domain, (void **)&block, length * size));
	for (unsigned i = 0; i < count; i++)
		block[i] = (int)(i * 7919 % 64);
	ok(sffi_ffi_prep_closure(closure, &compare, compare_in_arena, &seen, &code));
	ok(sffi_ffi_call(domain, &qsort_cif, FFI_FN(qsort), NULL, quick_values));
	for (unsigned i = 1; i < count; i++)
		ck_assert_int_le(block[i - 1], block[i]);
	sffi_ffi_closure_free(&closure);
}
END_TEST

static void minus_five(ffi_cif *cif, void *ret, void **args, void *data)
{
	(void)cif, (void)args, (void)data;
	*(ffi_arg *)ret = (ffi_arg)-5;
}

/* The register is as libffi's closure leaves it: of what is narrower than an int, the int. */
START_TEST(narrow_results_of_closures)
{
	ffi_type *pointer = &ffi_type_pointer;
	ffi_cif narrow, register_of;
	sffi_ffi_closure *closure;

	ok(sffi_ffi_closure_alloc(&closure, domain));
	prepared(&register_of, &ffi_type_sint64, 1, &pointer);
	for (size_t i = 0; i < INTEGERS; i++) {
		void *code, *code_here, *avalues[] = { &code }, *avalues_here[] = { &code_here };
		ffi_closure *closure_here = ffi_closure_alloc(sizeof *closure_here, &code_here);
		int64_t expected = 0, result = 0;

		prepared(&narrow, scalars[i].type, 0, NULL);
		ck_assert_int_eq(ffi_prep_closure_loc(closure_here, &narrow, minus_five, NULL, code_here),
				 FFI_OK);
		ffi_call(&register_of, function("whole_register"), &expected, avalues_here);
		ok(sffi_ffi_prep_closure(closure, &narrow, minus_five, NULL, &code));
		ok(sffi_ffi_call(domain, &register_of, function("whole_register"), &result, avalues));
		if (scalars[i].type->size <= sizeof(int32_t)) {
			expected = (int32_t)expected;
			result = (int32_t)result;
		}
		ck_assert_msg(result == expected, "%s: %lx, not %lx", scalars[i].name,
			      (unsigned long)result, (unsigned long)expected);
		ffi_closure_free(closure_here);
	}
	sffi_ffi_closure_free(&closure);
}
END_TEST

struct visit {
	sffi_ffi_closure *closure;
	int count;
};

/* Frees its closure while it runs. */
static void visit(ffi_cif *cif, void *ret, void **args, void *data)
{
	struct visit *visit = *(struct visit **)data;

	(void)cif;
	*(int64_t *)ret = *(int64_t *)args[0] * 10;
	if (++visit->count == 3)
		sffi_ffi_closure_free(&visit->closure);
}

START_TEST(closures_in_memory_and_freed)
{
	ffi_type *two[] = { &ffi_type_sint64, &ffi_type_pointer };
	ffi_type *all[] = { &ffi_type_pointer, &ffi_type_sint };
	struct visit one = { 0 }, *data = &one;
	struct { void *visit, *data; } *visitor;
	int count = 3;
	void *avalues[] = { &visitor, &count };
	int64_t result = 0;
	ffi_cif cif, visit_all;

	prepared(&cif, &ffi_type_sint64, 2, two);
	prepared(&visit_all, &ffi_type_sint64, 2, all);
	ok(sffi_alloc(domain, (void **)&visitor, sizeof *visitor));
	ok(sffi_ffi_closure_alloc(&one.closure, domain));
	ok(sffi_ffi_prep_closure(one.closure, &cif, visit, &data, &visitor->visit));
	ok(sffi_ffi_call(domain, &visit_all, function("visit_all"), &result, avalues));
	ck_assert_int_eq(result, 30);
	ck_assert_ptr_null(one.closure);
	ck_assert_int_eq(sffi_ffi_call(domain, &visit_all, function("visit_all"), &result, avalues),
			 SFFI_EFAULT);
	ck_assert_int_eq(sffi_fault_get_kind(sffi_last_fault()), SFFI_FAULT_STALE_CALLBACK);
	test_still_works(domain);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("ffi-closures");
	TCase *tests = tcase_create("ffi-closures");

	tcase_add_checked_fixture(tests, open_domain, close_domain);
	tcase_set_timeout(tests, 120);
	test_add(tests, closures_of_random_signatures);
	test_add(tests, closures_sort);
	test_add(tests, narrow_results_of_closures);
	test_add(tests, closures_in_memory_and_freed);
	suite_add_tcase(suite, tests);
	return test_main(argc, argv, suite);
}
