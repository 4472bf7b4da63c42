/* SPDX-License-Identifier: MIT */
#include "memory/travel.h"

#include "error.h"
#include "memory/probe.h"
#include "memory/zone.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

bool sffi__type_has_pointers(const struct type *type)
{
	switch (type->kind) {
	case TYPE_POINTER:
		return true;
	case TYPE_ARRAY:
		return sffi__type_has_pointers(type->target);
	case TYPE_STRUCT:
		for (size_t i = 0; i < type->count; i++)
			if (sffi__type_has_pointers(type->members[i].type))
				return true;
		return false;
	default:
		return false;
	}
}

enum travel sffi__pointer_travel(const struct type *type)
{
	const struct type *target = type->target;

	if (target->kind == TYPE_FUNCTION)
		return TRAVEL_FUNCTION;
	if (target->is_plain_char && type->target_const)
		return TRAVEL_STRING;
	if (!target->is_complete || target->is_character || !target->size)
		return TRAVEL_ADDRESS;
	return TRAVEL_OBJECT;
}

static enum travel travel(const struct parameter *parameter)
{
	switch (parameter->type->kind) {
	case TYPE_FD:
		return TRAVEL_FD;
	case TYPE_TOKEN:
		return TRAVEL_TOKEN;
	case TYPE_BUFFER:
		return TRAVEL_BUFFER;
	case TYPE_POINTER:
		if (parameter->length && parameter->type->target->size)
			return TRAVEL_OBJECT;
		return sffi__pointer_travel(parameter->type);
	default:
		return TRAVEL_VALUE;
	}
}

/* A descriptor inside memory is not carried. */
static bool has_fd(const struct type *type)
{
	switch (type->kind) {
	case TYPE_FD:
		return true;
	case TYPE_ARRAY:
		return has_fd(type->target);
	case TYPE_STRUCT:
	case TYPE_UNION:
		for (size_t i = 0; i < type->count; i++)
			if (has_fd(type->members[i].type))
				return true;
		return false;
	default:
		return false;
	}
}

sffi_status sffi__marshal_plan(const struct function_type *function, struct marshal_plan **result)
{
	struct marshal_plan *plan =
		calloc(1, sizeof *plan + function->count * sizeof *plan->travels);
	struct parameter as_result = { .type = function->result };

	if (!plan)
		return sffi__fail(SFFI_ENOMEM, "out of memory for the plan of a function");
	plan->count = function->count;
	plan->is_plain = true;
	plan->result = travel(&as_result);
	for (size_t i = 0; i < function->count; i++) {
		const struct parameter *parameter = &function->parameters[i];

		plan->travels[i] = travel(parameter);
		plan->fd_count += plan->travels[i] == TRAVEL_FD;
		if (plan->travels[i] != TRAVEL_VALUE && plan->travels[i] != TRAVEL_TOKEN)
			plan->is_plain = false;
		if (plan->travels[i] != TRAVEL_OBJECT || !has_fd(parameter->type->target))
			continue;
		free(plan);
		return sffi__fail(SFFI_ENOTSUP, "parameter %zu points to memory that holds an 'fd'; this "
						"version carries descriptors that are parameters or results "
						"themselves", i + 1);
	}
	*result = plan;
	return SFFI_OK;
}

/* The C library's own objects, such as stdout, have the same address in a clone, and mean
 * there what they mean here. */
static bool is_in_c_library(const struct lane *lane, uint64_t address)
{
	Dl_info info;
	const char *name;

	if (lane->peer->exec || !dladdr((void *)address, &info) || !info.dli_fname)
		return false;
	name = strrchr(info.dli_fname, '/');
	return !strcmp(name ? name + 1 : info.dli_fname, "libc.so.6");
}

static bool is_lent(const sffi_domain *domain, uint64_t address)
{
	for (size_t i = 0; i < domain->lent_count; i++)
		if (address - domain->lents[i].low < domain->lents[i].size)
			return true;
	return false;
}

sffi_status sffi__address_check(const struct lane *lane, uint64_t address, bool opaque)
{
	sffi_domain *owner = NULL;
	uint64_t generation = 0;

	switch (sffi__zone_owner(address, &owner, &generation)) {
	case SFFI_OWNER_HOST:
		if (address < 65536 || (opaque && is_in_c_library(lane, address)))
			return SFFI_OK;
		return sffi__host_readable((void *)address, 1) ? SFFI_ETYPE : SFFI_OK;
	case SFFI_OWNER_CALLEE:
		if (owner == lane->domain && generation == lane->peer->generation)
			return SFFI_OK;
		if (owner != lane->domain)
			return sffi__fail(SFFI_EADDRESS, "%#lx belongs to another domain's worker; this "
							 "one cannot reach it", (unsigned long)address);
		/* fall through */
	case SFFI_OWNER_STALE:
		return sffi__fail(SFFI_ESTALE, "%#lx belongs to worker %lu of %s domain, which is gone; "
					       "get it again from the present one",
				  (unsigned long)address, (unsigned long)generation,
				  owner == lane->domain ? "this" : "a");
	case SFFI_OWNER_ARENA:
		if (owner == lane->domain || is_lent(lane->domain, address))
			return SFFI_OK;
		return sffi__fail(SFFI_EADDRESS, "%#lx lies in another domain's arena; lend it to this "
						 "one first, by sffi_lend", (unsigned long)address);
	default:
		return SFFI_OK;
	}
}
