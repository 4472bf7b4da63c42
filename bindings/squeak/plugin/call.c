/* SPDX-License-Identifier: MIT */
/*
 * Callouts, in steps.
 *
 * A call that returns at once is over before its primitive is. Any other one is left to the
 * Smalltalk code below the primitive: that waits while other Smalltalk processes run, answers
 * upcalls with blocks, signals faults, and finishes the call with the arguments' addresses of then.
 */
#include "plugin.h"

#include <stdlib.h>
#include <string.h>

enum { AT_ONCE_MS = 2, GIVE_UP_MS = 2000, ID_MASK = 0x1fffffff };

typedef oop (*argument_at)(size_t);

/* ---- calls ---------------------------------------------------------------------------- */

static int next_id(void)
{
	static unsigned id;

	/* A saved image remembers ids of its own. */
	if (!id)
		id = domain_epoch();
	id = (id + 1) & ID_MASK;
	return (int)(id ? id : (id = 1));
}

struct call *call_new(struct process *process, struct function *function)
{
	struct call *call = calloc(1, sizeof *call);

	if (!call) {
		fail(SFFI_ENOMEM, "out of memory");
		return NULL;
	}
	call->process = process;
	call->function = function;
	call->id = next_id();
	call->below = process->top;
	process->top = call;
	if (function)
		function->calls++;
	return call;
}

struct call *call_at(int depth)
{
	oop id = vm->stackValue(depth);
	struct call *call = is_small_integer(id) ? process_find_call(id >> 1) : NULL;

	if (!call)
		fail(SFFI_ESTALE, "the call is over, or was made in an earlier session of this image");
	return call;
}

bool call_keep(struct call *call, void *memory)
{
	void **larger = realloc(call->kept, (call->kept_count + 1) * sizeof *larger);

	if (!larger)
		return false;
	call->kept = larger;
	call->kept[call->kept_count++] = memory;
	return true;
}

/* An upcall that is refused ends its call without harm to the worker, if the callee lets it. */
static void abandon(struct call *call)
{
	sffi_event event = SFFI_PENDING;

	if (!call->is_in_upcall) {
		if (call->function)
			sffi_cancel(call->invocation);
		return;
	}
	if (!sffi_upcall_refuse(call->invocation, "the block was left") && call->function &&
	    !sffi_next(call->invocation, GIVE_UP_MS, &event) &&
	    (event == SFFI_RETURNED || event == SFFI_FAULTED))
		sffi_finish(call->invocation, NULL, NULL);
}

static void free_call(struct call *call)
{
	if (call->function) {
		for (size_t i = 0; i < call->function->signature.count; i++)
			value_free(&call->values[i]);
		call->function->calls--;
		function_done(call->function);
	}
	for (size_t i = 0; i < call->kept_count; i++)
		free(call->kept[i]);
	free(call->kept);
	free(call->text);
	free(call);
}

void call_end(struct call *call)
{
	struct process *process = call->process;
	struct call *top;

	do {
		top = process->top;
		if (top->invocation && !top->is_finished)
			abandon(top);
		sffi_invocation_release(&top->invocation);
		process->top = top->below;
		free_call(top);
	} while (top != call);
}

/* ---- start -------------------------------------------------------------------------------- */

static bool take_arguments(struct call *call, argument_at at)
{
	const struct signature *signature = &call->function->signature;

	for (size_t i = 0; i < signature->count; i++) {
		if (!value_take(&call->values[i], &signature->parameters[i], at(i),
				call->function->mode, i + 1))
			return false;
		call->places[i] = value_place(&call->values[i], &signature->parameters[i]);
	}
	return true;
}

static bool start(struct call *call, argument_at at)
{
	sffi_thread *thread;
	sffi_status status;

	if (!take_arguments(call, at))
		return false;
	status = process_thread(call->process, call->function->mode, &thread);
	if (!status)
		status = sffi_start(&call->invocation, thread, call->function->handle, call->places);
	return !status || fail_sffi(status);
}

/* NULL: it has left an outcome. To find the process may move objects: the function is asked for
 * after it. */
static struct call *begin(oop (*function_object)(void), size_t count, argument_at at)
{
	struct process *process = process_active();
	struct function *function;
	struct call *call;

	if (!process) {
		vm->primitiveFail();
		return NULL;
	}
	/* Whoever made it has gone without ending it. */
	if (process->top && !process->top->is_in_upcall)
		call_end(process->top);
	function = function_of(function_object());
	if (!function)
		return NULL;
	if (function->signature.count != count)
		fail(SFFI_EINVAL, "%s takes %zu arguments, %zu were given", function->signature.text,
		     function->signature.count, count);
	else if ((call = call_new(process, function))) {
		if (start(call, at))
			return call;
		call_end(call);
		return NULL;
	}
	function_done(function);
	return NULL;
}

/* ---- finish ------------------------------------------------------------------------------------ */

/* Once: the arguments' addresses are those of now. */
static bool finish(struct call *call, void *result, argument_at at)
{
	if (!call->is_finished) {
		for (size_t i = 0; i < call->function->signature.count; i++)
			if (!value_find_again(&call->values[i], at(i)))
				return false;
		call->status = sffi_finish(call->invocation, result, call->places);
		if (call->status == SFFI_EADDRESS)
			return fail_sffi(call->status);
		if (call->status)
			call->text = strdup(sffi_error());
		call->is_finished = true;
		call->process->error = sffi_invocation_errno(call->invocation);
	}
	return !call->status || fail(call->status, "%s", call->text ? call->text : "");
}

