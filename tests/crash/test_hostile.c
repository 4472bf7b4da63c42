/* SPDX-License-Identifier: MIT */
/* Callees that attack what isolates them. After each: the host is alive, its memory is as it
 * was, the next good call works, and nothing has leaked. */
#include "helper.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

struct attack {
	const char *victim, *declaration;
	int first, second;
};

static const struct attack attacks[] = {
	{ "masks", "void block_and_crash(void)", 0, 0 },
	{ "masks", "int block_and_return(void)", 0, 0 },
	{ "masks", "int disable_stack_and_overflow(void)", 0, 0 },
	{ "masks", "void lose_stack(void)", 0, 0 },
	{ "masks", "void reporter_and_crash(void)", 0, 0 },
	{ "descriptors", "int close_all(void)", 0, 0 },
	{ "descriptors", "int close_from_three(void)", 0, 0 },
	{ "descriptors", "int truncate_all(void)", 0, 0 },
	{ "descriptors", "int grow_all(void)", 0, 0 },
	{ "descriptors", "int replace_all(void)", 0, 0 },
	{ "descriptors", "int write_garbage(void)", 0, 0 },
	{ "descriptors", "int shut_sockets(void)", 0, 0 },
	{ "descriptors", "int leak_all(void)", 0, 0 },
	{ "mappings", "int unmap_all(void)", 0, 0 },
	{ "mappings", "int protect_all(void)", 0, 0 },
	{ "mappings", "int unmap_writable(void)", 0, 0 },
	{ "mappings", "int protect_writable(void)", 0, 0 },
	{ "mappings", "int write_protect_all(void)", 0, 0 },
	{ "mappings", "int unmap_shared(void)", 0, 0 },
	{ "mappings", "int protect_shared(void)", 0, 0 },
	{ "mappings", "int punch_shared(void)", 0, 0 },
	{ "mappings", "int fill_shared(int pattern)", 0x00, 0 },
	{ "mappings", "int fill_shared(int pattern)", 0xff, 0 },
	{ "mappings", "int fill_shared(int pattern)", -1, 0 },
	{ "mappings", "int flip_shared(unsigned seed, int count)", 1, 1000 },
	{ "mappings", "int flip_shared(unsigned seed, int count)", 7, 100000 },
	{ "mappings", "int start_filler(int pattern, int delay_us)", 0x00, 0 },
	{ "mappings", "int start_filler(int pattern, int delay_us)", 0xff, 0 },
	{ "mappings", "int start_filler(int pattern, int delay_us)", -1, 10 },
	{ "forks", "int fork_and_return(void)", 0, 0 },
	{ "forks", "int child_crashes(void)", 0, 0 },
	{ "forks", "int grandchild_crashes(void)", 0, 0 },
	{ "forks", "int child_exits(int status)", 3, 0 },
	{ "forks", "int child_aborts(void)", 0, 0 },
	{ "forks", "int fork_many(int count)", 50, 0 },
	{ "threads", "int crash_after(int milliseconds)", 1, 0 },
	{ "threads", "int exit_after(int milliseconds)", 1, 0 },
	{ "threads", "int start_lingering(int count)", 5, 0 },
	{ "threads", "int start_burning(int count)", 1, 0 },
	{ "limits", "int limit_memory(unsigned long bytes)", 1 << 20, 0 },
	{ "limits", "int limit_descriptors(unsigned long count)", 0, 0 },
	{ "limits", "int limit_processes(unsigned long count)", 0, 0 },
	{ "limits", "int limit_stack(unsigned long bytes)", 4096, 0 },
	{ "limits", "int hide(void)", 0, 0 },
	{ "limits", "int hide_and_crash(void)", 0, 0 },
	{ "limits", "int hide_and_become_nobody(void)", 0, 0 },
	{ "limits", "int rename_badly(void)", 0, 0 },
	{ "limits", "int outlive_parent(void)", 0, 0 },
	{ "limits", "int fill_addresses(void)", 0, 0 },
	{ "exits", "void loop_as_nobody(void)", 0, 0 },
	{ "exits", "void loop_in_session(void)", 0, 0 },
	{ "signals", "void heap_overflow(void)", 0, 0 },
};

/* Stands for everything that is the host's. */
static unsigned char memory[1 << 20];

static void fill(void)
{
	for (size_t i = 0; i < sizeof memory; i++)
		memory[i] = (unsigned char)(i * 131 >> 3);
}

