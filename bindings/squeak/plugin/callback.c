/* SPDX-License-Identifier: MIT */
/*
 * Callbacks: numbers of the image, for blocks that only the image knows.
 *
 * A callback gets an sffi_callback in a domain when it is first passed to a function there. An
 * upcall is an event of a call in steps: the image asks which callback it is and for the
 * arguments as objects, evaluates the block, and answers.
 */
#include "plugin.h"

#include <stdlib.h>
#include <string.h>

struct callback {
	bool is_used;
	struct signature signature;
	sffi_callback *handles[MODES];
};

static struct callback *callbacks;
static uint32_t count;

/* Every upcall comes as an event: sffi_call, which would run this, is never used. */
static void never(void *result, void *const *arguments, void *data)
{
	(void)result;
	(void)arguments;
	(void)data;
	sffi_upcall_fail("the virtual machine is not re-entered");
}

static struct callback *at(uint32_t index)
{
	if (index < count && callbacks[index].is_used)
		return &callbacks[index];
	fail(SFFI_ESTALE, "the callback was released");
	return NULL;
}

uint64_t callback_address(uint32_t index, unsigned mode)
{
	struct callback *callback = at(index);
	sffi_domain *domain;
	sffi_status status = SFFI_OK;

	if (!callback || !(domain = domain_of(mode)))
		return 0;
	if (!callback->handles[mode])
		status = sffi_callback_new(&callback->handles[mode], domain, callback->signature.text,
					   never, (void *)(uintptr_t)index);
	if (status)
		fail_sffi(status);
	return status ? 0 : (uintptr_t)sffi_callback_address(callback->handles[mode]);
}

static void release(struct callback *callback)
{
	for (unsigned mode = 0; mode < MODES; mode++)
		sffi_callback_release(&callback->handles[mode]);
	signature_free(&callback->signature);
	callback->is_used = false;
}

void callback_release_all(void)
{
	for (uint32_t i = 0; i < count; i++)
		if (callbacks[i].is_used)
			release(&callbacks[i]);
	free(callbacks);
	callbacks = NULL;
	count = 0;
}

static bool unused(uint32_t *index)
{
	struct callback *larger;

	for (*index = 0; *index < count; ++*index)
		if (!callbacks[*index].is_used)
			return true;
	larger = realloc(callbacks, (count + 16) * sizeof *larger);
	if (!larger)
		return fail(SFFI_ENOMEM, "out of memory");
	memset(larger + count, 0, 16 * sizeof *larger);
	callbacks = larger;
	count += 16;
	return true;
}

/* newCallback: types. Answers its number and its handle. */
PRIMITIVE int primitiveNewCallback(void)
{
	struct signature signature;
	uint32_t index;
	oop pair, handle;

	if (!signature_of(&signature, vm->stackValue(0), "", true))
		return 0;
	if (!unused(&index)) {
		signature_free(&signature);
		return 0;
	}
	callbacks[index] = (struct callback){ .is_used = true, .signature = signature };
	vm->pushRemappableOop(make_callback_handle(index));
	pair = vm->instantiateClassindexableSize(vm->classArray(), 2);
	handle = vm->popRemappableOop();
	vm->storePointerofObjectwithValue(0, pair, small_integer((int)index));
	vm->storePointerofObjectwithValue(1, pair, handle);
	return vm->popthenPush(2, pair);
}

/* releaseCallback: number */
PRIMITIVE int primitiveReleaseCallback(void)
{
	oop number = vm->stackValue(0);
	struct callback *callback = is_small_integer(number) ? at((uint32_t)(number >> 1)) : NULL;

	if (callback)
		release(callback);
	return callback ? vm->pop(1) : vm->primitiveFail();
}

/* callbackAddress: number. Its address in the default domain, to be stored in memory. */
PRIMITIVE int primitiveCallbackAddress(void)
{
	oop number = vm->stackValue(0);
	unsigned mode = domain_default_mode();
	uint64_t address = 0;

	if (is_small_integer(number))
		address = callback_address((uint32_t)(number >> 1), mode);
	if (!address)
		return vm->primitiveFail();
	return vm->popthenPush(2, make_address(address, mode));
}

/* ---- upcalls --------------------------------------------------------------------------- */

static bool find(const sffi_callback *handle, uint32_t *index, unsigned *mode)
{
	for (*index = 0; *index < count; ++*index)
		for (*mode = 0; *mode < MODES; ++*mode)
			if (handle && callbacks[*index].handles[*mode] == handle)
				return true;
	return fail(SFFI_ESTALE, "the callee called a callback that was released");
}

