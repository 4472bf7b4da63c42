/* SPDX-License-Identifier: MIT */
/* safeffi.h has no way to leave a sentence in sffi_error: this library's own are kept here. */
#include "entry.h"

#include <stdarg.h>

static __thread char sentence[512];

void sffi__ffi_begin(void)
{
	sentence[0] = '\0';
}

sffi_status sffi__ffi_fail(sffi_status status, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(sentence, sizeof sentence, format, arguments);
	va_end(arguments);
	return status;
}

const char *sffi_ffi_error(void)
{
	return sentence[0] ? sentence : sffi_error();
}
