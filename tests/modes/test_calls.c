/* SPDX-License-Identifier: MIT */
/* Values and pointers, as they are declared. */
#include "helper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static sffi_domain *domain;
static sffi_library *good;

static void open_good(void)
{
	domain = test_open();
	good = test_load(domain, "good");
}

static void close_good(void)
{
	sffi_library_close(&good);
	sffi_domain_close(&domain);
}

START_TEST(integers_keep_their_sign_and_width)
{
	sffi_function *schar = test_function(good, "long widen_schar(signed char x)");
	sffi_function *uchar = test_function(good, "unsigned long widen_uchar(unsigned char x)");
	sffi_function *shrt = test_function(good, "long widen_short(short x)");
	sffi_function *ushrt = test_function(good, "unsigned long widen_ushort(unsigned short x)");
	long value = 0;
	unsigned long word = 0;

	ck_ok(sffi_call(schar, &value, -128));
	ck_assert_int_eq(value, -128);
	ck_ok(sffi_call(uchar, &word, 200));
	ck_assert_uint_eq(word, 200);
	ck_ok(sffi_call(shrt, &value, -32768));
	ck_assert_int_eq(value, -32768);
	ck_ok(sffi_call(ushrt, &word, 65535));
	ck_assert_uint_eq(word, 65535);
}
END_TEST

START_TEST(floating_point_and_mixed_arguments)
{
	sffi_function *half = test_function(good, "float halve_float(float x)");
	sffi_function *sum = test_function(good, "double add_double(double a, double b)");
	sffi_function *mix = test_function(good, "double mix(int a, double b, long c, float d, short e, "
						 "double f, unsigned char g, bool h)");
	float single = 0;
	double real = 0;
	int a = -1;
	double b = 0.5, f = 3.25;
	long c = 1000000000000;
	float d = 1.5f;
	short e = -2;
	unsigned char g = 200;
	bool h = true;
	void *arguments[] = { &a, &b, &c, &d, &e, &f, &g, &h };
	double by_array = 0;

	ck_ok(sffi_call(half, &single, 5.0));
	ck_assert_float_eq(single, 2.5f);
	ck_ok(sffi_call(sum, &real, 1.25, 2.5));
	ck_assert_double_eq(real, 3.75);
	ck_ok(sffi_call(mix, &real, a, b, c, (double)d, e, f, g, h));
	ck_ok(sffi_call_array(mix, &by_array, arguments));
	ck_assert_double_eq(real, by_array);
}
END_TEST

START_TEST(errno_comes_back)
{
	sffi_function *set = test_function(good, "int set_errno(int value)");
	sffi_function *add = test_function(good, "int add(int, int)");

	ck_ok(sffi_call(set, NULL, ENOTTY));
	ck_assert_int_eq(sffi_errno(), ENOTTY);
	ck_ok(sffi_call(add, NULL, 1, 1));
	ck_assert_int_eq(sffi_errno(), 0);
}
END_TEST

START_TEST(strings_go_in_and_come_out)
{
	sffi_function *length = test_function(good, "size_t length_of(const char *text)");
	sffi_function *greeting = test_function(good, "const char *greeting(void)");
	sffi_function *none = test_function(good, "const char *no_text(void)");
	sffi_function *find = test_function(good, "char *find_character(const char *text, int c)");
	sffi_function *parse = test_function(good, "long parse_number(const char *text, char **end)");
	static char long_text[100000];
	const char *text = "hello", *result = NULL;
	char *found = NULL, *end = (char *)0x1234;
	size_t size = 0;
	long number = 0;

	ck_ok(sffi_call(length, &size, text));
	ck_assert_uint_eq(size, 5);
	memset(long_text, 'x', sizeof long_text - 1);
	ck_ok(sffi_call(length, &size, long_text));
	ck_assert_uint_eq(size, sizeof long_text - 1);
	ck_ok(sffi_call(greeting, &result));
	ck_assert_uint_gt(strlen(result), 0);
	ck_ok(sffi_call(none, &result));
	ck_assert_ptr_null(result);
	/* A pointer into an argument comes back as one into the host's own. */
	ck_ok(sffi_call(find, &found, text, 'l'));
	ck_assert_ptr_eq(found, text + 2);
	text = "42 apples";
	ck_ok(sffi_call(parse, &number, text, &end));
	ck_assert_int_eq(number, 42);
	ck_assert_ptr_eq(end, text + 2);
	end = (char *)text; /* memory of the host, as an unset variable may hold */
	ck_ok(sffi_call(parse, &number, text, &end));
	ck_assert_ptr_eq(end, text + 2);
}
END_TEST

