/* SPDX-License-Identifier: MIT */
/*
 * The reader of declarations: recursive descent over the grammar of C11 6.7, one file for
 * each part of it. It is not a compiler: bodies, initializers, preprocessor lines and all
 * that would change a calling convention are refused, each with a sentence.
 *
 * A function that returns bool or a pointer has, on false or NULL, left the first failure
 * in the parser's status and its sentence for sffi_error(). All memory comes from the
 * scope's pool, so that a failed text takes it all back, or from the scratch pool, which
 * ends with the text.
 */
#ifndef SFFI_TYPE_PARSER_H
#define SFFI_TYPE_PARSER_H

#include "type/expression.h"
#include "type/lexer.h"
#include "type/scope.h"

struct parser {
	struct scope *scope;
	struct lexer lexer;
	struct token token; /* not consumed yet */
	struct token ahead; /* the one after it */
	const char *previous_end;
	struct pool scratch;
	struct transaction transaction;
	sffi_status status;
	unsigned nesting;
	bool only_known_tags; /* `struct x` does not declare x */
};

/* ---- parser.c: tokens, failures, memory ---- */

bool sffi__parser_start(struct parser *, struct scope *, const char *text);
/* Keeps what was declared, or, after a failure, takes it back. */
sffi_status sffi__parser_end(struct parser *);

void sffi__next(struct parser *);
bool sffi__at(const struct parser *, int punctuator);
bool sffi__at_keyword(const struct parser *, enum keyword);
/* Consumes it if it is there. */
bool sffi__accept(struct parser *, int punctuator);
bool sffi__accept_keyword(struct parser *, enum keyword);
/* Consumes it, or fails: "expected <what>, found 'x'". */
bool sffi__expect(struct parser *, int punctuator, const char *what);

