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

/* A fork while another thread symbolizes would leave the child a lock that nobody opens. */
static void lock_backend(void)
{
	pthread_mutex_lock(&backend_lock);
}

static void unlock_backend(void)
{
	pthread_mutex_unlock(&backend_lock);
}

static void guard_forks(void)
{
	pthread_atfork(lock_backend, unlock_backend, unlock_backend);
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

/*
 * The callee becomes the outermost frame: it was called by sffi__enter, in this library or,
 * linked statically, in the program. Where there are no names the first frame of the
 * library does, except for those at the fault itself: the trampoline of a callback that is
 * no more runs on top of the callee.
 */
static void cut_machinery(sffi_fault *fault)
{
	size_t i = 0;

	while (i < fault->frame_count && is_machinery(&fault->frames[i]) &&
	       !(fault->frames[i].function && !strcmp(fault->frames[i].function, "sffi__enter")))
		i++;
	for (; i < fault->frame_count; i++) {
		const sffi_frame *frame = &fault->frames[i];

		if (i && (is_machinery(frame) ||
			  (frame->function && !strcmp(frame->function, "sffi__enter")))) {
			fault->frame_count = i;
			return;
		}
	}
}

void sffi__fault_symbolize(sffi_fault *fault)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct maps maps;

	pthread_mutex_lock(&fault->lock);
	if (fault->symbolized) {
		pthread_mutex_unlock(&fault->lock);
		return;
	}
	if (!fault->summary[0])
		sffi__fault_summarize(fault, fault->summary, sizeof fault->summary);
	if (fault->has_registers) {
		pthread_once(&once, guard_forks);
		sffi__maps_parse(&maps, fault->maps);
		sffi__frame_add(fault, &maps, fault->registers.value[REGISTER_PC]);
		lock_backend();
		sffi__backend_symbolize(fault, &maps);
		unlock_backend();
		sffi__maps_free(&maps);
		cut_machinery(fault);
	}
	fault->symbolized = true;
	pthread_mutex_unlock(&fault->lock);
}
