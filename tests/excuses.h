/* SPDX-License-Identifier: MIT */
/*
 * The tests are one corpus for all modes. What a mode cannot give is in one table, with the
 * reason as a user would want to read it (doc/modes.md is made from it); a test that it excuses
 * is not run in that mode.
 */
#ifndef TEST_EXCUSES_H
#define TEST_EXCUSES_H

#include "test_main.h"

#include <stdbool.h>
#include <stddef.h>

/* Adds a test, unless the mode that the environment asks for is excused from it. With TEST_LIST
 * in the environment it is only listed. */
#define test_add(tcase, test)                                                                      \
	do {                                                                                       \
		if (test_is_wanted(#test))                                                         \
			tcase_add_test(tcase, test);                                               \
	} while (0)

/* Also of a part of a test, "every_kind:double_free". */
bool test_is_wanted(const char *name);

#endif
