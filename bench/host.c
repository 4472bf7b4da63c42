/* SPDX-License-Identifier: MIT */
#include "host.h"

#include "machine.h"
#include "operation.h"

#include <dlfcn.h>
#include <string.h>

static const char declarations[] =
	"int add(int a, int b);\n"
	"int with_callback(int (*function)(int, int), int a, int b);\n"
	"double add_mixed(int a, double b, long c, float d, short e, double f, unsigned g, float h,\n"
	"	int8_t i, double j, long k, double l, uint16_t m, float n, int64_t o, double p);\n"
	"struct wide { uint64_t words[8]; };\n"
	"uint64_t take_wide(struct wide value);\n"
	"struct wide give_wide(int first);\n"
	"int touch(uint8_t bytes[size], size_t size);\n"
	"uint64_t sum(const uint64_t words[count], size_t count);\n"
	"int crash_null(int depth);\n"
	"int crash_heap(size_t size);\n";

const char *callee_path(void)
{
	return path_beside("libbench_callee.so");
}

void *callee_symbol(const char *name)
{
	void *library = dlopen(callee_path(), RTLD_NOW | RTLD_LOCAL);
	void *symbol = library ? dlsym(library, name) : NULL;

	if (!symbol)
		failed("cannot load %s here: %s", name, dlerror());
	return symbol;
}

double host_failed(const char *what, sffi_status status)
{
	if (status == SFFI_OK)
		return failed("%s: it returned, but not as it had to", what);
	return failed("%s: %s: %s", what, sffi_status_name(status), sffi_error());
}

bool host_cannot(const char *what, sffi_status status)
{
	host_failed(what, status);
	return false;
}

static bool get_functions(struct host *host)
{
	struct {
		const char *name;
		sffi_function **function;
	} functions[] = {
		{ "add", &host->add },
		{ "with_callback", &host->with_callback },
		{ "add_mixed", &host->add_mixed },
		{ "take_wide", &host->take_wide },
		{ "give_wide", &host->give_wide },
		{ "touch", &host->touch },
		{ "sum", &host->sum },
		{ "crash_null", &host->crash_null },
		{ "crash_heap", &host->crash_heap },
	};
	sffi_status status;

	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		status = sffi_function_get(functions[i].function, host->library,
					   functions[i].name);
		if (status != SFFI_OK)
			return host_cannot(functions[i].name, status);
	}
	return true;
}

static bool open_all(struct host *host, const sffi_options *options)
{
	sffi_status status = sffi_domain_open(&host->domain, options);

	if (status == SFFI_ENOTSUP)
		return not_offered("%s", sffi_error());
	if (status != SFFI_OK)
		return host_cannot("sffi_domain_open", status);
	status = sffi_library_open(&host->library, host->domain, callee_path());
	if (status != SFFI_OK)
		return host_cannot("sffi_library_open", status);
	status = sffi_library_declare(host->library, declarations);
	if (status != SFFI_OK)
		return host_cannot("sffi_library_declare", status);
	return get_functions(host) && host_call(host);
}

bool host_open(struct host *host, const sffi_options *options)
{
	memset(host, 0, sizeof(*host));
	if (open_all(host, options))
		return true;
	host_close(host);
	return false;
}

void host_close(struct host *host)
{
	sffi_function_release(&host->add);
	sffi_function_release(&host->with_callback);
	sffi_function_release(&host->add_mixed);
	sffi_function_release(&host->take_wide);
	sffi_function_release(&host->give_wide);
	sffi_function_release(&host->touch);
	sffi_function_release(&host->sum);
	sffi_function_release(&host->crash_null);
	sffi_function_release(&host->crash_heap);
	sffi_library_close(&host->library);
	sffi_domain_close(&host->domain);
}

bool host_call(struct host *host)
{
	int result = 0;
	sffi_status status = sffi_call(host->add, &result, 40, 2);

	if (status != SFFI_OK)
		return host_cannot("calling add", status);
	if (result != 42)
		return cannot("40 + 2 was %d", result);
	return true;
}

void mixed_init(struct mixed *mixed)
{
	struct mixed *m = mixed;
	void *arguments[MIXED] = { &m->a, &m->b, &m->c, &m->d, &m->e, &m->f, &m->g, &m->h,
				   &m->i, &m->j, &m->k, &m->l, &m->m, &m->n, &m->o, &m->p };

	*mixed = (struct mixed){ 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, { NULL } };
	memcpy(mixed->arguments, arguments, sizeof(arguments));
}

static bool is_fault(const char *what, sffi_status status)
{
	return status == SFFI_EFAULT || host_cannot(what, status);
}

bool host_crash_null(struct host *host)
{
	int result;

	return is_fault("crash_null, which must fault",
			sffi_call(host->crash_null, &result, 3));
}

bool host_crash_heap(struct host *host)
{
	int result;

	return is_fault("crash_heap, which must fault",
			sffi_call(host->crash_heap, &result, (size_t)40));
}
