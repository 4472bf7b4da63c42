/* SPDX-License-Identifier: MIT */
#include "ffi_helper.h"

sffi_domain *domain;
static void *library;

void open_domain(void)
{
	domain = test_open();
	library = dlopen(test_victim("ffi"), RTLD_NOW);
	ck_assert_msg(library != NULL, "%s", dlerror());
}

void close_domain(void)
{
	sffi_ffi_release(domain);
	sffi_domain_close(&domain);
}

void (*function(const char *name))(void)
{
	void *symbol = dlsym(library, name);

	ck_assert_msg(symbol != NULL, "%s", dlerror());
	return (void (*)(void))symbol;
}

ffi_cif *prepared(ffi_cif *cif, ffi_type *result, unsigned count, ffi_type **types)
{
	ck_assert_int_eq(ffi_prep_cif(cif, FFI_DEFAULT_ABI, count, result, types), FFI_OK);
	return cif;
}

static size_t room_of(const ffi_type *type)
{
	if (type->type == FFI_TYPE_VOID)
		return 0;
	if (type->type == FFI_TYPE_STRUCT || type->size > sizeof(ffi_arg) ||
	    type->type == FFI_TYPE_FLOAT)
		return type->size;
	return sizeof(ffi_arg);
}

void same_results(const char *what, const ffi_type *type, const unsigned char *expected,
		  const unsigned char *result, const unsigned char *mask)
{
	for (size_t i = 0; i < room_of(type); i++)
		ck_assert_msg(!((expected[i] ^ result[i]) & mask[i]), "%s: byte %zu is %02x, not %02x",
			      what, i, result[i], expected[i]);
	for (size_t i = room_of(type); i < RESULT_MAX; i++)
		ck_assert_msg(result[i] == POISON, "%s: byte %zu was written", what, i);
}

const struct scalar scalars[SCALARS] = {
	{ "echo_u8", &ffi_type_uint8 }, { "echo_s8", &ffi_type_sint8 },
	{ "echo_u16", &ffi_type_uint16 }, { "echo_s16", &ffi_type_sint16 },
	{ "echo_u32", &ffi_type_uint32 }, { "echo_s32", &ffi_type_sint32 },
	{ "echo_u64", &ffi_type_uint64 }, { "echo_s64", &ffi_type_sint64 },
	{ "echo_float", &ffi_type_float }, { "echo_double", &ffi_type_double },
	{ "echo_pointer", &ffi_type_pointer },
};

/* ---- random signatures ------------------------------------------------------------------- */

static uint64_t state = 1;

static unsigned char next_byte(void)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned char)(state >> 56);
}

/* Any bytes are a value; but a pointer must be one that passes. */
static void fill(const ffi_type *type, char *at)
{
	size_t offsets[64];
	uintptr_t small = next_byte();

	if (type->type == FFI_TYPE_STRUCT) {
		ck_assert_int_eq(ffi_get_struct_offsets(FFI_DEFAULT_ABI, (ffi_type *)type, offsets), FFI_OK);
		for (size_t i = 0; type->elements[i]; i++)
			fill(type->elements[i], at + offsets[i]);
	} else if (type->type == FFI_TYPE_POINTER) {
		memcpy(at, &small, sizeof small);
	} else {
		for (size_t i = 0; i < type->size; i++)
			at[i] = (char)next_byte();
	}
}

static void set_avalues(struct made_call *made)
{
	made->avalues[0] = &made->code;
	for (unsigned i = 0; i < made->one->count; i++)
		made->avalues[i + 1] = made->values[i];
}

static bool same_values(const struct made_call *made, const unsigned char *a, const unsigned char *b)
{
	for (size_t i = 0; i < RESULT_MAX; i++)
		if ((a[i] ^ b[i]) & made->mask[i])
			return false;
	return true;
}

/* What ffi_call gives, and the compiler. Where those two do not agree libffi has an error:
 * 3.4 copies a struct of an integer and a double over the first vector register, if it takes
 * the last integer register. */
static void expect(struct made_call *made)
{
	static _Alignas(16) unsigned char direct[RESULT_MAX];

	memset(direct, POISON, RESULT_MAX);
	made->one->direct(direct, made->avalues + 1);
	ffi_call(&made->cif, made->one->function, made->expected, made->avalues + 1);
	set_avalues(made); /* ffi_call puts copies of large structs there, which are gone now */
	made->libffi_errs = !same_values(made, made->expected, direct);
	if (made->libffi_errs)
		memcpy(made->expected, direct, RESULT_MAX);
	else if (made->one->result->type != FFI_TYPE_STRUCT &&
		 room_of(made->one->result) == sizeof(ffi_arg))
		memset(made->mask, 0xff, sizeof(ffi_arg));
}

struct made_call *make_call(const struct ffi_case *one)
{
	static struct made_call made;

	made.one = one;
	made.types[0] = &ffi_type_pointer;
	memset(made.expected, POISON, RESULT_MAX);
	memset(made.result, POISON, RESULT_MAX);
	memset(made.mask, 0, RESULT_MAX);
	one->mask(made.mask);
	for (unsigned i = 0; i < one->count; i++) {
		made.types[i + 1] = one->types[i];
		fill(one->types[i], made.values[i]);
	}
	set_avalues(&made);
	prepared(&made.cif, one->result, one->count, made.types + 1);
	prepared(&made.caller, one->result, one->count + 1, made.types);
	expect(&made);
	return &made;
}

void open_cases(const struct ffi_case **cases, unsigned *count)
{
	void *handle = dlopen(FFI_CASES, RTLD_NOW);

	ck_assert_msg(handle != NULL, "%s", dlerror());
	*cases = dlsym(handle, "ffi_cases");
	*count = *(unsigned *)dlsym(handle, "ffi_case_count");
	ck_assert_uint_ge(*count, 100);
}
