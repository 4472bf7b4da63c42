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

#endif