/* The result as an object, in place of the primitive's receiver and arguments; nothing returned
 * leaves the receiver there. The call is over, unless it failed. */
static void push_result(struct call *call, int pops, argument_at at, oop (*type_object)(void))
{
	struct type type = call->function->signature.result;
	unsigned mode = call->function->mode;
	union {
		uint64_t words[2];
		double real;
	} scalar = { { 0, 0 } };
	void *result = &scalar, *large = NULL;

	if (type.form == TYPE_STRUCT && type.size > sizeof scalar) {
		result = large = calloc(1, type.size);
		if (!large) {
			fail(SFFI_ENOMEM, "out of memory");
			return;
		}
	}
	if (!finish(call, result, at)) {
		free(large);
		return;
	}
	if (type.form == TYPE_ATOM && type.atom == ATOM_void)
		vm->pop(pops - 1);
	else
		vm->popthenPush(pops, value_object(&type, result, mode, type_object));
	free(large);
	/* A text result belongs to the invocation. */
	call_end(call);
}

/* ---- a callout method ------------------------------------------------------------------------------ */

/* The method's first or second literal: named primitives have their own first. */
static oop method_function(void)
{
	oop method = vm->primitiveMethod();

	for (int i = 0; i < 2 && i < vm->literalCountOf(method); i++)
		if (is_kind_of(vm->literalofMethod(i, method), vm->classExternalFunction()))
			return vm->literalofMethod(i, method);
	return vm->nilObject();
}

static oop stack_argument(size_t i)
{
	return vm->stackValue(vm->methodArgumentCount() - 1 - (int)i);
}

static oop array_argument(size_t i)
{
	return vm->fetchPointerofObject((int)i, vm->stackValue(0));
}

static oop method_result_type(void)
{
	return vm->fetchPointerofObject(0, vm->fetchPointerofObject(2, method_function()));
}

static oop stack_result_type(void)
{
	return vm->fetchPointerofObject(0, vm->fetchPointerofObject(2, vm->stackValue(1)));
}

static void run(struct call *call, int pops, argument_at at, oop (*type_object)(void))
{
	struct process *process = call->process;
	int id = call->id;
	sffi_event event = SFFI_PENDING;
	sffi_status status = sffi_next(call->invocation, AT_ONCE_MS, &event);

	call->is_in_upcall = !status && event == SFFI_UPCALL;
	if (!status && event == SFFI_RETURNED)
		push_result(call, pops, at, type_object);
	if (status || event != SFFI_RETURNED || vm->failed())
		fail_left(process, id);
}

/* The method's function, called with the method's arguments. */
PRIMITIVE int primitiveCallout(void)
{
	int count = vm->methodArgumentCount();
	struct call *call = begin(method_function, (size_t)count, stack_argument);

	if (call)
		run(call, count + 1, stack_argument, method_result_type);
	return 0;
}

static oop given_function(void)
{
	return vm->stackValue(1);
}

static bool is_array(oop object)
{
	return is_kind_of(object, vm->classArray());
}

/* call: anExternalFunction with: anArray */
PRIMITIVE int primitiveCall(void)
{
	struct call *call;

	if (!is_array(vm->stackValue(0)))
		return fail(SFFI_EINVAL, "arguments are to be an Array");
	call = begin(given_function, (size_t)vm->slotSizeOf(vm->stackValue(0)), array_argument);
	if (call)
		run(call, 3, array_argument, stack_result_type);
	return 0;
}

/* ---- its further steps ------------------------------------------------------------------------------- */

/* next: id. The event's number, without waiting. */
PRIMITIVE int primitiveNext(void)
{
	struct call *call = call_at(0);
	sffi_event event = SFFI_RETURNED;
	sffi_status status;

	if (!call)
		return 0;
	status = call->is_finished ? SFFI_OK : sffi_next(call->invocation, 0, &event);
	if (status)
		return fail_sffi(status);
	call->is_in_upcall = event == SFFI_UPCALL;
	return vm->popthenPush(2, small_integer((int)event));
}

/* finish: id function: anExternalFunction with: anArray. Fails if the call has failed. */
PRIMITIVE int primitiveFinish(void)
{
	struct call *call = call_at(2);

	if (!call)
		return 0;
	if (!call->function || !is_array(vm->stackValue(0)) ||
	    (size_t)vm->slotSizeOf(vm->stackValue(0)) != call->function->signature.count ||
	    !is_kind_of(vm->stackValue(1), vm->classExternalFunction()))
		return fail(SFFI_EINVAL, "finishing a call needs its function and its arguments");
	push_result(call, 4, array_argument, stack_result_type);
	return 0;
}

/* end: id. Whatever state it is in; one that is over already is no mistake. */
PRIMITIVE int primitiveEnd(void)
{
	oop id = vm->stackValue(0);
	struct call *call = is_small_integer(id) ? process_find_call(id >> 1) : NULL;

	if (call)
		call_end(call);
	return vm->pop(1);
}
