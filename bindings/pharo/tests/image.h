/* SPDX-License-Identifier: MIT */
/*
 * A stand-in for the image: its functions do what the Smalltalk methods named in image.c do, the
 * same calls in the same order, through a table of functions that dlsym() has filled with the types
 * of the callout methods.
 */
#ifndef IMAGE_H
#define IMAGE_H

#include "safeffi.h"
#include "test_main.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* SafeFFILibrary */
#define CALL(result, name, parameters) result(*name) parameters;
#define CONSTANT(name, value)
#define FIELD(structure, field, offset)
#define SIZE(structure, size)
#define TYPE(name, c, text, size, kind)
struct image_library {
#include "pharo.h"
};
#undef CALL
#undef CONSTANT
#undef FIELD
#undef SIZE
#undef TYPE
extern struct image_library library;

/* What a parameter is to SafeFFICall: `argumentAt:put:type:`. */
enum image_kind { IMAGE_VALUE, IMAGE_STRING, IMAGE_POINTER };
struct image_argument {
	enum image_kind kind;
	const void *value; /* where the value is; a pointer's: the pointer */
	size_t size;       /* of the value; of what a pointer leads to, 0: unknown */
};

/* A block: gets the addresses of the arguments' values. */
typedef void (*image_block)(void *result, void **places);

struct image_call {
	void *invocation;
	char *memory, *result;
	image_block block;
	void *callback; /* the registry of SafeFFICallback */
	void *fault;
	unsigned pending; /* how often there was nothing to do yet */
	char text[512];
};

extern void *image_domain, *image_thread;

void image_open(void);
void image_close(void);
/* A function by its name, which is in the declaration, or by its address. */
void *image_look_up(const char *module, void *address, const char *declaration,
                    unsigned timeout_ms);
void *image_function(const char *module, const char *declaration);
void *image_callback(const char *declaration);
int image_start(struct image_call *, void *function, size_t count, const struct image_argument *);
void image_run(struct image_call *);
int image_finish(struct image_call *, size_t result_size);
void image_abandon(struct image_call *);
void image_release(struct image_call *);
/* SafeFFICall >> value: the status of sffi_finish; the result is copied, the call released. */
int image_invoke(struct image_call *, void *function, void *result, size_t result_size,
                 size_t count, const struct image_argument *);
void image_release_fault(struct image_call *);

/* SafeFFI class >> check: */
#define image_check(call)                                                                          \
	do {                                                                                       \
		int image_status = (call);                                                         \
		ck_assert_msg(image_status == 0, "%s: %s: %s", #call,                              \
		              (char *)library.sffi_status_name(image_status),                      \
		              (char *)library.sffi_error());                                       \
	} while (0)

#endif
