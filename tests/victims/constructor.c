/* SPDX-License-Identifier: MIT */
/* Crashes while it is being loaded. */
#include "victim.h"

#include <stdlib.h>

/* Quiet when the environment says so, so that tools can look at the library. */
static __attribute__((constructor)) void crash_at_load(void)
{
	if (!getenv("VICTIM_QUIET"))
		*(volatile int *)launder(0) = 1;
}

int answer(void)
{
	return 42;
}
