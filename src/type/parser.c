/* SPDX-License-Identifier: MIT */
#include "type/parser.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "error.h"

#define SHOWN_MAX 40 /* characters of a token in a message */

/* ---- failures ---- */

bool sffi__fail_at(struct parser *parser, const struct token *token, const char *format, ...)
{
	char sentence[800];
	va_list arguments;

	if (parser->status)
		return false;
	va_start(arguments, format);
	vsnprintf(sentence, sizeof sentence, format, arguments);
	va_end(arguments);
	parser->status = sffi__fail(SFFI_EDECL, "line %u, column %u: %s", token->line,
	                            token->column, sentence);
	return false;
}

bool sffi__out_of_memory(struct parser *parser)
{
	if (!parser->status)
		parser->status = sffi__fail(SFFI_ENOMEM, "there is no memory for the declarations");
	return false;
}

bool sffi__expected(struct parser *parser, const char *what)
{
	const struct token *token = &parser->token;
	int length = token->end - token->start > SHOWN_MAX ? SHOWN_MAX
	                                                   : (int)(token->end - token->start);

	if (parser->lexer.out_of_memory)
		return sffi__out_of_memory(parser);
	if (token->kind == TOKEN_BAD)
		return sffi__fail_at(parser, token, "%s", parser->lexer.problem);
	if (token->kind == TOKEN_END)
		return sffi__fail_at(parser, token, "expected %s, found the end of the text", what);
	if (token->name)
		return sffi__fail_at(parser, token, "expected %s, found '%s'", what,
		                     token->name->text);
	return sffi__fail_at(parser, token, "expected %s, found '%.*s'", what, length,
	                     token->start);
}

/* ---- tokens ---- */

void sffi__next(struct parser *parser)
{
	parser->previous_end = parser->token.end;
	parser->token = parser->ahead;
	sffi__lexer_next(&parser->lexer, &parser->ahead);
}

bool sffi__at(const struct parser *parser, int punctuator)
{
	return parser->token.kind == TOKEN_PUNCTUATOR && parser->token.code == punctuator;
}

bool sffi__at_keyword(const struct parser *parser, enum keyword keyword)
{
	return parser->token.kind == TOKEN_KEYWORD && parser->token.code == (int)keyword;
}

bool sffi__accept(struct parser *parser, int punctuator)
{
	if (!sffi__at(parser, punctuator))
		return false;
	sffi__next(parser);
	return true;
}

bool sffi__accept_keyword(struct parser *parser, enum keyword keyword)
{
	if (!sffi__at_keyword(parser, keyword))
		return false;
	sffi__next(parser);
	return true;
}

bool sffi__expect(struct parser *parser, int punctuator, const char *what)
{
	return sffi__accept(parser, punctuator) || sffi__expected(parser, what);
}

bool sffi__nest(struct parser *parser)
{
	if (parser->nesting == TYPE_NESTING_MAX)
		return sffi__fail_at(parser, &parser->token,
		                     "brackets and expressions are nested more than %d deep",
		                     TYPE_NESTING_MAX);
	parser->nesting++;
	return true;
}

void sffi__unnest(struct parser *parser)
{
	parser->nesting--;
}

/* ---- memory ---- */

void *sffi__new(struct parser *parser, size_t size)
{
	void *block = sffi__pool_alloc(&parser->scope->pool, size);

	if (!block)
		sffi__out_of_memory(parser);
	return block;
}

void *sffi__new_scratch(struct parser *parser, size_t size)
{
	void *block = sffi__pool_alloc(&parser->scratch, size);

	if (!block)
		sffi__out_of_memory(parser);
	return block;
}

const char *sffi__source_text(struct parser *parser, const char *start)
{
	const char *at;
	char *text = sffi__new(parser, (size_t)(parser->previous_end - start) + 1), *to = text;

	if (!text)
		return NULL;
	for (at = start; at < parser->previous_end; at++) {
		bool is_space = *at == ' ' || *at == '\\' || (*at >= '\t' && *at <= '\r');

		if (!is_space)
			*to++ = *at;
		else if (to > text && to[-1] != ' ')
			*to++ = ' ';
	}
	if (to > text && to[-1] == ' ')
		to[-1] = '\0';
	return text;
}

bool sffi__bind(struct parser *parser, struct binding **slot, const struct binding *binding)
{
	struct binding *copy = sffi__new(parser, sizeof *copy);

	if (!copy)
		return false;
	*copy = *binding;
	return sffi__transaction_bind(&parser->transaction, slot, copy) ||
	       sffi__out_of_memory(parser);
}

/* ---- start and end ---- */

bool sffi__parser_start(struct parser *parser, struct scope *scope, const char *text)
{
	memset(parser, 0, sizeof *parser);
	parser->scope = scope;
	sffi__transaction_begin(&parser->transaction, scope);
	if (strnlen(text, TEXT_MAX + 1) > TEXT_MAX) {
		parser->status =
		        sffi__fail(SFFI_EDECL, "the text is longer than %zu MiB", TEXT_MAX >> 20);
		return false;
	}
	sffi__lexer_start(&parser->lexer, scope, text);
	sffi__lexer_next(&parser->lexer, &parser->token);
	sffi__lexer_next(&parser->lexer, &parser->ahead);
	return true;
}

sffi_status sffi__parser_end(struct parser *parser)
{
	if (parser->status)
		sffi__transaction_undo(&parser->transaction);
	else
		sffi__transaction_keep(&parser->transaction);
	sffi__pool_free(&parser->scratch);
	return parser->status;
}
