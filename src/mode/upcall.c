/* SPDX-License-Identifier: MIT */
/* Taking an upcall, running its handler, making its result. */
#include "mode/upcall.h"

#include "error.h"
#include "inside/inside.h"
#include "os/os.h"

#include <stdlib.h>
#include <string.h>

/* ---- the arguments ------------------------------------------------------------------- */

static size_t rounded_up(size_t size)
{
	return (size + 15) & ~(size_t)15;
}

/* One block: stack words, the arguments' addresses, the result, their values. */
static sffi_status make_block(struct upcall *upcall)
{
	const struct abi_plan *plan = upcall->callback->plan;
	size_t stack = rounded_up(plan->stack_words * sizeof(uint64_t));
	size_t addresses = rounded_up((plan->count + 1) * sizeof(void *));
	size_t result = rounded_up(plan->result->size + 16);
	size_t size = stack + addresses + result + plan->images_size + plan->images_alignment + 16;
	uintptr_t values;

	upcall->block = size <= UPCALL_FEW ? upcall->few : malloc(size);
	if (!upcall->block)
		return sffi__fail(SFFI_ENOMEM, "out of memory for the arguments of %s",
				  upcall->callback->name);
	upcall->stack = (uint64_t *)upcall->block;
	upcall->arguments = (void **)(upcall->block + stack);
	upcall->result = upcall->block + stack + addresses;
	memset(upcall->result, 0, result);
	values = (uintptr_t)upcall->result + result;
	if (plan->images_alignment)
		values = (values + plan->images_alignment - 1) & ~(plan->images_alignment - 1);
	for (size_t i = 0; i < plan->count; i++)
		upcall->arguments[i] = (void *)(values + plan->arguments[i].image);
	return SFFI_OK;
}

/* Once, and no more of it than the arguments lie in: what is not read stays in the worker's
 * cache. */
static void copy_registers(struct upcall *upcall, const struct upcall_registers *from)
{
	const struct abi_plan *plan = upcall->callback->plan;

	if (!plan->vector_count && !plan->stack_words && !plan->reference_count &&
	    !plan->result_in_memory)
		memcpy(upcall->registers.integer, from->integer, sizeof from->integer);
	else
		upcall->registers = *from;
}

/* Arguments that the callee passed by their address. */
static sffi_status read_references(struct upcall *upcall)
{
	const struct abi_plan *plan = upcall->callback->plan;
	sffi_status status = SFFI_OK;

	for (size_t i = 0; i < plan->reference_count && !status; i++) {
		struct abi_reference reference =
			sffi__abi_reference(plan, &upcall->registers, upcall->stack, i);

		status = upcall->work->reach->read(upcall->work, upcall->arguments[reference.parameter],
					     reference.address, reference.size);
	}
	return status;
}

static sffi_status read_arguments(struct upcall *upcall)
{
	const sffi_callback *callback = upcall->callback;
	const struct abi_plan *plan = callback->plan;
	sffi_status status = SFFI_OK;

	if (plan->stack_words)
		status = upcall->work->reach->read(upcall->work, upcall->stack, upcall->registers.stack,
					     plan->stack_words * sizeof(uint64_t));
	if (status)
		return status;
	sffi__abi_unload(plan, &upcall->registers, upcall->stack, upcall->arguments);
	status = read_references(upcall);
	for (size_t i = 0; i < plan->count && !status; i++)
		if (callback->marshal->travels[i] != TRAVEL_VALUE)
			status = sffi__upcall_fetch(upcall, &callback->type->parameters[i],
						    upcall->arguments[i]);
	return status;
}

/* The one that was called last is likely to be called again. An index is another's only when
 * the one before was released. */
static sffi_callback *find_callback(struct workspace *work, uint32_t index)
{
	sffi_callback *found = work->callback;

	if (!found || found->index != index || atomic_load(&found->released)) {
		found = sffi__callback_find(work->domain->callbacks, index);
		sffi__callback_unreference(work->callback);
		work->callback = found;
	}
	if (found)
		atomic_fetch_add(&found->references, 1);
	return found;
}

sffi_status sffi__upcall_take(struct upcall *upcall, struct workspace *work, uint32_t index,
			      const struct upcall_registers *registers)
{
	sffi_status status;

	upcall->work = work;
	upcall->block = NULL;
	upcall->fetched = NULL;
	upcall->refused = false;
	upcall->callback = find_callback(work, index);
	if (!upcall->callback || atomic_load(&upcall->callback->released))
		return sffi__fail(SFFI_EFAULT, "callback %u was released", index);
	copy_registers(upcall, registers);
	status = make_block(upcall);
	return status ? status : read_arguments(upcall);
}

void sffi__upcall_end(struct upcall *upcall)
{
	while (upcall->fetched) {
		struct fetched *next = upcall->fetched->next;

		free(upcall->fetched);
		upcall->fetched = next;
	}
	if (upcall->block != upcall->few)
		free(upcall->block);
	sffi__callback_unreference(upcall->callback);
}

/* ---- the result --------------------------------------------------------------------------- */

sffi_status sffi__upcall_result(struct upcall *upcall, struct call_result *result)
{
	const struct abi_plan *plan = upcall->callback->plan;
	sffi_status status = sffi__upcall_write_back(upcall);

	*result = (struct call_result){ 0 };
	if (!status)
		status = sffi__upcall_give(upcall, plan->result, upcall->result);
	if (!status && plan->result_in_memory)
		status = upcall->work->reach->write(upcall->work,
						    sffi__abi_result_address(plan, &upcall->registers),
						    upcall->result, plan->result->size);
	if (!status)
		sffi__abi_result_store(plan, &upcall->registers, upcall->result, result);
	return status;
}

void sffi__upcall_refuse(struct upcall *upcall, const char *reason)
{
	snprintf(upcall->work->refusal, sizeof upcall->work->refusal, "%s", reason);
	upcall->refused = true;
}

/* ---- handlers ---------------------------------------------------------------------------- */

/* Of this thread's handler in work. */
static __thread struct {
	unsigned depth;
	bool refused;
	char reason[256];
} handling;

void sffi_upcall_fail(const char *reason)
{
	/* A function of the host's that a callee called directly, without a thunk. */
	sffi__inside_refuse(reason ? reason : "no reason given");
	if (!handling.depth)
		return;
	handling.refused = true;
	snprintf(handling.reason, sizeof handling.reason, "%s", reason ? reason : "no reason given");
}

static void run(struct upcall *upcall)
{
	const sffi_callback *callback = upcall->callback;
	const void *const *images = (const void *const *)upcall->arguments;

	if (callback->handler)
		callback->handler(upcall->result, upcall->arguments, callback->data);
	else if (!sffi__abi_call_here(callback->plan, callback->function, images, upcall->result))
		sffi_upcall_fail("no memory for the arguments of the host's function");
}

void sffi__upcall_run(struct upcall *upcall)
{
	bool outer = handling.refused;

	handling.depth++;
	handling.refused = false;
	run(upcall);
	handling.depth--;
	if (handling.refused)
		sffi__upcall_refuse(upcall, handling.reason);
	handling.refused = outer;
}
