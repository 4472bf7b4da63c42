/* SPDX-License-Identifier: MIT */
/* libusb, on machines with and without USB. */
#include "library.h"

#include <signal.h>

enum { NO_MEMORY = -11, NOT_SUPPORTED = -12, NO_DEVICE = -4, ARRIVED = 1, ANY = -1, LOG_CONTEXT = 2,
       OPTION_LOG_LEVEL = 0, LEVEL_DEBUG = 4 };

static sffi_domain *domain;
static sffi_library *usb;

static void open_usb(void)
{
	library_enter_scratch();
	domain = test_open();
	usb = library_load(domain, "usb-1.0", "usb/usb.ffi");
}

static void close_usb(void)
{
	sffi_library_close(&usb);
	sffi_domain_close(&domain);
	library_leave_scratch();
}

static void *new_context(void)
{
	void *context = NULL;
	int code = -1;

	called(usb, "libusb_init", &code, &context);
	ck_assert_int_eq(code, 0);
	return context;
}

START_TEST(the_list_is_as_in_process)
{
	/* What is plugged in may change meanwhile: then it is looked at again. */
	free(library_run("for i in 1 2 3 4 5; do " HERE " >here && " PROGRAM " >there && "
			 "cmp here there && exit; done; exit 1"));
	library_same("head -1 there", HERE " | head -1");
}
END_TEST

START_TEST(a_list_is_an_array_of_pointers)
{
	void *context = new_context(), *list = NULL, *device = (void *)1;
	ssize_t count = -1;

	called(usb, "libusb_get_device_list", &count, context, &list);
	ck_assert_int_ge(count, 0);
	/* It ends with NULL; all before it are addresses. */
	for (ssize_t i = 0; i <= count; i++) {
		ck_ok(sffi_read(domain, &device, (void **)list + i, sizeof device));
		ck_assert(!device == (i == count));
	}
	called(usb, "libusb_free_device_list", NULL, list, 1);
	called(usb, "libusb_exit", NULL, context);
}
END_TEST

START_TEST(errors_have_names)
{
	const char *text = NULL;
	void *context = new_context(), *handle = (void *)1;

	called(usb, "libusb_error_name", &text, NO_DEVICE);
	ck_assert_str_eq(text, "LIBUSB_ERROR_NO_DEVICE");
	called(usb, "libusb_strerror", &text, NO_DEVICE);
	ck_assert_str_eq(text, "No such device (it may have been disconnected)");
	/* Nobody makes this one. */
	called(usb, "libusb_open_device_with_vid_pid", &handle, context, 0xffff, 0xffff);
	ck_assert_ptr_null(handle);
	called(usb, "libusb_exit", NULL, context);
}
END_TEST

static char logged[65536];

static void log_line(void *context, int level, const char *text)
{
	(void)context;
	(void)level;
	strncat(logged, text, sizeof logged - strlen(logged) - 1);
}

static int plugged(void *context, void *device, int event, void *data)
{
	(void)context;
	(void)device;
	(void)event;
	++*(int *)data;
	return 0;
}

START_TEST(libusb_logs_and_tells_of_devices)
{
	void *context = new_context();
	const struct { int64_t seconds, microseconds; } moment = { 0, 1000 };
	int code = -1, handle = 0, events = 0;

	called(usb, "libusb_set_log_cb", NULL, context, log_line, LOG_CONTEXT);
	called(usb, "int libusb_set_option(libusb_context *, int, ..., int)", &code, context,
	       OPTION_LOG_LEVEL, LEVEL_DEBUG);
	ck_assert_int_eq(code, 0);
	called(usb, "libusb_hotplug_register_callback", &code, context, ARRIVED, 0, ANY, ANY, ANY, plugged,
	       &events, &handle);
	ck_assert_msg(code == 0 || code == NOT_SUPPORTED, "%d", code);
	called(usb, "libusb_handle_events_timeout", &code, context, &moment);
	ck_assert_int_eq(code, 0);
	ck_assert_msg(strstr(logged, "libusb_handle_events"), "it logged: %s", logged);
	called(usb, "libusb_hotplug_deregister_callback", NULL, context, handle);
	called(usb, "libusb_exit", NULL, context);
}
END_TEST

/* ---- misuse -------------------------------------------------------------------- */

static void recover(void)
{
	library_recover(domain);
	called(usb, "libusb_exit", NULL, new_context());
}

START_TEST(no_device)
{
	uint8_t number;

	library_crashed(library_call(usb, "libusb_get_bus_number", &number, NULL), "libusb_get_bus_number",
			"libusb-1.0");
	recover();
}
END_TEST

START_TEST(a_context_after_its_end)
{
	void *context = new_context(), *list = NULL;
	ssize_t count;

	called(usb, "libusb_exit", NULL, context);
	library_crashed(library_call(usb, "libusb_get_device_list", &count, context, &list),
			"libusb_get_device_list", "libusb-1.0");
	recover();
}
END_TEST

START_TEST(a_list_that_is_freed_twice)
{
	void *context = new_context(), *list = NULL;
	ssize_t count;

	called(usb, "libusb_get_device_list", &count, context, &list);
	called(usb, "libusb_free_device_list", NULL, list, 0);
	/* It jumps to the C library's free, and leaves no frame. */
	library_crashed(library_call(usb, "libusb_free_device_list", NULL, list, 0), "libusb_free_device_list",
			NULL);
	ck_assert_int_eq(sffi_fault_get_signal(sffi_last_fault()), SIGABRT);
	recover();
}
END_TEST

static void refuse(void *context, int level, const char *text)
{
	(void)context;
	(void)level;
	(void)text;
	sffi_upcall_fail("no word more");
}

START_TEST(a_log_that_refuses)
{
	void *context = new_context(), *handle = NULL;
	int code;

	called(usb, "libusb_set_log_cb", NULL, context, refuse, LOG_CONTEXT);
	called(usb, "int libusb_set_option(libusb_context *, int, ..., int)", &code, context,
	       OPTION_LOG_LEVEL, LEVEL_DEBUG);
	ck_refused(library_call(usb, "libusb_open_device_with_vid_pid", &handle, context, 1, 1), SFFI_EUPCALL,
		   "no word more");
	ck_ok(sffi_domain_restart(domain));
	recover();
}
END_TEST

int main(int argc, char **argv)
{
	static const char *const libraries[] = { "libusb-1.0.so.0", NULL };
	Suite *suite = suite_create("usb");
	TCase *tests = tcase_create("usb");

	tcase_add_checked_fixture(tests, open_usb, close_usb);
	tcase_add_test(tests, the_list_is_as_in_process);
	tcase_add_test(tests, a_list_is_an_array_of_pointers);
	tcase_add_test(tests, errors_have_names);
	tcase_add_test(tests, libusb_logs_and_tells_of_devices);
	/* libusb has threads of its own, from under which a restart in process would pull the code. */
	if (!test_is_inside()) {
		tcase_add_test(tests, no_device);
		if (library_keeps_what_is_freed())
			tcase_add_test(tests, a_context_after_its_end);
		tcase_add_test(tests, a_list_that_is_freed_twice);
		tcase_add_test(tests, a_log_that_refuses);
	}
	suite_add_tcase(suite, tests);
	return library_main(argc, argv, suite, libraries);
}
