/* SPDX-License-Identifier: MIT */
#include "memory/marshal.h"

#include "error.h"
#include "memory/probe.h"
#include "memory/travel.h"
#include "memory/zone.h"

#include <stdlib.h>
#include <string.h>

/* A copy of NUDGE bytes takes about as long as waking the worker. */
enum { FENCE = 64, ALIGNMENT = 64, NUDGE = 128 * 1024 };

static const struct parameter *parameter(const struct marshal *m)
{
	return &m->function->type->parameters[m->parameter];
}

/* "argument 2 ('in') of sha256" */
static const char *place(const struct marshal *m, char *to, size_t size)
{
	const char *name = parameter(m)->name;

	snprintf(to, size, "argument %zu%s%s%s of %s", m->parameter + 1, name ? " ('" : "",
		 name ? name : "", name ? "')" : "", m->function->name);
	return to;
}

/* ---- copies ------------------------------------------------------------------------ */

static void set_fence(const struct marshal *m, char *at)
{
	uint64_t *words = (uint64_t *)at;

	for (int i = 0; i < FENCE / 8; i++)
		words[i] = m->fence + (uint64_t)i * 0x9e3779b97f4a7c15u;
}

/* A fence may begin anywhere after the data. */
static void fence_bytes(const struct marshal *m, unsigned char bytes[FENCE])
{
	for (int i = 0; i < FENCE / 8; i++) {
		uint64_t word = m->fence + (uint64_t)i * 0x9e3779b97f4a7c15u;

		memcpy(bytes + i * 8, &word, 8);
	}
}

static struct copy *next_copy(struct marshal *m)
{
	if (m->count == m->capacity) {
		struct copy *grown;

		if (m->count >= COPIES_MAX)
			return NULL;
		grown = malloc(m->capacity * 2 * sizeof *grown);
		if (!grown)
			return NULL;
		memcpy(grown, m->copies, m->count * sizeof *grown);
		if (m->copies != m->few)
			free(m->copies);
		m->copies = grown;
		m->capacity *= 2;
	}
	return &m->copies[m->count];
}