START_TEST(objects_and_arrays_travel)
{
	sffi_function *increment = test_function(good, "void increment(int *x)");
	sffi_function *store = test_function(good, "void store_int(out int *x, int value)");
	sffi_function *sum = test_function(good, "long sum_ints(const int numbers[n], size_t n)");
	sffi_function *reverse = test_function(good, "void reverse_ints(int numbers[n], size_t n)");
	sffi_function *bytes = test_function(good, "unsigned long sum_bytes(const unsigned char b[n], "
						   "size_t n)");
	sffi_function *fill = test_function(good, "void fill(out unsigned char to[size], size_t size, "
						  "int value)");
	sffi_function *same = test_function(good, "int are_same(const int *a, const int *b)");
	int numbers[] = { 1, 2, 3, 4 }, value = 41, yes = -1;
	unsigned char buffer[1000] = { 1, 2, 3 };
	unsigned long total = 0;
	long result = 0;

	ck_ok(sffi_call(increment, NULL, &value));
	ck_assert_int_eq(value, 42);
	ck_ok(sffi_call(store, NULL, &value, 7));
	ck_assert_int_eq(value, 7);
	ck_ok(sffi_call(sum, &result, numbers, (size_t)4));
	ck_assert_int_eq(result, 10);
	ck_ok(sffi_call(reverse, NULL, numbers, (size_t)4));
	ck_assert_int_eq(numbers[0], 4);
	ck_ok(sffi_call(bytes, &total, buffer, sizeof buffer));
	ck_assert_uint_eq(total, 6);
	ck_ok(sffi_call(fill, NULL, buffer, sizeof buffer, 9));
	ck_assert_int_eq(buffer[999], 9);
	/* What is one thing here is one thing there. */
	ck_ok(sffi_call(same, &yes, &value, &value));
	ck_assert_int_eq(yes, 1);
}
END_TEST

struct point {
	int x, y;
};

struct node {
	int value;
	struct node *next;
};

START_TEST(structs_travel_with_what_they_point_to)
{
	sffi_function *sum, *move, *list;
	struct point point = { 3, 4 };
	struct node third = { 3, NULL }, second = { 2, &third }, first = { 1, &second };
	int result = 0;

	ck_ok(sffi_library_declare(good, "struct point { int x, y; };\n"
					 "struct node { int value; struct node *next; };\n"
					 "int point_sum(const struct point *p);\n"
					 "void point_move(struct point *p, int dx, int dy);\n"
					 "int list_sum(const struct node *list);\n"));
	sum = test_function(good, "point_sum");
	move = test_function(good, "point_move");
	list = test_function(good, "list_sum");
	ck_ok(sffi_call(sum, &result, &point));
	ck_assert_int_eq(result, 7);
	ck_ok(sffi_call(move, NULL, &point, 10, -1));
	ck_assert_int_eq(point.x, 13);
	ck_assert_int_eq(point.y, 3);
	ck_ok(sffi_call(list, &result, &first));
	ck_assert_int_eq(result, 6);
}
END_TEST

START_TEST(host_memory_without_a_length_is_refused)
{
	static const char *const pasted[] = {
		"ssize_t write_some(int fd, const void *from, size_t size);",
		"unsigned long sum_bytes(const unsigned char *bytes, size_t count);",
		"void uppercase(char *text, size_t size);",
	};
	char buffer[] = "text";
	static char constant[] = "static text";

	for (int i = 0; i < 3; i++) {
		sffi_function *function = test_function(good, pasted[i]);

		if (i == 0)
			ck_refused(sffi_call(function, NULL, 1, buffer, sizeof buffer), SFFI_ETYPE,
				   "length");
		else
			ck_refused(sffi_call(function, NULL, constant, sizeof constant), SFFI_ETYPE,
				   "length");
	}
}
END_TEST

