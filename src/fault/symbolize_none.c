/* SPDX-License-Identifier: MIT */
/* The backend of a build without elfutils: the frame at the fault, and for a call of a bad
 * address its caller, as library and offset. */
#include "fault/symbolize.h"
#include "fault/unwind.h"

bool sffi__backend_exists(void)
{
	return false;
}

void sffi__backend_symbolize(sffi_fault *fault, const struct maps *maps)
{
	struct machine_registers registers = fault->registers;

	if (sffi__unwind_bad_call(fault, maps, &registers))
		sffi__frame_add(fault, maps, registers.value[REGISTER_PC]);
}
