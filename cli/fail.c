/* SPDX-License-Identifier: MIT */
#include "error.h"

#include "cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* The shared library keeps its own sentence, and the one below is the command's: the two
 * copies of sffi__fail() do not know each other. */
static char sentence[1024];

sffi_status sffi__fail(sffi_status status, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(sentence, sizeof sentence, format, arguments);
	va_end(arguments);
	return status;
}

sffi_status sffi__fail_system(int error, const char *what)
{
	error = abs(error);
	return sffi__fail(error == ENOMEM ? SFFI_ENOMEM : SFFI_ESYSTEM, "cannot %s: %s", what,
			  strerror(error));
}

const char *cli_error(void)
{
	static char last[sizeof sentence];

	if (!*sentence)
		return sffi_error();
	memcpy(last, sentence, sizeof last);
	*sentence = '\0';
	return last;
}

int cli_failed(void)
{
	fprintf(stderr, "safeffi: %s\n", cli_error());
	return CLI_FAILED;
}