START_TEST(buffers_and_tokens)
{
	sffi_function *sum = test_function(good, "unsigned long sum_bytes(buffer bytes, size_t n)");
	sffi_function *upper = test_function(good, "void uppercase(buffer text, size_t size)");
	sffi_function *keep = test_function(good, "void keep_pointer(token p)");
	sffi_function *kept = test_function(good, "token kept_pointer(void)");
	unsigned char bytes[] = { 1, 2, 3 };
	char text[] = "abc";
	void *back = NULL;
	unsigned long total = 0;

	ck_ok(sffi_call(sum, &total, (sffi_buffer){ bytes, 3, SFFI_IN }, (size_t)3));
	ck_assert_uint_eq(total, 6);
	ck_ok(sffi_call(upper, NULL, (sffi_buffer){ text, 3, 0 }, (size_t)3));
	ck_assert_str_eq(text, "ABC");
	ck_ok(sffi_call(keep, NULL, text));
	ck_ok(sffi_call(kept, &back));
	ck_assert_ptr_eq(back, text);
}
END_TEST

START_TEST(handles_go_stale)
{
	const char *maker = test_is_sanitized() ? "void *map_handle(int value)"
						: "void *make_handle(int value)";
	sffi_function *make = test_function(good, maker);
	sffi_function *read = test_function(good, "int read_handle(void *handle)");
	sffi_domain *owner = NULL, *other = test_open();
	sffi_function *other_read = test_victim_function(other, "good", "int read_handle(void *handle)");
	uint64_t generation = 0;
	void *handle = NULL;
	int value = 0;

	ck_ok(sffi_call(make, &handle, 77));
	ck_ok(sffi_call(read, &value, handle));
	ck_assert_int_eq(value, 77);
	ck_assert_int_eq(sffi_address_owner(handle, &owner, &generation), SFFI_OWNER_CALLEE);
	ck_assert_ptr_eq(owner, domain);
	ck_assert_uint_eq(generation, sffi_domain_generation(domain));
	ck_refused(sffi_call(other_read, &value, handle), SFFI_EADDRESS, "another domain");
	ck_ok(sffi_domain_restart(domain));
	ck_assert_int_eq(sffi_address_owner(handle, NULL, NULL), SFFI_OWNER_STALE);
	ck_refused(sffi_call(read, &value, handle), SFFI_ESTALE, "gone");
	ck_refused(sffi_read(domain, &value, handle, 4), SFFI_ESTALE, "gone");
	ck_assert_int_eq(sffi_address_owner(&value, NULL, NULL), SFFI_OWNER_HOST);
	ck_assert_int_eq(sffi_address_owner(NULL, NULL, NULL), SFFI_OWNER_NONE);
	ck_assert_int_eq(sffi_address_owner((void *)-1, NULL, NULL), SFFI_OWNER_NONE);
	sffi_domain_close(&other);
}
END_TEST

START_TEST(all_new_memory_lies_in_the_zone)
{
	static const char *const makers[] = { "void *map(size_t size)",
					      "void *allocate(size_t size)" };
	/* AddressSanitizer's allocator has addresses of its own. */
	const int count = test_is_sanitized() ? 1 : 2;

	for (int i = 0; i < count; i++) {
		sffi_function *maker = test_function(good, makers[i]);

		for (size_t size = 1; size < (64 << 20); size = size * 3 + 8) {
			void *address = NULL;

			ck_ok(sffi_call(maker, &address, size));
			ck_assert_msg(sffi_address_owner(address, NULL, NULL) == SFFI_OWNER_CALLEE,
				      "%s of %zu gave %p", makers[i], size, address);
		}
		sffi_function_release(&maker);
	}
}
END_TEST

START_TEST(arena_memory_passes_without_a_copy)
{
	sffi_function *fill = test_function(good, "void fill(unsigned char *to, size_t size, int value)");
	sffi_function *read = test_function(good, "int read_int(const int *x)");
	sffi_domain *other = test_open();
	sffi_function *sum =
		test_victim_function(other, "good", "unsigned long sum_bytes(const unsigned char *, size_t)");
	unsigned char *block = NULL;
	unsigned long total = 0;
	int value = 0;

	ck_ok(sffi_alloc(domain, (void **)&block, 10000));
	ck_assert_int_eq(block[9999], 0);
	ck_ok(sffi_call(fill, NULL, block, (size_t)10000, 3));
	ck_assert_int_eq(block[9999], 3);
	ck_ok(sffi_domain_restart(domain));
	ck_assert_int_eq(block[9999], 3);
	ck_ok(sffi_call(read, &value, block));
	ck_assert_int_eq(value, 0x03030303);
	if (!test_is_inside())
		ck_refused(sffi_call(sum, &total, block, (size_t)10000), SFFI_EADDRESS, "sffi_lend");
	ck_ok(sffi_lend(other, block));
	ck_ok(sffi_call(sum, &total, block, (size_t)10000));
	ck_assert_uint_eq(total, 30000);
	ck_ok(sffi_domain_restart(other));
	ck_ok(sffi_call(sum, &total, block, (size_t)10000));
	ck_assert_uint_eq(total, 30000);
	sffi_free(domain, block);
	sffi_domain_close(&other);
}
END_TEST

