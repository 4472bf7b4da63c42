/* SPDX-License-Identifier: MIT */
/* A plug-in that behaves, for examples/plugin_host.c. */
#include "victim.h"

static int base;

void start(void)
{
	base = 100;
}

int run(int turn)
{
	return base + turn * turn;
}
