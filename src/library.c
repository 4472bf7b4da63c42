/* SPDX-License-Identifier: MIT */
#include "domain.h"
#include "error.h"
#include "library_path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void sffi__library_release(sffi_library *library)
{
	if (!library || atomic_fetch_sub(&library->references, 1) > 1)
		return;
	if (library->domain->ops->let_go && *library->domain->mark)
		library->domain->ops->let_go(library);
	sffi__scope_free(library->scope);
	sffi__domain_release(library->domain);
	free(library->name);
	free(library->path);
	free(library);
}

static sffi_library *new_library(sffi_domain *domain, const char *name)
{
	sffi_library *library = calloc(1, sizeof *library);

	if (!library)
		return NULL;
	library->references = 1;
	library->domain = domain;
	sffi__domain_retain(domain);
	library->scope = sffi__scope_new(NULL);
	library->name = name ? strdup(name) : NULL;
	library->path = name ? sffi__library_path(name) : strdup("");
	if (library->scope && library->path && (library->name || !name))
		return library;
	sffi__library_release(library);
	return NULL;
}

/* From now on every worker of the domain has it. */
static sffi_status enlist(sffi_domain *domain, sffi_library *library)
{
	sffi_library **grown;

	pthread_mutex_lock(&domain->lock);
	grown = realloc(domain->libraries, (domain->library_count + 1) * sizeof *grown);
	if (grown) {
		domain->libraries = grown;
		domain->libraries[domain->library_count++] = library;
	}
	pthread_mutex_unlock(&domain->lock);
	return grown ? SFFI_OK : sffi__fail(SFFI_ENOMEM, "out of memory for the list of libraries");
}

static void delist(sffi_domain *domain, const sffi_library *library)
{
	pthread_mutex_lock(&domain->lock);
	for (size_t i = 0; i < domain->library_count; i++) {
		if (domain->libraries[i] != library)
			continue;
		domain->library_count--;
		memmove(domain->libraries + i, domain->libraries + i + 1,
			(domain->library_count - i) * sizeof *domain->libraries);
		break;
	}
	pthread_mutex_unlock(&domain->lock);
}

sffi_status sffi_library_open(sffi_library **result, sffi_domain *domain, const char *name)
{
	sffi_library *library;
	sffi_status status;

	if (!result || !domain)
		return sffi__fail(SFFI_EINVAL, "sffi_library_open needs a place for the library and a "
					       "domain; it got NULL");
	*result = NULL;
	status = sffi__domain_check(domain);
	if (status)
		return status;
	if (name && !*name)
		return sffi__fail(SFFI_ENOLIB, "the library's name is empty; NULL means the host's own "
					       "program");
	sffi__set_last_fault(NULL);
	library = new_library(domain, name);
	if (!library)
		return sffi__fail(SFFI_ENOMEM, "out of memory for a library");
	/* First alone: one whose constructor crashes must not be loaded in every worker. */
	status = domain->ops->load(library);
	if (!status)
		status = enlist(domain, library);
	if (status) {
		sffi__library_release(library);
		return status;
	}
	domain->ops->libraries_changed(domain);
	*result = library;
	return SFFI_OK;
}

sffi_status sffi_library_declare(sffi_library *library, const char *c_declarations)
{
	sffi_status status;

	if (!library || !c_declarations)
		return sffi__fail(SFFI_EINVAL, "sffi_library_declare needs a library and a text; it got "
					       "NULL");
	status = sffi__domain_check(library->domain);
	if (status)
		return status;
	pthread_mutex_lock(&library->domain->lock);
	status = sffi__scope_declare(library->scope, c_declarations);
	pthread_mutex_unlock(&library->domain->lock);
	return status;
}

/* What is read is text up to a NUL; of a stream of unknown size, too. */
static char *read_text(FILE *file)
{
	size_t size = 0, used = 0, got;
	char *text = NULL, *grown;

	do {
		if (size - used < 2) {
			size = size ? 2 * size : 4096;
			grown = realloc(text, size);
			if (!grown) {
				free(text);
				errno = ENOMEM;
				return NULL;
			}
			text = grown;
		}
		got = fread(text + used, 1, size - used - 1, file);
		used += got;
	} while (got);
	text[used] = '\0';
	if (!ferror(file))
		return text;
	free(text);
	return NULL;
}

sffi_status sffi_library_declare_file(sffi_library *library, const char *path)
{
	char sentence[1024], *text;
	sffi_status status;
	FILE *file;
	int error;

	if (!library || !path)
		return sffi__fail(SFFI_EINVAL, "sffi_library_declare_file needs a library and a path; it "
					       "got NULL");
	file = fopen(path, "re");
	text = file ? read_text(file) : NULL;
	error = errno;
	if (file)
		fclose(file);
	if (!text)
		return sffi__fail(error == ENOMEM ? SFFI_ENOMEM : SFFI_ESYSTEM,
				  "the declarations in %s cannot be read: %s", path, strerror(error));
	status = sffi_library_declare(library, text);
	free(text);
	if (!status)
		return SFFI_OK;
	snprintf(sentence, sizeof sentence, "%s", sffi_error());
	return status == SFFI_EDECL ? sffi__fail(status, "%s: %s", path, sentence)
				    : sffi__fail(status, "%s", sentence);
}

void sffi_library_close(sffi_library **handle)
{
	sffi_library *library = handle ? *handle : NULL;

	if (!library)
		return;
	*handle = NULL;
	if (!sffi__domain_check(library->domain)) {
		delist(library->domain, library);
		library->domain->ops->unload(library);
		library->closed = true;
		library->domain->ops->libraries_changed(library->domain);
	}
	library->closed = true;
	sffi__library_release(library);
}

sffi_status sffi_global(sffi_library *library, const char *name, void **address)
{
	sffi_status status;

	if (!library || !name || !address)
		return sffi__fail(SFFI_EINVAL, "sffi_global needs a library, a name and a place for the "
					       "address; it got NULL");
	status = sffi__domain_check(library->domain);
	if (!status && library->closed)
		status = sffi__fail(SFFI_ECLOSED, "the library is closed");
	return status ? status : library->domain->ops->global(library, name, address);
}
