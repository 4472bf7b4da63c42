/* SPDX-License-Identifier: MIT */
/* Code of the host that clones have, too, at the same address. */
#include "worker/zygote.h"

#include "worker/zygote_protocol.h"

#include <link.h>
#include <stdlib.h>

static uintptr_t *bases;
static size_t base_count;

static int note_object(struct dl_phdr_info *info, size_t size, void *data)
{
	uintptr_t *grown = realloc(bases, (base_count + 1) * sizeof *bases);

	(void)size, (void)data;
	if (!grown)
		return 1;
	bases = grown;
	bases[base_count++] = info->dlpi_addr;
	return 0;
}

void sffi__zygote_note_code(void)
{
	base_count = 0;
	dl_iterate_phdr(note_object, NULL);
}

bool sffi__zygote_has_code(uintptr_t base)
{
	for (size_t i = 0; i < base_count; i++)
		if (bases[i] == base)
			return true;
	return false;
}
