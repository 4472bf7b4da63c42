/* SPDX-License-Identifier: MIT */
#include "memory/result.h"

#include "error.h"
#include "memory/zone.h"

#include <stdlib.h>
#include <string.h>

/* A string of the callee's, copied to the lane's buffer. */
static sffi_status string_out(const struct answer *call, uint64_t *value)
{
	enum { STEP = 4096, MOST = 64 << 20 };
	struct workspace *work = call->work;
	uintptr_t from = *value;
	size_t have = 0;

	for (;;) {
		size_t step = STEP - (from + have) % STEP;
		sffi_status status;
		void *end;

		/* In the host's own memory there is an owner for what follows the string, maybe one
		 * that writes to it now. */
		if (work->reach->shares)
			step = strnlen((const char *)from + have, step - 1) + 1;

		if (have + step > work->string_size) {
			char *grown = have < MOST ? realloc(work->string, (have + step) * 2) : NULL;

			if (!grown)
				return sffi__fail(SFFI_ENOMEM, "%s returned a string of more than %zu bytes",
						  call->function->name, have);
			work->string = grown;
			work->string_size = (have + step) * 2;
		}
		status = work->reach->read(work, work->string + have, from + have, step);
		if (status)
			return sffi__fail(status, "%s returned %#lx, which is no string: it cannot be read",
					  call->function->name, (unsigned long)from);
		end = memchr(work->string + have, '\0', step);
		if (end)
			break;
		have += step;
	}
	*value = (uintptr_t)work->string;
	return SFFI_OK;
}

static sffi_status pointer_out(const struct answer *call, uint64_t *value)
{
	uint64_t address = *value, translated = address;
	sffi_owner owner;

	if (!address)
		return SFFI_OK;
	if (call->marshal)
		translated = sffi__marshal_translate(call->marshal, address);
	*value = translated;
	if (translated != address || call->function->marshal->result != TRAVEL_STRING)
		return SFFI_OK;
	owner = sffi__zone_owner(address, NULL, NULL);
	/* What a handler lent is the arena's for the length of the call only. */
	if (owner == SFFI_OWNER_ARENA && !call->work->loan_count)
		return SFFI_OK;
	return string_out(call, value);
}

/* A result by value. What lies in shared memory is copied once and then looked at. */
static void value_out(const struct answer *call)
{
	const struct abi_plan *plan = call->function->plan;

	if (!call->result)
		return;
	if (plan->result_in_memory)
		memcpy(call->result, call->memory, plan->result->size);
	else
		sffi__abi_result(plan, call->reply, call->result);
	if (call->marshal && plan->result->kind == TYPE_STRUCT)
		sffi__marshal_translate_record(call->marshal, plan->result, call->result);
}

sffi_status sffi__result_out(const struct answer *call)
{
	const struct type *type = call->function->plan->result;
	sffi_status status;
	uint64_t value = 0;

	if (type->kind != TYPE_POINTER && type->kind != TYPE_TOKEN) {
		value_out(call);
		return SFFI_OK;
	}
	sffi__abi_result(call->function->plan, call->reply, &value);
	status = pointer_out(call, &value);
	if (!status && call->result)
		sffi__abi_narrow(type, value, call->result);
	return status;
}
