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
	[SFFI_DIRECT] = &sffi__direct,
	[SFFI_GUARDED] = &sffi__guarded,
	[SFFI_REHEARSED] = &sffi__rehearsed,
	[SFFI_SHIELDED] = &sffi__shielded,
	[SFFI_ISOLATED] = &sffi__isolated,
};

enum { MODES = sizeof names / sizeof *names };

/* What the environment asks for. */
static sffi_status by_environment(sffi_mode *mode)
{
	const char *wanted = getenv("SAFEFFI_MODE");

	*mode = SFFI_ISOLATED;
	if (!wanted || !*wanted)
		return SFFI_OK;
	for (*mode = SFFI_DIRECT; (unsigned)*mode < MODES; ++*mode)
		if (!strcmp(wanted, names[*mode]))
			return SFFI_OK;
	return sffi__fail(SFFI_EINVAL, "SAFEFFI_MODE is '%.40s'; it must be one of direct, guarded, "
				       "shielded, rehearsed, isolated", wanted);
}

sffi_status sffi__mode(sffi_mode mode, const struct mode_ops **ops)
{
	sffi_status status = SFFI_OK;

	if (mode == SFFI_MODE_DEFAULT)
		status = by_environment(&mode);
	if (status)
		return status;
	if ((unsigned)mode >= MODES)
		return sffi__fail(SFFI_EINVAL, "%d is no mode", (int)mode);
	*ops = modes[mode];
	if (!*ops)
		return sffi__fail(SFFI_ENOTSUP, "this version does not offer the mode '%s'; use "
						"'isolated'", names[mode]);
	return SFFI_OK;
}
