/* SPDX-License-Identifier: MIT */
#include "rehearsal/changes.h"

#include "os/os.h"
#include "memory/region.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/rseq.h>
#include <unistd.h>

enum { PAGE = 4096, AT_ONCE = 512, SPANS_MAX = 32, FENCE = 64 };

struct span {
	uintptr_t low, high;
};

struct search {
	const struct change_search *given;
	struct span own[SPANS_MAX]; /* not to be told of */
	size_t own_count;
	int pagemap;
	unsigned char now[PAGE], before[PAGE];
};

/* ---- what is SafeFFI's own ---------------------------------------------------------- */

static struct {
	uintptr_t code_low, code_high, data_low, data_high;
	intptr_t tls;   /* from the thread's pointer */
	size_t tls_size;
} self;

static int find_self(struct dl_phdr_info *info, size_t size, void *unused)
{
	uintptr_t here = (uintptr_t)find_self;
	bool found = false;

	(void)size, (void)unused;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];

		found |= part->p_type == PT_LOAD && here - info->dlpi_addr - part->p_vaddr < part->p_memsz;
	}
	for (int i = 0; i < info->dlpi_phnum && found; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		uintptr_t low = info->dlpi_addr + part->p_vaddr;

		if (part->p_type == PT_LOAD && part->p_flags & PF_X) {
			self.code_low = low;
			self.code_high = low + part->p_memsz;
		} else if (part->p_type == PT_LOAD && part->p_flags & PF_W) {
			self.data_low = low & ~(uintptr_t)(PAGE - 1);
			self.data_high = (low + part->p_memsz + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
		} else if (part->p_type == PT_TLS && info->dlpi_tls_data) {
			self.tls = (char *)info->dlpi_tls_data - (char *)pthread_self();
			self.tls_size = part->p_memsz;
		}
	}
	return found;
}

static void find_self_once(void)
{
	dl_iterate_phdr(find_self, NULL);
}

void sffi__changes_prepare(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, find_self_once);
}

uintptr_t sffi__own_frames_end(void)
{
	const uintptr_t *frame = __builtin_frame_address(0);

	sffi__changes_prepare();
	/* All of this library has frame pointers; the word behind is where the frame returns to. */
	while (frame[1] >= self.code_low && frame[1] < self.code_high && frame[0] > (uintptr_t)frame)
		frame = (const uintptr_t *)frame[0];
	return (uintptr_t)(frame + 2);
}

static void own(struct search *search, uintptr_t low, uintptr_t high)
{
	if (search->own_count < SPANS_MAX)
		search->own[search->own_count++] = (struct span){ low, high };
}

/* An argument that points into the arena lends the callee the block. */
static void own_argument_blocks(struct search *search)
{
	const struct fault_scene *scene = &search->given->plan->scene;
	struct arena *arena = search->given->plan->domain->arena;

	for (size_t i = 0; scene->function && i < scene->function->type->count; i++) {
		const struct type *type = scene->function->type->parameters[i].type;
		uintptr_t low;
		void *value;
		size_t size;

		if (type->size < sizeof value)
			continue;
		memcpy(&value, scene->arguments[i], sizeof value);
		if (sffi__arena_find(arena, value, &low, &size))
			own(search, low, low + size);
	}
}

static void list_own(struct search *search)
{
	enum { DESCRIPTOR_SIZE = 2304, RSEQ_SIZE = 32 }; /* where the kernel writes, too */
	const struct change_search *given = search->given;
	uintptr_t thread = (uintptr_t)pthread_self();

	sffi__changes_prepare();
	own(search, self.data_low, self.data_high);
	own(search, thread + (uintptr_t)self.tls, thread + (uintptr_t)self.tls + self.tls_size);
	own(search, thread, thread + DESCRIPTOR_SIZE);
	own(search, (uintptr_t)given->verdict, (uintptr_t)(given->verdict + 1));
	own(search, thread + (uintptr_t)__rseq_offset, thread + (uintptr_t)__rseq_offset + RSEQ_SIZE);
	own(search, (uintptr_t)&errno, (uintptr_t)&errno + sizeof errno);
	own(search, given->plan->stack_guard, given->plan->stack_high);
	own(search, given->plan->own_low, given->plan->own_high);
	own_argument_blocks(search);
}

static bool is_in_copy(const struct search *search, uintptr_t at)
{
	const struct marshal *marshal = search->given->plan->scene.marshal;

	for (size_t i = 0; marshal && i < marshal->count; i++)
		if (at - ((uintptr_t)marshal->copies[i].data - FENCE) < marshal->copies[i].size + 2 * FENCE)
			return true;
	return false;
}

static bool is_own(const struct search *search, uintptr_t at)
{
	for (size_t i = 0; i < search->own_count; i++)
		if (at >= search->own[i].low && at < search->own[i].high)
			return true;
	return is_in_copy(search, at);
}

/* ---- differences ----------------------------------------------------------------------- */

static void add(sffi_rehearsal *verdict, const struct mapping *mapping, uintptr_t at)
{
	sffi_rehearsal_write *last = verdict->write_count ? &verdict->writes[verdict->write_count - 1]
							  : NULL;

	verdict->bytes++;
	if (last && last->address + last->size == at && at < mapping->high && at > mapping->low) {
		last->size++;
		return;
	}
	if (verdict->write_count == VERDICT_WRITES_MAX) {
		verdict->writes_left_off++;
		return;
	}
	verdict->writes[verdict->write_count++] = (sffi_rehearsal_write){
		.address = at, .size = 1, .mapping = mapping->name, .offset = at - mapping->low,
		.is_region = sffi__region_has(at),
	};
}

