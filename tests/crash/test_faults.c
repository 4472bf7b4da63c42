/* SPDX-License-Identifier: MIT */
/* Every kind of fault: told apart, reported, survived. */
#include "helper.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

struct fault_case {
	const char *victim, *declaration;
	sffi_fault_kind kind;
	int signal;       /* -1: not looked at */
	int code;         /* -1: not looked at */
	int argument;
};

static const struct fault_case faults[] = {
	{ "signals", "int null_read(void)", SFFI_FAULT_SIGNAL, SIGSEGV, -1, 0 },
	{ "signals", "int null_member(void)", SFFI_FAULT_SIGNAL, SIGSEGV, -1, 0 },
	{ "signals", "int wild_read(void)", SFFI_FAULT_SIGNAL, SIGSEGV, -1, 0 },
	{ "signals", "int noncanonical_read(void)", SFFI_FAULT_SIGNAL, SIGSEGV, -1, 0 },
	{ "signals", "void call_null(void)", SFFI_FAULT_SIGNAL, SIGSEGV, -1, 0 },
	{ "signals", "void null_write(int value)", SFFI_FAULT_SIGNAL, SIGSEGV, -1, 5 },
	{ "signals", "void wild_write(void)", SFFI_FAULT_SIGNAL, SIGSEGV, -1, 0 },
	{ "signals", "void call_wild(void)", SFFI_FAULT_SIGNAL, SIGSEGV, -1, 0 },
	{ "signals", "void use_after_unmap(void)", SFFI_FAULT_SIGNAL, SIGSEGV, -1, 0 },
	{ "signals", "void past_mapping(void)", SFFI_FAULT_SIGNAL, SIGSEGV, -1, 0 },
	{ "signals", "void free_stack(void)", SFFI_FAULT_SIGNAL, SIGABRT, -1, 0 },
	{ "throws", "int vector_at(int index)", SFFI_FAULT_UNWOUND, 0, -1, 99 },
	{ "throws", "void throw_past_destructor(void)", SFFI_FAULT_UNWOUND, 0, -1, 0 },
	{ "signals", "void write_constant(void)", SFFI_FAULT_SIGNAL, SIGSEGV, -1, 0 },
	{ "signals", "void execute_data(void)", SFFI_FAULT_SIGNAL, SIGSEGV, -1, 0 },
	{ "signals", "void bus_error(void)", SFFI_FAULT_SIGNAL, SIGBUS, -1, 0 },
	{ "signals", "int divide_by_zero(void)", SFFI_FAULT_SIGNAL, SIGFPE, -1, 0 },
	{ "signals", "void illegal_instruction(void)", SFFI_FAULT_SIGNAL, SIGILL, -1, 0 },
	{ "signals", "void breakpoint(void)", SFFI_FAULT_SIGNAL, SIGTRAP, -1, 0 },
	{ "signals", "void do_abort(void)", SFFI_FAULT_SIGNAL, SIGABRT, -1, 0 },
	{ "signals", "void forbidden_call(void)", SFFI_FAULT_SIGNAL, SIGSYS, -1, 0 },
	{ "signals", "int stack_overflow(void)", SFFI_FAULT_STACK_OVERFLOW, SIGSEGV, -1, 0 },
	{ "signals", "void double_free(void)", SFFI_FAULT_SIGNAL, SIGABRT, -1, 0 },
	{ "exits", "void do_exit(int status)", SFFI_FAULT_EXIT, 0, 7, 7 },
	{ "exits", "void do__exit(int status)", SFFI_FAULT_EXIT, 0, 8, 8 },
	{ "exits", "void do_quick_exit(int status)", SFFI_FAULT_EXIT, 0, 9, 9 },
	{ "exits", "void exit_with_handler(int status)", SFFI_FAULT_EXIT, 0, 3, 3 },
	{ "exits", "void thread_exit(void)", SFFI_FAULT_THREAD_EXIT, 0, -1, 0 },
	{ "exits", "void become_true(void)", SFFI_FAULT_EXIT, 0, -1, 0 },
	{ "exits", "void become_sleep(void)", SFFI_FAULT_EXIT, 0, -1, 0 },
	{ "exits", "void kill_self(void)", SFFI_FAULT_KILLED, SIGKILL, -1, 0 },
	{ "exits", "void stop_self(void)", SFFI_FAULT_SIGNAL, SIGSTOP, -1, 0 },
	{ "throws", "void throw_number(int number)", SFFI_FAULT_UNWOUND, 0, -1, 1 },
	{ "masks", "void block_and_crash(void)", SFFI_FAULT_SIGNAL, SIGSEGV, -1, 0 },
	{ "masks", "void ignore_and_crash(void)", SFFI_FAULT_SIGNAL, SIGSEGV, -1, 0 },
	{ "masks", "void disable_stack_and_crash(void)", SFFI_FAULT_SIGNAL, SIGSEGV, -1, 0 },
	{ "masks", "void bad_stack_and_crash(void)", SFFI_FAULT_SIGNAL, SIGSEGV, -1, 0 },
	{ "masks", "void lose_stack(void)", SFFI_FAULT_SIGNAL, SIGSEGV, -1, 0 },
};

