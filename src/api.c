/* SPDX-License-Identifier: MIT */
/* Calls and memory: checks the arguments, delegates to the domain's mode. */
#include "domain.h"
#include "error.h"
#include "memory/probe.h"
#include "memory/zone.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- what a thread's last call left ------------------------------------------------ */

/* Small enough for the static block, also where this library is loaded late. */
__thread int sffi__last_errno;
static __thread sffi_fault *last_fault __attribute__((tls_model("initial-exec")));
static pthread_key_t fault_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void drop_fault(void *fault)
{
	sffi_fault *dropped = fault;

	last_fault = NULL;
	sffi_fault_release(&dropped);
}

static void make_key(void)
{
	pthread_key_create(&fault_key, drop_fault);
}

void sffi__set_last_fault(sffi_fault *fault)
{
	if (!fault && !last_fault)
		return;
	pthread_once(&once, make_key);
	sffi_fault_release(&last_fault);
	last_fault = fault;
	pthread_setspecific(fault_key, fault);
}

const sffi_fault *sffi_last_fault(void)
{
	return last_fault;
}

int sffi_errno(void)
{
	return sffi__last_errno;
}

/* ---- calls ----------------------------------------------------------------------------- */

static sffi_status check(const sffi_function *function)
{
	sffi_status status;

	if (!function)
		return sffi__fail(SFFI_EINVAL, "the function to call is NULL");
	if (function_is_open(function))
		return SFFI_OK;
	status = sffi__domain_check(function->domain);
	if (!status && function->library && function->library->closed)
		status = sffi__fail(SFFI_ECLOSED, "the library of '%s' was closed", function->name);
	return status;
}

static sffi_status check_arguments(const sffi_function *function, void *const *arguments)
{
	if (!arguments && function->type->count)
		return sffi__fail(SFFI_EINVAL, "%s takes %zu arguments; it got NULL for their addresses",
				  function->name, function->type->count);
	for (size_t i = 0; i < function->type->count; i++)
		if (!arguments[i])
			return sffi__fail(SFFI_EINVAL, "the address of argument %zu of %s is NULL; to pass "
						       "a null pointer, give the address of one",
					  i + 1, function->name);
	return SFFI_OK;
}

sffi_status sffi__function_check(const sffi_function *function, void *const *arguments)
{
	sffi_status status = check(function);

	return status ? status : check_arguments(function, arguments);
}

/* Something is to be told, or to be forgotten, first. */
static __attribute__((noinline)) sffi_status call_with_care(sffi_function *function, void *result,
							    void *const *arguments)
{
	sffi_status status = sffi__function_check(function, arguments);

	if (status)
		return status;
	if (last_fault)
		sffi__set_last_fault(NULL);
	return function->domain->ops->call(function, result, arguments);
}

static inline bool has_all(const sffi_function *function, void *const *arguments)
{
	size_t i = 0, count = function->plan->count;

	while (i < count && arguments && arguments[i])
		i++;
	return i == count;
}

/* In this process these few lines are a good part of a call: nothing here keeps a register. */
sffi_status sffi_call_array(sffi_function *function, void *result, void *const *arguments)
{
	if (!function || !function_is_open(function) || !has_all(function, arguments) || last_fault)
		return call_with_care(function, result, arguments);
	return function->domain->ops->call(function, result, arguments);
}

/* More than is worth a place on the stack. */
static __attribute__((noinline)) sffi_status call_large(sffi_function *function, void *result,
							va_list *list)
{
	void *arguments[ABI_ARGUMENTS_MAX];
	char *values = aligned_alloc(function->plan->images_alignment,
				     (function->plan->images_size | (ABI_ALIGNMENT_MAX - 1)) + 1);
	sffi_status status;

	if (!values)
		return sffi__fail(SFFI_ENOMEM, "out of memory for %zu bytes of arguments",
				  function->plan->images_size);
	sffi__abi_take(function->plan, list, values, arguments);
	status = function->domain->ops->call(function, result, arguments);
	free(values);
	return status;
}

sffi_status sffi_call(sffi_function *function, void *result, ...)
{
	_Alignas(16) char values[ABI_IMAGES_INLINE];
	void *arguments[ABI_ARGUMENTS_INLINE];
	sffi_status status = check(function);
	va_list list;

	if (status)
		return status;
	if (last_fault)
		sffi__set_last_fault(NULL);
	va_start(list, result);
	if (function->plan->images_size > sizeof values ||
	    function->plan->count > ABI_ARGUMENTS_INLINE) {
		status = call_large(function, result, &list);
	} else {
		sffi__abi_take(function->plan, &list, values, arguments);
		status = function->domain->ops->call(function, result, arguments);
	}
	va_end(list);
	return status;
}

sffi_status sffi_call_batch(sffi_batch *calls, size_t count)
{
	sffi_status status = SFFI_OK;

	if (!calls && count)
		return sffi__fail(SFFI_EINVAL, "sffi_call_batch needs the calls; it got NULL");
	for (size_t i = 0; i < count; i++) {
		calls[i].status = SFFI_ECANCELED;
		calls[i].error = 0;
	}
	for (size_t i = 0; i < count && !status; i++) {
		status = check(calls[i].function);
		if (!status)
			status = check_arguments(calls[i].function, calls[i].arguments);
		if (!status && calls[i].function->domain != calls[0].function->domain)
			status = sffi__fail(SFFI_EINVAL, "call %zu of the batch is of another domain than "
							 "the first", i + 1);
		if (status)
			calls[i].status = status;
	}
	if (status || !count)
		return status;
	sffi__set_last_fault(NULL);
	return calls[0].function->domain->ops->batch(calls, count);
}

/* ---- memory ------------------------------------------------------------------------------- */

