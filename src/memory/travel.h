/* SPDX-License-Identifier: MIT */
/* How a declared type travels: the table in safeffi(7), as code. */
#ifndef SFFI_TRAVEL_H
#define SFFI_TRAVEL_H

#include "memory/marshal.h"

/* A pointer that is no parameter with a length. */
enum travel sffi__pointer_travel(const struct type *);
/* Whether copying the type's bytes is not enough. Unions are bytes: nothing says which
 * member is meant. */
bool sffi__type_has_pointers(const struct type *);

/* Called for each pointer of a value, with the pointer's type and place. */
typedef sffi_status pointer_visitor(void *context, const struct type *pointer, char *at);
/* Visits all that lie in a value of the type, until one visit fails. What lies behind them is
 * the visitor's. */
sffi_status sffi__visit_pointers(const struct type *, char *at, pointer_visitor *, void *context);

#endif