static void check_memory(void)
{
	size_t i = 0;

	/* One assertion: each is a message to the test's parent. */
	while (i < sizeof memory && memory[i] == (unsigned char)(i * 131 >> 3))
		i++;
	ck_assert_msg(i == sizeof memory, "the host's memory has changed at %zu", i);
}

/* Attacks once and calls on. Whatever a call says, it comes back; after at most a few, and a
 * restart, everything works. */
static void attack_once(const struct attack *attack, const sffi_options *options)
{
	sffi_domain *domain = test_open_with(options);
	sffi_library *good = test_load(domain, "good"), *library = test_load(domain, attack->victim);
	sffi_function *add = test_function(good, "int add(int a, int b)");
	sffi_function *function = test_function(library, attack->declaration);
	sffi_status status = SFFI_OK;
	int sum = 0;

	sffi_call(function, NULL, attack->first, attack->second);
	for (int i = 0; i < 20; i++) {
		status = sffi_call(add, &sum, i, 2);
		if (!status && sum == i + 2)
			break;
	}
	/* A filler that goes on garbles results for ever; a fresh worker does not have it. */
	ck_ok(sffi_domain_restart(domain));
	ck_ok(sffi_call(add, &sum, 40, 2));
	ck_assert_int_eq(sum, 42);
	check_memory();
	sffi_function_release(&function);
	sffi_function_release(&add);
	sffi_library_close(&library);
	sffi_library_close(&good);
	sffi_domain_close(&domain);
}

START_TEST(survive)
{
	const struct attack *attack = &attacks[_i];
	struct test_resources before;
	sffi_options options;

	test_options(&options);
	options.timeout_ms = 400;
	fill();
	attack_once(attack, &options); /* what is made once for the process is made */
	before = test_resources();
	for (int i = 0; i < 3; i++)
		attack_once(attack, &options);
	test_same_resources(before);
}
END_TEST

START_TEST(own_thread_descriptor)
{
	sffi_options options;
	sffi_domain *domain;
	sffi_function *function;

	test_options(&options);
	options.timeout_ms = 400;
	domain = test_open_with(&options);
	function = test_victim_function(domain, "pthread_scribble", "int scribble(int value)");
	sffi_call(function, NULL, 0xff);
	test_still_works(domain);
	sffi_domain_close(&domain);
}
END_TEST

/* The library leaves a handler that never returns: only time ends such a call. */
START_TEST(looping_handler)
{
	sffi_options options;
	sffi_domain *domain;
	sffi_library *masks, *signals;
	sffi_function *leave, *crash;

	test_options(&options);
	options.timeout_ms = 200;
	domain = test_open_with(&options);
	masks = test_load(domain, "masks");
	signals = test_load(domain, "signals");
	leave = test_function(masks, "int install_looping_handler(void)");
	crash = test_function(signals, "int null_read(void)");
	ck_ok(sffi_call(leave, NULL));
	ck_assert_int_eq(sffi_call(crash, NULL), SFFI_ETIMEOUT);
	test_still_works(domain);
	sffi_domain_close(&domain);
}
END_TEST

/* A crash between two calls: the next one works, and tells what was before it. */
START_TEST(death_while_nobody_calls)
{
	sffi_domain *domain = test_open();
	sffi_library *good = test_load(domain, "good");
	sffi_function *add = test_function(good, "int add(int a, int b)");
	int sum = 0;

	for (int i = 0; i < 20; i++) {
		uint64_t generation = sffi_domain_generation(domain);

		ck_assert_int_eq(kill(sffi_domain_pid(domain), SIGKILL), 0);
		ck_ok(sffi_call(add, &sum, i, 1));
		ck_assert_int_eq(sum, i + 1);
		ck_assert(sffi_domain_generation(domain) == generation + 1 ||
			  sffi_domain_generation(domain) == generation);
	}
	sffi_domain_close(&domain);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("hostile");
	TCase *tests = tcase_create("attacks"), *rest = tcase_create("rest");

	tcase_set_timeout(tests, 240);
	tcase_set_timeout(rest, 120);
	tcase_add_loop_test(tests, survive, 0, sizeof attacks / sizeof *attacks);
	tcase_add_test(rest, own_thread_descriptor);
	tcase_add_test(rest, looping_handler);
	tcase_add_test(rest, death_while_nobody_calls);
	suite_add_tcase(suite, tests);
	suite_add_tcase(suite, rest);
	return test_main(argc, argv, suite);
}
