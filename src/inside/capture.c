/* SPDX-License-Identifier: MIT */
#include "inside/capture.h"

#include "domain.h"
#include "fault/signals.h"
#include "memory/region.h"
#include "os/os.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const sffi_fault_kind kinds[] = {
	[FIBER_UNWOUND] = SFFI_FAULT_UNWOUND,
	[FIBER_THREW] = SFFI_FAULT_UNWOUND,
	[FIBER_THREAD_EXIT] = SFFI_FAULT_THREAD_EXIT,
};

/* The stack from the stack pointer on: the fiber's is there still, as the callee left it. */
static void copy_stack(sffi_fault *fault, const struct fiber *fiber)
{
	uintptr_t sp = fault->registers.value[REGISTER_SP];
	size_t size = FAULT_STACK_MAX;

	if (fault->stack_guard && sp >= fault->stack_guard && sp < fault->stack_low)
		sp = fault->stack_low;
	if (!fiber_has(fiber, sp)) /* the callee switched to one of its own */
		size = 4096 - sp % 4096;
	else if (fault->stack_high - sp < size)
		size = fault->stack_high - sp;
	fault->stack_address = sp;
	fault->stack = malloc(size);
	if (!fault->stack)
		return;
	if (fiber_has(fiber, sp))
		memcpy(fault->stack, (void *)sp, size);
	else if (sffi__os_read_memory(getpid(), fault->stack, sp, size) != (ssize_t)size)
		size = 0;
	fault->stack_size = size;
}

static void describe(sffi_fault *fault, struct fiber *fiber, fiber_event event,
		     const struct fault_scene *scene)
{
	sffi__fault_take_record(fault, &fiber->record);
	fault->kind = fiber->record.kind;
	if (event != FIBER_FAULTED)
		fault->kind = kinds[event];
	fault->is_inside = true;
	fault->is_shielded = sffi__region_is_shielded(fault->address, 1);
	fault->pid = getpid();
	fault->tid = sffi__os_gettid();
	fault->generation = __atomic_load_n(&fiber->work.domain->generation, __ATOMIC_RELAXED);
	fault->timeout_ms = scene->timeout_ms;
	fault->stack_guard = (uintptr_t)fiber->mapping;
	fault->stack_low = fiber->low;
	fault->stack_high = fiber->high;
	if (fault->kind == SFFI_FAULT_SIGNAL && fault->signal == SIGSEGV && fault->address_known &&
	    fault->address >= fault->stack_guard && fault->address < fault->stack_low)
		fault->kind = SFFI_FAULT_STACK_OVERFLOW;
	if (fault->kind == SFFI_FAULT_KILLED)
		snprintf(fault->note, sizeof fault->note, "The host cancelled the call (sffi_cancel).");
	else
		snprintf(fault->note, sizeof fault->note, "It ran in the host's own process: what it wrote "
							  "where it had no business is not undone.");
}

/* ---- without the allocator ------------------------------------------------------------ */

/* Of all faults that poison the process only the first is told. */
static sffi_fault *frugal(struct fiber *fiber, const struct fault_scene *scene)
{
	static sffi_fault kept = { .references = 1, .lock = PTHREAD_MUTEX_INITIALIZER,
				   .is_frugal = true, .symbolized = true };
	static _Atomic bool taken;
	sffi_frame *frame = &kept.frames[0];
	Dl_info info;

	if (atomic_exchange(&taken, true))
		return sffi_fault_retain(&kept);
	describe(&kept, fiber, FIBER_FAULTED, scene);
	snprintf(kept.function, sizeof kept.function, "%s",
		 scene->function ? scene->function->name : scene->doing ? scene->doing : "");
	snprintf(kept.call, sizeof kept.call, "%s", kept.function);
	snprintf(kept.summary, sizeof kept.summary, "%s: %s (%s) inside of a function of the C library "
						    "that holds a lock", kept.call,
		 sffi__signal_words(kept.signal), sffi__signal_name(kept.signal));
	*frame = (sffi_frame){ .pc = kept.registers.value[REGISTER_PC] };
	kept.frame_count = 1;
	if (!dladdr((void *)frame->pc, &info))
		return sffi_fault_retain(&kept);
	frame->library = info.dli_fname;
	frame->offset = frame->pc - (uintptr_t)info.dli_fbase;
	frame->function = info.dli_sname;
	frame->function_offset = info.dli_sname ? frame->pc - (uintptr_t)info.dli_saddr : 0;
	return sffi_fault_retain(&kept);
}

sffi_fault *sffi__inside_capture(struct fiber *fiber, fiber_event event, const struct fault_scene *scene)
{
	sffi_fault *fault;

	if (fiber->poisons)
		return frugal(fiber, scene);
	fault = sffi__fault_new();
	if (!fault)
		return NULL;
	describe(fault, fiber, event, scene);
	sffi__fault_begin(fault, scene);
	if (fault->has_registers)
		copy_stack(fault, fiber);
	return fault;
}
