/* SPDX-License-Identifier: MIT */
/* Any text: the reader of declarations must neither crash nor hang, and leave the scope as it
 * was where it fails. The first byte chooses what is read. */
#include "type/type.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool look_up(void *context, size_t index, bool dereference, uint64_t *value, bool *is_signed)
{
	(void)context, (void)dereference;
	*value = index * 0x10001;
	*is_signed = index % 2;
	return true;
}

/* Everything that a function type leads to must hold together. */
static void visit(const struct function_type *function)
{
	char text[128];
	uint64_t length;

	for (size_t i = 0; i < function->count; i++) {
		sffi__type_print(function->parameters[i].type, text, sizeof text);
		if (!function->parameters[i].length)
			continue;
		sffi__expression_evaluate(function->parameters[i].length, look_up, NULL, &length);
		if (!strlen(sffi__expression_text(function->parameters[i].length)))
			abort();
	}
	sffi__type_print(function->result, text, sizeof text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scope *scope = sffi__scope_new(NULL);
	char *text = malloc(size + 1);
	const struct function_type *function = NULL;
	const char *name = NULL;

	if (!scope || !text || !size)
		goto end;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	switch (data[0] % 3) {
	case 0:
		if (sffi__scope_declare(scope, text) == SFFI_OK)
			sffi__scope_declare(scope, text); /* the same again is no conflict */
		break;
	case 1:
		if (sffi__scope_declare_function(scope, text, &name, &function) == SFFI_OK)
			visit(function);
		break;
	default:
		sffi__scope_type(scope, text);
	}
end:
	free(text);
	sffi__scope_free(scope);
	return 0;
}
