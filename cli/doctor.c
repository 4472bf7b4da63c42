/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include "error.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>

struct request {
	bool quick; /* do not measure */
};

static const struct argp_option options[] = {
	{ "quick", 'q', NULL, 0, "do not measure what things cost", 0 },
	{ 0 },
};

static const char documentation[] =
	"Say what this machine supports, which modes it can give, and what each thing costs here."
	"\vThe environment variable SAFEFFI_WITHOUT, a list such as "
	"futex_waitv,madv_populate,process_vm,rseq, makes SafeFFI do without kernel features, so that "
	"its fall-backs can be tried.\n\n"
	"Exit status: 0 the default mode works here, 1 it does not.";

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct request *request = state->input;

	(void)argument;
	switch (key) {
	case 'q':
		request->quick = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "doctor takes no arguments");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = { .options = options, .parser = parse, .doc = documentation };

struct variant {
	const char *name;
	sffi_mode mode;
	sffi_spawn spawn;
};

static const struct variant variants[] = {
	{ "direct", SFFI_DIRECT, SFFI_SPAWN_DEFAULT },
	{ "guarded", SFFI_GUARDED, SFFI_SPAWN_DEFAULT },
	{ "shielded", SFFI_SHIELDED, SFFI_SPAWN_DEFAULT },
	{ "rehearsed", SFFI_REHEARSED, SFFI_SPAWN_DEFAULT },
	{ "isolated, clone", SFFI_ISOLATED, SFFI_SPAWN_CLONE },
	{ "isolated, exec", SFFI_ISOLATED, SFFI_SPAWN_EXEC },
};

/* Whether a domain opens and answers: an open alone may hide a worker that cannot call. */
static sffi_status try_variant(const struct variant *variant)
{
	sffi_options wanted;
	sffi_domain *domain = NULL;
	sffi_library *library = NULL;
	sffi_function *function = NULL;
	sffi_status status;
	int result = 0;

	sffi_options_init(&wanted);
	wanted.mode = variant->mode;
	wanted.spawn = variant->spawn;
	wanted.timeout_ms = 5000;
	status = sffi_domain_open(&domain, &wanted);
	if (status == SFFI_OK)
		status = sffi_library_open(&library, domain, "libc.so.6");
	if (status == SFFI_OK)
		status = sffi_function_get(&function, library, "int abs(int)");
	if (status == SFFI_OK)
		status = sffi_call(function, &result, -42);
	if (status == SFFI_OK && result != 42)
		status = sffi__fail(SFFI_ESYSTEM, "abs(-42) returned %d", result);
	/* Printed before anything is released: the sentence lasts until the next function. */
	if (status == SFFI_OK && sffi_domain_mechanism(domain))
		printf("  %-18s yes   by %s\n", variant->name, sffi_domain_mechanism(domain));
	else if (status == SFFI_OK)
		printf("  %-18s yes\n", variant->name);
	else
		printf("  %-18s no    %s\n", variant->name, cli_error());
	sffi_function_release(&function);
	sffi_library_close(&library);
	sffi_domain_close(&domain);
	return status;
}

/* Returns whether the mode works that a program gets which names none. */
static bool print_modes(void)
{
	bool isolated = false;

	puts("\nModes");
	for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
		sffi_status status = try_variant(&variants[i]);

		if (variants[i].mode == SFFI_ISOLATED && variants[i].spawn == SFFI_SPAWN_CLONE)
			isolated = status == SFFI_OK;
	}
	return isolated;
}

static void print_environment(void)
{
	static const char *const names[] = { "SAFEFFI_MODE", "SAFEFFI_SPAWN", "SAFEFFI_WITHOUT" };

	puts("\nEnvironment");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *value = getenv(names[i]);

		printf("  %-18s %s\n", names[i], value ? value : "not set");
	}
}

int cli_doctor(int argc, char **argv)
{
	struct request request = { false };
	bool works;

	argp_parse(&argp, argc, argv, 0, NULL, &request);
	if (sffi_init() != SFFI_OK)
		printf("SafeFFI cannot make its zygote: %s\n\n", cli_error());
	cli_print_machine(stdout);
	print_environment();
	works = print_modes();
	if (works && !request.quick)
		cli_print_costs(stdout);
	return works ? CLI_OK : CLI_FAILED;
}
