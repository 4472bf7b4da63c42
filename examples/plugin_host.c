/* SPDX-License-Identifier: MIT */
/* A host of plug-ins that may do anything: `plugin_host PLUGIN.so...`.
 *
 * Each plug-in exports `int run(int turn)` and, if it likes, `void start(void)`. Each has a domain
 * of its own, so one that crashes harms no other; a time-out ends one that hangs; a spare worker
 * makes the replacement immediate; three faults and it is switched off. */
#include <safeffi.h>

#include <stdlib.h>

enum { TURNS = 5, FAULTS_ALLOWED = 3, TIMEOUT_MS = 2000 };

struct plugin {
	const char *path;
	sffi_domain *domain;
	sffi_library *library;
	sffi_function *run, *start;
	int faults;
};

/* Every worker, the first and each replacement, begins with the plug-in's own start(). */
static void on_start(sffi_domain *domain, uint64_t generation, void *data)
{
	struct plugin *plugin = data;

	(void)domain;
	if (plugin->start && sffi_call(plugin->start, NULL) == SFFI_OK)
		printf("%s: started, worker number %llu\n", plugin->path,
		       (unsigned long long)generation);
}

static sffi_status load(struct plugin *plugin)
{
	sffi_options options;
	sffi_status status;

	sffi_options_init(&options);
	options.timeout_ms = TIMEOUT_MS;
	options.spare = true;
	options.on_start = on_start;
	options.data = plugin;
	status = sffi_domain_open(&plugin->domain, &options);
	if (status == SFFI_OK)
		status = sffi_library_open(&plugin->library, plugin->domain, plugin->path);
	if (status == SFFI_OK)
		status = sffi_function_get(&plugin->run, plugin->library, "int run(int turn)");
	if (status != SFFI_OK)
		return status;
	/* There was no start() to call when the domain opened; a plug-in need not have one. */
	if (sffi_function_get(&plugin->start, plugin->library, "void start(void)") == SFFI_OK)
		on_start(plugin->domain, sffi_domain_generation(plugin->domain), plugin);
	return SFFI_OK;
}

static void unload(struct plugin *plugin)
{
	sffi_function_release(&plugin->run);
	sffi_function_release(&plugin->start);
	sffi_library_close(&plugin->library);
	sffi_domain_close(&plugin->domain);
}

static void run(struct plugin *plugin, int turn)
{
	int result;
	sffi_status status;

	if (!plugin->run || plugin->faults >= FAULTS_ALLOWED)
		return;
	status = sffi_call(plugin->run, &result, turn);
	if (status == SFFI_OK) {
		printf("%s: turn %d gave %d\n", plugin->path, turn, result);
		return;
	}
	plugin->faults++;
	printf("%s: turn %d failed with %s: %s\n", plugin->path, turn, sffi_status_name(status),
	       sffi_error());
	if (sffi_last_fault())
		sffi_fault_print(sffi_last_fault(), stdout);
	if (plugin->faults == FAULTS_ALLOWED)
		printf("%s: switched off\n", plugin->path);
}

int main(int argc, char **argv)
{
	struct plugin *plugins = calloc((size_t)argc, sizeof *plugins);
	int count = argc - 1;

	if (!plugins || sffi_init() != SFFI_OK) {
		fprintf(stderr, "plugin_host: %s\n", sffi_error());
		free(plugins);
		return 1;
	}
	for (int i = 0; i < count; i++) {
		plugins[i].path = argv[i + 1];
		if (load(&plugins[i]) != SFFI_OK) {
			printf("%s: not loaded: %s\n", plugins[i].path, sffi_error());
			unload(&plugins[i]);
		}
	}
	for (int turn = 1; turn <= TURNS; turn++)
		for (int i = 0; i < count; i++)
			run(&plugins[i], turn);
	for (int i = 0; i < count; i++)
		unload(&plugins[i]);
	free(plugins);
	return 0;
}
