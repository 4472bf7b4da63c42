/* SPDX-License-Identifier: MIT */
/* The backend with elfutils: unwinds by call frame information (DWARF 5, 6.4) from the
 * saved registers and stack; asks nothing of the worker, which may be gone. */
#include "fault/symbolize.h"
#include "fault/demangle.h"
#include "fault/dwfl_modules.h"
#include "fault/unwind.h"

#include <stdlib.h>
#include <string.h>

/* Of the report being made; the callbacks belong to the session, not to a report. */
static struct {
	const sffi_fault *fault;
	struct machine_registers registers;
} state;

struct walk {
	Dwfl *dwfl;
	sffi_fault *fault;
	const struct maps *maps;
	size_t frames;       /* that elfutils has given so far */
	bool begins_at_call; /* the first one's pc is behind a call, too */
};

static const pid_t thread_id = 1;

static pid_t next_thread(Dwfl *dwfl, void *argument, void **thread)
{
	(void)dwfl;
	(void)argument;
	if (*thread)
		return 0;
	*thread = &state;
	return thread_id;
}

/* A word of the stack that points into a library may be a return address: elfutils must
 * find the library at its place in the session. */
static bool read_memory(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *result, void *argument)
{
	uint64_t word;

	(void)dwfl;
	(void)argument;
	if (!sffi__fault_read_stack(state.fault, address, &word))
		return false;
	*result = sffi__dwfl_from_worker(word);
	return true;
}

static bool set_registers(Dwfl_Thread *thread, void *argument)
{
	Dwarf_Word values[REGISTER_COUNT];

	(void)argument;
	for (unsigned i = 0; i < REGISTER_COUNT; i++)
		values[i] = state.registers.value[i];
	values[REGISTER_PC] = sffi__dwfl_from_worker(values[REGISTER_PC]);
	dwfl_thread_state_register_pc(thread, values[REGISTER_PC]);
	return dwfl_thread_state_registers(thread, 0, REGISTER_COUNT, values);
}

static const Dwfl_Thread_Callbacks thread_callbacks = {
	.next_thread = next_thread,
	.memory_read = read_memory,
	.set_initial_registers = set_registers,
};

/* Names are the same for the same pc: a recursion has many frames and few places. */
static bool copy_names(sffi_fault *fault, sffi_frame *frame)
{
	/* The first frame's pc is at its instruction, the others' behind it. */
	for (sffi_frame *other = fault->frames + 1; other < frame; other++) {
		if (other->pc == frame->pc) {
			*frame = *other;
			return true;
		}
	}
	return false;
}

/* A return address may be the first one of the next line or function: its call is one
 * byte before, at least. */
static void name_frame(struct walk *walk, sffi_frame *frame, bool is_return_address)
{
	Dwarf_Addr address = sffi__dwfl_from_worker(frame->pc) - is_return_address;
	Dwfl_Module *module = dwfl_addrmodule(walk->dwfl, address);
	const char *name;
	GElf_Off offset;
	GElf_Sym symbol;
	int number = 0;

	if (!module)
		return;
	name = dwfl_module_addrinfo(module, address, &offset, &symbol, NULL, NULL, NULL);
	if (name && *name) {
		char *demangled = sffi__demangle(name);

		frame->function = sffi__frame_string(walk->fault, demangled ? demangled : name);
		free(demangled);
		frame->function_offset = offset + is_return_address;
	}
	name = sffi__dwfl_source(module, address, &number);
	if (name) {
		frame->file = sffi__frame_string(walk->fault, name);
		frame->line = number > 0 ? (unsigned)number : 0;
	}
}

static int on_frame(Dwfl_Frame *dwfl_frame, void *argument)
{
	struct walk *walk = argument;
	sffi_frame *frame;
	Dwarf_Addr pc;
	bool is_activation, is_first = walk->frames++ == 0;

	if (!dwfl_frame_pc(dwfl_frame, &pc, &is_activation))
		return DWARF_CB_ABORT;
	if (is_first && !walk->begins_at_call) {
		/* symbolize.c has made this one. */
		name_frame(walk, &walk->fault->frames[0], false);
		return DWARF_CB_OK;
	}
	if (!pc)
		return DWARF_CB_ABORT;
	frame = sffi__frame_add(walk->fault, walk->maps, sffi__dwfl_to_worker(pc));
	if (!frame)
		return DWARF_CB_ABORT;
	if (!copy_names(walk->fault, frame))
		name_frame(walk, frame, is_first || !is_activation);
	/* What called it is not the callee's doing. */
	return is_entry(frame->function) ? DWARF_CB_ABORT : DWARF_CB_OK;
}

void sffi__backend_symbolize(sffi_fault *fault, const struct maps *maps)
{
	struct walk walk = { .fault = fault, .maps = maps };

	walk.dwfl = sffi__dwfl_session(maps, thread_id, &thread_callbacks);
	if (!walk.dwfl)
		return;
	state.fault = fault;
	state.registers = fault->registers;
	walk.begins_at_call = sffi__unwind_bad_call(fault, maps, &state.registers);
	/* An error ends the frames, no more: what there is stays. */
	dwfl_getthread_frames(walk.dwfl, thread_id, on_frame, &walk);
	if (!walk.frames)
		name_frame(&walk, &fault->frames[0], false);
	state.fault = NULL;
}