static void compare(struct search *search, const struct mapping *mapping, uintptr_t page)
{
	if (!memcmp(search->now, search->before, PAGE))
		return;
	for (size_t i = 0; i < PAGE; i++)
		if (search->now[i] != search->before[i] && !is_own(search, page + i))
			add(search->given->verdict, mapping, page + i);
}

static bool read_page(pid_t pid, unsigned char *to, uintptr_t page)
{
	return sffi__os_read_memory(pid, to, page, PAGE) == PAGE;
}

static void look_at(struct search *search, const struct mapping *mapping, uintptr_t page)
{
	bool is_all_own = false;

	for (size_t i = 0; i < search->own_count && !is_all_own; i++)
		is_all_own = page >= search->own[i].low && page + PAGE <= search->own[i].high;
	if (!is_all_own && read_page(search->given->clone, search->now, page) &&
	    read_page(search->given->former, search->before, page))
		compare(search, mapping, page);
}

/* The pages that the clone alone has: it wrote to them. */
static void scan(struct search *search, const struct mapping *mapping, uintptr_t high)
{
	const uint64_t present = 1ull << 63, swapped = 1ull << 62, file = 1ull << 61,
		       exclusive = 1ull << 56;
	uint64_t entries[AT_ONCE];

	for (uintptr_t low = mapping->low; low < high; low += AT_ONCE * PAGE) {
		size_t count = (high - low) / PAGE < AT_ONCE ? (high - low) / PAGE : AT_ONCE;
		ssize_t got = pread(search->pagemap, entries, count * sizeof *entries,
				    (off_t)(low / PAGE * sizeof *entries));

		for (size_t i = 0; got > 0 && i < (size_t)got / sizeof *entries; i++) {
			bool is_copy = entries[i] & present ? entries[i] & exclusive && !(entries[i] & file)
							    : entries[i] & swapped;

			if (is_copy)
				look_at(search, mapping, low + i * PAGE);
		}
	}
}

/* A mapping may be held from some place on. */
static uintptr_t held_from(const struct search *search, const struct mapping *mapping)
{
	for (size_t i = 0; i < search->given->range_count; i++) {
		uintptr_t low = search->given->ranges[i].low;

		if (low >= mapping->low && low < mapping->high)
			return low;
	}
	return mapping->high;
}

static bool is_held(const struct search *search, uintptr_t address)
{
	for (size_t i = 0; i < search->given->range_count; i++)
		if (address >= search->given->ranges[i].low && address < search->given->ranges[i].high)
			return true;
	return false;
}

static void scan_all(struct search *search)
{
	const struct maps *maps = &search->given->verdict->maps;
	struct arena *arena = search->given->plan->domain->arena;
	uintptr_t used = sffi__arena_low(arena) + sffi__arena_used(arena);

	for (size_t i = 0; i < maps->count; i++) {
		const struct mapping *mapping = &maps->mappings[i];
		uintptr_t high = held_from(search, mapping);

		if (!mapping->writable || mapping->low == search->given->plan->stack_low)
			continue;
		/* What is shared and not held is the arena's: a large file with little in it. */
		if (mapping->is_shared && high > used)
			high = (used + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
		scan(search, mapping, high);
	}
}

/* Pages that the clone fetched and wrote to: it has noted them, and what was there. */
static void look_at_noted(struct search *search)
{
	const struct change_search *given = search->given;
	uintptr_t book = given->stage->book;
	uint64_t count = atomic_load(&given->stage->written), page;

	for (uint64_t i = 0; i < count && i < BOOK_PAGES_MAX; i++) {
		const struct mapping *mapping;

		if (sffi__os_read_memory(given->clone, &page, book_log(given->stage, book) + i * sizeof page,
					 sizeof page) != sizeof page)
			return;
		mapping = sffi__maps_find(&given->verdict->maps, page);
		if (page % PAGE || !mapping || !is_held(search, page))
			continue;
		if (read_page(given->clone, search->now, page) &&
		    (given->has_twin ? read_page(given->clone, search->before,
						 book_former(given->stage, book) + i * PAGE)
				     : read_page(given->former, search->before, page)))
			compare(search, mapping, page);
	}
}

static int ascending(const void *a, const void *b)
{
	const sffi_rehearsal_write *one = a, *other = b;

	return one->address < other->address ? -1 : one->address > other->address;
}

/* The host's own memory is the measure, so nothing is allocated before all is found. */
static void keep_writes(sffi_rehearsal *verdict, sffi_rehearsal_write *found, size_t size)
{
	size_t count = verdict->write_count;

	verdict->writes = count ? malloc(count * sizeof *found) : NULL;
	if (verdict->writes) {
		memcpy(verdict->writes, found, count * sizeof *found);
		qsort(verdict->writes, count, sizeof *found, ascending);
	} else {
		verdict->writes_left_off += count;
		verdict->write_count = 0;
	}
	sffi__os_unmap(found, size);
}

void sffi__changes_find(const struct change_search *given)
{
	sffi_rehearsal *verdict = given->verdict;
	const size_t size = VERDICT_WRITES_MAX * sizeof *verdict->writes;
	struct search search = { .given = given };
	const struct mapping *stack = sffi__maps_find(&verdict->maps, given->frame);
	char path[32];

	verdict->writes = sffi__os_map(NULL, size, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
	if (sffi__os_failed(verdict->writes)) {
		verdict->writes = NULL;
		return;
	}
	list_own(&search);
	if (stack)
		own(&search, stack->low, given->frame);
	snprintf(path, sizeof path, "/proc/%d/pagemap", (int)given->clone);
	search.pagemap = open(path, O_RDONLY | O_CLOEXEC);
	if (search.pagemap >= 0)
		scan_all(&search);
	sffi__os_close(search.pagemap);
	look_at_noted(&search);
	keep_writes(verdict, verdict->writes, size);
}