START_TEST(callee_memory_is_read_and_written)
{
	sffi_function *get = test_function(good, "int get_exported_number(void)");
	void *address = NULL;
	int value = 0;
	char text[8];

	ck_ok(sffi_global(good, "exported_number", &address));
	value = 123;
	ck_ok(sffi_write(domain, address, &value, sizeof value));
	ck_ok(sffi_call(get, &value));
	ck_assert_int_eq(value, 123);
	value = 0;
	ck_ok(sffi_read(domain, &value, address, sizeof value));
	ck_assert_int_eq(value, 123);
	ck_refused(sffi_read(domain, &value, NULL, 4), SFFI_EADDRESS, "mapped");
	ck_refused(sffi_read(domain, &value, (void *)-8, 4), SFFI_EADDRESS, "mapped");
	ck_refused(sffi_write(domain, (void *)8, &value, 4), SFFI_EADDRESS, "mapped");
	ck_refused(sffi_global(good, "no_such_thing", &address), SFFI_ENOSYM, "no_such_thing");
	ck_assert_int_ne(sffi_read_string(domain, text, (char *)1, sizeof text), SFFI_OK);
}
END_TEST

START_TEST(descriptors_are_carried)
{
	sffi_function *read_some = test_function(good, "ssize_t read_some(fd f, out char to[n], size_t n)");
	sffi_function *write_some =
		test_function(good, "ssize_t write_some(fd f, const char from[n], size_t n)");
	sffi_function *open_file = test_function(good, "fd open_file(const char *path)");
	sffi_function *is_open = test_function(good, "int is_open(int number)");
	char text[16] = "";
	ssize_t count = 0;
	int ends[2], file = -1, yes = -1;

	ck_assert_int_eq(pipe(ends), 0);
	ck_ok(sffi_call(write_some, &count, ends[1], "carried", (size_t)8));
	ck_assert_int_eq(count, 8);
	ck_ok(sffi_call(read_some, &count, ends[0], text, (size_t)8));
	ck_assert_str_eq(text, "carried");
	/* Nothing else of the host's is open in a worker. */
	ck_ok(sffi_call(is_open, &yes, ends[0]));
	ck_assert_int_eq(yes, test_is_inside());
	ck_ok(sffi_call(open_file, &file, "/proc/self/comm"));
	ck_assert_int_ge(file, 0);
	ck_assert_int_gt(read(file, text, sizeof text), 0);
	close(file);
	/* A number that is not open here means nothing there. */
	ck_ok(sffi_call(read_some, &count, 12345, text, (size_t)8));
	ck_assert_int_eq(count, -1);
	ck_assert_int_eq(sffi_errno(), EBADF);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

enum { BATCH = 100 };

static struct {
	sffi_batch calls[BATCH];
	int a[BATCH], b, sums[BATCH];
	void *arguments[BATCH][2];
} batch;

/* Sums of 1000 and the call's number. */
static void fill_batch(void)
{
	sffi_function *add = test_function(good, "int add(int a, int b)");

	batch.b = 1000;
	for (int i = 0; i < BATCH; i++) {
		batch.a[i] = i;
		batch.arguments[i][0] = &batch.a[i];
		batch.arguments[i][1] = &batch.b;
		batch.calls[i] = (sffi_batch){ .function = add, .result = &batch.sums[i],
					       .arguments = batch.arguments[i] };
	}
}

START_TEST(a_batch_is_many_calls)
{
	sffi_function *increment = test_function(good, "void increment(int *x)");
	int counter = 0, *counter_at = &counter;
	void *arguments[] = { &counter_at };

	fill_batch();
	batch.calls[50] = (sffi_batch){ .function = increment, .arguments = arguments };
	ck_ok(sffi_call_batch(batch.calls, BATCH));
	ck_assert_int_eq(batch.sums[0], 1000);
	ck_assert_int_eq(batch.sums[99], 1099);
	ck_assert_int_eq(counter, 1);
}
END_TEST

START_TEST(a_batch_stops_at_a_fault)
{
	fill_batch();
	batch.calls[60].function = test_victim_function(domain, "signals", "int null_read(void)");
	ck_assert_int_eq(sffi_call_batch(batch.calls, BATCH), SFFI_EFAULT);
	ck_assert_int_eq(batch.calls[59].status, SFFI_OK);
	ck_assert_int_eq(batch.sums[59], 1059);
	ck_assert_int_eq(batch.calls[60].status, SFFI_EFAULT);
	ck_assert_int_eq(batch.calls[61].status, SFFI_ECANCELED);
	test_still_works(domain);
}
END_TEST

START_TEST(functions_by_address)
{
	sffi_function *length = NULL, *bad = NULL;
	size_t size = 0;
	int on_stack = 0;

	ck_ok(sffi_function_at(&length, domain, (void *)(uintptr_t)strnlen,
			       "size_t strnlen(const char *s, size_t most)"));
	ck_ok(sffi_call(length, &size, "four", (size_t)10));
	ck_assert_uint_eq(size, 4);
	ck_assert_int_eq(sffi_function_at(&bad, domain, &on_stack, "void f(void)"), SFFI_EADDRESS);
	sffi_function_release(&length);
}
END_TEST

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

START_TEST(declarations_lie_in_a_file)
{
	char path[] = "/tmp/safeffi-declarations-XXXXXX", words[128];
	sffi_function *add = NULL, *none = NULL;
	int made = mkstemp(path), sum = 0;
	const sffi_symbol symbols[] = { { &add, "add" }, { 0 } };
	const sffi_symbol wrong[] = { { &add, "add" }, { &none, "no_such_function" }, { 0 } };
	char *many;

	ck_assert_int_ge(made, 0);
	close(made);
	write_text(path, "int\nadd(int a int b);\n");
	snprintf(words, sizeof words, "%s: line 2, column 11", path);
	ck_refused(sffi_library_declare_file(good, path), SFFI_EDECL, words);

	/* Longer than what is read at once. */
	many = malloc(100000);
	ck_assert_ptr_nonnull(many);
	memset(many, '\n', 100000);
	strcpy(many + 90000, "int add(int a, int b);\n");
	write_text(path, many);
	free(many);
	ck_ok(sffi_library_declare_file(good, path));
	ck_assert_int_eq(unlink(path), 0);
	ck_refused(sffi_library_declare_file(good, path), SFFI_ESYSTEM, path);
	ck_refused(sffi_library_declare_file(good, "/"), SFFI_ESYSTEM, "directory");
	ck_refused(sffi_library_declare_file(good, NULL), SFFI_EINVAL, "NULL");

	ck_ok(sffi_functions_get(good, symbols));
	ck_ok(sffi_call(add, &sum, 2, 3));
	ck_assert_int_eq(sum, 5);
	sffi_functions_release(symbols);
	ck_assert_ptr_null(add);
	/* All or none. */
	ck_refused(sffi_functions_get(good, wrong), SFFI_ENOSYM, "no_such_function");
	ck_assert_ptr_null(add);
	ck_refused(sffi_functions_get(good, NULL), SFFI_EINVAL, "NULL");
	sffi_functions_release(NULL);
}
END_TEST

START_TEST(the_environment_says_how_workers_are_made)
{
	sffi_domain *other = NULL;
	sffi_options options;

	ck_assert_int_eq(setenv("SAFEFFI_SPAWN", "teleport", 1), 0);
	ck_refused(sffi_domain_open(&other, NULL), SFFI_EINVAL, "SAFEFFI_SPAWN is 'teleport'");
	/* The host's own program is where a clone can find it, and only there. */
	ck_assert_int_eq(setenv("SAFEFFI_SPAWN", "exec", 1), 0);
	ck_ok(sffi_domain_open(&other, NULL));
	ck_assert_int_ne(sffi_library_open(&(sffi_library *){ NULL }, other, NULL), SFFI_OK);
	sffi_domain_close(&other);
	/* A program that has its reasons is not overruled. */
	sffi_options_init(&options);
	options.spawn = SFFI_SPAWN_CLONE;
	ck_ok(sffi_domain_open(&other, &options));
	ck_ok(sffi_library_open(&(sffi_library *){ NULL }, other, NULL));
	sffi_domain_close(&other);
	sffi_options_init(&options);
	options.share = SFFI_SHARE_CWD;
	ck_ok(sffi_domain_open(&other, &options));
	sffi_domain_close(&other);
	ck_assert_int_eq(unsetenv("SAFEFFI_SPAWN"), 0);
}
END_TEST

START_TEST(wrong_use_gets_a_sentence)
{
	sffi_function *function = NULL;
	sffi_library *library = NULL;
	sffi_domain *none = NULL;
	sffi_options options;

	ck_refused(sffi_domain_open(NULL, NULL), SFFI_EINVAL, "NULL");
	ck_refused(sffi_library_open(&library, NULL, "c"), SFFI_EINVAL, "NULL");
	ck_refused(sffi_library_open(&library, domain, "no-such-library"), SFFI_ENOLIB,
		   "no-such-library");
	ck_refused(sffi_library_open(&library, domain, ""), SFFI_ENOLIB, "empty");
	ck_refused(sffi_function_get(&function, good, "no_such_function"), SFFI_ENOSYM,
		   "no_such_function");
	ck_refused(sffi_function_get(&function, good, "int no_such_symbol(void)"), SFFI_ENOSYM,
		   "no_such_symbol");
	ck_refused(sffi_function_get(&function, good, "this is not C"), SFFI_EDECL, "line 1");
	ck_refused(sffi_library_declare(good, "int f(int"), SFFI_EDECL, "column");
	ck_refused(sffi_function_get(&function, good, "int printf(const char *, ...)"), SFFI_ETYPE,
		   "variadic: declare the arguments");
	ck_refused(sffi_function_get(&function, good, "int add(struct unknown s)"), SFFI_ETYPE,
		   "parameter 1, of the type 'struct unknown'");
	ck_refused(sffi_call(NULL, NULL), SFFI_EINVAL, "NULL");
	ck_refused(sffi_read(NULL, &options, NULL, 1), SFFI_EINVAL, "NULL");
	sffi_options_init(&options);
	options.mode = (sffi_mode)77;
	ck_refused(sffi_domain_open(&none, &options), SFFI_EINVAL, "77");
	ck_assert_ptr_null(none);
	sffi_domain_close(NULL);
	sffi_domain_close(&none);
	sffi_function_release(NULL);
	sffi_library_close(NULL);
	sffi_free(domain, (void *)12345);
	function = test_function(good, "int add(int, int)");
	sffi_library_close(&good);
	ck_refused(sffi_call(function, NULL, 1, 2), SFFI_ECLOSED, "closed");
	sffi_domain_close(&domain);
	ck_refused(sffi_call(function, NULL, 1, 2), SFFI_ECLOSED, "closed");
	sffi_function_release(&function);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("calls");
	TCase *tests = tcase_create("calls");

	tcase_set_timeout(tests, 120);
	tcase_add_checked_fixture(tests, open_good, close_good);
	test_add(tests, integers_keep_their_sign_and_width);
	test_add(tests, floating_point_and_mixed_arguments);
	test_add(tests, errno_comes_back);
	test_add(tests, strings_go_in_and_come_out);
	test_add(tests, objects_and_arrays_travel);
	test_add(tests, structs_travel_with_what_they_point_to);
	test_add(tests, host_memory_without_a_length_is_refused);
	test_add(tests, buffers_and_tokens);
	test_add(tests, handles_go_stale);
	test_add(tests, all_new_memory_lies_in_the_zone);
	test_add(tests, arena_memory_passes_without_a_copy);
	test_add(tests, callee_memory_is_read_and_written);
	test_add(tests, descriptors_are_carried);
	test_add(tests, a_batch_is_many_calls);
	test_add(tests, a_batch_stops_at_a_fault);
	test_add(tests, functions_by_address);
	test_add(tests, declarations_lie_in_a_file);
	test_add(tests, the_environment_says_how_workers_are_made);
	test_add(tests, wrong_use_gets_a_sentence);
	suite_add_tcase(suite, tests);
	return test_main(argc, argv, suite);
}
