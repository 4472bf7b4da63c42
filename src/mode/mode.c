/* SPDX-License-Identifier: MIT */
#include "mode/mode.h"

#include "error.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
	[SFFI_DIRECT] = "direct",	[SFFI_GUARDED] = "guarded",   [SFFI_SHIELDED] = "shielded",
	[SFFI_REHEARSED] = "rehearsed", [SFFI_ISOLATED] = "isolated",
};

static const struct mode_ops *const modes[] = {
	[SFFI_ISOLATED] = &sffi__isolated,
};

enum { MODES = sizeof names / sizeof *names };

/* What the environment asks for. */
static const struct mode_ops *by_environment(void)
{
	const char *wanted = getenv("SAFEFFI_MODE");

	if (!wanted || !*wanted)
		return &sffi__isolated;
	for (int mode = SFFI_DIRECT; mode < MODES; mode++)
		if (!strcmp(wanted, names[mode]))
			return sffi__mode((sffi_mode)mode);
	sffi__fail(SFFI_EINVAL, "SAFEFFI_MODE is '%.40s'; it must be one of direct, guarded, shielded, "
				"rehearsed, isolated", wanted);
	return NULL;
}

const struct mode_ops *sffi__mode(sffi_mode mode)
{
	if (mode == SFFI_MODE_DEFAULT)
		return by_environment();
	if ((unsigned)mode >= MODES) {
		sffi__fail(SFFI_EINVAL, "%d is no mode", (int)mode);
		return NULL;
	}
	if (!modes[mode])
		sffi__fail(SFFI_ENOTSUP, "this version does not offer the mode '%s'; use 'isolated'",
			   names[mode]);
	return modes[mode];
}
