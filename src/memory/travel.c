/* SPDX-License-Identifier: MIT */
#include "memory/travel.h"

#include "error.h"

#include <stdlib.h>

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

sffi_status sffi__visit_pointers(const struct type *type, char *at, pointer_visitor *visit, void *context)
{
	sffi_status status = SFFI_OK;

	if (!sffi__type_has_pointers(type))
		return SFFI_OK;
	if (type->kind == TYPE_POINTER)
		return visit(context, type, at);
	if (type->kind == TYPE_ARRAY) {
		for (size_t i = 0; i < type->count && !status; i++)
			status = sffi__visit_pointers(type->target, at + i * type->target->size, visit,
						      context);
		return status;
	}
	for (size_t i = 0; i < type->count && !status; i++)
		if (!type->members[i].bit_width)
			status = sffi__visit_pointers(type->members[i].type,
						      at + type->members[i].offset, visit, context);
	return status;
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
	case TYPE_STRUCT:
		return sffi__type_has_pointers(parameter->type) ? TRAVEL_RECORD : TRAVEL_VALUE;
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

static bool is_record(const struct type *type)
{
	return type->kind == TYPE_STRUCT || type->kind == TYPE_UNION;
}

static bool holds_fd(const struct parameter *parameter, enum travel travel)
{
	if (travel == TRAVEL_OBJECT)
		return has_fd(parameter->type->target);
	return is_record(parameter->type) && has_fd(parameter->type);
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
		if (plan->travels[i] == TRAVEL_RECORD)
			plan->records_size += (parameter->type->size + 15) & ~(size_t)15;
		if (plan->travels[i] != TRAVEL_VALUE && plan->travels[i] != TRAVEL_TOKEN)
			plan->is_plain = false;
		if (!holds_fd(parameter, plan->travels[i]))
			continue;
		free(plan);
		return sffi__fail(SFFI_ENOTSUP, "parameter %zu is or points to memory that holds an 'fd'; "
						"this version carries descriptors that are parameters or "
						"results themselves", i + 1);
	}
	if (is_record(function->result) && has_fd(function->result)) {
		free(plan);
		return sffi__fail(SFFI_ENOTSUP, "the result holds an 'fd'; this version carries descriptors "
						"that are parameters or results themselves");
	}
	*result = plan;
	return SFFI_OK;
}