static struct callback *upcall(struct call *call, uint32_t *index, unsigned *mode,
			       void *const **arguments)
{
	sffi_callback *handle;
	sffi_status status;

	if (!call)
		return NULL;
	status = sffi_upcall_get(call->invocation, &handle, arguments);
	if (status)
		fail_sffi(status);
	return !status && find(handle, index, mode) ? &callbacks[*index] : NULL;
}

/* upcall: id. The number of the callback that is called. */
PRIMITIVE int primitiveUpcall(void)
{
	void *const *arguments;
	uint32_t index;
	unsigned mode;

	if (upcall(call_at(0), &index, &mode, &arguments))
		vm->popthenPush(2, small_integer((int)index));
	return 0;
}

static int parameter;

static oop parameter_type(void)
{
	return vm->fetchPointerofObject(parameter + 1, vm->stackValue(0));
}

/* upcall: id types: anArray. The arguments, as objects. */
PRIMITIVE int primitiveUpcallArguments(void)
{
	void *const *arguments;
	uint32_t index;
	unsigned mode;
	struct callback *callback = upcall(call_at(1), &index, &mode, &arguments);
	oop types = vm->stackValue(0), array, object;

	if (!callback)
		return 0;
	if (!is_kind_of(types, vm->classArray()) ||
	    (size_t)vm->slotSizeOf(types) != callback->signature.count + 1)
		return fail(SFFI_EINVAL, "an upcall's arguments need the callback's types");
	array = vm->instantiateClassindexableSize(vm->classArray(), (int)callback->signature.count);
	for (parameter = 0; parameter < (int)callback->signature.count; parameter++) {
		vm->pushRemappableOop(array);
		object = value_object(&callback->signature.parameters[parameter],
				      arguments[parameter], mode, parameter_type);
		array = vm->popRemappableOop();
		vm->storePointerofObjectwithValue(parameter, array, object);
	}
	return vm->popthenPush(3, array);
}

static bool answer(struct call *call, struct value *value, const struct type *type)
{
	sffi_status status;

	if (type->form == TYPE_POINTER) {
		if (value->is_movable)
			return fail(SFFI_ETYPE, "a block cannot give the callee an object, which moves; "
						"give memory of ExternalAddress allocate:");
		value->address = value->buffer.address;
	}
	status = sffi_upcall_answer(call->invocation, value_place(value, type));
	/* The worker may have gone while the block ran: then the call is over, and says so. */
	if (status == SFFI_ETYPE || status == SFFI_EADDRESS)
		return fail_sffi(status);
	call->is_in_upcall = false;
	if (value->copy && call_keep(call, value->copy))
		value->copy = NULL;
	return true;
}

/* answer: id with: anObject. The next event's number. The next upcall often follows at once. */
PRIMITIVE int primitiveAnswer(void)
{
	void *const *arguments;
	uint32_t index;
	unsigned mode;
	struct call *call = call_at(1);
	struct callback *callback = upcall(call, &index, &mode, &arguments);
	struct value value = { 0 };
	sffi_event event = SFFI_RETURNED;
	sffi_status status = SFFI_OK;
	bool answered;

	if (!callback)
		return 0;
	if (callback->signature.result.form != TYPE_ATOM ||
	    callback->signature.result.atom != ATOM_void)
		if (!value_take(&value, &callback->signature.result, vm->stackValue(0), mode, 0))
			return 0;
	answered = answer(call, &value, &callback->signature.result);
	value_free(&value);
	if (!answered)
		return 0;
	if (call->function)
		status = sffi_next(call->invocation, 1, &event);
	if (status)
		return fail_sffi(status);
	call->is_in_upcall = event == SFFI_UPCALL;
	return vm->popthenPush(3, small_integer((int)event));
}

/* guest: the id of an upcall by a thread that a library made itself, or nil. */
PRIMITIVE int primitiveGuest(void)
{
	struct process *process = process_active();
	sffi_invocation *invocation = NULL;
	struct call *call;

	for (unsigned mode = 1; process && !invocation && mode < MODES; mode++)
		if (domain_if_open(mode))
			sffi_domain_next(domain_if_open(mode), 0, &invocation);
	if (!invocation)
		return vm->popthenPush(1, vm->nilObject());
	call = call_new(process, NULL);
	if (!call) {
		sffi_invocation_release(&invocation);
		return 0;
	}
	call->invocation = invocation;
	call->is_in_upcall = true;
	return vm->popthenPush(1, small_integer(call->id));
}
