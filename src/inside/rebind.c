/* SPDX-License-Identifier: MIT */
#include "inside/rebind.h"

#include "inside/guard.h"
#include "os/os.h"
#include "worker/worker.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

/* ---- what they call instead ---------------------------------------------------------- */

/* In a worker, which is a clone, handlers are the worker's own affair. */
static bool is_kept(int signal)
{
	return !sffi__worker.control && signal > 0 && signal < NSIG && sffi__guard_owns(signal);
}

static int kept_sigaction(int signal, const struct sigaction *action, struct sigaction *former)
{
	return is_kept(signal) ? sffi__guard_sigaction(signal, action, former)
			       : sigaction(signal, action, former);
}

static sighandler_t install(int signal, sighandler_t handler, int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags }, former;

	if (kept_sigaction(signal, &action, &former))
		return SIG_ERR;
	return former.sa_handler;
}

static sighandler_t kept_signal(int number, sighandler_t handler)
{
	return is_kept(number) ? install(number, handler, SA_RESTART) : signal(number, handler);
}

static sighandler_t kept_sysv_signal(int number, sighandler_t handler)
{
	return is_kept(number) ? install(number, handler, SA_RESETHAND | SA_NODEFER)
			       : sysv_signal(number, handler);
}

static const struct replacement {
	const char *name;
	void *function;
} replacements[] = {
	{ "sigaction", (void *)kept_sigaction },    { "__sigaction", (void *)kept_sigaction },
	{ "signal", (void *)kept_signal },	    { "bsd_signal", (void *)kept_signal },
	{ "ssignal", (void *)kept_signal },	    { "sysv_signal", (void *)kept_sysv_signal },
	{ "__sysv_signal", (void *)kept_sysv_signal },
};

/* ---- in an object's tables -------------------------------------------------------------- */

struct object {
	ElfW(Addr) base;
	uintptr_t relro_low, relro_high; /* read-only since it was relocated */
	const ElfW(Sym) *symbols;
	const char *strings;
};

static const void *function_for(const struct object *object, const ElfW(Rela) *entry)
{
	const char *name = object->strings + object->symbols[ELF64_R_SYM(entry->r_info)].st_name;

	/* Nearly all have other names. */
	if (*name != 's' && *name != '_' && *name != 'b')
		return NULL;
	for (size_t i = 0; i < sizeof replacements / sizeof *replacements; i++)
		if (!strcmp(name, replacements[i].name))
			return replacements[i].function;
	return NULL;
}

static void set(const struct object *object, void **place, const void *function)
{
	enum { PAGE = 4096 };
	char *page = (char *)((uintptr_t)place & ~(uintptr_t)(PAGE - 1));
	bool is_read_only = (uintptr_t)place >= object->relro_low && (uintptr_t)place < object->relro_high;

	if (*place == function || (is_read_only && mprotect(page, PAGE, PROT_READ | PROT_WRITE)))
		return;
	*place = (void *)function;
	if (is_read_only)
		mprotect(page, PAGE, PROT_READ);
}

#if defined __x86_64__
enum { JUMP_SLOT = R_X86_64_JUMP_SLOT, GLOBAL_DATA = R_X86_64_GLOB_DAT };
#else
enum { JUMP_SLOT = R_AARCH64_JUMP_SLOT, GLOBAL_DATA = R_AARCH64_GLOB_DAT };
#endif

static void rebind_table(const struct object *object, const ElfW(Rela) *table, size_t size)
{
	for (size_t i = 0; table && i < size / sizeof *table; i++) {
		unsigned type = ELF64_R_TYPE(table[i].r_info);
		const void *function;

		if (type != JUMP_SLOT && type != GLOBAL_DATA)
			continue;
		function = function_for(object, &table[i]);
		if (function)
			set(object, (void **)(object->base + table[i].r_offset), function);
	}
}

/* glibc has made addresses of what is in the dynamic section (but for the vdso's, which has no
 * such tables). */
static void rebind_dynamic(struct object *object, const ElfW(Dyn) *dynamic)
{
	const ElfW(Rela) *jumps = NULL, *others = NULL;
	size_t jumps_size = 0, others_size = 0;
	bool is_rela = true;

	for (; dynamic->d_tag != DT_NULL; dynamic++) {
		switch (dynamic->d_tag) {
		case DT_SYMTAB: object->symbols = (void *)dynamic->d_un.d_ptr; break;
		case DT_STRTAB: object->strings = (void *)dynamic->d_un.d_ptr; break;
		case DT_JMPREL: jumps = (void *)dynamic->d_un.d_ptr; break;
		case DT_PLTRELSZ: jumps_size = dynamic->d_un.d_val; break;
		case DT_RELA: others = (void *)dynamic->d_un.d_ptr; break;
		case DT_RELASZ: others_size = dynamic->d_un.d_val; break;
		case DT_PLTREL: is_rela = dynamic->d_un.d_val == DT_RELA; break;
		}
	}
	if (!object->symbols || !object->strings || !is_rela)
		return;
	rebind_table(object, jumps, jumps_size);
	rebind_table(object, others, others_size);
}

/* The C library, the loader and this library call the real ones. */
static bool is_exempt(const char *path)
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

static int rebind_object(struct dl_phdr_info *info, size_t size, void *data)
{
	struct object object = { .base = info->dlpi_addr };
	const ElfW(Dyn) *dynamic = NULL;

	(void)size, (void)data;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];

		if (header->p_type == PT_DYNAMIC)
			dynamic = (void *)(info->dlpi_addr + header->p_vaddr);
		if (header->p_type == PT_GNU_RELRO) {
			object.relro_low = info->dlpi_addr + header->p_vaddr;
			object.relro_high = object.relro_low + header->p_memsz;
		}
	}
	if (dynamic && !is_exempt(info->dlpi_name))
		rebind_dynamic(&object, dynamic);
	return 0;
}

void sffi__rebind_sigaction(void)
{
	dl_iterate_phdr(rebind_object, NULL);
}
