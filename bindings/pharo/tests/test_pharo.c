/* SPDX-License-Identifier: MIT */
/* The C side of the Pharo binding: the calls that its Smalltalk side makes. */
#include "image.h"

#include <errno.h>

/* ---- what both sides know from the table --------------------------------------- */

#define CALL(result, name, parameters)
#define CONSTANT(name, value) _Static_assert((int)(name) == (value), #name);
#define FIELD(structure, field, at) _Static_assert(offsetof(structure, field) == (at), #field);
#define SIZE(structure, size) _Static_assert(sizeof(structure) == (size), #structure);
#define TYPE(name, c, text, bytes, kind) _Static_assert(sizeof(c) == (bytes), #name);
#include "pharo.h"
#undef CALL
#undef CONSTANT
#undef FIELD
#undef SIZE
#undef TYPE

#define VALUE(x)                                                                                   \
	{                                                                                          \
		IMAGE_VALUE, &(x), sizeof(x)                                                       \
	}
#define STRING(x)                                                                                  \
	{                                                                                          \
		IMAGE_STRING, x, 0                                                                 \
	}
#define BYTES(x, n)                                                                                \
	{                                                                                          \
		IMAGE_POINTER, x, n                                                                \
	}
#define ADDRESS(x)                                                                                 \
	{                                                                                          \
		IMAGE_POINTER, x, 0                                                                \
	}

static struct image_call call;

static bool is_isolated(void)
{
	const char *mode = getenv("SAFEFFI_MODE");

	return !mode || !strcmp(mode, "isolated");
}

static bool is_direct(void)
{
	const char *mode = getenv("SAFEFFI_MODE");

	return mode && !strcmp(mode, "direct");
}

static void open_image(void)
{
	memset(&call, 0, sizeof call);
	image_open();
}

/* All bytes set, and another value in the lowest: what sign and width do shows. */
static void echo(const char *name, const char *c, size_t size, bool is_floating)
{
	char declaration[100];
	unsigned char value[8], result[8] = { 0 };
	struct image_argument argument = { IMAGE_VALUE, value, size };

	memset(value, is_floating ? 0x41 : 0xff, sizeof value);
	value[0] = 0x81;
	snprintf(declaration, sizeof declaration, "%s %s(%s)", c, name, c);
	ck_assert_int_eq(image_invoke(&call, image_function(CALLEES, declaration), result, size, 1,
	                              &argument),
	                 0);
	ck_assert_msg(!memcmp(value, result, size), "%s", declaration);
}

START_TEST(every_type)
{
	enum { void_, unsigned_, signed_, character_, floating_ };
#define CALL(result, name, parameters)
#define CONSTANT(name, value)
#define FIELD(structure, field, offset)
#define SIZE(structure, size)
#define TYPE(name, c, text, size, kind) echo("echo_" #name, text, size, kind##_ == floating_);
#include "pharo.h"
}
END_TEST

/* ---- pointers ------------------------------------------------------------------- */

START_TEST(a_byte_array_goes_in_and_comes_out)
{
	unsigned char bytes[5] = { 1, 2, 3, 4, 5 };
	uint32_t count = sizeof bytes;
	struct image_argument arguments[] = { BYTES(bytes, sizeof bytes), VALUE(count) };

	ck_assert_int_eq(image_invoke(&call,
	                              image_function(CALLEES, "void reverse(buffer, uint32_t)"),
	                              NULL, 16, 2, arguments),
	                 0);
	ck_assert(!memcmp(bytes, (unsigned char[]){ 5, 4, 3, 2, 1 }, sizeof bytes));
}
END_TEST

