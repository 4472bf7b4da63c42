/* SPDX-License-Identifier: MIT */
#include "fault/fault.h"
#include "fault/symbolize.h"

#include <stdlib.h>
#include <string.h>

sffi_fault *sffi__fault_new(void)
{
	sffi_fault *fault = calloc(1, sizeof *fault);

	if (!fault)
		return NULL;
	fault->references = 1;
	pthread_mutex_init(&fault->lock, NULL);
	return fault;
}

sffi_fault *sffi_fault_retain(const sffi_fault *fault)
{
	sffi_fault *kept = (sffi_fault *)fault;

	if (kept)
		__atomic_fetch_add(&kept->references, 1, __ATOMIC_RELAXED);
	return kept;
}

void sffi_fault_release(sffi_fault **handle)
{
	sffi_fault *fault = handle ? *handle : NULL;

	if (!fault)
		return;
	*handle = NULL;
	/* Acquire: the last one sees what the others did to the fault before they let go. */
	if (__atomic_fetch_sub(&fault->references, 1, __ATOMIC_ACQ_REL) != 1)
		return;
	sffi__frame_strings_free(fault);
	free(fault->buffers);
	free(fault->descriptors);
	free(fault->stack);
	free(fault->maps);
	pthread_mutex_destroy(&fault->lock);
	free(fault);
}

void (*sffi__fault_fetch_maps)(sffi_fault *);

const char *sffi__fault_maps(const sffi_fault *fault)
{
	if (sffi__fault_fetch_maps)
		sffi__fault_fetch_maps((sffi_fault *)fault);
	return fault->maps;
}

/* ---- accessors ------------------------------------------------------------- */

static const char *const kind_names[] = {
	[SFFI_FAULT_SIGNAL] = "signal",
	[SFFI_FAULT_STACK_OVERFLOW] = "stack overflow",
	[SFFI_FAULT_EXIT] = "exit",
	[SFFI_FAULT_KILLED] = "killed",
	[SFFI_FAULT_TIMEOUT] = "time-out",
	[SFFI_FAULT_OVERRUN] = "overrun",
	[SFFI_FAULT_UNWOUND] = "unwound",
	[SFFI_FAULT_THREAD_EXIT] = "thread exit",
	[SFFI_FAULT_STALE_CALLBACK] = "stale callback",
	[SFFI_FAULT_POISONED] = "poisoned",
};

const char *sffi_fault_kind_name(sffi_fault_kind kind)
{
	return (unsigned)kind < sizeof kind_names / sizeof *kind_names ? kind_names[kind] : "";
}

sffi_fault_kind sffi_fault_get_kind(const sffi_fault *fault)
{
	return fault ? fault->kind : (sffi_fault_kind)0;
}

int sffi_fault_get_signal(const sffi_fault *fault)
{
	return fault ? fault->signal : 0;
}

int sffi_fault_get_code(const sffi_fault *fault)
{
	return fault ? fault->code : 0;
}

void *sffi_fault_get_address(const sffi_fault *fault)
{
	return fault && fault->address_known ? (void *)fault->address : NULL;
}

void *sffi_fault_get_pc(const sffi_fault *fault)
{
	if (!fault || !fault->has_registers)
		return NULL;
	if (fault_was_noticed(fault))
		return sffi_fault_frame_count(fault) ? (void *)fault->frames[0].pc : NULL;
	return (void *)fault->registers.value[REGISTER_PC];
}

pid_t sffi_fault_get_pid(const sffi_fault *fault)
{
	return fault ? fault->pid : 0;
}

uint64_t sffi_fault_get_generation(const sffi_fault *fault)
{
	return fault ? fault->generation : 0;
}

const char *sffi_fault_get_function(const sffi_fault *fault)
{
	return fault ? fault->function : "";
}

const char *sffi_fault_get_call(const sffi_fault *fault)
{
	return fault ? fault->call : "";
}

const char *sffi_fault_get_summary(const sffi_fault *fault)
{
	sffi_fault *shared = (sffi_fault *)fault; /* what is worked out on demand is no change */

	if (!fault)
		return "";
	pthread_mutex_lock(&shared->lock);
	if (!shared->summary[0])
		sffi__fault_summarize(fault, shared->summary, sizeof shared->summary);
	pthread_mutex_unlock(&shared->lock);
	return fault->summary;
}

size_t sffi_fault_frame_count(const sffi_fault *fault)
{
	if (!fault)
		return 0;
	sffi__fault_symbolize((sffi_fault *)fault);
	return fault->frame_count;
}

bool sffi_fault_get_frame(const sffi_fault *fault, size_t index, sffi_frame *frame)
{
	if (!frame)
		return false;
	if (index >= sffi_fault_frame_count(fault)) {
		memset(frame, 0, sizeof *frame);
		return false;
	}
	*frame = fault->frames[index];
	return true;
}

const char *sffi_fault_get_symbol(const sffi_fault *fault)
{
	return sffi_fault_frame_count(fault) ? fault->frames[0].function : NULL;
}

const char *sffi_fault_get_library(const sffi_fault *fault)
{
	return sffi_fault_frame_count(fault) ? fault->frames[0].library : NULL;
}