START_TEST(every_kind)
{
	const struct fault_case *c = &faults[_i];
	sffi_domain *domain = test_open();
	sffi_library *library = test_load(domain, c->victim);
	sffi_function *function = test_function(library, c->declaration);
	uint64_t generation = sffi_domain_generation(domain);
	const sffi_fault *fault;
	sffi_status status = sffi_call(function, NULL, c->argument);
	char *text = NULL;
	size_t size = 0;
	FILE *stream;

	ck_assert_msg(status == SFFI_EFAULT, "%s: %s: %s", c->declaration, sffi_status_name(status),
		      sffi_error());
	fault = sffi_last_fault();
	ck_assert_ptr_nonnull(fault);
	ck_assert_msg(sffi_fault_get_kind(fault) == c->kind, "%s: %s: %s", c->declaration,
		      sffi_fault_kind_name(sffi_fault_get_kind(fault)), sffi_error());
	if (c->signal >= 0)
		ck_assert_int_eq(sffi_fault_get_signal(fault), c->signal);
	if (c->code >= 0)
		ck_assert_int_eq(sffi_fault_get_code(fault), c->code);
	ck_assert_int_eq(sffi_fault_get_generation(fault), generation);
	ck_assert_uint_eq(sffi_domain_generation(domain), generation + !test_is_inside());

	/* The report names what was called. */
	stream = open_memstream(&text, &size);
	ck_ok(sffi_fault_print(fault, stream));
	ck_ok(sffi_fault_print_json(fault, stream));
	fclose(stream);
	ck_assert_msg(strstr(text, sffi_fault_get_function(fault)) != NULL, "%s", text);
	ck_assert_ptr_nonnull(strstr(c->declaration, sffi_fault_get_function(fault)));
	free(text);

	test_still_works(domain);
	sffi_function_release(&function);
	sffi_library_close(&library);
	sffi_domain_close(&domain);
}
END_TEST

START_TEST(a_stale_longjmp_is_told)
{
	sffi_domain *domain = test_open();
	sffi_library *library = test_load(domain, "unwinds");
	sffi_function *arm = test_function(library, "int arm(void)");
	sffi_function *leap = test_function(library, "void leap(void)");
	int armed = -1;

	ck_ok(sffi_call(arm, &armed));
	ck_assert_int_eq(armed, 0);
	ck_assert_int_eq(sffi_call(leap, NULL), SFFI_EFAULT);
	ck_assert_int_eq(sffi_fault_get_kind(sffi_last_fault()), SFFI_FAULT_UNWOUND);
	test_still_works(domain);
	sffi_domain_close(&domain);
}
END_TEST

START_TEST(a_jump_inside_the_callee_is_no_fault)
{
	sffi_domain *domain = test_open();
	sffi_function *inside = test_victim_function(domain, "unwinds", "int leap_inside(void)");
	uint64_t generation = sffi_domain_generation(domain);

	ck_ok(sffi_call(inside, NULL));
	ck_assert_uint_eq(sffi_domain_generation(domain), generation);
	sffi_domain_close(&domain);
}
END_TEST

START_TEST(overruns_are_found)
{
	sffi_domain *domain = test_open();
	sffi_library *library = test_load(domain, "overruns");
	sffi_function *past = test_function(
		library, "void write_past(unsigned char buffer[size], size_t size, size_t extra)");
	sffi_function *before = test_function(
		library, "void write_before(unsigned char buffer[size], size_t size, size_t extra)");
	unsigned char buffer[100], expected[100];

	memset(expected, 'x', sizeof expected);
	for (size_t extra = 1; extra <= 64; extra += 7) {
		memset(buffer, 'x', sizeof buffer);
		ck_assert_int_eq(sffi_call(past, NULL, buffer, (size_t)100, extra), SFFI_EFAULT);
		ck_assert_int_eq(sffi_fault_get_kind(sffi_last_fault()), SFFI_FAULT_OVERRUN);
		ck_assert_msg(strstr(sffi_error(), "buffer") != NULL, "%s", sffi_error());
		/* Nothing is copied back. */
		ck_assert_mem_eq(buffer, expected, sizeof buffer);
		ck_assert_int_eq(sffi_call(before, NULL, buffer, (size_t)100, extra), SFFI_EFAULT);
		ck_assert_int_eq(sffi_fault_get_kind(sffi_last_fault()), SFFI_FAULT_OVERRUN);
		ck_assert_mem_eq(buffer, expected, sizeof buffer);
	}
	ck_ok(sffi_call(past, NULL, buffer, (size_t)100, (size_t)0));
	sffi_domain_close(&domain);
}
END_TEST