START_TEST(strings_in_and_as_results)
{
	unsigned long length = 0;
	char *text = NULL;
	struct image_argument argument = STRING("12345");

	ck_assert_int_eq(
	        image_invoke(&call,
	                     image_function("libc.so.6", "unsigned long strlen(const char *)"),
	                     &length, sizeof length, 1, &argument),
	        0);
	ck_assert_uint_eq(length, 5);
	ck_assert_int_eq(image_invoke(&call, image_function(CALLEES, "const char * name_it(void)"),
	                              &text, sizeof text, 0, NULL),
	                 0);
	ck_assert_str_eq(text, "a name");
}
END_TEST

START_TEST(the_callees_addresses)
{
	int32_t x = 3;
	double y = 0.5, sum = 0;
	void *point = NULL;
	struct {
		int32_t x;
		double y;
	} read;
	struct image_argument made[] = { VALUE(x), VALUE(y) };

	ck_assert_int_eq(image_invoke(&call,
	                              image_function(CALLEES, "void * make_point(int, double)"),
	                              &point, sizeof point, 2, made),
	                 0);
	struct image_argument argument = ADDRESS(point);
	ck_assert_int_eq(image_invoke(&call, image_function(CALLEES, "double point_sum(buffer)"),
	                              &sum, sizeof sum, 1, &argument),
	                 0);
	ck_assert(sum == 3.5);
	image_check(library.sffi_read(image_domain, &read, point, sizeof read));
	ck_assert_int_eq(read.x, 3);
	read.x = 4;
	image_check(library.sffi_write(image_domain, point, &read, sizeof read));
	ck_assert_int_eq(image_invoke(&call, image_function(CALLEES, "double point_sum(buffer)"),
	                              &sum, sizeof sum, 1, &argument),
	                 0);
	ck_assert(sum == 4.5);
	ck_assert_int_eq(library.sffi_read(image_domain, &read, (void *)16, sizeof read),
	                 SFFI_EADDRESS);
}
END_TEST

START_TEST(memory_of_both)
{
	void *block;
	uint32_t count = 4;

	image_check(library.sffi_alloc(image_domain, &block, 4));
	struct image_argument arguments[] = { ADDRESS(block), VALUE(count) };
	memcpy(block, "abcd", 4);
	ck_assert_int_eq(image_invoke(&call,
	                              image_function(CALLEES, "void reverse(buffer, uint32_t)"),
	                              NULL, 16, 2, arguments),
	                 0);
	ck_assert(!memcmp(block, "dcba", 4));
	library.sffi_free(image_domain, block);
}
END_TEST

/* An address in the image without an extent. */
START_TEST(the_images_own_memory_is_refused)
{
	uint32_t count = 4;
	char *bytes = malloc(4);
	struct image_argument arguments[] = { ADDRESS(bytes), VALUE(count) };

	ck_assert_int_eq(image_start(&call,
	                             image_function(CALLEES, "void reverse(buffer, uint32_t)"), 2,
	                             arguments),
	                 SFFI_ETYPE);
	ck_assert(strlen(library.sffi_error()) > 10);
	image_release(&call);
	free(bytes);
}
END_TEST

/* ---- declarations as SafeFFIDeclaration writes them ----------------------------- */

START_TEST(structs_by_value)
{
	struct point {
		int32_t x;
		double y;
	} point = { 3, 0.5 }, mirrored = { 0 };
	struct image_argument argument = VALUE(point);

	ck_assert_int_eq(
	        image_invoke(&call,
	                     image_function(CALLEES, "struct { int32_t f1; double f2; } "
	                                             "mirror(struct { int32_t f1; double f2; })"),
	                     &mirrored, sizeof mirrored, 1, &argument),
	        0);
	ck_assert(mirrored.x == -3 && mirrored.y == -0.5);
}
END_TEST

