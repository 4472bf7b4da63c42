/* SPDX-License-Identifier: MIT */
/*
 * In the clone: pages of the host that it was made without. The fault of a first touch fetches
 * the page from the host's memory, read-only; that of a first write keeps what was there. Whole
 * runs of pages come at once when many were wanted, so that a callee that reads all of a large
 * heap is not slowed by one fault for each of its pages.
 */
#include "rehearsal/stage.h"

#include "os/os.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/single_threaded.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE = 4096, RUN_MOST = 512 };
enum page_state { PAGE_ABSENT, PAGE_FETCHED, PAGE_WRITTEN };

static struct {
	unsigned char *states;
	uint64_t *log;
	char *former;
	unsigned fetches, writes;
	_Atomic uint32_t lock;
} book;

static size_t book_size(const struct stage *stage)
{
	return book_former(stage, 0) + (size_t)BOOK_PAGES_MAX * PAGE;
}

int sffi__pages_begin(void)
{
	struct stage *stage = sffi__stage;
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
	char *base;

	for (size_t i = 0; i < stage->range_count; i++) {
		const struct held_range *range = &stage->ranges[i];
		void *mapped = sffi__os_map((void *)range->low, range->high - range->low, PROT_NONE,
					    flags, -1);

		if (sffi__os_failed(mapped))
			return sffi__os_failed(mapped);
	}
	if (!stage->range_count)
		return 0;
	base = sffi__os_map(NULL, book_size(stage), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
	if (sffi__os_failed(base))
		return sffi__os_failed(base);
	book.states = (unsigned char *)base;
	book.log = (uint64_t *)book_log(stage, (uintptr_t)base);
	book.former = (char *)book_former(stage, (uintptr_t)base);
	stage->book = (uintptr_t)base;
	return 0;
}

static const struct held_range *range_of(uintptr_t address)
{
	const struct stage *stage = sffi__stage;

	for (size_t i = 0; i < stage->range_count; i++)
		if (address - stage->ranges[i].low < stage->ranges[i].high - stage->ranges[i].low)
			return &stage->ranges[i];
	return NULL;
}

/* Of several threads that touch pages at once, one at a time. */
static void lock(void)
{
	uint32_t open = 0;

	while (!atomic_compare_exchange_weak(&book.lock, &open, 1)) {
		open = 0;
		syscall(SYS_sched_yield);
	}
}

static void unlock(void)
{
	atomic_store(&book.lock, 0);
}

static unsigned char *state_of(const struct held_range *range, uintptr_t page)
{
	return &book.states[range->first + (page - range->low) / PAGE];
}

/* What is in the host's memory there, in pages of the clone's own. */
static char *fetch(uintptr_t page, size_t size)
{
	char *copy = sffi__os_map(NULL, size, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
	const uint64_t arguments[5] = { (uint64_t)sffi__stage->memory, (uintptr_t)copy, size, page };

	if (sffi__os_failed(copy))
		sffi__stage_fail(sffi__os_failed(copy));
	if (sffi__stage_call(SYS_pread64, arguments) == (long)size)
		return copy;
	sffi__os_unmap(copy, size);
	return NULL;
}

/* Fetched elsewhere and then moved in, so that no other thread sees it half done. */
static void move_in(const struct held_range *range, uintptr_t page, char *copy, size_t count,
		    int protection)
{
	size_t size = count * PAGE;

	if (protection != (PROT_READ | PROT_WRITE) && mprotect(copy, size, protection))
		sffi__stage_fail(-errno);
	if (mremap(copy, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)page) == MAP_FAILED)
		sffi__stage_fail(-errno);
	memset(state_of(range, page), PAGE_FETCHED, count);
}

/* The pages from this one on that are in the same state, up to a number that grows with what
 * was done so far. */
static size_t run(const struct held_range *range, uintptr_t page, unsigned done)
{
	enum { FEW = 64, SOME = 128, SOME_AT_ONCE = 16 };
	size_t most = done < FEW ? 1 : done < SOME ? SOME_AT_ONCE : RUN_MOST, count = 1;
	const unsigned char *state = state_of(range, page);

	while (count < most && page + count * PAGE < range->high && state[count] == state[0])
		count++;
	return count;
}

static bool bring(const struct held_range *range, uintptr_t page)
{
	size_t count = run(range, page, book.fetches++);
	char *copy = fetch(page, count * PAGE);

	/* The host may have less there than it had: as long as this page is there. */
	if (!copy && count > 1)
		copy = fetch(page, (count = 1) * PAGE);
	if (copy)
		move_in(range, page, copy, count, range->protection & ~PROT_WRITE);
	return copy;
}

/* Notes pages that are to be written to, and what is, or will be, on them; unless the host, which
 * has but one thread, keeps it as it is. */
static void note(uintptr_t page, const char *former, size_t count)
{
	uint64_t written = atomic_load(&sffi__stage->written);

	if (written + count > BOOK_PAGES_MAX)
		sffi__stage_fail(-ENOSPC);
	for (size_t i = 0; i < count; i++)
		book.log[written + i] = page + i * PAGE;
	if (sffi__stage->wants_twin)
		memcpy(book.former + written * PAGE, former, count * PAGE);
	atomic_store(&sffi__stage->written, written + count);
}

/* Of a page that was fetched. */
static void open_up(const struct held_range *range, uintptr_t page)
{
	size_t count = run(range, page, book.writes++);

	note(page, (const char *)page, count);
	if (mprotect((void *)page, count * PAGE, range->protection))
		sffi__stage_fail(-errno);
	memset(state_of(range, page), PAGE_WRITTEN, count);
}

/* With no other thread to see it half done, it can be fetched right to its place. */
static bool bring_in_place(const struct held_range *range, uintptr_t page)
{
	const uint64_t arguments[5] = { (uint64_t)sffi__stage->memory, page, PAGE, page };

	if (mprotect((void *)page, PAGE, range->protection))
		sffi__stage_fail(-errno);
	if (sffi__stage_call(SYS_pread64, arguments) == PAGE)
		return true;
	mprotect((void *)page, PAGE, PROT_NONE);
	return false;
}

/* Of one that was not. */
static bool bring_open(const struct held_range *range, uintptr_t page)
{
	bool is_alone = __libc_single_threaded;
	char *copy = is_alone ? NULL : fetch(page, PAGE);

	if (is_alone ? !bring_in_place(range, page) : !copy)
		return false;
	book.writes++;
	note(page, is_alone ? (const char *)page : copy, 1);
	if (!is_alone)
		move_in(range, page, copy, 1, range->protection);
	*state_of(range, page) = PAGE_WRITTEN;
	return true;
}

/* A fault on a page that is there: another thread has brought it meanwhile. If it comes again and
 * again, the callee has made the page inaccessible itself. */
static bool was_brought(uintptr_t address)
{
	enum { PATIENCE = 100 };
	static uintptr_t last;
	static unsigned times;

	times = address == last ? times + 1 : 0;
	last = address;
	return times < PATIENCE;
}

bool sffi__pages_touch(uintptr_t address, bool write)
{
	const struct held_range *range = range_of(address);
	uintptr_t page = address & ~(uintptr_t)(PAGE - 1);
	unsigned char *state;
	bool done = true;

	if (!range || (write && !(range->protection & PROT_WRITE)))
		return false;
	lock();
	state = state_of(range, page);
	if (*state == PAGE_ABSENT)
		done = write ? bring_open(range, page) : bring(range, page);
	else if (!write || *state == PAGE_WRITTEN)
		done = was_brought(address);
	else
		open_up(range, page);
	unlock();
	return done;
}

bool sffi__pages_touch_buffer(uintptr_t address, size_t size, bool write)
{
	const size_t most = (size_t)1 << 32;
	uintptr_t end = address + size;
	bool any = false;

	if (end < address || size > most || (!range_of(address) && !range_of(end - 1)))
		return false;
	for (uintptr_t at = address & ~(uintptr_t)(PAGE - 1); at < end; at += PAGE)
		if (range_of(at) && *state_of(range_of(at), at) < (write ? PAGE_WRITTEN : PAGE_FETCHED))
			any |= sffi__pages_touch(at, write);
	return any;
}
