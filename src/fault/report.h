/* SPDX-License-Identifier: MIT */
/* What the text and the JSON report have in common. */
#ifndef SFFI_FAULT_REPORT_H
#define SFFI_FAULT_REPORT_H

#include "fault/classify.h"
#include "fault/fault.h"

/* "reading", "writing", "executing"; "" where the CPU does not say. */
const char *sffi__report_access(const sffi_fault *);

/* What sffi_fault_print_json prints; the caller's. NULL: no memory. */
struct json_t *sffi__report_json(const sffi_fault *);

#endif