START_TEST(variadic_functions)
{
	char text[20] = "";
	uint64_t size = sizeof text;
	int number = 7, length = 0;
	double real = 0.5;
	struct image_argument arguments[] = { BYTES(text, sizeof text), VALUE(size),
		                              STRING("%d %.1f"), VALUE(number), VALUE(real) };

	ck_assert_int_eq(
	        image_invoke(&call,
	                     image_function("libc.so.6",
	                                    "int snprintf(buffer, uint64_t, const char *, ..., "
	                                    "int, double)"),
	                     &length, sizeof length, 5, arguments),
	        0);
	ck_assert_str_eq(text, "7 0.5");
	arguments[2].value = "none";
	ck_assert_int_eq(
	        image_invoke(
	                &call,
	                image_function("libc.so.6",
	                               "int snprintf(buffer, uint64_t, const char *, ..., void)"),
	                &length, sizeof length, 3, arguments),
	        0);
	ck_assert_str_eq(text, "none");
}
END_TEST

START_TEST(a_function_by_its_address)
{
	void *function, *address = NULL;
	int32_t value = -5, result = 0;
	struct image_argument argument = VALUE(value);

	ck_assert_int_eq(image_invoke(&call,
	                              image_function(CALLEES, "void * address_of_echo(void)"),
	                              &address, sizeof address, 0, NULL),
	                 0);
	image_check(library.sffi_function_at(&function, image_domain, address,
	                                     "int32_t callee(int32_t)"));
	ck_assert_int_eq(image_invoke(&call, function, &result, sizeof result, 1, &argument), 0);
	ck_assert_int_eq(result, -5);
}
END_TEST

/* ---- upcalls -------------------------------------------------------------------- */

static int upcalls;

static void compare(void *result, void **places)
{
	void *a, *b;
	int32_t first, second, order;

	memcpy(&a, places[0], sizeof a);
	memcpy(&b, places[1], sizeof b);
	image_check(library.sffi_read(image_domain, &first, a, sizeof first));
	image_check(library.sffi_read(image_domain, &second, b, sizeof second));
	order = first - second;
	memcpy(result, &order, sizeof order);
	upcalls++;
}

START_TEST(a_block_compares)
{
	int32_t numbers[] = { 5, 3, 9, 1 };
	uint64_t count = 4, size = 4;

	call.block = compare;
	call.callback = image_callback("int32_t (*)(void *, void *)");
	struct image_argument arguments[] = {
		BYTES(numbers, sizeof numbers), VALUE(count), VALUE(size),
		ADDRESS(library.sffi_callback_address(call.callback))
	};
	ck_assert_int_eq(
	        image_invoke(&call,
	                     image_function("libc.so.6",
	                                    "void qsort(buffer, uint64_t, uint64_t, buffer)"),
	                     NULL, 16, 4, arguments),
	        0);
	ck_assert(!memcmp(numbers, (int32_t[]){ 1, 3, 5, 9 }, sizeof numbers));
	ck_assert_int_gt(upcalls, 3);
	library.sffi_callback_release(&call.callback);
}
END_TEST

/* As by an error in it that somebody below the callout handles. */
START_TEST(a_block_is_left)
{
	int32_t value = 1;
	uint64_t generation = library.sffi_domain_generation(image_domain);
	void *function = image_function(CALLEES, "int call_it(buffer, int)"), *callback;
	int event = -1;
	void **places;

	callback = image_callback("int (*)(int, void *)");
	struct image_argument arguments[] = { ADDRESS(library.sffi_callback_address(callback)),
		                              VALUE(value) };
	for (int i = 0; i < 3; i++) {
		image_check(image_start(&call, function, 2, arguments));
		image_check(library.sffi_next(call.invocation, 1000, &event));
		ck_assert_int_eq(event, SFFI_UPCALL);
		image_check(library.sffi_upcall_get(call.invocation, &call.callback, &places));
		ck_assert_ptr_eq(call.callback, callback);
		image_abandon(&call);
		image_release(&call);
	}
	ck_assert_uint_eq(library.sffi_domain_generation(image_domain), generation);
	library.sffi_callback_release(&callback);
}
END_TEST

