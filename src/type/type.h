/* SPDX-License-Identifier: MIT */
/*
 * C types as the declarations give them, and their layouts on this machine.
 *
 * A scope owns everything that was parsed into it: types, names, expressions. Nothing
 * here is ever freed singly; sffi__scope_free frees all. Types are immutable once parsed
 * (an incomplete struct may be completed later), so they are read without a lock;
 * parsing into a scope needs the caller's lock.
 *
 * Limits, each with a sentence when it is met: 16 MiB of text, names of 255 characters,
 * brackets nested TYPE_NESTING_MAX deep, types TYPE_DEPTH_MAX deep, TYPE_PARAMETERS_MAX
 * parameters, objects of TYPE_SIZE_MAX bytes, alignments of TYPE_ALIGNMENT_MAX. Time and
 * memory grow in proportion to the text: by less than 200 bytes for each of its bytes.
 */
#ifndef SFFI_TYPE_H
#define SFFI_TYPE_H

#include "safeffi.h"

#define TYPE_NESTING_MAX 64
#define TYPE_DEPTH_MAX 64
#define TYPE_PARAMETERS_MAX 256
#define TYPE_SIZE_MAX ((size_t)1 << 47)
#define TYPE_ALIGNMENT_MAX ((size_t)1 << 28)

enum type_kind {
	TYPE_VOID,
	TYPE_BOOL,
	TYPE_INTEGER, /* char, short, int, long, long long, enum, __int128, and their typedefs */
	TYPE_FLOAT,   /* float (4), double (8), long double (16) */
	TYPE_COMPLEX, /* size 8, 16, 32 */
	TYPE_POINTER,
	TYPE_ARRAY, /* only in structs, unions, globals; a parameter's becomes a pointer */
	TYPE_STRUCT,
	TYPE_UNION,
	TYPE_FUNCTION,
	TYPE_FD,     /* `fd`: an int that is a file descriptor */
	TYPE_BUFFER, /* `buffer`: an sffi_buffer at the call, a pointer to the callee, and of a
	              * pointer's size; only ever the type of a parameter */
	TYPE_TOKEN   /* `token`: a void * that is passed untouched */
};

struct type {
	enum type_kind kind;
	bool is_signed;     /* INTEGER */
	bool is_character;  /* INTEGER: char, signed char, unsigned char, [u]int8_t: a byte */
	bool is_plain_char; /* INTEGER: exactly char */
	bool is_enum;       /* INTEGER */
	bool is_complete; /* false: void, struct or union without a body, function, array of unknown
	                     length */
	bool has_flexible_tail; /* STRUCT: ends with T x[], T x[0], or a struct that does */
	bool is_packed;         /* STRUCT, UNION: as a whole; single members may be besides */
	bool has_bit_fields;    /* STRUCT, UNION, ARRAY: at any depth */
	bool has_unnamed_bits;  /* STRUCT, UNION: has itself an unnamed bit-field, not of width 0 */
	bool target_const;      /* POINTER, ARRAY: what it points to, or its elements, are const */
	/* Levels of types below this one, where a struct behind a pointer counts as none: so
	 * recursion into members, elements, pointers and functions is bounded, as long as it
	 * does not go through a pointer into a struct. At most TYPE_DEPTH_MAX. */
	unsigned depth;
	size_t size, alignment; /* as sizeof and _Alignof; 0 if not complete */
	/* STRUCT, UNION: without what a typedef asks for (natural), and without what the struct
	 * asks for itself besides (member): what passing by value goes by. */
	size_t natural_alignment, member_alignment;
	/* Typedef-less spelling for messages: "unsigned int", "struct point"; of a struct
	 * without a tag, its typedef or "<unnamed struct>"; NULL: pointer, array, function,
	 * for which there is sffi__type_print. */
	const char *name;
	const struct type *target; /* POINTER: to; ARRAY: elements */
	size_t count;              /* ARRAY: elements; STRUCT, UNION: members; an enum: constants */
	struct member *members;
	const struct function_type *function; /* FUNCTION */
	struct type *staged; /* the parser's own: the body in a text that is still being read */
};

