/* SPDX-License-Identifier: MIT */
/* C text to tokens. */
#ifndef SFFI_TYPE_LEXER_H
#define SFFI_TYPE_LEXER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct scope;
struct name;

#define IDENTIFIER_MAX 255
#define TEXT_MAX ((size_t)16 << 20)

enum token_kind {
	TOKEN_END,
	TOKEN_BAD, /* no token: lexer.problem says why; it is never left behind */
	TOKEN_NAME,
	TOKEN_KEYWORD,
	TOKEN_NUMBER, /* an integer or character constant */
	TOKEN_STRING,
	TOKEN_PUNCTUATOR
};

enum keyword {
	NO_KEYWORD,
	/* types */
	K_VOID,
	K_BOOL,
	K_CHAR,
	K_SHORT,
	K_INT,
	K_LONG,
	K_INT128,
	K_FLOAT,
	K_DOUBLE,
	K_SIGNED,
	K_UNSIGNED,
	K_COMPLEX,
	K_STRUCT,
	K_UNION,
	K_ENUM,
	/* around types */
	K_CONST,
	K_VOLATILE,
	K_RESTRICT,
	K_EXTENSION,
	K_INLINE,
	K_NORETURN,
	K_REGISTER,
	K_ATTRIBUTE,
	K_ALIGNAS,
	K_TYPEDEF,
	K_EXTERN,
	K_STATIC,
	/* in expressions */
	K_SIZEOF,
	K_ALIGNOF,
	/* refused */
	K_ASM,
	K_ATOMIC,
	K_THREAD_LOCAL,
	K_TYPEOF,
	K_STATIC_ASSERT,
	K_AUTO,
	K_FLOAT128,
	K_STATEMENT
};

/* A punctuator is its character, or one of these. */
enum {
	P_ELLIPSIS = 256,
	P_SHIFT_LEFT,
	P_SHIFT_RIGHT,
	P_LESS_EQUAL,
	P_GREATER_EQUAL,
	P_EQUAL,
	P_NOT_EQUAL,
	P_AND,
	P_OR,
	P_ARROW
};

struct token {
	enum token_kind kind;
	int code;          /* KEYWORD: which; PUNCTUATOR: which */
	struct name *name; /* NAME, KEYWORD */
	uint64_t number;   /* NUMBER: its value, and the type that C gives it */
	bool is_long, is_unsigned;
	const char *start, *end; /* in the text */
	unsigned line, column;   /* from 1; columns are bytes */
};

struct cursor {
	const char *at;
	unsigned line, column;
};

struct lexer {
	struct scope *scope; /* where names are entered */
	struct cursor cursor;
	char problem[320]; /* of TOKEN_BAD */
	bool out_of_memory;
};

void sffi__lexer_start(struct lexer *, struct scope *, const char *text);
/* After the end, and after a bad token, always the same again. */
void sffi__lexer_next(struct lexer *, struct token *);
enum keyword sffi__keyword(const char *spelling);

#endif
