/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>

#ifndef SAFEFFI_VERSION
#define SAFEFFI_VERSION "0.1"
#endif

const char *argp_program_version = "safeffi " SAFEFFI_VERSION;

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "call", cli_call },
	{ "doctor", cli_doctor },
	{ "demo", cli_demo },
};

enum { COMMANDS = sizeof commands / sizeof *commands };

static const char documentation[] =
	"Call functions of C libraries without letting their crashes take the program down."
	"\vCommands:\n"
	"  call      call one function of a library and print its result, or the report\n"
	"  doctor    say what this machine supports and what each thing costs here\n"
	"  demo      show it on libm, libz and libsodium, crashes included\n"
	"\n"
	"`safeffi COMMAND --help' explains a command; safeffi(1) explains all of them.";

struct choice {
	int index; /* into commands; -1: none yet */
	int first; /* of argv: the command's own name */
};

/* Options before the command are ours, everything after its name is the command's. */
static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct choice *choice = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		for (int i = 0; i < COMMANDS; i++)
			if (strcmp(argument, commands[i].name) == 0)
				choice->index = i;
		if (choice->index < 0)
			argp_error(state, "there is no command '%s': call, doctor or demo", argument);
		choice->first = state->next - 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "name a command: call, doctor or demo");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.parser = parse,
	.args_doc = "COMMAND [ARGUMENT...]",
	.doc = documentation,
};

static const struct {
	const char *name;
	sffi_mode mode;
} modes[] = {
	{ "direct", SFFI_DIRECT },       { "guarded", SFFI_GUARDED },   { "shielded", SFFI_SHIELDED },
	{ "rehearsed", SFFI_REHEARSED }, { "isolated", SFFI_ISOLATED },
};

bool cli_mode_named(const char *name, sffi_mode *mode)
{
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
		if (strcmp(name, modes[i].name) == 0) {
			*mode = modes[i].mode;
			return true;
		}
	return false;
}

const char *cli_mode_name(sffi_mode mode)
{
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
		if (modes[i].mode == mode)
			return modes[i].name;
	return "default";
}

int main(int argc, char **argv)
{
	static char name[32];
	struct choice choice = { .index = -1 };
	int status;

	argp_err_exit_status = CLI_USAGE;
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &choice);

	/* argp names the program by argv[0]: let a command's own messages say "safeffi call". */
	snprintf(name, sizeof name, "safeffi %s", commands[choice.index].name);
	argv[choice.first] = name;
	status = commands[choice.index].run(argc - choice.first, argv + choice.first);

	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "safeffi: cannot write to the standard output\n");
		return CLI_FAILED;
	}
	return status;
}
