/* SPDX-License-Identifier: MIT */
#include "error.h"
#include "test_fault.h"

#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static void callee_writes(void *argument)
{
	*(volatile char *)argument = 1;
}

static json_t *parse(const sffi_fault *fault)
{
	char *text = test_print(fault, sffi_fault_print_json);
	json_error_t error;
	json_t *report = json_loads(text, JSON_REJECT_DUPLICATES, &error);

	ck_assert_msg(report != NULL, "%s: %s", error.text, text);
	free(text);
	return report;
}

static const char *string_at(json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

START_TEST(test_null_fault)
{
	sffi_fault *none = NULL;
	sffi_frame frame;

	ck_assert_int_eq(sffi_fault_get_kind(NULL), 0);
	ck_assert_int_eq(sffi_fault_get_signal(NULL), 0);
	ck_assert_int_eq(sffi_fault_get_code(NULL), 0);
	ck_assert_ptr_null(sffi_fault_get_address(NULL));
	ck_assert_ptr_null(sffi_fault_get_pc(NULL));
	ck_assert_int_eq(sffi_fault_get_pid(NULL), 0);
	ck_assert_uint_eq(sffi_fault_get_generation(NULL), 0);
	ck_assert_str_eq(sffi_fault_get_function(NULL), "");
	ck_assert_str_eq(sffi_fault_get_call(NULL), "");
	ck_assert_str_eq(sffi_fault_get_summary(NULL), "");
	ck_assert_ptr_null(sffi_fault_get_symbol(NULL));
	ck_assert_ptr_null(sffi_fault_get_library(NULL));
	ck_assert_uint_eq(sffi_fault_frame_count(NULL), 0);
	ck_assert(!sffi_fault_get_frame(NULL, 0, &frame));
	ck_assert(!sffi_fault_get_frame(NULL, 0, NULL));
	ck_assert_ptr_null(sffi_fault_retain(NULL));
	sffi_fault_release(NULL);
	sffi_fault_release(&none);
	ck_assert_int_eq(sffi_fault_print(NULL, stderr), SFFI_EINVAL);
	ck_assert_int_eq(sffi_fault_print_json(NULL, stderr), SFFI_EINVAL);
	ck_assert_str_eq(sffi_fault_kind_name(SFFI_FAULT_STACK_OVERFLOW), "stack overflow");
	ck_assert_str_eq(sffi_fault_kind_name((sffi_fault_kind)-1), "");
	ck_assert_str_eq(sffi_fault_kind_name((sffi_fault_kind)99), "");
}
END_TEST

START_TEST(test_text)
{
	sffi_fault *fault = test_capture(callee_writes, (void *)8);
	char *text;

	fault->held = true;
	strcpy(fault->note, "second\nline \033[31m");
	text = test_print(fault, sffi_fault_print);
	ck_assert_ptr_nonnull(strstr(text, "callee(argument = 0x1): segmentation fault (SIGSEGV, "
					   "address not mapped) writing address 0x8 (NULL plus 8"));
	ck_assert_ptr_nonnull(strstr(text, "  at       "));
	ck_assert_ptr_nonnull(strstr(text, "registers:"));
	ck_assert_ptr_nonnull(strstr(text, "gdb -p "));
	ck_assert_ptr_nonnull(strstr(text, "second\\x0aline"));
	ck_assert_ptr_null(strchr(text, '\033'));
	free(text);
	sffi_fault_release(&fault);
}
END_TEST

START_TEST(test_json)
{
	sffi_fault *fault = test_capture(callee_writes, (void *)8);
	json_t *report;

	strcpy(fault->note, "\377 is no UTF-8");
	report = parse(fault);
	ck_assert_str_eq(string_at(report, "kind"), "signal");
	ck_assert_str_eq(string_at(report, "address"), "0x8");
	ck_assert_str_eq(string_at(report, "address_class"), "null");
	ck_assert_str_eq(string_at(report, "access"), "writing");
	ck_assert_str_eq(string_at(report, "note"), "\\xff is no UTF-8");
	ck_assert_str_eq(string_at(json_object_get(report, "signal"), "code_name"), "SEGV_MAPERR");
	ck_assert_str_eq(string_at(json_array_get(json_object_get(report, "frames"), 0), "library"),
			 test_program());
	ck_assert_uint_eq(json_object_size(json_object_get(report, "registers")),
			  REGISTER_COUNT + 1);
	ck_assert(json_is_null(json_object_get(report, "overrun")));
	json_decref(report);
	sffi_fault_release(&fault);
}
END_TEST

static const struct {
	sffi_fault_kind kind;
	int signal, code;
	const char *summary;
} kinds[] = {
	{ SFFI_FAULT_SIGNAL, SIGILL, 2, "f(): illegal instruction (SIGILL, illegal operand" },
	{ SFFI_FAULT_SIGNAL, SIGABRT, SI_TKILL, "f(): aborted (SIGABRT, abort() was called)" },
	{ SFFI_FAULT_STACK_OVERFLOW, 0, 0, "f(): stack overflow" },
	{ SFFI_FAULT_EXIT, 0, 3, "f(): ended its process with exit status 3" },
	{ SFFI_FAULT_KILLED, SIGKILL, 0, "f(): the worker was killed by SIGKILL, from outside" },
	{ SFFI_FAULT_KILLED, 0, 0, "f(): the worker is gone" },
	{ SFFI_FAULT_TIMEOUT, 0, 0, "f(): timed out: did not return within 250 ms" },
	{ SFFI_FAULT_OVERRUN, 0, 0,
	  "f(): overrun: wrote at least 4 bytes past the end of argument `to` (16 bytes)" },
	{ SFFI_FAULT_UNWOUND, 0, 0, "f(): did not return: a longjmp" },
	{ SFFI_FAULT_THREAD_EXIT, 0, 0, "f(): ended its thread" },
	{ SFFI_FAULT_STALE_CALLBACK, 0, 0, "f(): called a callback that was released" },
	{ SFFI_FAULT_POISONED, 0, 0, "f(): was not called" },
	{ (sffi_fault_kind)77, 0, 0, "f(): unknown fault" },
};

START_TEST(test_kinds)
{
	sffi_fault *fault = sffi__fault_new();
	char *text, small[20];
	json_t *report;

	fault->kind = kinds[_i].kind;
	fault->signal = kinds[_i].signal;
	fault->code = kinds[_i].code;
	fault->timeout_ms = 250;
	fault->overrun = (struct fault_overrun){ .name = "to", .bytes = 4, .size = 16 };
	strcpy(fault->call, "f()");
	ck_assert_msg(!strncmp(sffi_fault_get_summary(fault), kinds[_i].summary,
			       strlen(kinds[_i].summary)), "%s", sffi_fault_get_summary(fault));
	sffi__fault_summarize(fault, small, sizeof small);
	ck_assert_uint_lt(strlen(small), sizeof small);
	text = test_print(fault, sffi_fault_print);
	ck_assert_int_eq(strncmp(text, kinds[_i].summary, strlen(kinds[_i].summary)), 0);
	free(text);
	report = parse(fault);
	ck_assert_str_eq(string_at(report, "summary"), sffi_fault_get_summary(fault));
	json_decref(report);
	sffi_fault_release(&fault);
}
END_TEST

START_TEST(test_collateral)
{
	sffi_fault *fault = sffi__fault_new();

	fault->kind = SFFI_FAULT_EXIT;
	fault->collateral = true;
	strcpy(fault->function, "g");
	ck_assert_str_eq(sffi_fault_get_summary(fault), "another call brought the worker down: "
			 "g: ended its process with exit status 0");
	sffi_fault_release(&fault);
}
END_TEST

START_TEST(test_long_call)
{
	sffi_fault *fault = sffi__fault_new();

	fault->kind = SFFI_FAULT_UNWOUND;
	strcpy(fault->function, "f");
	memset(fault->call, 'x', sizeof fault->call - 1);
	ck_assert_int_eq(strncmp(sffi_fault_get_summary(fault), "f(...): did", 11), 0);
	sffi_fault_release(&fault);
}
END_TEST

START_TEST(test_full_stream)
{
	sffi_fault *fault = sffi__fault_new();
	FILE *full = fopen("/dev/full", "w");

	ck_assert_int_eq(sffi_fault_print(fault, full), SFFI_ESYSTEM);
	ck_assert_int_eq(sffi_fault_print_json(fault, full), SFFI_ESYSTEM);
	fclose(full);
	sffi_fault_release(&fault);
}
END_TEST

TCase *test_fault_report(void)
{
	TCase *tcase = tcase_create("report");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, test_null_fault);
	tcase_add_test(tcase, test_text);
	tcase_add_test(tcase, test_json);
	tcase_add_loop_test(tcase, test_kinds, 0, sizeof kinds / sizeof *kinds);
	tcase_add_test(tcase, test_collateral);
	tcase_add_test(tcase, test_long_call);
	tcase_add_test(tcase, test_full_stream);
	return tcase;
}
