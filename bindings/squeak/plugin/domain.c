/* SPDX-License-Identifier: MIT */
/* One domain for each mode in use; which library is in which. */
#include "plugin.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const mode_names[MODES] = {
	[SFFI_DIRECT] = "direct",       [SFFI_GUARDED] = "guarded",   [SFFI_SHIELDED] = "shielded",
	[SFFI_REHEARSED] = "rehearsed", [SFFI_ISOLATED] = "isolated",
};

/* What the image said about a library. */
struct choice {
	struct choice *next;
	char *name;
	unsigned mode, timeout;
	bool has_timeout;
};

struct library {
	struct library *next;
	char *name;
	unsigned mode;
	sffi_library *handle;
};

static sffi_domain *domains[MODES];
static struct choice *choices;
static struct library *libraries;
static unsigned default_mode, default_timeout;
static uint32_t epoch;
static bool has_region;

/* ---- modes ---------------------------------------------------------------------------- */

static unsigned mode_named(const char *name)
{
	for (unsigned mode = 1; mode < MODES; mode++)
		if (name && !strcmp(mode_names[mode], name))
			return mode;
	return SFFI_MODE_DEFAULT;
}

unsigned domain_default_mode(void)
{
	unsigned environment;

	if (default_mode)
		return default_mode;
	environment = mode_named(getenv("SAFEFFI_MODE"));
	return environment ? environment : SFFI_ISOLATED;
}

unsigned domain_default_timeout(void)
{
	return default_timeout;
}

uint32_t domain_epoch(void)
{
	/* Not one that a saved image remembers. */
	if (!epoch)
		epoch = ((uint32_t)time(NULL) * 2654435761u ^ (uint32_t)getpid() << 16) | 1;
	return epoch;
}

sffi_domain *domain_if_open(unsigned mode)
{
	return domains[mode];
}

unsigned domain_mode(const sffi_domain *domain)
{
	for (unsigned mode = 1; mode < MODES; mode++)
		if (domain && domains[mode] == domain)
			return mode;
	return SFFI_MODE_DEFAULT;
}

/* Callees get no copy of the object memory, nor can write it where the mode says so. */
static sffi_status register_heap(const char **why)
{
	void *low;
	size_t size;
	sffi_status status;

	if (has_region)
		return SFFI_OK;
	*why = "its size is not known";
	if (!heap_bounds(&low, &size))
		return SFFI_EINVAL;
	status = sffi_region_add(low, size);
	has_region = !status;
	*why = sffi_error();
	return status;
}

/* The other modes promise less, and do without. */
static bool protect_heap(unsigned mode)
{
	const char *why;
	sffi_status status = register_heap(&why);

	return !status || mode != SFFI_SHIELDED ||
	       fail(status, "the object memory cannot be shielded: %s", why);
}

sffi_domain *domain_of(unsigned mode)
{
	sffi_options options;
	sffi_status status;

	if (!process_is_attached()) {
		vm->primitiveFail();
		return NULL;
	}
	if (domains[mode])
		return domains[mode];
	if (!protect_heap(mode))
		return NULL;
	sffi_options_init(&options);
	options.mode = mode;
	options.timeout_ms = default_timeout;
	status = sffi_domain_open(&domains[mode], &options);
	if (status)
		fail_sffi(status);
	return domains[mode];
}

/* ---- libraries ------------------------------------------------------------------------------ */

static struct choice *choice_for(const char *name)
{
	for (struct choice *choice = choices; choice; choice = choice->next)
		if (!strcmp(choice->name, name))
			return choice;
	return NULL;
}

static struct choice *choose(const char *name)
{
	struct choice *choice = choice_for(name);

	if (choice)
		return choice;
	choice = calloc(1, sizeof *choice);
	if (!choice || !(choice->name = strdup(name))) {
		free(choice);
		return NULL;
	}
	choice->next = choices;
	choices = choice;
	return choice;
}

static struct library *find(const char *name, unsigned mode)
{
	for (struct library *library = libraries; library; library = library->next)
		if (library->mode == mode && !strcmp(library->name, name))
			return library;
	return NULL;
}

/* "": what the virtual machine itself has, the C library above all. */
static sffi_status open_library(const char *name, unsigned mode, struct library **result)
{
	struct library *library = calloc(1, sizeof *library);
	sffi_status status = SFFI_ENOMEM;

	if (library && (library->name = strdup(name)))
		status = sffi_library_open(&library->handle, domains[mode], *name ? name : NULL);
	if (status) {
		free(library ? library->name : NULL);
		free(library);
		return status;
	}
	library->mode = mode;
	library->next = libraries;
	libraries = library;
	*result = library;
	return SFFI_OK;
}

/* SFFI_OK with no library: an outcome was left. */
sffi_status domain_library(const char *name, sffi_library **handle, unsigned *mode, unsigned *timeout)
{
	const struct choice *choice = choice_for(name);
	struct library *library;
	sffi_status status = SFFI_OK;

	*handle = NULL;
	*mode = choice && choice->mode ? choice->mode : domain_default_mode();
	*timeout = choice && choice->has_timeout ? choice->timeout : default_timeout;
	if (!domain_of(*mode))
		return SFFI_OK;
	library = find(name, *mode);
	if (!library)
		status = open_library(name, *mode, &library);
	if (!status)
		*handle = library->handle;
	return status;
}

