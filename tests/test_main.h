/* SPDX-License-Identifier: MIT */
#ifndef TEST_MAIN_H
#define TEST_MAIN_H

#include <check.h>

/* Runs the suite: TAP on stdout; a word in argv selects a case by name. */
int test_main(int argc, char **argv, Suite *);

#endif
