/* SPDX-License-Identifier: MIT */
/*
 * To make a clone is to copy the page tables of all private memory, which takes as long as there
 * is much of it: large mappings are left out, the registered regions among them, and the clone
 * fetches what it touches. Memory that is shared with others is not to be written to at all.
 */
#include "rehearsal/hold.h"

#include "memory/region.h"
#include "os/os.h"

#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096, HELD_LEAST = 4 << 20, REMEMBERED = 64 };

static bool has_any(const struct mapping *mapping, const uintptr_t *addresses, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (addresses[i] >= mapping->low && addresses[i] < mapping->high)
			return true;
	return false;
}

static bool is_held(const struct mapping *mapping)
{
	bool is_special = mapping->name[0] == '[' && strcmp(mapping->name, "[heap]") != 0 &&
			  strncmp(mapping->name, "[anon", 5) != 0;

	if (!mapping->readable || is_special)
		return false;
	if (mapping->is_shared)
		return mapping->writable;
	return mapping->high - mapping->low >= HELD_LEAST && (mapping->writable || !mapping->is_file);
}

/* A thread's, or one that is kept for the next thread: above a guard page. The kernel must be able
 * to put a signal's frame there. */
static bool is_stack(const struct mapping *mapping, const struct mapping *below)
{
	const size_t guard_most = 1 << 20, stack_most = 64 << 20;

	return !mapping->is_file && !mapping->is_shared && mapping->high - mapping->low <= stack_most &&
	       below->high == mapping->low && !below->readable && !below->writable &&
	       below->high - below->low <= guard_most;
}

/* Whether the host keeps the mapping from its children itself: "dc" in smaps (proc(5)). */
static bool ask_kept(uintptr_t low)
{
	char *text = sffi__os_read_file("/proc/self/smaps"), start[32];
	const char *line = text, *flags, *end;
	bool kept = false;

	snprintf(start, sizeof start, "%08lx-", (unsigned long)low);
	while (line && strncmp(line, start, strlen(start)) != 0) {
		line = strchr(line, '\n');
		line += line != NULL;
	}
	flags = line ? strstr(line, "VmFlags:") : NULL;
	end = flags ? strchr(flags, '\n') : NULL;
	for (; flags && end && flags < end && !kept; flags++)
		kept = !strncmp(flags, " dc", 3);
	free(text);
	return kept;
}

/* That takes long, so it is asked once for each mapping. */
static bool is_kept(uintptr_t low)
{
	static struct {
		uintptr_t low;
		bool kept;
	} known[REMEMBERED];
	static unsigned next;
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	bool kept = false, found = false;

	pthread_mutex_lock(&lock);
	for (int i = 0; i < REMEMBERED && !found; i++) {
		found = known[i].low == low;
		kept = found && known[i].kept;
	}
	if (!found) {
		kept = ask_kept(low);
		known[next].low = low;
		known[next++ % REMEMBERED].kept = kept;
		next %= REMEMBERED;
	}
	pthread_mutex_unlock(&lock);
	return kept;
}

void sffi__hold_arena(struct stage *stage, const struct maps *maps, uintptr_t low, uintptr_t high)
{
	for (size_t i = 0; i < maps->count; i++) {
		const struct mapping *mapping = &maps->mappings[i];

		if (mapping->low < low || mapping->low >= high || !mapping->is_shared || !mapping->writable)
			continue;
		*stage_piece(stage, stage->piece_count++) = (struct held_range){
			.low = mapping->low, .high = mapping->high, .first = mapping->offset,
			.protection = PROT_READ | PROT_WRITE, .is_shared = true,
		};
	}
}

struct image_search {
	uintptr_t at, end;
};

static int find_end(struct dl_phdr_info *info, size_t size, void *context)
{
	struct image_search *search = context;

	(void)size;
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		uintptr_t low = info->dlpi_addr + part->p_vaddr;

		if (part->p_type == PT_LOAD && search->at >= low && search->at < low + part->p_memsz)
			search->end = (low + part->p_memsz + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
	}
	return search->end != 0;
}

/* The kernel makes one mapping of a library's zeroed data (.bss) and of what happens to lie behind
 * it, and the clone needs the former from the start: that of this library and of the C library is
 * what its faults are handled with. */
static uintptr_t behind_image(const struct mapping *mapping, const struct mapping *below)
{
	struct image_search search = { .at = mapping->low };

	if (!mapping->is_file && below && below->is_file && below->high == mapping->low)
		dl_iterate_phdr(find_end, &search);
	return search.end ? search.end : mapping->low;
}

static bool is_piece(struct stage *stage, uintptr_t low)
{
	for (size_t i = 0; i < stage->piece_count; i++)
		if (stage_piece(stage, i)->low == low)
			return true;
	return false;
}

void sffi__hold_choose(struct stage *stage, const struct maps *maps, const uintptr_t *needed,
		       size_t count)
{
	for (size_t i = 0; i < maps->count; i++) {
		const struct mapping *mapping = &maps->mappings[i];
		struct held_range *range = &stage->ranges[stage->range_count];
		uintptr_t low;

		/* Another thread's stage may have been where this one is now. */
		if (mapping->low < (uintptr_t)stage + stage->size && mapping->high > (uintptr_t)stage)
			continue;
		if (i && is_stack(mapping, mapping - 1))
			continue;
		if (!is_held(mapping) || is_piece(stage, mapping->low) || has_any(mapping, needed, count))
			continue;
		low = behind_image(mapping, i ? mapping - 1 : NULL);
		if (low >= mapping->high)
			continue;
		*range = (struct held_range){ .low = low, .high = mapping->high,
					      .protection = PROT_READ, .first = stage->page_count };
		range->protection |= mapping->writable ? PROT_WRITE : 0;
		range->protection |= mapping->executable ? PROT_EXEC : 0;
		/* A shared mapping is not copied anyway: nothing is to be put back afterwards. */
		range->is_shared = mapping->is_shared || is_kept(mapping->low);
		stage->page_count += (mapping->high - low) / PAGE;
		stage->range_count++;
	}
}

static void advise(const struct held_range *ranges, size_t count, int advice)
{
	for (size_t i = 0; i < count; i++)
		if (!ranges[i].is_shared)
			sffi__os_advise((void *)ranges[i].low, ranges[i].high - ranges[i].low, advice);
}

void sffi__hold_begin(const struct held_range *ranges, size_t count)
{
	advise(ranges, count, MADV_DONTFORK);
}

void sffi__hold_end(const struct held_range *ranges, size_t count)
{
	advise(ranges, count, MADV_DOFORK);
}
