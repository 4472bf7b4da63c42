/* SPDX-License-Identifier: MIT */
/*
 * Names and what they stand for.
 *
 * Every identifier of a text is entered once into its scope's table, and what it stands
 * for hangs on it: one slot for ordinary names, one for tags (C has those two name
 * spaces at file level; members and parameters are looked up otherwise).
 *
 * A text is read inside a transaction: bindings and the bodies of structs are noted as
 * they are made, and either kept together or taken back together.
 */
#ifndef SFFI_TYPE_SCOPE_H
#define SFFI_TYPE_SCOPE_H

#include "type/lexer.h"
#include "type/pool.h"
#include "type/type.h"

enum binding_kind {
	BINDING_TYPEDEF,
	BINDING_FUNCTION,
	BINDING_GLOBAL,
	BINDING_CONSTANT,
	BINDING_TAG
};

/* A type and whether it is const itself: what a typedef or a specifier stands for. */
struct qualified {
	const struct type *type;
	bool is_const;
};

/* An integer of a type that C computes in: int, unsigned, long, unsigned long. */
struct value {
	uint64_t bits; /* sign-extended, if it is signed */
	unsigned size; /* 4 or 8 */
	bool is_signed;
};

struct binding {
	enum binding_kind kind;
	bool is_open; /* TAG: between its braces at the moment */
	struct qualified type;
	struct value value; /* CONSTANT */
};

struct name {
	struct name *chain;   /* of its bucket */
	struct name *earlier; /* in order of entry */
	uint64_t hash;
	struct binding *ordinary, *tag; /* in this scope */
	/* A list in which a name may occur once (members, parameters) has a number of its
	 * own, which it leaves here with the place in the list. */
	uint64_t list;
	size_t index;
	enum keyword keyword;
	unsigned length;
	char text[];
};

struct scope {
	const struct scope *outer;
	struct pool pool;
	struct name **buckets;
	size_t bucket_count, name_count; /* bucket_count is a power of two */
	struct name *newest;
	uint64_t last_list;
};

struct change {
	struct change *earlier;
	struct binding **slot, *former; /* a binding that was made or replaced */
	struct type *type;              /* or a type that got its body */
};

struct transaction {
	struct scope *scope;
	struct pool notes;
	struct change *newest;
	struct pool_mark memory;
	struct name *newest_name;
};

/* The name in this scope's table; entered if it is new. NULL: out of memory. */
struct name *sffi__scope_enter(struct scope *, const char *text, size_t length);

/* What a name stands for, here or in an outer scope or as a standard type; or NULL. */
const struct binding *sffi__scope_ordinary(const struct scope *, const struct name *);
const struct binding *sffi__scope_tag(const struct scope *, const struct name *);

void sffi__transaction_begin(struct transaction *, struct scope *);
/* Sets name->ordinary or name->tag. false: out of memory. */
bool sffi__transaction_bind(struct transaction *, struct binding **slot, struct binding *);
/* Gives an incomplete struct its body. false: out of memory. */
bool sffi__transaction_complete(struct transaction *, struct type *, struct type *body);
void sffi__transaction_keep(struct transaction *);
void sffi__transaction_undo(struct transaction *);

/* What the type will be once the text has been read: where sizes and members are wanted. */
static inline const struct type *sffi__type_view(const struct type *type)
{
	return type->staged ? type->staged : type;
}

/* ---- standard types ---- */

enum basic_type {
	BASIC_VOID,
	BASIC_BOOL,
	BASIC_CHAR,
	BASIC_SCHAR,
	BASIC_UCHAR,
	BASIC_SHORT,
	BASIC_USHORT,
	BASIC_INT,
	BASIC_UINT,
	BASIC_LONG,
	BASIC_ULONG,
	BASIC_LLONG,
	BASIC_ULLONG,
	BASIC_INT128,
	BASIC_UINT128,
	BASIC_FLOAT,
	BASIC_DOUBLE,
	BASIC_LDOUBLE,
	BASIC_CFLOAT,
	BASIC_CDOUBLE,
	BASIC_CLDOUBLE,
	BASIC_FD,
	BASIC_BUFFER,
	BASIC_TOKEN,
	BASIC_FILE,
	BASIC_DIR,
	BASIC_VOID_POINTER,
	BASIC_CHAR_POINTER
};

const struct type *sffi__basic_type(enum basic_type);
/* What <stdint.h> and its like name so, or `fd`, `buffer`, `token`; or NULL. */
const struct binding *sffi__standard_name(const char *text);

#endif
