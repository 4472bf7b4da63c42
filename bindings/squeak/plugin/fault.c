/* SPDX-License-Identifier: MIT */
/*
 * Faults, for the image to look at.
 *
 * What costs nothing is told at once. The rest, which needs symbols, is worked out when somebody
 * asks: the latest faults are kept for that.
 */
#include "plugin.h"

#include <stdlib.h>

enum { KEPT = 64, ID_MASK = 0x1fffffff };

static struct {
	int id;
	sffi_fault *fault;
} kept[KEPT];
static unsigned next;
static uint64_t seen;

uint64_t fault_count(void)
{
	return seen;
}

int fault_keep(const sffi_fault *fault)
{
	unsigned place = seen++ % KEPT;

	/* A saved image remembers numbers of its own. */
	if (!next)
		next = domain_epoch();
	next = (next + 1) & ID_MASK;
	sffi_fault_release(&kept[place].fault);
	kept[place].fault = sffi_fault_retain(fault);
	kept[place].id = (int)next;
	return (int)next;
}

void fault_release_all(void)
{
	for (size_t i = 0; i < KEPT; i++)
		sffi_fault_release(&kept[i].fault);
}

static const sffi_fault *fault_at(int depth)
{
	oop id = vm->stackValue(depth);

	for (size_t i = 0; is_small_integer(id) && i < KEPT; i++)
		if (kept[i].fault && kept[i].id == id >> 1)
			return kept[i].fault;
	fail(SFFI_EINVAL, "the fault's details are kept no more: %d faults came after it, or the image "
			  "was saved since", KEPT);
	return NULL;
}

/* An Array that grows by one object at a time, each of which may move it. */
static void begin_array(int size)
{
	vm->pushRemappableOop(vm->instantiateClassindexableSize(vm->classArray(), size));
}

static void put(int field, oop object)
{
	oop array = vm->popRemappableOop();

	vm->storePointerofObjectwithValue(field, array, object);
	vm->pushRemappableOop(array);
}

static uint64_t number(const void *address)
{
	return (uintptr_t)address;
}

/* fault: id of a failed call. Its number, and what is known without symbols; nil: it has none. */
PRIMITIVE int primitiveFault(void)
{
	struct call *call = call_at(0);
	const sffi_fault *fault = call ? sffi_invocation_fault(call->invocation) : NULL;

	if (!call)
		return 0;
	if (!fault)
		return vm->popthenPush(2, vm->nilObject());
	begin_array(11);
	put(0, small_integer(fault_keep(fault)));
	put(1, make_text(sffi_fault_kind_name(sffi_fault_get_kind(fault))));
	put(2, small_integer(sffi_fault_get_signal(fault)));
	put(3, vm->signed64BitIntegerFor(sffi_fault_get_code(fault)));
	put(4, vm->positive64BitIntegerFor(number(sffi_fault_get_address(fault))));
	put(5, vm->positive64BitIntegerFor(number(sffi_fault_get_pc(fault))));
	put(6, make_text(sffi_fault_get_function(fault)));
	put(7, make_text(sffi_fault_get_call(fault)));
	put(8, make_text(sffi_fault_get_summary(fault)));
	put(9, vm->signed64BitIntegerFor(sffi_fault_get_pid(fault)));
	put(10, vm->positive64BitIntegerFor(sffi_fault_get_generation(fault)));
	return vm->popthenPush(2, vm->popRemappableOop());
}

/* frames: number. How many there are. */
PRIMITIVE int primitiveFaultFrames(void)
{
	const sffi_fault *fault = fault_at(0);

	return fault ? vm->popthenPush(2, small_integer((int)sffi_fault_frame_count(fault))) : 0;
}

/* fault: number frame: index from 1. pc, library, offset, function, offset in it, file, line. */
PRIMITIVE int primitiveFaultFrame(void)
{
	const sffi_fault *fault = fault_at(1);
	oop index = vm->stackValue(0);
	sffi_frame frame;

	if (!fault)
		return 0;
	if (!is_small_integer(index) || !sffi_fault_get_frame(fault, (size_t)(index >> 1) - 1, &frame))
		return fail(SFFI_EINVAL, "the native stack has no such frame");
	begin_array(7);
	put(0, vm->positive64BitIntegerFor(frame.pc));
	put(1, make_text(frame.library));
	put(2, vm->positive64BitIntegerFor(frame.offset));
	put(3, make_text(frame.function));
	put(4, vm->positive64BitIntegerFor(frame.function_offset));
	put(5, make_text(frame.file));
	put(6, vm->positive64BitIntegerFor(frame.line));
	return vm->popthenPush(3, vm->popRemappableOop());
}

/* report: number. The whole report as text. */
PRIMITIVE int primitiveFaultReport(void)
{
	const sffi_fault *fault = fault_at(0);
	char *text = NULL;
	size_t size;
	FILE *out = fault ? open_memstream(&text, &size) : NULL;

	if (!fault)
		return 0;
	if (!out)
		return fail(SFFI_ENOMEM, "out of memory");
	sffi_fault_print(fault, out);
	fclose(out);
	for (size_t i = 0; i < size; i++)
		if (text[i] == '\n')
			text[i] = '\r';
	vm->popthenPush(2, make_string(text, size));
	free(text);
	return 0;
}
