/* SPDX-License-Identifier: MIT */
/* Callbacks with a handler, for virtual machines. Plain functions need none. */
#include "domain.h"
#include "error.h"
#include "memory/callbacks.h"

#include <stdlib.h>
#include <string.h>

static sffi_status declare_in(sffi_callback *callback, const struct scope *outer, const char *text)
{
	sffi_status status;

	callback->scope = sffi__scope_new(outer);
	if (!callback->scope)
		return sffi__fail(SFFI_ENOMEM, "out of memory for a declaration");
	status = sffi__scope_declare_function(callback->scope, text, NULL, &callback->type);
	if (status) {
		sffi__scope_free(callback->scope);
		callback->scope = NULL;
	}
	return status;
}

/* The types that it mentions are those of a library of the domain: the latest opened that
 * knows them all. The domain's lock is held, as for every scope. */
static sffi_status declare(sffi_callback *callback, const sffi_domain *domain, const char *text)
{
	for (size_t i = domain->library_count; i > 0; i--) {
		sffi_library *library = domain->libraries[i - 1];

		if (declare_in(callback, library->scope, text))
			continue;
		callback->library = library;
		atomic_fetch_add(&library->references, 1);
		return SFFI_OK;
	}
	return declare_in(callback, NULL, text);
}

static sffi_status check_type(const sffi_callback *callback)
{
	const struct function_type *type = callback->type;

	if (type->is_variadic)
		return sffi__fail(SFFI_ETYPE, "a callback cannot be variadic: nothing tells what the "
					      "callee passes; declare what this one passes");
	if (callback->marshal->fd_count || type->result->kind == TYPE_FD)
		return sffi__fail(SFFI_ENOTSUP, "a callback cannot carry an 'fd'; declare it 'int', which is "
						"the callee's number");
	for (size_t i = 0; i < type->count; i++)
		if (type->parameters[i].type->kind == TYPE_BUFFER)
			return sffi__fail(SFFI_ETYPE, "parameter %zu of a callback is a 'buffer', which only "
						      "a caller's own arguments can be", i + 1);
	return SFFI_OK;
}

static sffi_status complete(sffi_callback *callback, sffi_domain *domain, const char *text)
{
	sffi_status status;

	pthread_mutex_lock(&domain->lock);
	status = declare(callback, domain, text);
	pthread_mutex_unlock(&domain->lock);
	if (status)
		return status;
	callback->name = strdup("a callback");
	status = sffi__abi_plan(callback->type, &callback->plan);
	if (!status)
		status = sffi__marshal_plan(callback->type, &callback->marshal);
	if (!status)
		status = check_type(callback);
	if (!status)
		status = sffi__callback_enter(domain->callbacks, callback);
	if (!status)
		domain->ops->callback_made(domain);
	return status;
}

sffi_status sffi_callback_new(sffi_callback **result, sffi_domain *domain, const char *declaration,
			      sffi_handler handler, void *data)
{
	sffi_callback *callback;
	sffi_status status;

	if (!result || !domain || !declaration || !handler)
		return sffi__fail(SFFI_EINVAL, "sffi_callback_new needs a place for the callback, a domain, "
					       "a declaration and a handler; it got NULL");
	*result = NULL;
	status = sffi__domain_check(domain);
	if (status)
		return status;
	callback = calloc(1, sizeof *callback);
	if (!callback)
		return sffi__fail(SFFI_ENOMEM, "out of memory for a callback");
	/* One reference is the caller's, the other the table's. */
	atomic_store(&callback->references, 1);
	callback->handler = handler;
	callback->data = data;
	status = complete(callback, domain, declaration);
	if (status) {
		char sentence[1024];

		snprintf(sentence, sizeof sentence, "%s", sffi_error());
		sffi__callback_unreference(callback);
		return sffi__fail(status, "%s", sentence);
	}
	*result = callback;
	return SFFI_OK;
}

void *sffi_callback_address(const sffi_callback *callback)
{
	return callback && !atomic_load(&callback->released) ? callback->address : NULL;
}

void sffi_callback_release(sffi_callback **handle)
{
	sffi_callback *callback = handle ? *handle : NULL;

	if (!callback)
		return;
	*handle = NULL;
	atomic_store(&callback->released, true);
	sffi__callback_unreference(callback);
}
