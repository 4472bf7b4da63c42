/* SPDX-License-Identifier: MIT */
/* Memory, of either side. */
#include "state.h"

static void freed_by_callee(struct state *state)
{
	long text = call(state, "void *make_block(int size)", 100);

	call(state, "int store(void *at, int value)", text, 11);
	note(state, "%ld", call(state, "int load(void *at)", text));
	call(state, "void drop_block(void *block)", text);
	note(state, "freed");
}

static void freed_by_host(struct state *state)
{
	note(state, "made: %d", call(state, "void *make_block(int size)", 100) != 0);
	free((void *)call(state, "void *make_block(int size)", 100));
	note(state, "freed");
}

static void text_result(struct state *state)
{
	note(state, "%s", call_text(state, "const char *make_text(const char *text)", at("a text")));
}

/* As a binding reads what a callee points to. */
static int value_at(struct state *state, long address)
{
	int value = -1;

	if (!state->domain)
		return *(int *)address;
	if (sffi_read(state->domain, &value, (void *)address, sizeof value))
		told(state, sffi_error());
	return value;
}

static void mapped_by_callee(struct state *state)
{
	long block = call(state, "void *map_private(void)");

	call(state, "int store(void *at, int value)", block, 5);
	note(state, "%d", value_at(state, block));
}

static void followed_by_host(struct state *state)
{
	long block = call(state, "void *map_private(void)");

	call(state, "int store(void *at, int value)", block, 5);
	note(state, "%d", *(volatile int *)block);
}

static void lent_to_callee(struct state *state)
{
	int numbers[4] = { 1, 2, 3, 4 };

	note(state, "%ld", call(state, "int sum(const int numbers[count], int count)", at(numbers), 4));
	numbers[0] = 11;
	note(state, "%ld", call(state, "int sum(const int numbers[count], int count)", at(numbers), 4));
}

static void kept_by_callee(struct state *state)
{
	int number = 4711;

	call(state, "void keep_number(keep const int *number)", at(&number));
	note(state, "%ld", call(state, "int kept_number(void)"));
}

static void kept_and_changed(struct state *state)
{
	void *block = malloc(sizeof(int));
	int *number = block;

	if (state->domain && sffi_alloc(state->domain, &block, sizeof *number))
		told(state, sffi_error());
	number = block;
	*number = 1;
	call(state, "void keep_number(const int *number)", at(number));
	*number = 2;
	note(state, "%ld", call(state, "int kept_number(void)"));
}

static const struct row rows[] = {
	{ "malloc", "malloc() in the callee, freed through the callee", freed_by_callee, "",
	  "The address is a handle.", NULL, .not_sanitized = true },
	{ "free-host", "malloc() in the callee, free() in the host", freed_by_host, "cse",
	  "It is memory of the worker's: sffi_address_owner() says so, free() does not ask.",
	  "free() through the domain" },
	{ "text", "a string that is returned", text_result, "", "The host gets a copy.", NULL },
	{ "map-read", "memory that the callee mapped, read by sffi_read()", mapped_by_callee, "",
	  "sffi_read() goes wherever the address leads.", NULL },
	{ "map-follow", "memory that the callee mapped, followed as a C pointer", followed_by_host, "cse",
	  "It is not mapped in the host.", "sffi_read(), or sffi_alloc() for what both are to see" },
	{ "arguments", "arrays of the host as arguments", lent_to_callee, "", "They are copied by their "
	  "declaration.", NULL },
	{ "kept", "an argument that the callee keeps", kept_by_callee, "", "Declared `keep`, the copy stays.",
	  NULL },
	{ "kept-changed", "memory that both see and change, of sffi_alloc()", kept_and_changed, "",
	  "The arena is the same memory on both sides.", NULL },
	{ 0 },
};
const struct group state_memory = { "Memory", rows };
