/* SPDX-License-Identifier: MIT */
/* Crashes while it is being unloaded. */
#include "victim.h"

#include <stdlib.h>

static __attribute__((destructor)) void crash_at_unload(void)
{
	if (!getenv("VICTIM_QUIET"))
		*(volatile int *)launder(0) = 1;
}

int answer(void)
{
	return 42;
}
