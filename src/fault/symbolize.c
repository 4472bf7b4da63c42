/* SPDX-License-Identifier: MIT */
#include "fault/symbolize.h"
#include "fault/text.h"

#include <stdlib.h>
#include <string.h>

/* The strings of one fault, one allocation each. */
struct frame_string {
	struct frame_string *next;
	char text[];
};

/* One at a time for all faults: the backend's caches are shared. */
static pthread_mutex_t backend_lock = PTHREAD_MUTEX_INITIALIZER;

void sffi__symbolize_lock(void)
{
	pthread_mutex_lock(&backend_lock);
}

void sffi__symbolize_unlock(void)
{
	pthread_mutex_unlock(&backend_lock);
}

const char *sffi__frame_string(sffi_fault *fault, const char *text)
{
	struct frame_string *string;
	size_t size;

	if (!text)
		return NULL;
	size = strlen(text) + 1;
	string = malloc(sizeof *string + size);
	if (!string)
		return NULL;
	memcpy(string->text, text, size);
	string->next = fault->strings;
	fault->strings = string;
	return string->text;
}

void sffi__frame_strings_free(sffi_fault *fault)
{
	struct frame_string *string = fault->strings, *next;

	for (; string; string = next) {
		next = string->next;
		free(string);
	}
	fault->strings = NULL;
}

bool sffi__fault_read_stack(const sffi_fault *fault, uintptr_t address, uint64_t *word)
{
	uintptr_t offset = address - fault->stack_address;

	if (!fault->stack || address < fault->stack_address || fault->stack_size < sizeof *word ||
	    offset > fault->stack_size - sizeof *word)
		return false;
	memcpy(word, fault->stack + offset, sizeof *word);
	return true;
}

sffi_frame *sffi__frame_add(sffi_fault *fault, const struct maps *maps, uintptr_t pc)
{
	const struct maps_library *library = sffi__maps_library(maps, pc);
	sffi_frame *frame;

	if (fault->frame_count == FAULT_FRAMES_MAX)
		return NULL;
	frame = &fault->frames[fault->frame_count++];
	memset(frame, 0, sizeof *frame);
	frame->pc = pc;
	if (library) {
		frame->library = sffi__frame_string(fault, library->path);
		frame->offset = pc - library->base;
	}
	return frame;
}

/* Whether a frame is the code that carries the call and not the callee's. */
static bool is_machinery(const sffi_frame *frame)
{
	const char *name = frame->library ? sffi__text_file_name(frame->library) : "";

	return strstr(name, "libsafeffi") || strstr(name, "safeffi-worker");
}

/* By which a callee leaves, without what C libraries put before the name. */
static bool is_way_out(const sffi_frame *frame)
{
	static const char *const names[] = { "exit",      "pthread_exit", "pthread_unwind",
					     "cxa_throw", "cxa_rethrow" };
	const char *name = frame->function;

	if (!name)
		return false;
	if (!strncmp(name, "__GI_", 5))
		name += 5;
	name += strspn(name, "_");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcmp(name, names[i]))
			return true;
	return !strncmp(name, "Unwind_", 7);
}

/*
 * What noticed an exit or an unwinding was called by the function that does it, and the
 * callee called that: `exit`, called by the callee, becomes the innermost frame. Where
 * there are no names, our own frames go.
 */
static void cut_notice(sffi_fault *fault)
{
	size_t first = 0, ours = 0;

	while (first < fault->frame_count && !is_way_out(&fault->frames[first]))
		first++;
	while (first + 1 < fault->frame_count && is_way_out(&fault->frames[first + 1]))
		first++;
	while (ours < fault->frame_count && is_machinery(&fault->frames[ours]))
		ours++;
	if (first == fault->frame_count)
		first = ours;
	fault->frame_count -= first;
	memmove(fault->frames, fault->frames + first, fault->frame_count * sizeof *fault->frames);
}

/*
 * The callee becomes the outermost frame: it was called by one of its entries, in this library or,
 * linked statically, in the program. Where there are no names the first frame of the
 * library does, except for those at the fault itself: the trampoline of a callback that is
 * no more runs on top of the callee.
 */
static void cut_machinery(sffi_fault *fault)
{
	size_t i = 0;

	while (i < fault->frame_count && is_machinery(&fault->frames[i]) &&
	       !is_entry(fault->frames[i].function))
		i++;
	for (; i < fault->frame_count; i++) {
		const sffi_frame *frame = &fault->frames[i];

		if (i && (is_machinery(frame) || is_entry(frame->function))) {
			fault->frame_count = i;
			return;
		}
	}
}

void sffi__fault_symbolize(sffi_fault *fault)
{
	struct maps maps;

	pthread_mutex_lock(&fault->lock);
	if (fault->symbolized) {
		pthread_mutex_unlock(&fault->lock);
		return;
	}
	if (!fault->summary[0])
		sffi__fault_summarize(fault, fault->summary, sizeof fault->summary);
	if (fault->has_registers) {
		sffi__maps_parse(&maps, sffi__fault_maps(fault));
		sffi__frame_add(fault, &maps, fault->registers.value[REGISTER_PC]);
		pthread_mutex_lock(&backend_lock);
		sffi__backend_symbolize(fault, &maps);
		pthread_mutex_unlock(&backend_lock);
		sffi__maps_free(&maps);
		cut_machinery(fault);
		if (fault_was_noticed(fault))
			cut_notice(fault);
	}
	fault->symbolized = true;
	pthread_mutex_unlock(&fault->lock);
}
