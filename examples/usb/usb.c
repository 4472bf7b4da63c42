/* SPDX-License-Identifier: MIT */
/* Lists what is plugged in, as lsusb does: `usb [SECONDS]`; with SECONDS, hears of what comes and
 * goes meanwhile.
 *
 * libusb makes a thread of its own, speaks to the kernel, and calls back to log and to tell of
 * devices; all that is the worker's. A machine without USB has an empty list, or an error in words. */
#include "../must.h"

#include <string.h>
#include <time.h>

#define out
#define token void *
#include "usb.ffi"
#undef out
#undef token

enum { OPTION_LOG_LEVEL = 0, LEVEL_WARNING = 2, LOG_CONTEXT = 2, ARRIVED = 1, LEFT = 2, ANY = -1,
       ENUMERATE = 1 };

static sffi_domain *domain;

static sffi_function *version, *error_text, *init, *end, *set_option, *set_log, *device_list, *free_list,
	*bus_number, *device_address, *descriptor_of, *hotplug_register, *hotplug_deregister, *handle_events;

static const sffi_symbol symbols[] = {
	{ &version, "libusb_get_version" },
	{ &error_text, "libusb_strerror" },
	{ &init, "libusb_init" },
	{ &end, "libusb_exit" },
	/* Of a variadic function, the types of the calls that are made. */
	{ &set_option, "int libusb_set_option(libusb_context *context, int option, ..., int)" },
	{ &set_log, "libusb_set_log_cb" },
	{ &device_list, "libusb_get_device_list" },
	{ &free_list, "libusb_free_device_list" },
	{ &bus_number, "libusb_get_bus_number" },
	{ &device_address, "libusb_get_device_address" },
	{ &descriptor_of, "libusb_get_device_descriptor" },
	{ &hotplug_register, "libusb_hotplug_register_callback" },
	{ &hotplug_deregister, "libusb_hotplug_deregister_callback" },
	{ &handle_events, "libusb_handle_events_timeout" },
	{ 0 },
};

static bool worked(const char *what, int code)
{
	const char *words = NULL;

	if (code >= 0)
		return true;
	must(sffi_call(error_text, &words, code));
	fprintf(stderr, "usb: %s: %s (%d)\n", what, words, code);
	return false;
}

static void print_version(void)
{
	libusb_version numbers;
	void *where = NULL;

	must(sffi_call(version, &where));
	must(sffi_read(domain, &numbers, where, sizeof numbers));
	printf("libusb %u.%u.%u\n", numbers.major, numbers.minor, numbers.micro);
}

static void log_line(libusb_context *context, int level, const char *text)
{
	(void)context;
	fprintf(stderr, "usb: level %d: %s", level, text);
}

static void print_device(libusb_device *device)
{
	libusb_device_descriptor descriptor;
	uint8_t bus, address;
	int code;

	must(sffi_call(bus_number, &bus, device));
	must(sffi_call(device_address, &address, device));
	must(sffi_call(descriptor_of, &code, device, &descriptor));
	if (worked("a device's descriptor", code))
		printf("Bus %03u Device %03u: ID %04x:%04x\n", bus, address, descriptor.vendor,
		       descriptor.product);
}

/* The list is an array of pointers in the worker. */
static bool print_devices(libusb_context *context)
{
	libusb_device *device;
	void *list = NULL;
	ssize_t count;

	must(sffi_call(device_list, &count, context, &list));
	if (!worked("the list of devices", (int)count))
		return false;
	for (ssize_t i = 0; i < count; i++) {
		must(sffi_read(domain, &device, (libusb_device **)list + i, sizeof device));
		print_device(device);
	}
	printf("%zd devices\n", count);
	must(sffi_call(free_list, NULL, list, 1));
	return true;
}

static int plugged(libusb_context *context, libusb_device *device, int event, void *data)
{
	(void)context;
	(void)data;
	printf("%s: ", event == ARRIVED ? "came" : "went");
	print_device(device);
	return 0;
}

static bool watch(libusb_context *context, int64_t seconds)
{
	const time_t until = time(NULL) + seconds;
	libusb_timeval one = { 1, 0 };
	int code, handle = 0;

	must(sffi_call(hotplug_register, &code, context, ARRIVED | LEFT, 0, ANY, ANY, ANY, plugged, NULL,
		       &handle));
	if (!worked("to watch", code))
		return false;
	while (time(NULL) < until && code >= 0)
		must(sffi_call(handle_events, &code, context, &one));
	must(sffi_call(hotplug_deregister, NULL, context, handle));
	return worked("to wait for events", code);
}

int main(int argc, char **argv)
{
	libusb_context *context = NULL;
	sffi_library *usb;
	bool good;
	int code;

	must(sffi_init());
	must(sffi_domain_open(&domain, NULL));
	usb = must_load(domain, "usb-1.0", EXAMPLES "/usb/usb.ffi", symbols);
	print_version();
	must(sffi_call(init, &code, &context));
	good = worked("libusb_init", code);
	if (good) {
		must(sffi_call(set_log, NULL, context, log_line, LOG_CONTEXT));
		must(sffi_call(set_option, &code, context, OPTION_LOG_LEVEL, LEVEL_WARNING));
		good = print_devices(context) && watch(context, argc > 1 ? atoi(argv[1]) : 0);
		must(sffi_call(end, NULL, context));
	}
	sffi_functions_release(symbols);
	sffi_library_close(&usb);
	sffi_domain_close(&domain);
	return good ? 0 : 1;
}
