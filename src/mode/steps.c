/* SPDX-License-Identifier: MIT */
#include "mode/steps.h"

#include "domain.h"
#include "error.h"

#include <stdlib.h>
#include <string.h>

sffi_status sffi__arguments_copy(const sffi_function *function, void *const *arguments, void *few,
				 size_t few_size, void ***result)
{
	const struct abi_plan *plan = function->plan;
	size_t addresses = (plan->count + 1) * sizeof(void *);
	size_t size = addresses + plan->images_size + plan->images_alignment + 16;
	char *block = size <= few_size ? few : malloc(size);
	uintptr_t values = (uintptr_t)block + addresses;

	if (!block)
		return sffi__fail(SFFI_ENOMEM, "out of memory for the arguments of %s", function->name);
	*result = (void **)block;
	if (plan->images_alignment)
		values = (values + plan->images_alignment - 1) & ~(plan->images_alignment - 1);
	for (size_t i = 0; i < plan->count; i++) {
		(*result)[i] = (void *)(values + plan->arguments[i].image);
		memcpy((*result)[i], arguments[i], plan->arguments[i].size);
	}
	return SFFI_OK;
}
