/* SPDX-License-Identifier: MIT */
#include "memory/spans.h"

#include "fault/maps.h"
#include "os/os.h"

#include <stdlib.h>
#include <sys/mman.h>

static struct spans *new_spans(size_t capacity)
{
	return calloc(1, sizeof(struct spans) + capacity * sizeof(struct span));
}

static void append(struct spans *spans, uintptr_t low, uintptr_t high, int protection)
{
	if (low < high)
		spans->list[spans->count++] = (struct span){ low, high, protection };
}

static uintptr_t least(uintptr_t a, uintptr_t b)
{
	return a < b ? a : b;
}

static uintptr_t most(uintptr_t a, uintptr_t b)
{
	return a > b ? a : b;
}

const struct span *sffi__spans_find(const struct spans *spans, uintptr_t address)
{
	size_t low = 0, high = spans ? spans->count : 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (spans->list[middle].high <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return spans && low < spans->count && spans->list[low].low <= address ? &spans->list[low]
									      : NULL;
}

struct spans *sffi__spans_join(const struct spans *a, const struct spans *b)
{
	struct spans *both = new_spans(a->count + b->count);
	size_t i = 0, j = 0;

	while (both && (i < a->count || j < b->count)) {
		bool first = j == b->count || (i < a->count && a->list[i].low < b->list[j].low);

		both->list[both->count++] = first ? a->list[i++] : b->list[j++];
	}
	return both;
}

struct spans *sffi__spans_part(const struct spans *all, uintptr_t low, uintptr_t high, bool inside)
{
	struct spans *part = new_spans(all->count * 2);

	for (size_t i = 0; part && i < all->count; i++) {
		struct span span = all->list[i];

		if (inside) {
			append(part, most(span.low, low), least(span.high, high), span.protection);
			continue;
		}
		append(part, span.low, least(span.high, low), span.protection);
		append(part, most(span.low, high), span.high, span.protection);
	}
	return part;
}

/* One mapping's share of the range, without what is known. */
static struct spans *add_mapping(struct spans *found, const struct mapping *mapping, uintptr_t low,
				 uintptr_t high, const struct spans *known)
{
	int protection = PROT_WRITE | (mapping->readable ? PROT_READ : 0) |
			 (mapping->executable ? PROT_EXEC : 0);
	struct spans *fresh = new_spans(known->count + 1), *both;
	uintptr_t at = most(low, mapping->low), end = least(high, mapping->high);

	for (size_t i = 0; fresh && i < known->count && at < end; i++) {
		const struct span *span = &known->list[i];

		if (span->high <= at || span->low >= end)
			continue;
		append(fresh, at, span->low, protection);
		at = span->high;
	}
	if (fresh)
		append(fresh, at, end, protection);
	both = fresh && found ? sffi__spans_join(found, fresh) : NULL;
	free(fresh);
	free(found);
	return both;
}

struct spans *sffi__spans_writable(uintptr_t low, uintptr_t high, const struct spans *known)
{
	char *text = sffi__os_read_file("/proc/self/maps");
	struct spans *found;
	struct maps maps;

	sffi__maps_parse(&maps, text);
	free(text);
	/* A list that was cut off, for want of memory, must not pass for one without the range. */
	found = maps.count && maps.mappings[maps.count - 1].high >= high ? new_spans(0) : NULL;
	for (size_t i = 0; found && i < maps.count; i++) {
		const struct mapping *mapping = &maps.mappings[i];

		if (mapping->writable && mapping->high > low && mapping->low < high)
			found = add_mapping(found, mapping, low, high, known);
	}
	sffi__maps_free(&maps);
	return found;
}
