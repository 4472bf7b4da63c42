/* SPDX-License-Identifier: MIT */
#include "worker/interpose.h"

/* A zygote's are those of the workers made from it. */
static struct rebinding identity, limits, descriptors;

static void rebind(struct rebinding *rebinding, const struct replacement *replacements, size_t count)
{
	bool first = !rebinding->replacements;

	rebinding->replacements = replacements;
	rebinding->count = count;
	sffi__rebind(rebinding);
	if (first)
		sffi__rebind_symbols(rebinding);
}

void sffi__interpose(void)
{
	rebind(&identity, sffi__identity_functions, sffi__identity_function_count);
	if (sffi__worker.shares)
		rebind(&limits, sffi__limit_functions, sffi__limit_function_count);
	if (sffi__worker.shares_descriptors)
		rebind(&descriptors, sffi__descriptor_functions, sffi__descriptor_function_count);
}

void sffi__interpose_unloaded(void)
{
	struct rebinding *const all[] = { &identity, &limits, &descriptors };

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (all[i]->seen)
			sffi__rebind_unloaded(all[i]);
}

/* One that a library has of that name is its own. */
void *sffi__interposed(const char *name, void *function)
{
	const struct rebinding *const all[] = { &identity, &limits, &descriptors };

	for (size_t i = 0; function && i < sizeof all / sizeof *all; i++) {
		void *other = sffi__rebinding_function(all[i], name);

		if (other && sffi__rebind_is_real(function))
			return other;
	}
	return function;
}
