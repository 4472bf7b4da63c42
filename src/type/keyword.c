/* SPDX-License-Identifier: MIT */
#include "type/lexer.h"

#include <stdlib.h>
#include <string.h>

struct spelling {
	const char *text;
	enum keyword keyword;
};

/* Sorted by text, as strcmp sorts. */
static const struct spelling spellings[] = {
	{ "_Alignas", K_ALIGNAS },
	{ "_Alignof", K_ALIGNOF },
	{ "_Atomic", K_ATOMIC },
	{ "_Bool", K_BOOL },
	{ "_Complex", K_COMPLEX },
	{ "_Float128", K_FLOAT128 },
	{ "_Generic", K_STATEMENT },
	{ "_Noreturn", K_NORETURN },
	{ "_Static_assert", K_STATIC_ASSERT },
	{ "_Thread_local", K_THREAD_LOCAL },
	{ "__alignof", K_ALIGNOF },
	{ "__alignof__", K_ALIGNOF },
	{ "__asm", K_ASM },
	{ "__asm__", K_ASM },
	{ "__attribute", K_ATTRIBUTE },
	{ "__attribute__", K_ATTRIBUTE },
	{ "__auto_type", K_AUTO },
	{ "__complex", K_COMPLEX },
	{ "__complex__", K_COMPLEX },
	{ "__const", K_CONST },
	{ "__const__", K_CONST },
	{ "__extension__", K_EXTENSION },
	{ "__float128", K_FLOAT128 },
	{ "__inline", K_INLINE },
	{ "__inline__", K_INLINE },
	{ "__int128", K_INT128 },
	{ "__restrict", K_RESTRICT },
	{ "__restrict__", K_RESTRICT },
	{ "__signed", K_SIGNED },
	{ "__signed__", K_SIGNED },
	{ "__thread", K_THREAD_LOCAL },
	{ "__typeof", K_TYPEOF },
	{ "__typeof__", K_TYPEOF },
	{ "__volatile", K_VOLATILE },
	{ "__volatile__", K_VOLATILE },
	{ "asm", K_ASM },
	{ "auto", K_AUTO },
	{ "break", K_STATEMENT },
	{ "case", K_STATEMENT },
	{ "char", K_CHAR },
	{ "const", K_CONST },
	{ "continue", K_STATEMENT },
	{ "default", K_STATEMENT },
	{ "do", K_STATEMENT },
	{ "double", K_DOUBLE },
	{ "else", K_STATEMENT },
	{ "enum", K_ENUM },
	{ "extern", K_EXTERN },
	{ "float", K_FLOAT },
	{ "for", K_STATEMENT },
	{ "goto", K_STATEMENT },
	{ "if", K_STATEMENT },
	{ "inline", K_INLINE },
	{ "int", K_INT },
	{ "long", K_LONG },
	{ "register", K_REGISTER },
	{ "restrict", K_RESTRICT },
	{ "return", K_STATEMENT },
	{ "short", K_SHORT },
	{ "signed", K_SIGNED },
	{ "sizeof", K_SIZEOF },
	{ "static", K_STATIC },
	{ "struct", K_STRUCT },
	{ "switch", K_STATEMENT },
	{ "typedef", K_TYPEDEF },
	{ "typeof", K_TYPEOF },
	{ "union", K_UNION },
	{ "unsigned", K_UNSIGNED },
	{ "void", K_VOID },
	{ "volatile", K_VOLATILE },
	{ "while", K_STATEMENT },
};

static int compare(const void *text, const void *spelling)
{
	return strcmp(text, ((const struct spelling *)spelling)->text);
}

enum keyword sffi__keyword(const char *text)
{
	const struct spelling *found = bsearch(
	        text, spellings, sizeof spellings / sizeof *spellings, sizeof *spellings, compare);

	return found ? found->keyword : NO_KEYWORD;
}
