/* SPDX-License-Identifier: MIT */
/*
 * Reads any text as declarations, as one function and as a type, and walks through all
 * that comes out.
 *
 *   clang -g -fsanitize=fuzzer,address,undefined -Iinclude -Isrc \
 *         tests/fuzz/fuzz_declarations.c src/type/\*.c src/error.c
 *   ./a.out -dict=tests/fuzz/declarations.dict -max_len=4096 tests/fuzz/declarations
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "type/type.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = { "f", "x", "n", "size_t", "f2", "open", "A" };

static void check(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

static bool look_up(void *context, size_t index, bool dereference, uint64_t *value, bool *is_signed)
{
	uint64_t *seed = context;

	*seed = *seed * 6364136223846793005u + index;
	*value = dereference ? *seed >> 60 : *seed >> (*seed >> 59);
	*is_signed = *seed >> 40 & 1;
	return *seed >> 33 & 15;
}

static void walk(const struct type *type);

static void walk_record(const struct type *type)
{
	size_t i;

	for (i = 0; i < type->count; i++) {
		const struct member *member = &type->members[i];
		size_t end = member->bit_width ? (member->offset * 8 + member->bit_offset +
		                                  member->bit_width + 7) /
		                                         8
		                               : member->offset + member->type->size;

		check(end <= type->size, "a member lies in its struct");
		check(member->type->depth < type->depth, "a member is less deep than its struct");
		if (member->type->kind == TYPE_STRUCT || member->type->kind == TYPE_UNION)
			walk_record(member->type);
	}
}

static void walk_function(const struct function_type *function)
{
	uint64_t value, seed = 1;
	size_t i, turn;

	walk(function->result);
	for (i = 0; i < function->count; i++) {
		const struct parameter *parameter = &function->parameters[i];

		walk(parameter->type);
		if (!parameter->length)
			continue;
		check(*sffi__expression_text(parameter->length), "a length has a text");
		for (turn = 0; turn < 4; turn++)
			sffi__expression_evaluate(parameter->length, look_up, &seed, &value);
	}
}

static void walk(const struct type *type)
{
	char text[300];

	sffi__type_print(type, text, sizeof text);
	check(*text, "a type has a text");
	check(!type->staged, "nothing is left from the reading");
	check(!type->is_complete || (type->alignment && !(type->alignment & (type->alignment - 1))),
	      "an alignment is a power of two");
	check(type->depth <= TYPE_DEPTH_MAX, "types are not deeper than allowed");
	if (type->kind == TYPE_STRUCT || type->kind == TYPE_UNION)
		walk_record(type);
}

static void walk_names(const struct scope *scope)
{
	size_t i;

	for (i = 0; i < sizeof names / sizeof *names; i++) {
		const struct function_type *function = sffi__scope_function(scope, names[i]);
		const struct type *global = sffi__scope_global(scope, names[i]);

		if (function)
			walk_function(function);
		if (global)
			walk(global);
	}
}

static void read_all(struct scope *scope, const char *text)
{
	const struct function_type *function;
	const struct type *type;
	const char *name = NULL;

	if (sffi__scope_declare(scope, text))
		check(*sffi_error(), "a failure has a sentence");
	walk_names(scope);
	sffi__scope_declare(scope, text);
	if (!sffi__scope_declare_function(scope, text, &name, &function)) {
		check(name && *name, "a function has a name");
		walk_function(function);
	}
	if (!sffi__scope_declare_function(scope, text, NULL, &function))
		walk_function(function);
	type = sffi__scope_type(scope, text);
	if (type)
		walk(type);
	walk_names(scope);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scope *outer = sffi__scope_new(NULL), *inner = sffi__scope_new(outer);
	char *text = malloc(size + 1);

	memcpy(text, data, size);
	text[size] = '\0';
	read_all(outer, text);
	read_all(inner, text);
	free(text);
	sffi__scope_free(inner);
	sffi__scope_free(outer);
	return 0;
}
