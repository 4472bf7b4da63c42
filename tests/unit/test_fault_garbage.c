/* SPDX-License-Identifier: MIT */
/* Whatever a hostile worker leaves behind, the report comes and is well-formed. */
#include "test_fault.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROUNDS = 1500 };

static void callee_reads(void *argument)
{
	(void)*(volatile char *)argument;
}

static uint64_t state;

/* xorshift64: the same garbage in every run. */
static uint64_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* Random, small, or in something that is mapped: garbage that leads somewhere. */
static uint64_t next_word(const uint64_t *anchors)
{
	switch (next() % 4) {
	case 0:
		return next();
	case 1:
		return next() % 65536;
	default:
		return anchors[next() % 16] + next() % 65536 - 32768;
	}
}

static void damage_text(char *text)
{
	size_t length = strlen(text), changes = next() % 200;

	if (!length)
		return;
	for (size_t i = 0; i < changes; i++)
		text[next() % length] = (char)(next() % 255 + 1);
	if (next() % 2)
		text[next() % length] = '\0';
}

static void fill_text(char *to, size_t size)
{
	size_t length = next() % size;

	for (size_t i = 0; i < length; i++)
		to[i] = (char)(next() % 255 + 1);
	to[length] = '\0';
}

static sffi_fault *copy(const sffi_fault *from)
{
	sffi_fault *fault = sffi__fault_new();

	fault->signal = from->signal;
	fault->code = from->code;
	fault->address = from->address;
	fault->address_known = true;
	fault->has_registers = true;
	fault->registers = from->registers;
	fault->stack_address = from->stack_address;
	fault->stack_size = from->stack_size;
	fault->stack = malloc(from->stack_size + 1);
	memcpy(fault->stack, from->stack, from->stack_size);
	fault->maps = strdup(from->maps);
	return fault;
}

static void damage(sffi_fault *fault, const uint64_t *anchors)
{
	uint64_t what = next();

	fault->kind = (sffi_fault_kind)(next() % 11);
	if (what & 1)
		damage_text(fault->maps);
	if (what & 2) {
		for (unsigned i = 0; i < REGISTER_COUNT; i++)
			if (next() % 3 == 0)
				fault->registers.value[i] = next_word(anchors);
	}
	if (what & 4) {
		for (size_t i = 0; i + 8 <= fault->stack_size && i < 4096; i += 8) {
			uint64_t word = next_word(anchors);

			if (next() % 4 == 0)
				memcpy(fault->stack + i, &word, sizeof word);
		}
	}
	if (what & 8)
		fault->stack_size = next() % (fault->stack_size + 1);
	if (what & 16)
		fault->stack_address = next_word(anchors);
	if (what & 32) {
		fault->signal = (int)(next() % 70);
		fault->code = (int)(next() % 200) - 60;
		fault->address_known = next() % 2;
	}
	fault->address = next_word(anchors);
	fault->access_is_write = next() % 2;
	fault->access_is_execute = next() % 2;
	fault->stack_guard = next_word(anchors);
	fault->stack_low = fault->stack_guard + 4096;
	fault->stack_high = fault->stack_low + next() % 1000000;
	fault->zone_low = next_word(anchors);
	fault->zone_high = next_word(anchors);
	fault->buffer_count = next() % 4;
	fault->buffers = calloc(4, sizeof *fault->buffers);
	for (size_t i = 0; i < fault->buffer_count; i++) {
		fault->buffers[i].address = next_word(anchors);
		fault->buffers[i].size = next() % 2 ? next() : next() % 100;
		fill_text(fault->buffers[i].name, sizeof fault->buffers[i].name);
	}
	fault->overrun.bytes = (long)next();
	fill_text(fault->call, sizeof fault->call);
	fill_text(fault->note, sizeof fault->note);
	if (what & 64) {
		free(fault->maps);
		fault->maps = NULL;
	}
}

static void check_report(const sffi_fault *fault)
{
	char *text = test_print(fault, sffi_fault_print_json);
	json_error_t error;
	json_t *report = json_loads(text, JSON_REJECT_DUPLICATES, &error);

	ck_assert_msg(report != NULL, "%s: %s", error.text, text);
	json_decref(report);
	free(text);
	text = test_print(fault, sffi_fault_print);
	ck_assert_uint_gt(strlen(text), 0);
	free(text);
	ck_assert_uint_le(sffi_fault_frame_count(fault), FAULT_FRAMES_MAX);
}

START_TEST(test_garbage)
{
	sffi_fault *good = test_capture(callee_reads, (void *)64);
	uint64_t anchors[16];

	state = 0x9e3779b97f4a7c15u + (uint64_t)_i;
	for (unsigned i = 0; i < 16; i++)
		anchors[i] = good->registers.value[i % 2 ? REGISTER_PC : i];
	anchors[1] = (uintptr_t)malloc;
	anchors[3] = (uintptr_t)&good;
	for (int i = 0; i < ROUNDS; i++) {
		sffi_fault *fault = copy(good);

		damage(fault, anchors);
		check_report(fault);
		sffi_fault_release(&fault);
	}
	sffi_fault_release(&good);
}
END_TEST

TCase *test_fault_garbage(void)
{
	TCase *tcase = tcase_create("garbage");

	tcase_set_timeout(tcase, 300);
	tcase_add_loop_test(tcase, test_garbage, 0, 2);
	return tcase;
}