/* All return false. Positions are those of the token. */
bool sffi__expected(struct parser *, const char *what);
bool sffi__fail_at(struct parser *, const struct token *, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
bool sffi__out_of_memory(struct parser *);

/* Around whatever recurses; nest fails when it is too deep. */
bool sffi__nest(struct parser *);
void sffi__unnest(struct parser *);

/* Zeroed. NULL: the parser has failed. */
void *sffi__new(struct parser *, size_t size);
void *sffi__new_scratch(struct parser *, size_t size);
/* The source from start to the last consumed token, on one line. */
const char *sffi__source_text(struct parser *, const char *start);

bool sffi__bind(struct parser *, struct binding **slot, const struct binding *);

/* ---- attributes ---- */

struct attributes {
	bool is_packed;
	size_t alignment;   /* 0: not given */
	struct token token; /* the first that matters for a layout */
};

/* `__attribute__((...))`, any number, and nothing is fine; adds to the attributes. */
bool sffi__parse_attributes(struct parser *, struct attributes *);
/* Where an alignment would change a type that it cannot be noted for. */
bool sffi__parse_harmless_attributes(struct parser *);
bool sffi__parse_alignas(struct parser *, struct attributes *);

/* ---- specifiers ---- */

enum place { PLACE_DECLARATION, PLACE_PARAMETER, PLACE_MEMBER, PLACE_TYPE_NAME };
enum storage { STORAGE_NONE, STORAGE_TYPEDEF, STORAGE_EXTERN, STORAGE_STATIC };

struct specifiers {
	struct qualified type;
	enum storage storage;
	bool is_out, is_keep;
	bool has_tag;          /* struct, union or enum: may stand without a declarator */
	bool is_unnamed;       /* a struct or union without a tag was defined here */
	bool is_function_only; /* inline, _Noreturn */
	struct attributes attributes;
	struct token start;
	struct token word; /* `out` or `keep` */
};

bool sffi__parse_specifiers(struct parser *, enum place, struct specifiers *);
/* Could this token begin a type? */
bool sffi__starts_type(const struct parser *, const struct token *);
bool sffi__parse_type_name(struct parser *, struct qualified *);
/* After `struct`, `union`, `enum`. */
const struct type *sffi__parse_struct(struct parser *, enum keyword, struct specifiers *);
const struct type *sffi__parse_enum(struct parser *);
/* The binding of a tag, made if need be. own: not one of an outer scope. */
struct binding *sffi__parse_tag(struct parser *, const struct token *tag, enum type_kind, bool own);

/* ---- declarators ---- */

/* One step from the type at the left to that of the declared name. */
struct derivation {
	struct derivation *next;
	enum type_kind kind; /* POINTER, ARRAY, FUNCTION */
	bool is_const;       /* POINTER: itself */
	struct node *length; /* ARRAY: NULL: none given */
	const char *length_text;
	struct function_type *function; /* FUNCTION: all but the result */
	struct token token;
};

struct declarator {
	struct name *name;               /* NULL: none */
	struct token token;              /* the name, or where it could have been */
	struct derivation *first, *last; /* first is applied first */
	struct attributes attributes;
};

/* A name in it: must there be one? */
enum naming { NAME_REQUIRED, NAME_OPTIONAL, NAME_NONE };

bool sffi__parse_declarator(struct parser *, enum naming, struct declarator *);
/* The type that the specifiers and the declarator make together. */
bool sffi__derive(struct parser *, const struct specifiers *, const struct declarator *,
                  struct qualified *);
/* The same for a parameter: arrays and functions become pointers; an array's length is
 * left in *length, to be resolved when all parameters are known. */
bool sffi__derive_parameter(struct parser *, const struct specifiers *, const struct declarator *,
                            struct parameter *, struct node **length);
/* After '('; consumes the ')'. */
struct function_type *sffi__parse_parameters(struct parser *);

/* ---- making types ---- */

const struct type *sffi__pointer_to(struct parser *, struct qualified target, const struct token *);
/* is_complete false: of unknown length. */
const struct type *sffi__array_of(struct parser *, struct qualified element, bool is_complete,
                                  uint64_t count, const struct token *);
const struct type *sffi__function_of(struct parser *, const struct type *result,
                                     struct function_type *, const struct token *);
/* Const: of an array, its elements. */
bool sffi__qualify(struct parser *, struct qualified *);
/* A copy of the type with another alignment. */
const struct type *sffi__realigned(struct parser *, const struct type *, size_t alignment,
                                   const struct token *);
/* Must the type be complete here? Says so, if it is not. */
bool sffi__must_be_complete(struct parser *, const struct type *, const struct token *);

/* ---- expressions ---- */

/* Of any names; to be resolved. */
struct node *sffi__parse_expression(struct parser *);
/* Looks the names up: parameters of this list (their `list` number and index), unless
 * parameters is NULL, then enum constants; and computes what is constant. */
bool sffi__resolve(struct parser *, struct node *, const struct parameter *parameters,
                   uint64_t list);
/* A constant expression; *start is its first token, for messages. */
bool sffi__parse_constant(struct parser *, __int128 *, struct token *start);

/* ---- layout ---- */

struct field {
	struct field *next;
	struct name *name; /* NULL: an anonymous struct or union, or an unnamed bit-field */
	const struct type *type;
	bool is_bit_field, is_packed;
	unsigned width;   /* of a bit-field */
	size_t alignment; /* asked for by an attribute; 0: none */
	struct token token;
	/* Found by the layout. */
	uint64_t bit_position;
};

/* Fills in the body of a struct or union as the System V ABI and gcc lay it out. */
bool sffi__lay_out(struct parser *, struct type *body, struct field *, const struct attributes *);

/* ---- comparing ---- */

/* C11 6.2.7, and with the same words (`out`, `keep`, lengths) at the parameters. */
bool sffi__compatible(const struct type *, const struct type *);
/* Have two structs the same members at the same places? */
bool sffi__same_body(const struct type *, const struct type *);

#endif
