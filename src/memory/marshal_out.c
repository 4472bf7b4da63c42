/* SPDX-License-Identifier: MIT */
/* After the call: the fences, and what goes back to the host. */
#include "memory/marshal.h"

#include "memory/callbacks.h"
#include "memory/fence.h"
#include "memory/travel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long bytes_past(const unsigned char *at, const unsigned char *fence)
{
	long bytes = FENCE;

	while (bytes && at[bytes - 1] == fence[bytes - 1])
		bytes--;
	return bytes;
}

static long bytes_before(const unsigned char *at, const unsigned char *fence)
{
	long intact = 0;

	while (intact < FENCE && at[intact] == fence[intact])
		intact++;
	return FENCE - intact;
}

bool sffi__marshal_overrun(const struct marshal *m, struct fault_overrun *overrun)
{
	unsigned char fence[FENCE];

	if (!m->count)
		return false;
	fence_bytes(m->fence, fence);
	for (size_t i = 0; i < m->count; i++) {
		const struct copy *copy = &m->copies[i];
		unsigned char *data = (unsigned char *)copy->data;
		const char *name = m->function->type->parameters[copy->parameter].name;
		long past, before;

		if (!memcmp(data - FENCE, fence, FENCE) && !memcmp(data + copy->size, fence, FENCE))
			continue;
		past = bytes_past(data + copy->size, fence);
		before = bytes_before(data - FENCE, fence);
		overrun->parameter = copy->parameter;
		snprintf(overrun->name, sizeof overrun->name, "%s", name ? name : "");
		overrun->bytes = past ? past : -before;
		overrun->size = copy->size;
		return true;
	}
	return false;
}

/* A thunk that stands for a function of the host is that function. */
static uint64_t host_function(const struct marshal *m, uint64_t address)
{
	sffi_callback *callback = sffi__callback_at(m->work->domain->callbacks, address);

	return callback && callback->function ? (uintptr_t)callback->function : address;
}

uint64_t sffi__marshal_translate(const struct marshal *m, uint64_t address)
{
	for (size_t i = 0; i < m->count; i++) {
		uint64_t offset = address - (uintptr_t)m->copies[i].data;

		if (offset <= m->copies[i].size)
			return m->copies[i].host + offset;
	}
	return host_function(m, address);
}

static sffi_status visit_to_translate(void *m, const struct type *type, char *at)
{
	uint64_t value;

	(void)type;
	memcpy(&value, at, sizeof value);
	value = sffi__marshal_translate(m, value);
	memcpy(at, &value, sizeof value);
	return SFFI_OK;
}

void sffi__marshal_translate_record(const struct marshal *m, const struct type *type, char *image)
{
	sffi__visit_pointers(type, image, visit_to_translate, (void *)m);
}

static void copy_back(const struct marshal *m, const struct type *type, const char *from, char *to)
{
	uintptr_t nowhere = m->work->reach->nowhere(m->work);
	uint64_t value;

	if (!sffi__type_has_pointers(type)) {
		memcpy(to, from, type->size);
		return;
	}
	switch (type->kind) {
	case TYPE_POINTER:
		memcpy(&value, from, sizeof value);
		/* What was put there instead of the host's pointer is not for the host. */
		if (value - nowhere < 4096)
			return;
		value = sffi__marshal_translate(m, value);
		memcpy(to, &value, sizeof value);
		return;
	case TYPE_ARRAY:
		for (size_t i = 0; i < type->count; i++)
			copy_back(m, type->target, from + i * type->target->size,
				  to + i * type->target->size);
		return;
	case TYPE_STRUCT:
		for (size_t i = 0; i < type->count; i++)
			copy_back(m, type->members[i].type, from + type->members[i].offset,
				  to + type->members[i].offset);
		return;
	default:
		memcpy(to, from, type->size);
	}
}

void sffi__marshal_keep(struct marshal *m)
{
	for (size_t i = 0; i < m->count; i++)
		m->copies[i].out = false;
}

void sffi__marshal_out(const struct marshal *m)
{
	for (size_t i = 0; i < m->count; i++) {
		const struct copy *copy = &m->copies[i];
		char *host = (char *)copy->host;

		if (!copy->out)
			continue;
		if (!sffi__type_has_pointers(copy->type)) {
			memcpy(host, copy->data, copy->size);
			continue;
		}
		for (size_t n = 0; n < copy->count; n++)
			copy_back(m, copy->type, copy->data + n * copy->type->size,
				  host + n * copy->type->size);
	}
}

void sffi__marshal_end(struct marshal *m)
{
	for (size_t i = 0; i < m->count; i++)
		if (m->copies[i].is_owned)
			sffi__arena_give(m->work->domain->arena, m->copies[i].data - FENCE);
	if (m->copies != m->few)
		free(m->copies);
	m->copies = m->few;
	m->count = 0;
	free(m->records);
	m->records = NULL;
	/* The next call of the kind finds room in the scratch. */
	if (m->wanted > m->work->scratch_size)
		sffi__workspace_scratch(m->work, m->wanted);
}
