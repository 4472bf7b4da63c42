/* SPDX-License-Identifier: MIT */
#include "fault/unwind.h"
#include "fault/symbolize.h"

static bool is_code(const struct maps *maps, uintptr_t pc)
{
	const struct mapping *mapping = sffi__maps_find(maps, pc);

	return mapping ? mapping->executable : !maps->count && pc >= 4096;
}

bool sffi__unwind_bad_call(const sffi_fault *fault, const struct maps *maps,
			   struct machine_registers *registers)
{
	uint64_t caller;

	if (is_code(maps, registers->value[REGISTER_PC]))
		return false;
#ifdef REGISTER_LINK
	(void)fault;
	caller = registers->value[REGISTER_LINK];
#else
	/* The call has pushed the return address and done nothing else. */
	if (!sffi__fault_read_stack(fault, registers->value[REGISTER_SP], &caller))
		return false;
	registers->value[REGISTER_SP] += sizeof caller;
#endif
	if (!is_code(maps, caller))
		return false;
	registers->value[REGISTER_PC] = caller;
	return true;
}
