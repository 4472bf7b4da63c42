/* SPDX-License-Identifier: MIT */
/* Opens files when it is loaded, and one more when it is asked. */
#include "victim.h"

#include <fcntl.h>
#include <stdio.h>

static __attribute__((constructor)) void open_at_load(void)
{
	open("/dev/null", O_RDONLY);
	fopen("/dev/zero", "r");
}

void open_later(void)
{
	open("/dev/full", O_RDONLY);
}
