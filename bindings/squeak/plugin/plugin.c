/* SPDX-License-Identifier: MIT */
/* so.SafeFFI: how the virtual machine gets to know it, and how the image does. */
#include "plugin.h"

struct interpreter *vm;

/* The machine insists that this begins with the name that it asked for. */
PRIMITIVE const char *getModuleName(void)
{
	return "SafeFFI 0.1.0";
}

PRIMITIVE int setInterpreter(struct interpreter *interpreter)
{
	vm = interpreter;
	/* Roots for the garbage collector came with 1.8. */
	return vm->majorVersion() == 1 && vm->minorVersion() >= 8;
}

PRIMITIVE int initialiseModule(void)
{
	return 1;
}

PRIMITIVE int shutdownModule(void)
{
	domain_close_all();
	fault_release_all();
	process_detach();
	return 1;
}

/* attach: aProcessorScheduler places: aWeakArray session: the last session's number heap: bytes.
 * The number of this one. The first thing that an image does, and again whenever it is resumed. */
PRIMITIVE int primitiveAttach(void)
{
	oop previous = vm->stackValue(1);
	int64_t size;

	if (!process_attach(vm->stackValue(3), vm->stackValue(2)))
		return 0;
	if (!is_small_integer(previous) || !take_integer(vm->stackValue(0), &size) || size < 0)
		return fail(SFFI_EINVAL, "the last session's number and the memory's size are to be Integers");
	address_session((unsigned)previous >> 1, (uint64_t)size);
	return vm->popthenPush(5, small_integer((int)address_this_session()));
}
