/* SPDX-License-Identifier: MIT */
#include "domain.h"
#include "error.h"
#include "memory/marshal.h"
#include "memory/zone.h"

#include <ctype.h>
#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

static void release(sffi_function *function)
{
	if (!function || atomic_fetch_sub(&function->references, 1) > 1)
		return;
	free(function->plan);
	free(function->marshal);
	free(function->name);
	free(function->image_path);
	sffi__scope_free(function->scope);
	sffi__library_release(function->library);
	sffi__domain_release(function->domain);
	free(function);
}

static sffi_function *new_function(sffi_domain *domain, sffi_library *library)
{
	sffi_function *function = calloc(1, sizeof *function);

	if (!function)
		return NULL;
	function->references = 1;
	function->timeout_ms = FUNCTION_NO_TIMEOUT_SET;
	function->domain = domain;
	sffi__domain_retain(domain);
	function->library = library;
	if (library)
		atomic_fetch_add(&library->references, 1);
	return function;
}

static bool is_name(const char *text)
{
	if (!isalpha((unsigned char)*text) && *text != '_')
		return false;
	while (isalnum((unsigned char)*text) || *text == '_' || *text == '$')
		text++;
	return !*text;
}

/* Reads the declaration, or finds the name among the library's. */
static sffi_status declare(sffi_function *function, const char *text)
{
	const struct scope *outer = function->library ? function->library->scope : NULL;
	const char *name = text;
	sffi_status status = SFFI_OK;

	if (outer && is_name(text)) {
		function->type = sffi__scope_function(outer, text);
		if (!function->type)
			return sffi__fail(SFFI_ENOSYM, "the library has no declaration of a function '%s'; "
						       "give one to sffi_library_declare, or here in place "
						       "of the name", text);
	} else {
		function->scope = sffi__scope_new(outer);
		if (!function->scope)
			return sffi__fail(SFFI_ENOMEM, "out of memory for a declaration");
		status = sffi__scope_declare_function(function->scope, text, &name, &function->type);
	}
	if (!status) {
		function->name = strdup(name && *name ? name : "function");
		if (!function->name)
			status = sffi__fail(SFFI_ENOMEM, "out of memory for a name");
	}
	return status;
}

void sffi__function_judge(sffi_function *function)
{
	bool is_quick = function->plan->is_quick && function->marshal->is_plain &&
			function->marshal->result != TRAVEL_STRING && !call_timeout(function) &&
			!function->domain->options.one_thread;

	atomic_store_explicit(&function->is_quick, is_quick, memory_order_relaxed);
}

static sffi_status complete(sffi_function *function, const char *text)
{
	sffi_status status;

	/* A scope is read and extended under one lock. */
	pthread_mutex_lock(&function->domain->lock);
	status = declare(function, text);
	pthread_mutex_unlock(&function->domain->lock);
	if (!status && function->type->is_open)
		return sffi__fail(SFFI_ETYPE,
				  "%s is variadic: declare the arguments of one call after the ellipsis, as "
				  "in 'int snprintf(char *out, size_t n, const char *format, ..., int, "
				  "double)', or '..., void' if there are none", function->name);
	if (!status)
		status = sffi__abi_plan(function->type, &function->plan);
	if (!status)
		status = sffi__marshal_plan(function->type, &function->marshal);
	if (!status) {
		sffi__function_judge(function);
		status = function->domain->ops->resolve(function);
	}
	return status;
}

static sffi_status finish(sffi_function **result, sffi_function *function, sffi_status status)
{
	if (status) {
		char sentence[1024];

		snprintf(sentence, sizeof sentence, "%s", sffi_error());
		release(function);
		return sffi__fail(status, "%s", sentence);
	}
	*result = function;
	return SFFI_OK;
}

sffi_status sffi_function_get(sffi_function **result, sffi_library *library,
			      const char *name_or_declaration)
{
	sffi_function *function;
	sffi_status status;

	if (!result || !library || !name_or_declaration)
		return sffi__fail(SFFI_EINVAL, "sffi_function_get needs a place for the function, a library "
					       "and a name or declaration; it got NULL");
	*result = NULL;
	status = sffi__domain_check(library->domain);
	if (!status && library->closed)
		status = sffi__fail(SFFI_ECLOSED, "the library is closed");
	if (status)
		return status;
	function = new_function(library->domain, library);
	if (!function)
		return sffi__fail(SFFI_ENOMEM, "out of memory for a function");
	return finish(result, function, complete(function, name_or_declaration));
}

sffi_status sffi_functions_get(sffi_library *library, const sffi_symbol *symbols)
{
	sffi_status status = SFFI_OK;

	if (!library || !symbols)
		return sffi__fail(SFFI_EINVAL, "sffi_functions_get needs a library and a list; it got NULL");
	for (const sffi_symbol *symbol = symbols; symbol->place; symbol++)
		*symbol->place = NULL;
	for (const sffi_symbol *symbol = symbols; symbol->place && !status; symbol++)
		status = sffi_function_get(symbol->place, library, symbol->declaration);
	if (status)
		sffi_functions_release(symbols);
	return status;
}

void sffi_functions_release(const sffi_symbol *symbols)
{
	for (; symbols && symbols->place; symbols++)
		sffi_function_release(symbols->place);
}

/* Whose code the address is: the worker's, or an image of the host's. */
static sffi_status locate(sffi_function *function, void *address)
{
	sffi_domain *owner = NULL;
	struct link_map *map = NULL;
	Dl_info info;

	function->fixed = (uintptr_t)address;
	switch (sffi__zone_owner(function->fixed, &owner, &function->fixed_generation)) {
	case SFFI_OWNER_CALLEE:
		if (owner == function->domain)
			return SFFI_OK;
		return sffi__fail(SFFI_EADDRESS, "%p is another domain's", address);
	case SFFI_OWNER_STALE:
		return sffi__fail(SFFI_ESTALE, "%p belongs to a worker that is gone", address);
	case SFFI_OWNER_HOST:
		/* In process any code will do, also what was made at run time. */
		if (function->domain->inside)
			return SFFI_OK;
		if (dladdr1(address, &info, (void **)&map, RTLD_DL_LINKMAP) && map)
			break;
		/* fall through */
	default:
		return sffi__fail(SFFI_EADDRESS, "%p is not in the code of the program or a library",
				  address);
	}
	function->image_path = strdup(*map->l_name ? map->l_name : info.dli_fname);
	function->image_offset = function->fixed - map->l_addr;
	return function->image_path ? SFFI_OK : sffi__fail(SFFI_ENOMEM, "out of memory for a path");
}

sffi_status sffi_function_at(sffi_function **result, sffi_domain *domain, void *address,
			     const char *declaration)
{
	sffi_function *function;
	sffi_status status;

	if (!result || !domain || !address || !declaration)
		return sffi__fail(SFFI_EINVAL, "sffi_function_at needs a place for the function, a domain, "
					       "an address and a declaration; it got NULL");
	*result = NULL;
	status = sffi__domain_check(domain);
	if (status)
		return status;
	function = new_function(domain, NULL);
	if (!function)
		return sffi__fail(SFFI_ENOMEM, "out of memory for a function");
	status = locate(function, address);
	if (!status)
		status = complete(function, declaration);
	return finish(result, function, status);
}

void sffi_function_set_timeout(sffi_function *function, unsigned timeout_ms)
{
	if (!function)
		return;
	atomic_store(&function->timeout_ms, timeout_ms);
	sffi__function_judge(function);
}

void sffi_function_release(sffi_function **handle)
{
	if (!handle)
		return;
	release(*handle);
	*handle = NULL;
}
