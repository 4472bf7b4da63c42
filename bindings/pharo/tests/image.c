/* SPDX-License-Identifier: MIT */
/*
 * What the Smalltalk side does, in C. A comment that begins with `=` names the methods that a
 * function is: same-calls compares what they call, in order.
 */
#include "image.h"

#include <dlfcn.h>
#include <time.h>

struct image_library library;
void *image_domain, *image_thread;
static void *handle;

static void load(void)
{
	ck_assert_msg((handle = dlopen(SAFEFFI_LIBRARY, RTLD_NOW)) != NULL, "%s", dlerror());
#define CALL(result, name, parameters)                                                             \
	library.name = (result(*) parameters)dlsym(handle, #name);                                 \
	ck_assert_msg(library.name != NULL, "no %s", #name);
#define CONSTANT(name, value)
#define FIELD(structure, field, offset)
#define SIZE(structure, size)
#define TYPE(name, c, text, size, kind)
#include "pharo.h"
}

/* = SafeFFIDomain >> open:, SafeFFIDomain >> thread */
void image_open(void)
{
	char options[sizeof(sffi_options)];
	uint32_t mode = SFFI_MODE_DEFAULT;

	load();
	library.sffi_options_init(options);
	memcpy(options + offsetof(sffi_options, mode), &mode, sizeof mode);
	image_check(library.sffi_domain_open(&image_domain, options));
	image_check(library.sffi_thread_new(&image_thread, image_domain));
}

/* = SafeFFIDomain >> close */
void image_close(void)
{
	library.sffi_thread_release(&image_thread);
	library.sffi_domain_close(&image_domain);
}

/* = SafeFFIDomain >> libraryNamed: */
static void *library_named(const char *module)
{
	void *owner;

	image_check(library.sffi_library_open(&owner, image_domain, module));
	return owner;
}

/* = SafeFFIDomain >> lookUp:declaration: */
void *image_look_up(const char *module, void *address, const char *declaration, unsigned timeout_ms)
{
	void *owner, *function;

	if (address) {
		image_check(
		        library.sffi_function_at(&function, image_domain, address, declaration));
	} else {
		owner = library_named(module);
		image_check(library.sffi_function_get(&function, owner, declaration));
	}
	if (timeout_ms)
		library.sffi_function_set_timeout(function, timeout_ms);
	return function;
}

void *image_function(const char *module, const char *declaration)
{
	return image_look_up(module, NULL, declaration, 0);
}

/* = SafeFFICallback >> register: */
void *image_callback(const char *declaration)
{
	void *callback;

	image_check(library.sffi_callback_new(&callback, image_domain, declaration,
	                                      dlsym(handle, "sffi_upcall_fail"), NULL));
	return callback;
}

/* ---- SafeFFICall ---------------------------------------------------------------- */

static size_t room_for(const struct image_argument *argument)
{
	size_t size = argument->kind == IMAGE_VALUE ? argument->size : sizeof(sffi_buffer);

	return (size + 15) / 16 * 16;
}

static size_t offset_of(size_t index, size_t count, const struct image_argument *arguments)
{
	size_t offset = (count * 8 + 15) / 16 * 16;

	for (size_t i = 0; i < index; i++)
		offset += room_for(&arguments[i]);
	return offset;
}

static void put(char *place, const struct image_argument *argument)
{
	uint32_t direction = argument->size ? SFFI_IN | SFFI_OUT : 0;

	if (argument->kind == IMAGE_VALUE) {
		memcpy(place, argument->value, argument->size);
		return;
	}
	memcpy(place, &argument->value, sizeof(void *));
	if (argument->kind == IMAGE_STRING)
		return;
	memcpy(place + offsetof(sffi_buffer, size), &argument->size, sizeof(size_t));
	memcpy(place + offsetof(sffi_buffer, direction), &direction, sizeof direction);
}

/* = SafeFFICall >> start */
int image_start(struct image_call *call, void *function, size_t count,
                const struct image_argument *arguments)
{
	ck_assert((call->memory = malloc(offset_of(count, count, arguments) + 16)) != NULL);
	for (size_t i = 0; i < count; i++) {
		char *place = call->memory + offset_of(i, count, arguments);

		memcpy(call->memory + i * 8, &place, sizeof place);
		put(place, &arguments[i]);
	}
	return library.sffi_start(&call->invocation, image_thread, function, call->memory);
}

/* = SafeFFICall >> next: */
static int next(struct image_call *call, int milliseconds)
{
	int event = -1;

	image_check(library.sffi_next(call->invocation, milliseconds, &event));
	return event;
}

/* = SafeFFICall >> abandon */
void image_abandon(struct image_call *call)
{
	int event;

	library.sffi_upcall_refuse(call->invocation, "The block was left");
	library.sffi_next(call->invocation, 1000, &event);
	library.sffi_finish(call->invocation, NULL, NULL);
}

/* = SafeFFICall >> answer, SafeFFICall >> answer:with: */
static void answer(struct image_call *call)
{
	void *callback, **places, *room;

	image_check(library.sffi_upcall_get(call->invocation, &callback, &places));
	if (callback != call->callback) {
		image_check(library.sffi_upcall_refuse(call->invocation,
		                                       "The callback is not of this session"));
		return;
	}
	ck_assert((room = calloc(1, 16)) != NULL);
	call->block(room, places);
	image_check(library.sffi_upcall_answer(call->invocation, room));
	free(room);
}

void image_run(struct image_call *call)
{
	int event = next(call, 2);

	while (event != SFFI_RETURNED && event != SFFI_FAULTED) {
		if (event == SFFI_UPCALL) {
			answer(call);
		} else {
			nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
			call->pending++;
		}
		event = next(call, 0);
	}
}

/* = SafeFFICall >> finish */
int image_finish(struct image_call *call, size_t result_size)
{
	int status;
	void *fault;

	ck_assert((call->result = malloc(result_size > 16 ? result_size : 16)) != NULL);
	status = library.sffi_finish(call->invocation, call->result, call->memory);
	library.sffi_invocation_errno(call->invocation);
	if (!status)
		return 0;
	snprintf(call->text, sizeof call->text, "%s", (char *)library.sffi_error());
	fault = library.sffi_invocation_fault(call->invocation);
	call->fault = fault ? library.sffi_fault_retain(fault) : NULL;
	return status;
}

/* = SafeFFICall >> release */
void image_release(struct image_call *call)
{
	library.sffi_invocation_release(&call->invocation);
	free(call->memory);
	free(call->result);
	call->memory = call->result = NULL;
}

int image_invoke(struct image_call *call, void *function, void *result, size_t result_size,
                 size_t count, const struct image_argument *arguments)
{
	int status;

	image_check(image_start(call, function, count, arguments));
	image_run(call);
	status = image_finish(call, result_size);
	if (!status && result)
		memcpy(result, call->result, result_size);
	image_release(call);
	return status;
}

/* = FFIFault >> release */
void image_release_fault(struct image_call *call)
{
	library.sffi_fault_release(&call->fault);
}
