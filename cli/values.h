/* SPDX-License-Identifier: MIT */
/*
 * Arguments of a call between text and the declared C types.
 *
 * As text:
 *   integers      3, -3, 0x10, 'c'; floating point 2.5, 1e9, inf; bool true, false, 1, 0
 *   const char *  "text" with C escapes, or bare text; NULL
 *   T p[n], T *p  a list 1,2,3; hex:00ff; "text"; @file for bytes; - for zeros
 *   structs       {1,{2,3}}: the members in order
 *   other pointers, token   NULL or a number, the address
 *   fd            a number, or @file to open it for reading
 *   buffer        "text", hex:00ff, @file, or zeros:SIZE
 * An integer given as - that is the length of an array is the number of its elements.
 */
#ifndef CLI_VALUES_H
#define CLI_VALUES_H

#include "type/type.h"

#include <jansson.h>

struct cli_value {
	const struct parameter *parameter;
	const char *text; /* as given */
	void *value;      /* the argument itself, of the parameter's type; owned */
	void *data;       /* what it points to, or NULL; owned */
	size_t count;     /* elements in data, or bytes of a buffer */
	int descriptor;   /* opened for an fd parameter, or -1 */
};

struct cli_values {
	const struct function_type *type;
	size_t count;
	struct cli_value *values; /* one for each parameter */
	void **addresses;         /* for sffi_call_array */
};

/* Makes the arguments of one call; text has type->count of them. On failure a sentence is left
 * for cli_error(), which names the parameter, and *values is empty. */
sffi_status cli_values_new(struct cli_values *values, const struct function_type *type,
			   char *const *text);
void cli_values_free(struct cli_values *values);

/* After the call: how many elements of an array parameter count now ("dest[*destLen]"). */
size_t cli_values_length(const struct cli_values *values, size_t index);
/* Whether the callee may have written through this parameter. */
bool cli_value_is_output(const struct cli_value *value);

/* Reads one value of the type from the text at *cursor, and moves *cursor behind it. Strings
 * that a pointer needs are not made here. inside: the value is an item of a list. */
sffi_status cli_parse_value(const struct type *type, const char **cursor, void *to, bool inside);
/* A C string or character literal's next character; false: the literal ends or is not right. */
bool cli_parse_character(const char **cursor, char quote, unsigned char *to);

/* Prints a value. is_result: a `const char *` is a string that may be read. */
void cli_print_value(FILE *to, const struct type *type, const void *value, bool is_result);
void cli_print_elements(FILE *to, const struct type *element, const void *values, size_t count);
/* The same as JSON; a new reference, or NULL: out of memory. */
json_t *cli_json_value(const struct type *type, const void *value, bool is_result);
json_t *cli_json_elements(const struct type *element, const void *values, size_t count);

#endif