sffi_status domain_global(unsigned mode, const char *library_name, const char *name, void **address)
{
	struct library *library = find(library_name, mode);
	sffi_status status = library ? SFFI_OK : open_library(library_name, mode, &library);

	return status ? status : sffi_global(library->handle, name, address);
}

static void close_libraries(unsigned mode)
{
	struct library **link = &libraries, *library;

	while ((library = *link)) {
		if (library->mode != mode) {
			link = &library->next;
			continue;
		}
		*link = library->next;
		sffi_library_close(&library->handle);
		free(library->name);
		free(library);
	}
}

static void close_domain(unsigned mode)
{
	process_forget_mode(mode);
	close_libraries(mode);
	sffi_domain_close(&domains[mode]);
}

void domain_close_all(void)
{
	function_close_all();
	callback_release_all();
	for (unsigned mode = 1; mode < MODES; mode++)
		close_domain(mode);
	while (choices) {
		struct choice *choice = choices;

		choices = choice->next;
		free(choice->name);
		free(choice);
	}
}

/* ---- primitives ------------------------------------------------------------------------------- */

static void settings_changed(void)
{
	epoch = domain_epoch() + 1;
	function_close_all();
}

/* Integer milliseconds; negative: none of its own. */
static bool take_timeout(int depth, int64_t *timeout)
{
	if (take_integer(vm->stackValue(depth), timeout) && *timeout < INT32_MAX)
		return true;
	return fail(SFFI_EINVAL, "a time-out is to be an Integer, in milliseconds");
}

/* The name of a mode, or nil. */
static bool take_mode(int depth, unsigned *mode)
{
	char *name;
	bool known;

	*mode = SFFI_MODE_DEFAULT;
	if (vm->stackValue(depth) == vm->nilObject())
		return true;
	name = take_string(depth, "a mode");
	if (!name)
		return false;
	*mode = mode_named(name);
	known = *mode != SFFI_MODE_DEFAULT;
	if (!known)
		fail(SFFI_EINVAL, "there is no mode #%s; there are #direct, #guarded, #shielded, "
				  "#rehearsed and #isolated", name);
	free(name);
	return known;
}

/* mode: name timeout: ms. Fails if this machine cannot give the mode. */
PRIMITIVE int primitiveSetMode(void)
{
	unsigned mode, former = default_mode;
	int64_t timeout;

	if (!take_mode(1, &mode) || !take_timeout(0, &timeout))
		return 0;
	default_mode = mode;
	if (!domain_of(domain_default_mode())) {
		default_mode = former;
		return 0;
	}
	default_timeout = timeout < 0 ? 0 : (unsigned)timeout;
	settings_changed();
	return vm->pop(2);
}

/* library: name mode: name-or-nil timeout: ms-or-negative */
PRIMITIVE int primitiveSetLibrary(void)
{
	char *name = take_string(2, "a library's name");
	struct choice *choice;
	unsigned mode;
	int64_t timeout;

	if (!name)
		return 0;
	if (!take_mode(1, &mode) || !take_timeout(0, &timeout) || (mode && !domain_of(mode))) {
		free(name);
		return 0;
	}
	choice = choose(name);
	free(name);
	if (!choice)
		return fail(SFFI_ENOMEM, "out of memory");
	choice->mode = mode;
	choice->has_timeout = timeout >= 0;
	choice->timeout = timeout < 0 ? 0 : (unsigned)timeout;
	settings_changed();
	return vm->pop(3);
}

/* The worker of every open domain ends and is made again. */
PRIMITIVE int primitiveRestart(void)
{
	for (unsigned mode = 1; mode < MODES; mode++) {
		sffi_status status = domains[mode] ? sffi_domain_restart(domains[mode]) : SFFI_OK;

		if (status)
			return fail_sffi(status);
	}
	return 0;
}

/* The default mode's name. */
PRIMITIVE int primitiveMode(void)
{
	return vm->popthenPush(1, make_text(mode_names[domain_default_mode()]));
}

static void report(FILE *out)
{
	fprintf(out, "mode %s, %llu faults\r", mode_names[domain_default_mode()],
		(unsigned long long)fault_count());
	for (unsigned mode = 1; mode < MODES; mode++) {
		if (!domains[mode])
			continue;
		fprintf(out, "domain %s: worker %d, generation %llu\r", mode_names[mode],
			(int)sffi_domain_pid(domains[mode]),
			(unsigned long long)sffi_domain_generation(domains[mode]));
		for (struct library *library = libraries; library; library = library->next)
			if (library->mode == mode)
				fprintf(out, "  library %s\r",
					*library->name ? library->name : "(the virtual machine)");
	}
	for (struct choice *choice = choices; choice; choice = choice->next) {
		fprintf(out, "chosen for %s: mode %s", choice->name,
			choice->mode ? mode_names[choice->mode] : "as by default");
		if (choice->has_timeout)
			fprintf(out, ", time-out %u ms", choice->timeout);
		fprintf(out, "\r");
	}
}

PRIMITIVE int primitiveReport(void)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return fail(SFFI_ENOMEM, "out of memory");
	report(out);
	fclose(out);
	vm->popthenPush(1, make_string(text, size));
	free(text);
	return 0;
}
