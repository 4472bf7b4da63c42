/* SPDX-License-Identifier: MIT */
/*
 * The symbol tables of those who have the real functions lead to replacements: what the loader
 * binds from now on, and what dlsym finds. A library's constructors run before anybody can go
 * through its places (rebind.c); so they find them led already.
 */
#include "os/rebind.h"

#include <link.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096 };

/* DT_GNU_HASH: this head, so many words of the filter, the buckets, and a chain of hashes for the
 * symbols from the first one on. The lowest bit of a hash is set in a bucket's last symbol. */
struct hash_table {
	uint32_t bucket_count, first, filter_count, filter_shift;
	uint64_t filter[];
};

struct symbols {
	ElfW(Addr) base;
	ElfW(Sym) *table;
	const char *names;
	const struct hash_table *hash;
	uintptr_t low, high; /* the segment that the table is in, */
	int protection;      /* and its protection */
};

static uint32_t hash_of(const char *name)
{
	uint32_t hash = 5381;

	for (; *name; name++)
		hash = hash * 33 + (unsigned char)*name;
	return hash;
}

/* One of that name for each version. */
static void lead(const struct symbols *symbols, const struct replacement *replacement)
{
	const struct hash_table *head = symbols->hash;
	const uint32_t *buckets = (const uint32_t *)(head->filter + head->filter_count);
	const uint32_t *chain = buckets + head->bucket_count;
	uint32_t hash = hash_of(replacement->name), i = buckets[hash % head->bucket_count], found;

	if (i < head->first)
		return;
	do {
		ElfW(Sym) *symbol = &symbols->table[i];

		found = chain[i++ - head->first];
		if ((found | 1) == (hash | 1) && ELF64_ST_TYPE(symbol->st_info) == STT_FUNC &&
		    symbol->st_shndx != SHN_UNDEF && !strcmp(symbols->names + symbol->st_name, replacement->name))
			symbol->st_value = (uintptr_t)replacement->function - symbols->base;
	} while (!(found & 1));
}

/* glibc has made addresses of what is in the dynamic section. */
static void read_dynamic(struct symbols *symbols, const ElfW(Dyn) *dynamic)
{
	for (; dynamic->d_tag != DT_NULL; dynamic++) {
		switch (dynamic->d_tag) {
		case DT_SYMTAB: symbols->table = (void *)dynamic->d_un.d_ptr; break;
		case DT_STRTAB: symbols->names = (void *)dynamic->d_un.d_ptr; break;
		case DT_GNU_HASH: symbols->hash = (void *)dynamic->d_un.d_ptr; break;
		}
	}
}

static void find_segment(struct symbols *symbols, const struct dl_phdr_info *info)
{
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];
		uintptr_t low = info->dlpi_addr + header->p_vaddr;

		if (header->p_type != PT_LOAD || (uintptr_t)symbols->table - low >= header->p_memsz)
			continue;
		symbols->low = low & ~(uintptr_t)(PAGE - 1);
		symbols->high = low + header->p_memsz;
		symbols->protection = (header->p_flags & PF_R ? PROT_READ : 0) |
				      (header->p_flags & PF_W ? PROT_WRITE : 0) |
				      (header->p_flags & PF_X ? PROT_EXEC : 0);
	}
}

/* ---- whose functions are real ------------------------------------------------------------- */

enum { OBJECTS_MAX = 8 };

struct walk {
	const struct rebinding *rebinding;
	struct {
		uintptr_t low, high;
	} objects[OBJECTS_MAX];
	size_t count;
};

static int note_object(struct dl_phdr_info *info, size_t size, void *data)
{
	struct walk *walk = data;
	uintptr_t low = UINTPTR_MAX, high = 0;

	(void)size;
	if (!sffi__rebind_is_exempt(info->dlpi_name))
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];
		uintptr_t begin = info->dlpi_addr + header->p_vaddr;

		if (header->p_type != PT_LOAD)
			continue;
		low = begin < low ? begin : low;
		high = begin + header->p_memsz > high ? begin + header->p_memsz : high;
	}
	walk->objects[walk->count].low = low;
	walk->objects[walk->count++].high = high;
	return walk->count == OBJECTS_MAX;
}

/* A wrapper of the program's, or one that was preloaded, asks dlsym for the next function: it would
 * find ours, which calls the wrapper. */
static bool calls_real(const struct walk *walk, const struct replacement *replacement)
{
	uintptr_t real = (uintptr_t)replacement->real;

	for (size_t i = 0; i < walk->count; i++)
		if (real >= walk->objects[i].low && real < walk->objects[i].high)
			return true;
	return false;
}

static int lead_object(struct dl_phdr_info *info, size_t size, void *data)
{
	const struct walk *walk = data;
	const struct rebinding *rebinding = walk->rebinding;
	struct symbols symbols = { .base = info->dlpi_addr };

	(void)size;
	if (!sffi__rebind_is_exempt(info->dlpi_name))
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
			read_dynamic(&symbols, (void *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr));
	if (!symbols.table || !symbols.names || !symbols.hash)
		return 0;
	find_segment(&symbols, info);
	/* It may hold code, too. */
	if (!symbols.low || mprotect((void *)symbols.low, symbols.high - symbols.low,
				     symbols.protection | PROT_WRITE))
		return 0;
	for (size_t i = 0; i < rebinding->count; i++)
		if (calls_real(walk, &rebinding->replacements[i]))
			lead(&symbols, &rebinding->replacements[i]);
	mprotect((void *)symbols.low, symbols.high - symbols.low, symbols.protection);
	return 0;
}

void sffi__rebind_symbols(const struct rebinding *rebinding)
{
	struct walk walk = { .rebinding = rebinding };

	dl_iterate_phdr(note_object, &walk);
	dl_iterate_phdr(lead_object, &walk);
}