/* Whatever the fence is this time, it is none of these. */
START_TEST(one_byte_of_text_is_found_every_time)
{
	sffi_domain *domain = test_open();
	sffi_library *library = test_load(domain, "overruns");
	sffi_function *poke = test_function(library, "void poke(unsigned char buffer[100], long distance, int value)");
	unsigned char buffer[100] = { 0 };

	for (int i = 0; i < 1000; i++) {
		ck_assert_int_eq(sffi_call(poke, NULL, buffer, i % 2 ? 100l : -1l, i % 4 > 1 ? 0 : 'n'), SFFI_EFAULT);
		ck_assert_int_eq(sffi_fault_get_kind(sffi_last_fault()), SFFI_FAULT_OVERRUN);
	}
	sffi_domain_close(&domain);
}
END_TEST

START_TEST(a_timeout_ends_the_call)
{
	sffi_domain *domain = test_open();
	sffi_library *library = test_load(domain, "exits");
	static const char *const names[] = { "void loop_forever(void)", "void sleep_forever(void)",
					     "void loop_unkillable(void)" };
	/* In process a callee that has blocked all signals on its thread goes on. */
	const int count = test_is_inside() ? 2 : 3;

	for (int i = 0; i < count; i++) {
		sffi_function *function = test_function(library, names[i]);

		sffi_function_set_timeout(function, 50);
		ck_refused(sffi_call(function, NULL), SFFI_ETIMEOUT, "50 ms");
		ck_assert_int_eq(sffi_fault_get_kind(sffi_last_fault()), SFFI_FAULT_TIMEOUT);
		test_still_works(domain);
	}
	sffi_domain_close(&domain);
}
END_TEST

START_TEST(the_report_says_where)
{
	sffi_domain *domain = test_open();
	sffi_function *function =
		test_victim_function(domain, "signals", "int outermost(token p)");
	sffi_fault *kept;
	sffi_frame frame;

	ck_assert_int_eq(sffi_call(function, NULL, NULL), SFFI_EFAULT);
	kept = sffi_fault_retain(sffi_last_fault());
	/* Read after the worker was replaced, twice. */
	test_still_works(domain);
	ck_ok(sffi_domain_restart(domain));
	ck_assert_uint_ge(sffi_fault_frame_count(kept), 1);
	ck_assert(sffi_fault_get_frame(kept, 0, &frame));
	ck_assert_uint_eq(frame.pc, (uintptr_t)sffi_fault_get_pc(kept));
	ck_assert_ptr_nonnull(frame.library);
	ck_assert_ptr_nonnull(strstr(frame.library, "libvictim_signals"));
	if (sffi_fault_get_symbol(kept)) {
		bool found = false;

		for (size_t i = 0; sffi_fault_get_frame(kept, i, &frame); i++)
			found |= frame.function && !strcmp(frame.function, "outermost") && frame.file &&
				 strstr(frame.file, "signals.c") && frame.line;
		ck_assert(found);
	}
	ck_assert_str_eq(sffi_fault_get_call(kept), "outermost(p = NULL)");
	sffi_fault_release(&kept);
	ck_assert_ptr_null(kept);
	sffi_domain_close(&domain);
}
END_TEST

