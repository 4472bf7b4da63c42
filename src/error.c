/* SPDX-License-Identifier: MIT */
#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static __thread char sentence[1024];

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
	char text[128];

	error = abs(error);
	return sffi__fail(error == ENOMEM ? SFFI_ENOMEM : SFFI_ESYSTEM, "cannot %s: %s", what,
			  strerror_r(error, text, sizeof text));
}

const char *sffi_error(void)
{
	return sentence;
}

static const char *const names[] = {
	[-SFFI_OK] = "SFFI_OK",
	[-SFFI_EFAULT] = "SFFI_EFAULT",
	[-SFFI_ETIMEOUT] = "SFFI_ETIMEOUT",
	[-SFFI_ECANCELED] = "SFFI_ECANCELED",
	[-SFFI_ESTALE] = "SFFI_ESTALE",
	[-SFFI_ECLOSED] = "SFFI_ECLOSED",
	[-SFFI_EDECL] = "SFFI_EDECL",
	[-SFFI_ETYPE] = "SFFI_ETYPE",
	[-SFFI_ENOLIB] = "SFFI_ENOLIB",
	[-SFFI_ENOSYM] = "SFFI_ENOSYM",
	[-SFFI_EINVAL] = "SFFI_EINVAL",
	[-SFFI_ENOMEM] = "SFFI_ENOMEM",
	[-SFFI_ENOTSUP] = "SFFI_ENOTSUP",
	[-SFFI_ESYSTEM] = "SFFI_ESYSTEM",
	[-SFFI_EADDRESS] = "SFFI_EADDRESS",
	[-SFFI_EPOISONED] = "SFFI_EPOISONED",
	[-SFFI_ECOLLATERAL] = "SFFI_ECOLLATERAL",
	[-SFFI_EUPCALL] = "SFFI_EUPCALL",
};

const char *sffi_status_name(sffi_status status)
{
	int index = -(int)status;

	if (index < 0 || index >= (int)(sizeof names / sizeof *names))
		return "unknown status";
	return names[index];
}