/* A callback of a session before. */
START_TEST(a_callback_that_nobody_knows)
{
	int32_t value = 1, result = 0;
	void *callback = image_callback("int (*)(int, void *)");
	struct image_argument arguments[] = { ADDRESS(library.sffi_callback_address(callback)),
		                              VALUE(value) };

	ck_assert_int_eq(image_invoke(&call, image_function(CALLEES, "int call_it(buffer, int)"),
	                              &result, sizeof result, 2, arguments),
	                 SFFI_EUPCALL);
	ck_assert_ptr_null(call.fault);
	ck_assert_ptr_nonnull(strstr(call.text, "not of this session"));
	library.sffi_callback_release(&callback);
}
END_TEST

/* A block that calls out: on the same thread, above the callee that waits. */
static void call_out(void *result, void **places)
{
	struct image_call inner = { 0 };
	struct image_argument argument = { IMAGE_VALUE, places[0], sizeof(int) };
	int value = 0;

	ck_assert_int_eq(image_invoke(&inner, image_function(CALLEES, "int echo_sint(int)"), &value,
	                              sizeof value, 1, &argument),
	                 0);
	value *= 2;
	memcpy(result, &value, sizeof value);
}

START_TEST(a_block_calls_out)
{
	int32_t value = 20, result = 0;

	call.block = call_out;
	call.callback = image_callback("int (*)(int, void *)");
	struct image_argument arguments[] = { ADDRESS(library.sffi_callback_address(call.callback)),
		                              VALUE(value) };
	ck_assert_int_eq(image_invoke(&call, image_function(CALLEES, "int call_it(buffer, int)"),
	                              &result, sizeof result, 2, arguments),
	                 0);
	ck_assert_int_eq(result, 41);
	library.sffi_callback_release(&call.callback);
}
END_TEST

/* ---- failures ------------------------------------------------------------------- */

/* = FFIFault >> printNative: */
static char *print_fault(void)
{
	static char copy[1000];
	char *text;
	size_t size;
	void *stream;

	ck_assert_ptr_nonnull(stream = library.open_memstream(&text, &size));
	image_check(library.sffi_fault_print(call.fault, stream));
	library.fclose(stream);
	snprintf(copy, sizeof copy, "%s", text);
	library.free(text);
	return copy;
}

static void look_at_fault(void)
{
	sffi_frame frame;

	ck_assert_ptr_nonnull(call.fault);
	ck_assert_int_eq(library.sffi_fault_get_kind(call.fault), SFFI_FAULT_SIGNAL);
	ck_assert_str_eq(library.sffi_fault_kind_name(SFFI_FAULT_SIGNAL), "signal");
	ck_assert_int_eq(library.sffi_fault_get_signal(call.fault), 11);
	ck_assert_int_ne(library.sffi_fault_get_code(call.fault), 0);
	ck_assert_ptr_eq(library.sffi_fault_get_address(call.fault), (void *)16);
	ck_assert_ptr_nonnull(library.sffi_fault_get_pc(call.fault));
	ck_assert_str_eq(library.sffi_fault_get_function(call.fault), "crash");
	ck_assert_ptr_nonnull(strstr(library.sffi_fault_get_call(call.fault), "crash("));
	ck_assert_ptr_nonnull(library.sffi_fault_get_summary(call.fault));
	ck_assert(is_isolated() == (library.sffi_fault_get_pid(call.fault) > 0) || !is_isolated());
	ck_assert_uint_ge(library.sffi_fault_get_generation(call.fault), 1);
	ck_assert_uint_gt(library.sffi_fault_frame_count(call.fault), 0);
	ck_assert(library.sffi_fault_get_frame(call.fault, 0, &frame));
	ck_assert_ptr_nonnull(strstr(frame.library, "pharo"));
	ck_assert_ptr_nonnull(strstr(print_fault(), "crash"));
}

