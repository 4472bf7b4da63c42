/* SPDX-License-Identifier: MIT */
/*
 * The command `safeffi`: one file per subcommand, and what they share.
 *
 * The program uses the public interface of the shared library, and from inside only type/, to
 * learn the types that a declaration names; for type/ it has an sffi__fail() of its own (fail.c).
 */
#ifndef CLI_H
#define CLI_H

#include "safeffi.h"

/* What the program exits with. */
enum {
	CLI_OK = 0,
	CLI_FAILED = 1, /* "safeffi: sentence" on stderr */
	CLI_USAGE = 2,  /* argp said what is wrong */
	CLI_FAULT = 3   /* the callee faulted: the report was printed */
};

/* The subcommands: argv[0] is "safeffi call"; returns the exit status. */
int cli_call(int argc, char **argv);
int cli_doctor(int argc, char **argv);
int cli_demo(int argc, char **argv);

/* The last failure as a sentence: of the command or of type/, and if neither has failed since
 * it was asked last, of the library. Valid until the next time. */
const char *cli_error(void);
/* Prints "safeffi: <cli_error()>" and returns CLI_FAILED. */
int cli_failed(void);

/* A mode by its name; false: no mode is called that. */
bool cli_mode_named(const char *name, sffi_mode *mode);
const char *cli_mode_name(sffi_mode mode);

/* doctor: one line for each thing that the machine has or lacks, and what things cost. */
void cli_print_machine(FILE *to);
void cli_print_costs(FILE *to);

/* demo: each returns how many of its promises were broken. */
int cli_demo_crashes(sffi_domain *domain);
/* Prints "  ok: text" or "  FAILED: text"; returns 1 if not good. */
int cli_demo_check(bool good, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
