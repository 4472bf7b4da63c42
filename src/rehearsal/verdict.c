/* SPDX-License-Identifier: MIT */
#include "rehearsal/verdict.h"

#include "error.h"

#include <pthread.h>
#include <stdlib.h>

static __thread sffi_rehearsal *last __attribute__((tls_model("initial-exec")));
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static const char *const kind_names[] = {
	[SFFI_REHEARSAL_SURVIVED] = "survived",	    [SFFI_REHEARSAL_STOPPED] = "stopped",
	[SFFI_REHEARSAL_FAULTED] = "faulted",	    [SFFI_REHEARSAL_TIMEOUT] = "time-out",
	[SFFI_REHEARSAL_UNFINISHED] = "unfinished",
};

static void drop(void *rehearsal)
{
	last = NULL;
	sffi_rehearsal_release((sffi_rehearsal **)&rehearsal);
}

static void make_key(void)
{
	pthread_key_create(&key, drop);
}

void sffi__set_last_rehearsal(sffi_rehearsal *rehearsal)
{
	if (!rehearsal && !last)
		return;
	pthread_once(&once, make_key);
	sffi_rehearsal_release(&last);
	last = rehearsal;
	pthread_setspecific(key, rehearsal);
}

const sffi_rehearsal *sffi_last_rehearsal(void)
{
	return last;
}

sffi_rehearsal *sffi__verdict_new(void)
{
	sffi_rehearsal *rehearsal = calloc(1, sizeof *rehearsal);

	if (rehearsal)
		rehearsal->references = 1;
	return rehearsal;
}

sffi_rehearsal *sffi_rehearsal_retain(const sffi_rehearsal *rehearsal)
{
	sffi_rehearsal *kept = (sffi_rehearsal *)rehearsal;

	if (kept)
		__atomic_fetch_add(&kept->references, 1, __ATOMIC_RELAXED);
	return kept;
}

void sffi_rehearsal_release(sffi_rehearsal **handle)
{
	sffi_rehearsal *rehearsal = handle ? *handle : NULL;

	if (!rehearsal)
		return;
	*handle = NULL;
	if (__atomic_fetch_sub(&rehearsal->references, 1, __ATOMIC_ACQ_REL) != 1)
		return;
	sffi_fault_release(&rehearsal->fault);
	sffi__maps_free(&rehearsal->maps);
	free(rehearsal->writes);
	free(rehearsal);
}

sffi_rehearsal_kind sffi_rehearsal_get_kind(const sffi_rehearsal *rehearsal)
{
	return rehearsal ? rehearsal->kind : SFFI_REHEARSAL_SURVIVED;
}

const char *sffi_rehearsal_kind_name(sffi_rehearsal_kind kind)
{
	return (unsigned)kind < sizeof kind_names / sizeof *kind_names ? kind_names[kind] : "";
}

const char *sffi_rehearsal_get_text(const sffi_rehearsal *rehearsal)
{
	return rehearsal ? rehearsal->text : "";
}

const char *sffi_rehearsal_get_function(const sffi_rehearsal *rehearsal)
{
	return rehearsal ? rehearsal->function : "";
}

const char *sffi_rehearsal_get_call(const sffi_rehearsal *rehearsal)
{
	return rehearsal ? rehearsal->call : "";
}

const char *sffi_rehearsal_get_operation(const sffi_rehearsal *rehearsal)
{
	return rehearsal && rehearsal->operation[0] ? rehearsal->operation : NULL;
}

const sffi_fault *sffi_rehearsal_get_fault(const sffi_rehearsal *rehearsal)
{
	return rehearsal ? rehearsal->fault : NULL;
}

size_t sffi_rehearsal_left_off(const sffi_rehearsal *rehearsal)
{
	return rehearsal ? rehearsal->writes_left_off : 0;
}

size_t sffi_rehearsal_upcall_count(const sffi_rehearsal *rehearsal)
{
	return rehearsal ? rehearsal->upcalls : 0;
}

size_t sffi_rehearsal_thread_count(const sffi_rehearsal *rehearsal)
{
	return rehearsal ? rehearsal->threads : 0;
}

size_t sffi_rehearsal_child_count(const sffi_rehearsal *rehearsal)
{
	return rehearsal ? rehearsal->children : 0;
}

size_t sffi_rehearsal_write_count(const sffi_rehearsal *rehearsal)
{
	return rehearsal ? rehearsal->write_count : 0;
}

bool sffi_rehearsal_get_write(const sffi_rehearsal *rehearsal, size_t index, sffi_rehearsal_write *write)
{
	if (!write || index >= sffi_rehearsal_write_count(rehearsal))
		return false;
	*write = rehearsal->writes[index];
	return true;
}
