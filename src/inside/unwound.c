/* SPDX-License-Identifier: MIT */
/* Callees that end otherwise than by returning or a signal: an exception, the end of their
 * thread, exit(). */
#include "inside/unwound.h"

#include "inside/fiber.h"
#include "worker/worker.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unwind.h>

_Unwind_Reason_Code sffi__fiber_personality(int, _Unwind_Action, _Unwind_Exception_Class,
					    struct _Unwind_Exception *, struct _Unwind_Context *)
	__attribute__((visibility("hidden")));

/* Called by the unwinder (Itanium C++ ABI: Exception Handling, 1.6) when an exception comes up
 * to the callee's first frame: it is caught there, its destructors run, and the call fails. The
 * end of a thread (pthread_exit, cancellation) cannot be caught, only left. */
_Unwind_Reason_Code sffi__fiber_personality(int version, _Unwind_Action actions,
					    _Unwind_Exception_Class class,
					    struct _Unwind_Exception *exception,
					    struct _Unwind_Context *context)
{
	struct fiber *fiber = sffi__fiber_running;

	(void)version, (void)class;
	if (!fiber)
		return _URC_CONTINUE_UNWIND;
	if (actions & _UA_FORCE_UNWIND)
		sffi__fiber_land(&fiber->registers, FIBER_THREAD_EXIT);
	if (actions & _UA_SEARCH_PHASE)
		return _URC_HANDLER_FOUND;
	if (!(actions & _UA_HANDLER_FRAME))
		return _URC_CONTINUE_UNWIND;
	_Unwind_SetGR(context, __builtin_eh_return_data_regno(0), (uintptr_t)exception);
	_Unwind_SetIP(context, (uintptr_t)sffi__fiber_caught);
	return _URC_INSTALL_CONTEXT;
}

/* As a catch clause for anything would: the C++ library counts its exceptions. */
void sffi__exception_end(void *exception)
{
	struct _Unwind_Exception *object = exception;
	void *library = dlopen("libstdc++.so.6", RTLD_LAZY | RTLD_NOLOAD);
	void *(*begin)(void *) = NULL;
	void (*end)(void) = NULL;

	if (library) {
		begin = (void *(*)(void *))dlsym(library, "__cxa_begin_catch");
		end = (void (*)(void))dlsym(library, "__cxa_end_catch");
	}
	/* "GNUCC++" and a zero, or a one: a dependent exception. */
	if (begin && end && object->exception_class >> 8 == 0x474e5543432b2bu) {
		begin(object);
		end();
	} else {
		_Unwind_DeleteException(object);
	}
	if (library)
		dlclose(library);
}

/* ---- exit() ---------------------------------------------------------------------------- */

static void on_exit_called(int status, void *data)
{
	struct fiber *fiber = sffi__fiber_running;

	(void)data;
	/* A worker, which is a clone, has a handler of its own. */
	if (sffi__worker.control || !fiber || !fiber->registers.active)
		return;
	fiber->record = (struct fault_record){ .kind = SFFI_FAULT_EXIT, .code = status };
	sffi__fiber_land(&fiber->registers, FIBER_FAULTED);
}

void sffi__exit_watch(void)
{
	on_exit(on_exit_called, NULL);
}
