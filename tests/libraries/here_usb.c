/* SPDX-License-Identifier: MIT */
/* What the example usb prints, by libusb in this process. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

static void *libusb;

static void *symbol(const char *name)
{
	return dlsym(libusb, name);
}

static void print_device(void *device)
{
	uint8_t (*bus)(void *) = (uint8_t (*)(void *))symbol("libusb_get_bus_number");
	uint8_t (*address)(void *) = (uint8_t (*)(void *))symbol("libusb_get_device_address");
	int (*descriptor)(void *, void *) = (int (*)(void *, void *))symbol("libusb_get_device_descriptor");
	uint16_t words[9];

	if (descriptor(device, words) >= 0)
		printf("Bus %03u Device %03u: ID %04x:%04x\n", bus(device), address(device), words[4],
		       words[5]);
}

int main(void)
{
	const uint16_t *(*version)(void);
	ssize_t (*list_of)(void *, void ***);
	int (*init)(void **);
	void *context = NULL, **list = NULL;
	ssize_t count;
	int code;

	libusb = dlopen("libusb-1.0.so.0", RTLD_NOW);
	if (!libusb)
		return 1;
	version = (const uint16_t *(*)(void))symbol("libusb_get_version");
	init = (int (*)(void **))symbol("libusb_init");
	list_of = (ssize_t (*)(void *, void ***))symbol("libusb_get_device_list");
	printf("libusb %u.%u.%u\n", version()[0], version()[1], version()[2]);
	code = init(&context);
	if (code < 0)
		return 1;
	count = list_of(context, &list);
	for (ssize_t i = 0; i < count; i++)
		print_device(list[i]);
	printf("%zd devices\n", count);
	return 0;
}