/* Room for [fence | data | fence], in the scratch or, beyond it, in a block of its own. */
static char *room(struct marshal *m, size_t size, bool keep, bool *is_owned)
{
	size_t needed = (FENCE + size + FENCE + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	char *at;

	*is_owned = false;
	if (!keep)
		m->wanted += needed;
	if (!keep && m->lane->scratch_used + needed <= m->lane->scratch_size) {
		at = m->lane->scratch + m->lane->scratch_used;
		m->lane->scratch_used += needed;
	} else {
		at = sffi__arena_take(m->lane->domain->arena, needed, false);
		*is_owned = !keep;
	}
	return at;
}

static sffi_status add_copy(struct marshal *m, struct copy copy, bool keep, struct copy **result)
{
	unsigned char fence[FENCE];
	struct copy *slot = next_copy(m);
	char *at = slot && copy.size < ARENA_RANGE ? room(m, copy.size, keep, &copy.is_owned) : NULL;
	char where[160];

	if (!at)
		return sffi__fail(SFFI_ENOMEM, "%s: no room in the arena for a copy of %zu bytes",
				  place(m, where, sizeof where), copy.size);
	set_fence(m, at);
	copy.data = at + FENCE;
	fence_bytes(m, fence);
	memcpy(copy.data + copy.size, fence, FENCE);
	*slot = copy;
	m->count++;
	*result = slot;
	return SFFI_OK;
}

/* The copy of the same thing that was made already: keeps cycles and aliases as they are. */
static const struct copy *find_copy(const struct marshal *m, uintptr_t host, size_t size)
{
	for (size_t i = 0; i < m->count; i++)
		if (m->copies[i].host == host && m->copies[i].size == size)
			return &m->copies[i];
	return NULL;
}

/* ---- in ----------------------------------------------------------------------------- */

static sffi_status refuse_host_memory(const struct marshal *m, const struct type *type)
{
	char where[160], text[96];

	sffi__type_print(type, text, sizeof text);
	return sffi__fail(SFFI_ETYPE,
			  "%s points to the host's own memory, but its declaration, '%s', does not say "
			  "how much of it the callee may use; give the length, as in 'const uint8_t "
			  "in[n]', or take arena memory from sffi_alloc, or declare it 'token' if the "
			  "callee only hands it back", place(m, where, sizeof where), text);
}

static sffi_status refuse_unreadable(const struct marshal *m, uint64_t address, const char *what)
{
	char where[160];

	return sffi__fail(SFFI_EADDRESS, "%s is %#lx, which is not %s memory of the host",
			  place(m, where, sizeof where), (unsigned long)address, what);
}

static sffi_status copy_pointers(struct marshal *m, const struct type *, char *at, bool is_const,
				 bool is_top, unsigned depth);

static bool is_opaque(enum travel travel)
{
	return travel == TRAVEL_ADDRESS || travel == TRAVEL_FUNCTION;
}

struct extent {
	const struct type *type;
	size_t count;
	bool in, out, keep;
};

/* Copies count elements at the host's address; *value becomes the copy's. */
static sffi_status copy_object(struct marshal *m, uint64_t *value, const struct extent *extent,
			       unsigned depth)
{
	struct copy copy = { .parameter = m->parameter, .host = *value, .type = extent->type,
			     .count = extent->count, .out = extent->out };
	const struct copy *same;
	struct copy *made = NULL;
	sffi_status status;
	size_t index;

	if (__builtin_mul_overflow(extent->type->size, extent->count, &copy.size))
		return refuse_unreadable(m, *value, "that much");
	same = find_copy(m, copy.host, copy.size);
	if (same && same->type == copy.type) {
		*value = (uintptr_t)same->data;
		return SFFI_OK;
	}
	if (extent->in && !sffi__host_readable((void *)*value, copy.size))
		return refuse_unreadable(m, *value, "readable");
	if (extent->out && !sffi__host_writable((void *)*value, copy.size))
		return refuse_unreadable(m, *value, "writable");
	status = add_copy(m, copy, extent->keep, &made);
	if (status)
		return status;
	index = (size_t)(made - m->copies);
	if (copy.size >= NUDGE)
		sffi__lane_nudge(m->lane);
	if (extent->in)
		memcpy(made->data, (void *)*value, copy.size);
	*value = (uintptr_t)made->data;
	if (!extent->in || !sffi__type_has_pointers(extent->type))
		return SFFI_OK;
	for (size_t i = 0; i < extent->count && !status; i++)
		status = copy_pointers(m, extent->type,
				       m->copies[index].data + i * extent->type->size, !extent->out,
				       depth == 0, depth + 1);
	return status;
}

static sffi_status copy_string(struct marshal *m, uint64_t *value, bool keep)
{
	ptrdiff_t length = sffi__host_string_length((const char *)*value);
	static const struct type byte = { .kind = TYPE_INTEGER, .size = 1, .alignment = 1,
					  .is_complete = true, .is_character = true };
	struct extent extent = { &byte, (size_t)length + 1, true, false, keep };

	if (length < 0)
		return refuse_unreadable(m, *value, "readable");
	return copy_object(m, value, &extent, 1);
}

/* A pointer that lies inside something that travels. */
static sffi_status copy_inner(struct marshal *m, const struct type *type, uint64_t *value,
			      bool is_const, bool is_top, unsigned depth)
{
	struct extent one = { type->target, 1, true, !type->target_const, false };
	enum travel travel = sffi__pointer_travel(type);
	sffi_status status;
	char where[160];

	if (!*value || travel == TRAVEL_TOKEN)
		return SFFI_OK;
	status = sffi__address_check(m->lane, *value, is_opaque(travel));
	if (status != SFFI_ETYPE)
		return status;
	switch (travel) {
	case TRAVEL_STRING:
		/* Where nothing is readable it may never have been set. */
		return sffi__host_readable((void *)*value, 1) ? copy_string(m, value, false) : SFFI_OK;
	case TRAVEL_OBJECT:
		return copy_object(m, value, &one, depth);
	case TRAVEL_FUNCTION:
		return sffi__fail(SFFI_ENOTSUP, "%s has a member that is a function of the host; this "
						"version cannot pass callbacks",
				  place(m, where, sizeof where));
	default:
		/* `char **end`: a place for the callee's answer, that may hold anything now. If
		 * the callee follows it all the same, it faults where the report can tell. */
		if (is_top && !is_const) {
			*value = (uintptr_t)m->lane->peer->control + WORKER_SHARED_SIZE +
				 m->parameter % 256 * 16;
			return SFFI_OK;
		}
		return refuse_host_memory(m, type);
	}
}

static sffi_status copy_pointers(struct marshal *m, const struct type *type, char *at, bool is_const,
				 bool is_top, unsigned depth)
{
	enum { DEPTH_MAX = 1000 };
	sffi_status status = SFFI_OK;
	uint64_t value;
	char where[160];

	if (depth > DEPTH_MAX)
		return sffi__fail(SFFI_ENOTSUP, "%s reaches more than %d structs deep; build it in arena "
						"memory instead", place(m, where, sizeof where), DEPTH_MAX);
	switch (type->kind) {
	case TYPE_POINTER:
		memcpy(&value, at, sizeof value);
		status = copy_inner(m, type, &value, is_const, is_top, depth);
		memcpy(at, &value, sizeof value);
		return status;
	case TYPE_ARRAY:
		for (size_t i = 0; i < type->count && !status; i++)
			status = copy_pointers(m, type->target, at + i * type->target->size, is_const,
					       false, depth);
		return status;
	case TYPE_STRUCT:
		for (size_t i = 0; i < type->count && !status; i++)
			if (!type->members[i].bit_width &&
			    sffi__type_has_pointers(type->members[i].type))
				status = copy_pointers(m, type->members[i].type,
						       at + type->members[i].offset, is_const, false,
						       depth);
		return status;
	default:
		return SFFI_OK;
	}
}

/* ---- parameters -------------------------------------------------------------------------- */

static bool look_up(void *context, size_t index, bool dereference, uint64_t *value, bool *is_signed)
{
	struct marshal *m = context;
	const struct type *type = m->function->type->parameters[index].type;
	const void *at = m->arguments[index];

	if (dereference) {
		at = *(void *const *)at;
		type = type->target;
		if (!sffi__host_readable(at, type->size)) {
			sffi__fail(SFFI_EADDRESS, "parameter %zu of %s, which gives a length, points to "
						  "%p, which cannot be read",
				   index + 1, m->function->name, at);
			return false;
		}
	}
	*value = sffi__abi_widen(type, at);
	*is_signed = type->is_signed;
	return true;
}

static sffi_status pass_object(struct marshal *m, uint64_t *value)
{
	const struct parameter *p = parameter(m);
	struct extent extent = { p->type->target, 1, !p->is_out, !p->type->target_const, p->is_keep };
	uint64_t count = 1;
	sffi_status status;

	if (p->length) {
		status = sffi__expression_evaluate(p->length, look_up, m, &count);
		if (status)
			return status;
		extent.count = count;
	}
	return copy_object(m, value, &extent, 0);
}

static sffi_status pass_buffer(struct marshal *m, uint64_t *value)
{
	static const struct type byte = { .kind = TYPE_INTEGER, .size = 1, .alignment = 1,
					  .is_complete = true, .is_character = true };
	const sffi_buffer *buffer = m->arguments[m->parameter];
	unsigned direction = buffer->direction ? buffer->direction : SFFI_IN | SFFI_OUT;
	struct extent extent = { &byte, buffer->size, direction & SFFI_IN, direction & SFFI_OUT, false };
	sffi_status status;

	*value = (uintptr_t)buffer->address;
	if (!*value)
		return SFFI_OK;
	status = sffi__address_check(m->lane, *value, !buffer->size);
	if (status != SFFI_ETYPE)
		return status;
	return buffer->size ? copy_object(m, value, &extent, 0)
			    : refuse_host_memory(m, parameter(m)->type);
}

static sffi_status pass_function(struct marshal *m)
{
	char where[160];

	return sffi__fail(SFFI_ENOTSUP, "%s is a function of the host; this version passes only the "
					"callee's own functions and NULL", place(m, where, sizeof where));
}

static sffi_status pass(struct marshal *m, uint64_t *value)
{
	const struct parameter *p = parameter(m);
	enum travel travel = m->function->marshal->travels[m->parameter];
	sffi_status status;

	if (travel == TRAVEL_BUFFER)
		return pass_buffer(m, value);
	*value = sffi__abi_widen(p->type, m->arguments[m->parameter]);
	if (travel == TRAVEL_VALUE || travel == TRAVEL_TOKEN || travel == TRAVEL_FD || !*value)
		return SFFI_OK;
	status = sffi__address_check(m->lane, *value, is_opaque(travel));
	if (status != SFFI_ETYPE)
		return status;
	switch (travel) {
	case TRAVEL_STRING:
		return copy_string(m, value, p->is_keep);
	case TRAVEL_OBJECT:
		return pass_object(m, value);
	case TRAVEL_FUNCTION:
		return pass_function(m);
	default:
		return refuse_host_memory(m, p->type);
	}
}

sffi_status sffi__marshal_in(struct marshal *m, struct lane *lane, const sffi_function *function,
			     void *const *arguments, uint64_t *values)
{
	sffi_status status = SFFI_OK;

	m->lane = lane;
	m->function = function;
	m->arguments = arguments;
	m->values = values;
	m->wanted = 0;
	m->count = 0;
	m->copies = m->few;
	m->capacity = COPIES_INLINE;
	/* Not to be guessed from the call before. */
	m->fence = ((uintptr_t)m ^ lane->sequence) * 0xd1342543de82ef95u ^ 0xa5c3b17e5d9f2b64u;
	for (m->parameter = 0; m->parameter < function->type->count && !status; m->parameter++)
		status = pass(m, &values[m->parameter]);
	return status;
}

/* ---- out ------------------------------------------------------------------------------------ */

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

	fence_bytes(m, fence);
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

uint64_t sffi__marshal_translate(const struct marshal *m, uint64_t address)
{
	for (size_t i = 0; i < m->count; i++) {
		uint64_t offset = address - (uintptr_t)m->copies[i].data;

		if (offset <= m->copies[i].size)
			return m->copies[i].host + offset;
	}
	return address;
}

static void copy_back(const struct marshal *m, const struct type *type, const char *from, char *to)
{
	uintptr_t poison = (uintptr_t)m->lane->peer->control + WORKER_SHARED_SIZE;
	uint64_t value;

	if (!sffi__type_has_pointers(type)) {
		memcpy(to, from, type->size);
		return;
	}
	switch (type->kind) {
	case TYPE_POINTER:
		memcpy(&value, from, sizeof value);
		/* What was put there instead of the host's pointer is not for the host. */
		if (value - poison < 4096)
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
			sffi__arena_give(m->lane->domain->arena, m->copies[i].data - FENCE);
	if (m->copies != m->few)
		free(m->copies);
	m->copies = m->few;
	m->count = 0;
	/* The next call of the kind finds room in the scratch. */
	if (m->wanted > m->lane->scratch_size)
		sffi__lane_scratch(m->lane, m->wanted);
}