struct member {
	const char *name; /* NULL: anonymous struct or union */
	const struct type *type;
	size_t offset; /* bytes from the start of the struct */
	/* Of a bit-field, from offset. The unit at offset, of the type's size, lies in the
	 * struct and holds the whole field; where packing leaves no such unit, offset is
	 * that of the first byte with a bit of the field. Unnamed bit-fields are left out. */
	unsigned bit_offset;
	unsigned bit_width; /* 0: no bit-field */
};

struct parameter {
	const char *name;                /* or NULL */
	const struct type *type;         /* arrays and functions already are pointers */
	bool is_out;                     /* `out` */
	bool is_keep;                    /* `keep` */
	bool is_array;                   /* declared with [] */
	const struct expression *length; /* of the array, in elements; NULL if [] is empty */
};

struct function_type {
	const struct type *result;
	bool keep_result; /* `keep fd f(void)`: the callee keeps the descriptor too */
	bool is_variadic;   /* has a `...` */
	bool is_open;       /* ends with it: the types of one call's further arguments are not said */
	size_t fixed_count; /* parameters before the `...`; all of them, if there is none */
	size_t count;
	struct parameter *parameters;
};

struct scope;

/* An empty scope inside an outer one, whose names it sees; NULL: only the standard types
 * (<stdint.h>, <stddef.h>, <stdbool.h>, <sys/types.h>, wchar_t, FILE as an incomplete
 * struct, time_t, va_list is refused). NULL: out of memory. */
struct scope *sffi__scope_new(const struct scope *outer);
void sffi__scope_free(struct scope *);

/* Parses declarations into the scope. On failure the scope is as before.
 * SFFI_EDECL: "line 2, column 7: expected ')' after the parameters, found 'x'".
 * SFFI_ENOMEM. */
sffi_status sffi__scope_declare(struct scope *, const char *text);

/* Parses one function declaration, with or without the final ';', and says its name. The
 * function is not entered into the scope (so one name may be declared in several ways, as
 * variadic functions need it), the structs that it mentions are. name may be NULL: then a
 * function without a name, a pointer to a function, and a typedef of either will do, as a
 * callback is declared: "int (*)(const void *, const void *)". */
sffi_status sffi__scope_declare_function(struct scope *, const char *text, const char **name,
                                         const struct function_type **);

/* What was declared, here or in an outer scope; NULL: nothing of that kind and name. */
const struct function_type *sffi__scope_function(const struct scope *, const char *name);
const struct type *sffi__scope_global(const struct scope *, const char *name);
/* A type by its C spelling: "struct point", "uint32_t *"; NULL with a sentence. A struct
 * must have been mentioned before. */
const struct type *sffi__scope_type(struct scope *, const char *text);

/* ---- length expressions -------------------------------------------------- */

/* Gives the value of parameter `index`, or with `dereference` of the integer it points
 * to; false with a sentence: it cannot be had (NULL, not readable). */
typedef bool (*expression_lookup)(void *context, size_t index, bool dereference, uint64_t *value,
                                  bool *is_signed);

/* The value of a length expression; every operation is checked. SFFI_EINVAL: overflow,
 * division by zero, negative: with the expression's text in the sentence. */
sffi_status sffi__expression_evaluate(const struct expression *, expression_lookup, void *context,
                                      uint64_t *value);
/* Its text, as declared. */
const char *sffi__expression_text(const struct expression *);

/* C11 6.2.7, and with the same words (`out`, `keep`, lengths) at the parameters. */
bool sffi__type_compatible(const struct type *, const struct type *);
bool sffi__function_compatible(const struct function_type *, const struct function_type *);

/* The type as C text, "const char *", for messages. Writes at most size bytes, of which the
 * last is a NUL. */
void sffi__type_print(const struct type *, char *to, size_t size);

#endif
