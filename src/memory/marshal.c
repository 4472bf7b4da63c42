/* SPDX-License-Identifier: MIT */
#include "memory/marshal.h"

#include "error.h"
#include "memory/callbacks.h"
#include "memory/fence.h"
#include "memory/probe.h"
#include "memory/travel.h"
#include "memory/zone.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* A copy of NUDGE bytes takes about as long as waking the worker. */
enum { ALIGNMENT = 64, NUDGE = 128 * 1024 };

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
	if (!keep && m->work->scratch_used + needed <= m->work->scratch_size) {
		at = m->work->scratch + m->work->scratch_used;
		m->work->scratch_used += needed;
	} else {
		at = sffi__arena_take(m->work->domain->arena, needed, false);
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
	fence_set(m->fence, at);
	copy.data = at + FENCE;
	fence_bytes(m->fence, fence);
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
	return travel == TRAVEL_ADDRESS;
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
			     .count = extent->count, .parent = m->parent, .offset = m->offset,
			     .out = extent->out };
	size_t parent = m->parent;
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
		m->work->reach->nudge(m->work);
	if (extent->in)
		memcpy(made->data, (void *)*value, copy.size);
	*value = (uintptr_t)made->data;
	if (!extent->in || !sffi__type_has_pointers(extent->type))
		return SFFI_OK;
	m->parent = index;
	for (size_t i = 0; i < extent->count && !status; i++)
		status = copy_pointers(m, extent->type,
				       m->copies[index].data + i * extent->type->size, !extent->out,
				       depth == 0, depth + 1);
	m->parent = parent;
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

static sffi_status pass_callback(struct marshal *m, const struct type *type,
				 const sffi_callback *callback)
{
	char where[160], text[128];

	m->has_callbacks = true;
	if (atomic_load(&callback->released))
		return sffi__fail(SFFI_ESTALE, "%s is a callback that was released",
				  place(m, where, sizeof where));
	if (sffi__callback_fits(callback->type, type->target->function))
		return SFFI_OK;
	sffi__type_print(type, text, sizeof text);
	return sffi__fail(SFFI_ETYPE, "%s is declared '%s', but the callback '%s' that is passed has "
				      "other parameters or another result", place(m, where, sizeof where),
			  text, callback->name);
}

/* The callee's own functions pass as they are, callbacks by their thunks; what is left is a
 * function of the host's, and gets a thunk. */
static sffi_status pass_function(struct marshal *m, const struct type *type, uint64_t *value)
{
	struct callbacks *callbacks = m->work->domain->callbacks;
	sffi_callback *callback = m->work->callback;
	sffi_status status;

	if (!callback || (uintptr_t)callback->address != *value)
		callback = sffi__callback_at(callbacks, *value);
	if (callback)
		return pass_callback(m, type, callback);
	status = m->work->reach->check_code(m->work, *value);
	if (status != SFFI_ETYPE)
		return status;
	status = sffi__callback_wrap(callbacks, (void *)*value, type->target->function,
				     (sffi_function *)m->function, &callback);
	if (status)
		return status;
	*value = (uintptr_t)callback->address;
	m->has_callbacks = true;
	return SFFI_OK;
}

/* A pointer that lies inside something that travels. */
static sffi_status copy_inner(struct marshal *m, const struct type *type, uint64_t *value,
			      bool is_const, bool is_top, unsigned depth)
{
	struct extent one = { type->target, 1, true, !type->target_const, false };
	enum travel travel = sffi__pointer_travel(type);
	sffi_status status;

	if (!*value || travel == TRAVEL_TOKEN)
		return SFFI_OK;
	if (travel == TRAVEL_FUNCTION)
		return pass_function(m, type, value);
	status = m->work->reach->check(m->work, *value, is_opaque(travel));
	if (status != SFFI_ETYPE)
		return status;
	switch (travel) {
	case TRAVEL_STRING:
		/* Where nothing is readable it may never have been set. */
		return sffi__host_readable((void *)*value, 1) ? copy_string(m, value, false) : SFFI_OK;
	case TRAVEL_OBJECT:
		return copy_object(m, value, &one, depth);
	default:
		/* `char **end`: a place for the callee's answer, that may hold anything now. If
		 * the callee follows it all the same, it faults where the report can tell. */
		if (is_top && !is_const) {
			*value = m->work->reach->nowhere(m->work) + m->parameter % 256 * 16;
			return SFFI_OK;
		}
		return refuse_host_memory(m, type);
	}
}

struct copying {
	struct marshal *m;
	const struct type *whole;
	bool is_const, is_top;
	unsigned depth;
};

static sffi_status visit_to_copy(void *context, const struct type *type, char *at)
{
	const struct copying *copying = context;
	struct marshal *m = copying->m;
	/* A pointer that is what the parameter points to, not a member of that. */
	bool is_top = copying->is_top && copying->whole == type;
	sffi_status status;
	uint64_t value;

	memcpy(&value, at, sizeof value);
	m->offset = (size_t)(at - (m->parent == COPY_NONE ? m->record : m->copies[m->parent].data));
	status = copy_inner(m, type, &value, copying->is_const, is_top, copying->depth);
	memcpy(at, &value, sizeof value);
	return status;
}

