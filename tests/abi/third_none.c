/* SPDX-License-Identifier: MIT */
/* Where there is no libffi. */
#include "third.h"

bool third_call(void *callee, const struct function_type *function, const struct abi_plan *plan,
		struct image *images, struct abi_library *library, unsigned number)
{
	(void)callee;
	(void)function;
	(void)plan;
	(void)images;
	(void)library;
	(void)number;
	return false;
}