START_TEST(a_crash_is_an_error)
{
	struct image_argument argument = ADDRESS((void *)16);
	int result = 0, value = 3;
	struct image_argument three = VALUE(value);

	ck_assert_int_eq(image_invoke(&call, image_function(CALLEES, "int crash(buffer)"), &result,
	                              sizeof result, 1, &argument),
	                 SFFI_EFAULT);
	ck_assert(strlen(call.text) > 10);
	look_at_fault();
	image_release_fault(&call);
	ck_assert_ptr_null(call.fault);
	ck_assert_int_eq(image_invoke(&call, image_function(CALLEES, "int echo_sint(int)"), &result,
	                              sizeof result, 1, &three),
	                 0);
	ck_assert_int_eq(result, 3);
}
END_TEST

START_TEST(a_timeout_is_an_error)
{
	void *function = image_look_up(CALLEES, NULL, "void for_ever(void)", 100);

	ck_assert_int_eq(image_invoke(&call, function, NULL, 16, 0, NULL), SFFI_ETIMEOUT);
	image_release_fault(&call);
}
END_TEST

START_TEST(what_is_not_there)
{
	void *owner, *function;

	ck_assert_int_eq(library.sffi_library_open(&owner, image_domain, "libnowhere.so"),
	                 SFFI_ENOLIB);
	image_check(library.sffi_library_open(&owner, image_domain, "libc.so.6"));
	ck_assert_int_eq(library.sffi_function_get(&function, owner, "void nowhere(void)"),
	                 SFFI_ENOSYM);
	ck_assert_str_eq(library.sffi_status_name(SFFI_ENOSYM), "SFFI_ENOSYM");
}
END_TEST

/* ---- a worker is waited for ----------------------------------------------------- */

START_TEST(others_run_meanwhile)
{
	int result = 0;

	ck_assert_int_eq(image_invoke(&call, image_function(CALLEES, "int nap(void)"), &result,
	                              sizeof result, 0, NULL),
	                 0);
	ck_assert_int_eq(result, 7);
	ck_assert_uint_gt(call.pending, 10);
}
END_TEST

/* The process that called is ended. */
START_TEST(a_call_is_left)
{
	int event = -1, result = 0;

	image_check(image_start(&call, image_function(CALLEES, "void for_ever(void)"), 0, NULL));
	image_check(library.sffi_next(call.invocation, 2, &event));
	ck_assert_int_eq(event, SFFI_PENDING);
	image_release(&call);
	ck_assert_int_eq(image_invoke(&call, image_function(CALLEES, "int nap(void)"), &result,
	                              sizeof result, 0, NULL),
	                 0);
	ck_assert_int_eq(result, 7);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("pharo");
	TCase *tests = tcase_create("pharo");

	tcase_add_checked_fixture(tests, open_image, image_close);
	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, every_type);
	tcase_add_test(tests, a_byte_array_goes_in_and_comes_out);
	tcase_add_test(tests, strings_in_and_as_results);
	/* AddressSanitizer's allocator has the same addresses in host and worker: whose memory it
	 * is cannot be told. */
	if (!is_isolated() || !getenv("TEST_SANITIZED"))
		tcase_add_test(tests, the_callees_addresses);
	tcase_add_test(tests, memory_of_both);
	tcase_add_test(tests, structs_by_value);
	tcase_add_test(tests, variadic_functions);
	tcase_add_test(tests, a_function_by_its_address);
	tcase_add_test(tests, a_block_compares);
	tcase_add_test(tests, a_block_is_left);
	tcase_add_test(tests, a_callback_that_nobody_knows);
	tcase_add_test(tests, a_block_calls_out);
	tcase_add_test(tests, what_is_not_there);
	if (!is_direct()) {
		tcase_add_test(tests, a_crash_is_an_error);
		tcase_add_test(tests, a_timeout_is_an_error);
	}
	if (is_isolated()) {
		tcase_add_test(tests, the_images_own_memory_is_refused);
		tcase_add_test(tests, others_run_meanwhile);
		tcase_add_test(tests, a_call_is_left);
	}
	suite_add_tcase(suite, tests);
	return test_main(argc, argv, suite);
}