/* How a callee left, and who did it. */
START_TEST(a_way_out_is_the_first_frame)
{
	static const struct {
		const char *victim, *declaration, *way, *who;
	} cases[] = {
		{ "exits", "void do_exit(int status)", "exit", "do_exit" },
		{ "exits", "void thread_exit(void)", "pthread_exit", "thread_exit" },
		{ "throws", "void throw_number(int number)", "__cxa_throw", "throw_number" },
	};
	sffi_domain *domain = test_open();

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		sffi_function *function =
			test_victim_function(domain, cases[i].victim, cases[i].declaration);
		const sffi_fault *fault;
		sffi_frame first, second;
		const char *again;
		char call[64];

		ck_assert_int_eq(sffi_call(function, NULL, 1), SFFI_EFAULT);
		fault = sffi_last_fault();
		/* The sentence names the call once. */
		snprintf(call, sizeof call, "%s(", cases[i].who);
		again = strstr(sffi_error(), call);
		ck_assert_ptr_eq(again, sffi_error());
		ck_assert_msg(!strstr(again + 1, call), "%s", sffi_error());
		if (!sffi_fault_get_symbol(fault))
			continue;
		ck_assert(sffi_fault_get_frame(fault, 0, &first));
		ck_assert(sffi_fault_get_frame(fault, 1, &second));
		ck_assert_str_eq(first.function, cases[i].way);
		ck_assert_str_eq(second.function, cases[i].who);
		ck_assert_uint_eq(first.pc, (uintptr_t)sffi_fault_get_pc(fault));
	}
	sffi_domain_close(&domain);
}
END_TEST

START_TEST(a_held_worker_stays)
{
	sffi_options options;
	sffi_domain *domain;
	sffi_function *function;
	pid_t pid;
	char *text = NULL;
	size_t size = 0;
	FILE *stream;

	test_options(&options);
	options.on_fault = SFFI_ON_FAULT_HOLD;
	domain = test_open_with(&options);
	function = test_victim_function(domain, "signals", "int null_read(void)");
	pid = sffi_domain_pid(domain);
	ck_assert_int_eq(sffi_call(function, NULL), SFFI_EFAULT);
	ck_assert_int_eq(kill(pid, 0), 0);
	ck_assert_int_ne(sffi_domain_pid(domain), pid);
	stream = open_memstream(&text, &size);
	ck_ok(sffi_fault_print(sffi_last_fault(), stream));
	fclose(stream);
	ck_assert_msg(strstr(text, "gdb -p") != NULL, "%s", text);
	free(text);
	test_still_works(domain);
	sffi_domain_close(&domain);
	test_until_gone(pid);
}
END_TEST

START_TEST(stop_on_fault)
{
	sffi_options options;
	sffi_domain *domain;
	sffi_function *function;

	test_options(&options);
	options.on_fault = SFFI_ON_FAULT_STOP;
	domain = test_open_with(&options);
	function = test_victim_function(domain, "signals", "int null_read(void)");
	ck_assert_int_eq(sffi_call(function, NULL), SFFI_EFAULT);
	ck_refused(sffi_call(function, NULL), SFFI_ECLOSED, "sffi_domain_restart");
	ck_ok(sffi_domain_restart(domain));
	test_still_works(domain);
	sffi_domain_close(&domain);
}
END_TEST

START_TEST(constructors_and_destructors_may_crash)
{
	sffi_domain *domain = test_open();
	sffi_library *library = NULL;
	sffi_status status = sffi_library_open(&library, domain, test_victim("constructor"));

	ck_assert_msg(status == SFFI_EFAULT, "%s", sffi_error());
	ck_assert_ptr_null(library);
	ck_assert_ptr_nonnull(sffi_last_fault());
	test_still_works(domain);
	library = test_load(domain, "destructor");
	sffi_library_close(&library);
	test_still_works(domain);
	sffi_domain_close(&domain);
}
END_TEST

/* Each kind is a test of its own. */
static void add_kind(TCase *kinds, int i)
{
	bool any = test_is_wanted("every_kind");
	char name[128];

	snprintf(name, sizeof name, "every_kind:%s", faults[i].declaration);
	if (test_is_wanted(name) && any)
		tcase_add_loop_test(kinds, every_kind, i, i + 1);
}

int main(int argc, char **argv)
{
	Suite *suite = suite_create("faults");
	TCase *kinds = tcase_create("kinds"), *rest = tcase_create("reports");

	tcase_set_timeout(kinds, 120);
	tcase_set_timeout(rest, 120);
	for (int i = 0; i < (int)(sizeof faults / sizeof *faults); i++)
		add_kind(kinds, i);
	test_add(rest, a_stale_longjmp_is_told);
	test_add(rest, a_jump_inside_the_callee_is_no_fault);
	test_add(rest, overruns_are_found);
	test_add(rest, one_byte_of_text_is_found_every_time);
	test_add(rest, a_timeout_ends_the_call);
	test_add(rest, the_report_says_where);
	test_add(rest, a_way_out_is_the_first_frame);
	test_add(rest, a_held_worker_stays);
	test_add(rest, stop_on_fault);
	test_add(rest, constructors_and_destructors_may_crash);
	suite_add_tcase(suite, kinds);
	suite_add_tcase(suite, rest);
	return test_main(argc, argv, suite);
}