static sffi_status check_domain(const sffi_domain *domain, const char *what)
{
	if (!domain)
		return sffi__fail(SFFI_EINVAL, "%s needs a domain; it got NULL", what);
	return sffi__domain_check(domain);
}

sffi_status sffi_alloc(sffi_domain *domain, void **address, size_t size)
{
	sffi_status status = check_domain(domain, "sffi_alloc");

	if (status)
		return status;
	if (!address)
		return sffi__fail(SFFI_EINVAL, "sffi_alloc needs a place for the address; it got NULL");
	*address = sffi__arena_take(domain->arena, size, true);
	if (*address)
		return SFFI_OK;
	return sffi__fail(SFFI_ENOMEM, "the arena has no room for %zu bytes", size);
}

void sffi_free(sffi_domain *domain, void *address)
{
	if (!address || check_domain(domain, "sffi_free"))
		return;
	if (!sffi__arena_give(domain->arena, address))
		sffi__fail(SFFI_EADDRESS, "%p is not a block of this domain's arena, or was freed already",
			   address);
}

sffi_status sffi_lend(sffi_domain *to, const void *address)
{
	sffi_domain *from = NULL;
	uintptr_t low;
	size_t size;
	sffi_status status = check_domain(to, "sffi_lend");

	if (status)
		return status;
	if (sffi__zone_owner((uintptr_t)address, &from, NULL) != SFFI_OWNER_ARENA || !from ||
	    !sffi__arena_find(from->arena, address, &low, &size))
		return sffi__fail(SFFI_EADDRESS, "%p is not in a block of another domain's arena", address);
	return from == to ? SFFI_OK : to->ops->lend(to, from, low, size);
}

/* Where the memory at the address is to be reached. */
enum place { PLACE_WORKER, PLACE_ARENA, PLACE_REFUSED };

static enum place place_of(sffi_domain *domain, uintptr_t address, size_t size, sffi_status *status)
{
	sffi_domain *owner = NULL;
	uint64_t generation = 0;
	uintptr_t low, end;
	size_t block;

	switch (sffi__zone_owner(address, &owner, &generation)) {
	case SFFI_OWNER_STALE:
		*status = sffi__fail(SFFI_ESTALE, "%#lx belongs to worker %lu, which is gone",
				     (unsigned long)address, (unsigned long)generation);
		return PLACE_REFUSED;
	case SFFI_OWNER_ARENA:
		end = address + size;
		if (owner && sffi__arena_find(owner->arena, (void *)address, &low, &block) &&
		    end >= address && end <= low + block)
			return PLACE_ARENA;
		*status = sffi__fail(SFFI_EADDRESS, "%zu bytes at %#lx are not inside one block of an "
						    "arena", size, (unsigned long)address);
		return PLACE_REFUSED;
	case SFFI_OWNER_CALLEE:
		if (owner == domain)
			return PLACE_WORKER;
		*status = sffi__fail(SFFI_EADDRESS, "%#lx belongs to another domain's worker",
				     (unsigned long)address);
		return PLACE_REFUSED;
	default:
		return PLACE_WORKER;
	}
}

sffi_status sffi_read(sffi_domain *domain, void *to, const void *from, size_t size)
{
	sffi_status status = check_domain(domain, "sffi_read");

	if (status)
		return status;
	if (!to && size)
		return sffi__fail(SFFI_EINVAL, "sffi_read needs a place to read to; it got NULL");
	switch (place_of(domain, (uintptr_t)from, size, &status)) {
	case PLACE_ARENA:
		memcpy(to, from, size);
		return SFFI_OK;
	case PLACE_WORKER:
		return size ? domain->ops->read(domain, to, (uintptr_t)from, size) : SFFI_OK;
	default:
		return status;
	}
}

sffi_status sffi_write(sffi_domain *domain, void *to, const void *from, size_t size)
{
	sffi_status status = check_domain(domain, "sffi_write");

	if (status)
		return status;
	if (!from && size)
		return sffi__fail(SFFI_EINVAL, "sffi_write needs a place to write from; it got NULL");
	switch (place_of(domain, (uintptr_t)to, size, &status)) {
	case PLACE_ARENA:
		memcpy(to, from, size);
		return SFFI_OK;
	case PLACE_WORKER:
		return size ? domain->ops->write(domain, (uintptr_t)to, from, size) : SFFI_OK;
	default:
		return status;
	}
}

sffi_status sffi_read_string(sffi_domain *domain, char *to, const char *from, size_t capacity)
{
	enum { PAGE = 4096 };
	size_t have = 0;
	sffi_status status = SFFI_OK;

	if (!to || !capacity)
		return sffi__fail(SFFI_EINVAL, "sffi_read_string needs room for at least the end of the "
					       "string");
	to[0] = '\0';
	while (have < capacity) {
		size_t step = PAGE - ((uintptr_t)from + have) % PAGE;

		if (step > capacity - have)
			step = capacity - have;
		status = sffi_read(domain, to + have, from + have, step);
		if (status || memchr(to + have, '\0', step))
			break;
		have += step;
	}
	if (status) {
		to[0] = '\0';
		return status;
	}
	if (have < capacity)
		return SFFI_OK;
	to[capacity - 1] = '\0';
	return sffi__fail(SFFI_EINVAL, "the string at %p is longer than the %zu bytes there is room for",
			  (const void *)from, capacity);
}

sffi_owner sffi_address_owner(const void *address, sffi_domain **owner, uint64_t *generation)
{
	sffi_owner kind;

	if (owner)
		*owner = NULL;
	if (generation)
		*generation = 0;
	kind = sffi__zone_owner((uintptr_t)address, owner, generation);
	if (kind == SFFI_OWNER_HOST && !sffi__host_readable(address, 1))
		return SFFI_OWNER_NONE;
	return kind;
}
