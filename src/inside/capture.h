/* SPDX-License-Identifier: MIT */
/* Taking a fault down that happened in this process. */
#ifndef SFFI_INSIDE_CAPTURE_H
#define SFFI_INSIDE_CAPTURE_H

#include "fault/capture.h"
#include "inside/fiber.h"

/* What the event was, and the fiber's record of it; one reference. If it poisons the process,
 * nothing is allocated, and the fault is one that is never freed. */
sffi_fault *sffi__inside_capture(struct fiber *, fiber_event, const struct fault_scene *);

#endif