static sffi_status copy_pointers(struct marshal *m, const struct type *type, char *at, bool is_const,
				 bool is_top, unsigned depth)
{
	enum { DEPTH_MAX = 1000 };
	struct copying copying = { m, type, is_const, is_top, depth };
	char where[160];

	if (depth > DEPTH_MAX)
		return sffi__fail(SFFI_ENOTSUP, "%s reaches more than %d structs deep; build it in arena "
						"memory instead", place(m, where, sizeof where), DEPTH_MAX);
	return sffi__visit_pointers(type, at, visit_to_copy, &copying);
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
	status = m->work->reach->check(m->work, *value, !buffer->size);
	if (status != SFFI_ETYPE)
		return status;
	return buffer->size ? copy_object(m, value, &extent, 0)
			    : refuse_host_memory(m, parameter(m)->type);
}

/* Its members travel as parameters of their types would. */
static sffi_status pass_record(struct marshal *m, const void **image)
{
	const struct type *type = parameter(m)->type;
	char *copy = m->records + m->records_used;

	m->records_used += (type->size + 15) & ~(size_t)15;
	memcpy(copy, m->arguments[m->parameter], type->size);
	*image = m->record = copy;
	return copy_pointers(m, type, copy, false, false, 1);
}

static sffi_status pass(struct marshal *m, uint64_t *value, const void **image)
{
	const struct parameter *p = parameter(m);
	enum travel travel = m->function->marshal->travels[m->parameter];
	sffi_status status;

	*image = value;
	m->parent = COPY_NONE;
	m->offset = 0;
	if (travel == TRAVEL_BUFFER)
		return pass_buffer(m, value);
	if (travel == TRAVEL_RECORD)
		return pass_record(m, image);
	if (travel == TRAVEL_VALUE) {
		*image = m->arguments[m->parameter];
		return SFFI_OK;
	}
	*value = sffi__abi_widen(p->type, m->arguments[m->parameter]);
	if (travel == TRAVEL_TOKEN || travel == TRAVEL_FD || !*value)
		return SFFI_OK;
	if (travel == TRAVEL_FUNCTION)
		return pass_function(m, p->type, value);
	status = m->work->reach->check(m->work, *value, is_opaque(travel));
	if (status != SFFI_ETYPE)
		return status;
	switch (travel) {
	case TRAVEL_STRING:
		return copy_string(m, value, p->is_keep);
	case TRAVEL_OBJECT:
		return pass_object(m, value);
	default:
		return refuse_host_memory(m, p->type);
	}
}

sffi_status sffi__marshal_in(struct marshal *m, struct workspace *work, const sffi_function *function,
			     void *const *arguments, uint64_t *values, const void **images)
{
	size_t records_size = function->marshal->records_size;
	sffi_status status = SFFI_OK;

	m->work = work;
	m->function = function;
	m->arguments = arguments;
	m->values = values;
	m->wanted = work->scratch_used;
	m->records_used = 0;
	m->has_callbacks = false;
	m->count = 0;
	m->copies = m->few;
	m->capacity = COPIES_INLINE;
	/* Not to be guessed from the call before. */
	m->fence = ((uintptr_t)m ^ ++work->calls) * 0xd1342543de82ef95u ^ 0xa5c3b17e5d9f2b64u;
	m->records = records_size ? malloc(records_size) : NULL;
	if (records_size && !m->records)
		return sffi__fail(SFFI_ENOMEM, "out of memory for the arguments of %s", function->name);
	for (m->parameter = 0; m->parameter < function->type->count && !status; m->parameter++)
		status = pass(m, &values[m->parameter], &images[m->parameter]);
	return status;
}

/* An sffi_buffer begins with its address, as a pointer does. */
_Static_assert(offsetof(sffi_buffer, address) == 0, "pointers to copies");

sffi_status sffi__marshal_move(struct marshal *m, void *const *arguments)
{
	uintptr_t *moved = m->count ? malloc(m->count * sizeof *moved) : NULL;
	sffi_status status = SFFI_OK;

	if (m->count && !moved)
		return sffi__fail(SFFI_ENOMEM, "out of memory for the results of %s", m->function->name);
	/* What points to a copy was copied before it. */
	for (size_t i = 0; i < m->count && !status; i++) {
		const struct copy *copy = &m->copies[i];
		const char *base = copy->parent == COPY_NONE ? arguments[copy->parameter]
							     : (const char *)moved[copy->parent];

		if (!sffi__host_readable(base + copy->offset, sizeof *moved))
			moved[i] = 0;
		else
			memcpy(&moved[i], base + copy->offset, sizeof *moved);
		m->parameter = copy->parameter;
		if (copy->out && !sffi__host_writable((void *)moved[i], copy->size))
			status = refuse_unreadable(m, moved[i], "writable");
	}
	for (size_t i = 0; i < m->count && !status; i++)
		m->copies[i].host = moved[i];
	if (!status)
		m->arguments = arguments;
	free(moved);
	return status;
}
