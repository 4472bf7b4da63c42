/* SPDX-License-Identifier: MIT */
#include "excuses.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIRECT = 1, GUARDED = 2, SHIELDED = 4, REHEARSED = 8 };
enum { INSIDE = DIRECT | GUARDED | SHIELDED | REHEARSED, CAUGHT = INSIDE & ~DIRECT };

static const char *const mode_names[] = { "direct", "guarded", "shielded", "rehearsed" };

#define NO_PROTECTION "nothing is caught, checked or copied: it is a plain call"
#define HOST_MEMORY "the host's memory is the callee's memory, too: nothing has to be refused"
#define NO_WORKER "there is no worker that could be replaced, held or watched"
#define NO_ZONE "a callee's memory is the host's own: an address tells nothing of its owner or its age"
#define ENDS_PROCESS "the kernel ends the process without asking anybody"
#define SIGNALS_TAKEN "the callee has taken from its thread what a handler needs: the kernel ends the process"
#define HOSTS_THREAD "the callee has the host's own thread until it gives way"

static const struct excuse {
	const char *test;
	unsigned modes;
	const char *reason;
} excuses[] = {
	/* calls */
	{ "host_memory_without_a_length_is_refused", INSIDE, HOST_MEMORY },
	{ "handles_go_stale", INSIDE, NO_ZONE },
	{ "all_new_memory_lies_in_the_zone", INSIDE, NO_ZONE },
	{ "a_batch_stops_at_a_fault", DIRECT, NO_PROTECTION },
	{ "the_environment_says_how_workers_are_made", INSIDE, NO_WORKER },
	/* values */
	{ "what_a_member_cannot_carry_is_refused", INSIDE, HOST_MEMORY },
	{ "reports_show_structs", DIRECT, NO_PROTECTION },
	/* upcalls */
	{ "a_handler_may_not_give_host_memory", INSIDE, HOST_MEMORY },
	{ "a_crash_under_a_handler", DIRECT, NO_PROTECTION },
	{ "what_cannot_be_read_is_refused", DIRECT, NO_PROTECTION },
	{ "a_callback_of_another_type_is_refused", DIRECT, NO_PROTECTION },
	{ "callbacks_are_made_and_released", DIRECT, NO_PROTECTION },
	{ "a_timeout_ends_what_calls_back_for_ever", REHEARSED,
	  "it is found out in the rehearsal: the handler has not been called" },
	/* steps */
	{ "waiting_costs_nothing", INSIDE, HOSTS_THREAD },
	{ "a_crash_is_an_event", DIRECT, NO_PROTECTION },
	{ "a_crash_under_an_upcall", DIRECT, NO_PROTECTION },
	{ "steps_leave_nothing", DIRECT, NO_PROTECTION },
	{ "wrong_order", INSIDE, HOSTS_THREAD },
	{ "others_in_the_worker", INSIDE, HOSTS_THREAD },
	{ "the_one_thread_is_taken", INSIDE, HOSTS_THREAD },
	/* threads */
	{ "a_lane_ends_with_its_thread", INSIDE, "its thread is the host's" },
	{ "a_thread_destructor_overflows", INSIDE,
	  "a library's thread-local destructors run at the end of the host's thread, outside of any call" },
	{ "one_thread_runs_every_callee", INSIDE,
	  "callees run on the thread that calls; with one_thread one at a time" },
	{ "calls_in_flight_are_collateral", INSIDE, "a fault fails its own call only" },
	{ "everybody_crashes", DIRECT, NO_PROTECTION },
	{ "who_crashes_is_told_so", INSIDE, "a fault fails its own call only" },
	{ "a_thread_of_the_library_crashes", INSIDE,
	  "a thread that the library made itself has no call that could fail: its fault is the process's" },
	{ "on_start_and_spare", INSIDE, NO_WORKER },
	{ "threads_leave_nothing", DIRECT, NO_PROTECTION },
	/* the entry in libffi's terms */
	{ "pointers_pass_or_are_refused", INSIDE, HOST_MEMORY },
	{ "memory_of_the_callee", INSIDE, NO_ZONE },
	{ "a_forked_child", INSIDE, "a child of the host has no worker to lose" },
	{ "faults", DIRECT, NO_PROTECTION },
	/* faults */
	{ "every_kind", DIRECT, NO_PROTECTION },
	{ "every_kind:void free_stack(void)", CAUGHT, "it poisons the process (test_guard.c)" },
	{ "every_kind:void double_free(void)", CAUGHT, "it poisons the process (test_guard.c)" },
	{ "every_kind:void do__exit(int status)", CAUGHT, ENDS_PROCESS },
	{ "every_kind:void do_quick_exit(int status)", CAUGHT, "nothing watches for quick_exit(3) in process: it ends the host" },
	{ "every_kind:void exit_with_handler(int status)", CAUGHT,
	  "the handler that the callee registered with atexit(3) runs before anybody else's, and ends the process" },
	{ "every_kind:void become_true(void)", CAUGHT, ENDS_PROCESS },
	{ "every_kind:void become_sleep(void)", CAUGHT, ENDS_PROCESS },
	{ "every_kind:void kill_self(void)", CAUGHT, ENDS_PROCESS },
	{ "every_kind:void stop_self(void)", CAUGHT, "the process stops, as if it had been told to" },
	{ "every_kind:void block_and_crash(void)", CAUGHT, SIGNALS_TAKEN },
	{ "every_kind:void ignore_and_crash(void)", CAUGHT, SIGNALS_TAKEN },
	{ "every_kind:void bad_stack_and_crash(void)", CAUGHT, SIGNALS_TAKEN },
	{ "every_kind:void lose_stack(void)", CAUGHT, SIGNALS_TAKEN },
	{ "every_kind:void forbidden_call(void)", CAUGHT,
	  "the filter that the callee installs is the whole process's from then on" },
	{ "a_stale_longjmp_is_told", DIRECT, NO_PROTECTION },
	{ "overruns_are_found", DIRECT, NO_PROTECTION },
	{ "one_byte_of_text_is_found_every_time", DIRECT, NO_PROTECTION },
	{ "the_report_says_where", DIRECT, NO_PROTECTION },
	{ "a_way_out_is_the_first_frame", INSIDE, "an exit or an exception is caught where it began; its frames are gone" },
	{ "a_held_worker_stays", INSIDE, NO_WORKER },
	{ "stop_on_fault", DIRECT, NO_PROTECTION },
	{ "constructors_and_destructors_may_crash", INSIDE,
	  "the loader holds its lock while a constructor runs: a crash there poisons the process" },
};

/* The mode's bit, or 0: isolated. */
static unsigned mode_bit(void)
{
	const char *mode = getenv("SAFEFFI_MODE");

	for (unsigned i = 0; mode && i < sizeof mode_names / sizeof *mode_names; i++)
		if (!strcmp(mode, mode_names[i]))
			return 1u << i;
	return 0;
}

static const char *excuse_for(const char *name)
{
	unsigned mode = mode_bit();

	for (size_t i = 0; i < sizeof excuses / sizeof *excuses; i++)
		if (excuses[i].modes & mode && !strcmp(excuses[i].test, name))
			return excuses[i].reason;
	return NULL;
}

bool test_is_wanted(const char *name)
{
	const char *excuse = excuse_for(name);

	if (!getenv("TEST_LIST"))
		return !excuse;
	printf("%s\t%s\n", name, excuse ? excuse : "");
	return false;
}
