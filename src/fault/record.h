/* SPDX-License-Identifier: MIT */
/* How a callee faulted, as a signal handler notes it: a worker's, where it is the callee's to
 * overwrite, or the host's own. */
#ifndef SFFI_RECORD_H
#define SFFI_RECORD_H

#include "abi/abi.h"

struct fault_record {
	uint32_t kind; /* sffi_fault_kind */
	int32_t signal, code, tid;
	uint32_t lane;  /* or FAULT_NO_LANE */
	uint8_t address_known, is_write, is_execute, has_registers;
	uint8_t alone; /* the process has no other thread, and this one holds still */
	uint64_t address;
	struct machine_registers registers;
};

enum { FAULT_NO_LANE = 0xffffffffu };

/* What a handler learns of a signal; kind, lane and tid are its caller's. Async-signal-safe. */
struct fault_record sffi__record_signal(int signal, const void *info, const void *context);

/* Where this thread is now, for faults that are no signal. */
void sffi__record_here(struct fault_record *);

#endif
