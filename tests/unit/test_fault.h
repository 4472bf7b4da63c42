/* SPDX-License-Identifier: MIT */
/* Real faults for the tests of src/fault/. */
#ifndef TEST_FAULT_H
#define TEST_FAULT_H

#include "fault/fault.h"

#include <check.h>

/* Runs the function in a child until it faults, as a callee of sffi__enter, on a stack with
 * a guard page. NULL: it did not fault. */
sffi_fault *test_capture(void (*callee)(void *), void *argument);

/* The name that the program's own frames have as their library. */
const char *test_program(void);

/* A copy of libjansson in a directory of its own; the caller removes both. */
void test_copy_library(char directory[64], char path[96]);

/* The report as text or JSON; the caller frees it. */
char *test_print(const sffi_fault *, sffi_status (*print)(const sffi_fault *, FILE *));

TCase *test_fault_maps(void);
TCase *test_fault_classify(void);
TCase *test_fault_symbolize(void);
TCase *test_fault_report(void);
TCase *test_fault_garbage(void);

#endif
