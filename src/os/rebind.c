/* SPDX-License-Identifier: MIT */
#include "os/rebind.h"

#include <dlfcn.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096 };

void *sffi__rebinding_function(const struct rebinding *rebinding, const char *name)
{
	for (size_t i = 0; i < rebinding->count; i++)
		if (!strcmp(name, rebinding->replacements[i].name))
			return rebinding->replacements[i].function;
	return NULL;
}

bool sffi__rebind_is_exempt(const char *path)
{
	static const char *const names[] = { "libc.so.6", "ld-linux", "linux-vdso", "libsafeffi.so",
					     "libasan.so", "libubsan.so", "libtsan.so" };
	const char *name = strrchr(path, '/');

	name = name ? name + 1 : path;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strncmp(name, names[i], strlen(names[i])))
			return true;
	return false;
}

bool sffi__rebind_is_real(const void *function)
{
	Dl_info info;

	return dladdr(function, &info) && info.dli_fname && sffi__rebind_is_exempt(info.dli_fname);
}

struct object {
	const struct rebinding *rebinding;
	ElfW(Addr) base;
	uintptr_t relro_low, relro_high; /* read-only since it was relocated */
	const ElfW(Sym) *symbols;
	const char *strings;
};

static const void *function_for(const struct object *object, const ElfW(Rela) *entry)
{
	const ElfW(Sym) *symbol = &object->symbols[ELF64_R_SYM(entry->r_info)];
	const char *name = object->strings + symbol->st_name;

	/* A function of its own that has such a name is none of the C library's. */
	if (symbol->st_shndx != SHN_UNDEF)
		return NULL;
	return sffi__rebinding_function(object->rebinding, name);
}

static void set(const struct object *object, void **place, const void *function)
{
	char *page = (char *)((uintptr_t)place & ~(uintptr_t)(PAGE - 1));
	bool is_read_only = (uintptr_t)place >= object->relro_low && (uintptr_t)place < object->relro_high;

	if (*place == function || (is_read_only && mprotect(page, PAGE, PROT_READ | PROT_WRITE)))
		return;
	*place = (void *)function;
	if (is_read_only)
		mprotect(page, PAGE, PROT_READ);
}

#if defined __x86_64__
enum { JUMP_SLOT = R_X86_64_JUMP_SLOT, GLOBAL_DATA = R_X86_64_GLOB_DAT, ADDRESS = R_X86_64_64 };
#else
enum { JUMP_SLOT = R_AARCH64_JUMP_SLOT, GLOBAL_DATA = R_AARCH64_GLOB_DAT, ADDRESS = R_AARCH64_ABS64 };
#endif

/* Most others are relative, and name nothing. */
static bool names_one(const ElfW(Rela) *entry)
{
	return ELF64_R_SYM(entry->r_info);
}

/* A pointer in its data may have been given another function since. */
static bool is_place(const struct object *object, const ElfW(Rela) *entry)
{
	unsigned type = ELF64_R_TYPE(entry->r_info);

	return type == JUMP_SLOT || type == GLOBAL_DATA ||
	       (type == ADDRESS && !entry->r_addend &&
		sffi__rebind_is_real(*(void **)(object->base + entry->r_offset)));
}

static void rebind_table(const struct object *object, const ElfW(Rela) *table, size_t size)
{
	for (size_t i = 0; table && i < size / sizeof *table; i++) {
		const void *function = names_one(&table[i]) ? function_for(object, &table[i]) : NULL;

		if (function && is_place(object, &table[i]))
			set(object, (void **)(object->base + table[i].r_offset), function);
	}
}

/* glibc has made addresses of what is in the dynamic section (but for the vdso's, which has no
 * such tables). */
static void rebind_dynamic(struct object *object, const ElfW(Dyn) *dynamic)
{
	const ElfW(Rela) *jumps = NULL, *others = NULL;
	size_t jumps_size = 0, others_size = 0;
	size_t relative = 0; /* come first, and name nothing */
	bool is_rela = true;

	for (; dynamic->d_tag != DT_NULL; dynamic++) {
		switch (dynamic->d_tag) {
		case DT_SYMTAB: object->symbols = (void *)dynamic->d_un.d_ptr; break;
		case DT_STRTAB: object->strings = (void *)dynamic->d_un.d_ptr; break;
		case DT_JMPREL: jumps = (void *)dynamic->d_un.d_ptr; break;
		case DT_PLTRELSZ: jumps_size = dynamic->d_un.d_val; break;
		case DT_RELA: others = (void *)dynamic->d_un.d_ptr; break;
		case DT_RELASZ: others_size = dynamic->d_un.d_val; break;
		case DT_RELACOUNT: relative = dynamic->d_un.d_val; break;
		case DT_PLTREL: is_rela = dynamic->d_un.d_val == DT_RELA; break;
		}
	}
	if (!object->symbols || !object->strings || !is_rela)
		return;
	rebind_table(object, jumps, jumps_size);
	if (others && relative <= others_size / sizeof *others)
		rebind_table(object, others + relative, others_size - relative * sizeof *others);
}

/* The replacements call the real functions; in a program that has this code in itself, from there. */
static bool is_ours(const struct dl_phdr_info *info)
{
	uintptr_t here = (uintptr_t)is_ours - info->dlpi_addr;

	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];

		if (header->p_type == PT_LOAD && here - header->p_vaddr < header->p_memsz)
			return true;
	}
	return false;
}

struct walk {
	struct rebinding *rebinding;
	size_t count;
};

static int rebind_object(struct dl_phdr_info *info, size_t size, void *data)
{
	struct walk *walk = data;
	struct object object = { .rebinding = walk->rebinding, .base = info->dlpi_addr };
	const ElfW(Dyn) *dynamic = NULL;

	(void)size;
	/* In the order in which they were loaded; after an unloading they have other places. */
	if (walk->rebinding->unloaded != info->dlpi_subs)
		walk->rebinding->seen = 0;
	walk->rebinding->unloaded = info->dlpi_subs;
	if (walk->count++ < walk->rebinding->seen)
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];

		if (header->p_type == PT_DYNAMIC)
			dynamic = (void *)(info->dlpi_addr + header->p_vaddr);
		if (header->p_type == PT_GNU_RELRO) {
			object.relro_low = info->dlpi_addr + header->p_vaddr;
			/* The loader protects whole pages, up to the last one. */
			object.relro_high = (object.relro_low + header->p_memsz) & ~(uintptr_t)(PAGE - 1);
		}
	}
	if (dynamic && !is_ours(info) && !sffi__rebind_is_exempt(info->dlpi_name))
		rebind_dynamic(&object, dynamic);
	return 0;
}

static int count_object(struct dl_phdr_info *info, size_t size, void *data)
{
	struct walk *walk = data;

	(void)size;
	walk->rebinding->unloaded = info->dlpi_subs;
	walk->count++;
	return 0;
}

void sffi__rebind_unloaded(struct rebinding *rebinding)
{
	struct walk walk = { .rebinding = rebinding };

	dl_iterate_phdr(count_object, &walk);
	rebinding->seen = walk.count;
}

void sffi__rebind(struct rebinding *rebinding)
{
	struct walk walk = { .rebinding = rebinding };

	dl_iterate_phdr(rebind_object, &walk);
	rebinding->seen = walk.count;
}
