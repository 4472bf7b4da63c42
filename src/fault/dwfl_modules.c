/* SPDX-License-Identifier: MIT */
#include "fault/dwfl_modules.h"
#include "fault/debug_file.h"
#include "fault/dwfl_lines.h"
#include "fault/elf_image.h"

#include <fcntl.h>
#include <inttypes.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	MODULES_MAX = 1024,
	VIEWS_MAX = 512,     /* libraries of one worker */
	MODULES_KEPT = 512   /* more than that: a new session, to give memory back */
};

static const size_t images_kept = (size_t)1 << 30;

/* Places for libraries: [2^56, 2^57), where no CPU that we know has user addresses. A
 * library spans less than 2^47, so MODULES_MAX of them do not leave [2^56, 2^58). */
static const Dwarf_Addr places_low = (Dwarf_Addr)1 << 56, places_high = (Dwarf_Addr)1 << 58;
static const Dwarf_Addr place_gap = 1 << 20;

struct module {
	char *key;  /* identity, span, path: what a cached one must agree in */
	char *path; /* the end of key */
	Dwarf_Addr place;
	struct elf_image image;
	struct line_index lines;
};

/* Where a library of the current worker is. */
struct view {
	uintptr_t low, high;
	struct module *module;
};

static struct {
	Dwfl *dwfl;
	ElfW(Ehdr) header; /* of this program: says for which CPU to unwind */
	Elf *machine;
	struct module *modules[MODULES_MAX];
	size_t count;
	Dwarf_Addr next_place;
	size_t image_bytes;
	struct view views[VIEWS_MAX];
	size_t view_count;
} session;

static int find_elf(Dwfl_Module *dwfl_module, void **data, const char *name, Dwarf_Addr base,
		    char **file_name, Elf **elf)
{
	struct module *module = *data;
	bool found;

	(void)dwfl_module;
	(void)name;
	(void)base;
	if (!module || module->image.data)
		return -1;
	if (module->path[0] == '[')
		found = sffi__elf_image_vdso(&module->image);
	else
		found = sffi__elf_image_read(&module->image, module->path);
	if (!found)
		return -1;
	session.image_bytes += module->image.size;
	*elf = elf_memory(module->image.data, module->image.size);
	*file_name = strdup(module->path);
	return -1; /* no descriptor: the Elf is enough */
}

static const Dwfl_Callbacks callbacks = {
	.find_elf = find_elf,
	.find_debuginfo = sffi__find_debug_file,
	.section_address = dwfl_offline_section_address,
};

static void end_session(void)
{
	if (session.dwfl)
		dwfl_end(session.dwfl);
	if (session.machine)
		elf_end(session.machine);
	/* The images must outlive the Elf handles on them. */
	for (size_t i = 0; i < session.count; i++) {
		sffi__elf_image_free(&session.modules[i]->image);
		sffi__dwfl_lines_free(&session.modules[i]->lines);
		free(session.modules[i]->key);
		free(session.modules[i]);
	}
	memset(&session, 0, sizeof session);
}

/* An ELF file of this machine that consists of a header only. */
static Elf *machine_elf(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return NULL;
	got = pread(fd, &session.header, sizeof session.header, 0);
	close(fd);
	if (got != sizeof session.header)
		return NULL;
	session.header.e_phoff = session.header.e_shoff = 0;
	session.header.e_phnum = session.header.e_shnum = session.header.e_shstrndx = 0;
	return elf_memory((char *)&session.header, sizeof session.header);
}

static bool begin_session(pid_t pid, const Dwfl_Thread_Callbacks *threads)
{
	elf_version(EV_CURRENT);
	session.next_place = places_low;
	session.machine = machine_elf();
	session.dwfl = session.machine ? dwfl_begin(&callbacks) : NULL;
	if (!session.dwfl ||
	    !dwfl_attach_state(session.dwfl, session.machine, pid, threads, NULL)) {
		end_session();
		return false;
	}
	return true;
}

/* A file may be loaded twice (dlmopen): each has a place of its own. */
static unsigned count_earlier(const struct maps_library *library)
{
	unsigned count = 0;

	for (size_t i = 0; i < session.view_count; i++)
		count += !strcmp(session.views[i].module->path, library->path);
	return count;
}

static char *module_key(const struct maps_library *library)
{
	char identity[128], *key;

	if (library->path[0] == '[')
		strcpy(identity, "vdso");
	else if (!sffi__elf_identity(library->path, identity, sizeof identity))
		return NULL;
	if (asprintf(&key, "%u %s %" PRIxPTR " %" PRIxPTR " %s", count_earlier(library), identity,
		     library->high - library->low, library->low - library->base,
		     library->path) < 0)
		return NULL;
	return key;
}

static struct module *find_module(const char *key)
{
	for (size_t i = 0; i < session.count; i++) {
		if (!strcmp(session.modules[i]->key, key))
			return session.modules[i];
	}
	return NULL;
}

/* Takes over the key. */
static struct module *add_module(const struct maps_library *library, char *key)
{
	uintptr_t span = library->high - library->low;
	struct module *module = calloc(1, sizeof *module);
	Dwfl_Module *dwfl_module = NULL;
	void **data;

	if (module && session.count < MODULES_MAX && span >> 47 == 0)
		dwfl_module = dwfl_report_module(session.dwfl, key, session.next_place,
						 session.next_place + span);
	if (!dwfl_module) {
		free(module);
		free(key);
		return NULL;
	}
	module->key = key;
	module->path = key + strlen(key) - strlen(library->path);
	module->place = session.next_place;
	session.next_place += (span + 2 * place_gap - 1) & -place_gap;
	session.modules[session.count++] = module;
	dwfl_module_info(dwfl_module, &data, NULL, NULL, NULL, NULL, NULL, NULL);
	*data = module;
	return module;
}

/* Another file by that name may be there now, or none: better no names than wrong ones. */
static bool is_wanted(const struct maps_library *library)
{
	return library->executable && !library->is_deleted && library->base <= library->low;
}

static void set_views(const struct maps *maps)
{
	bool reporting = false;

	session.view_count = 0;
	for (size_t i = 0; i < maps->library_count && session.view_count < VIEWS_MAX; i++) {
		const struct maps_library *library = &maps->libraries[i];
		char *key = is_wanted(library) ? module_key(library) : NULL;
		struct module *module;

		if (!key)
			continue;
		module = find_module(key);
		if (module) {
			free(key);
		} else {
			if (!reporting)
				dwfl_report_begin_add(session.dwfl);
			reporting = true;
			module = add_module(library, key);
		}
		if (module)
			session.views[session.view_count++] = (struct view){
				library->low, library->high, module,
			};
	}
	if (reporting)
		dwfl_report_end(session.dwfl, NULL, NULL);
}

Dwfl *sffi__dwfl_session(const struct maps *maps, pid_t pid, const Dwfl_Thread_Callbacks *threads)
{
	if (session.count > MODULES_KEPT || session.image_bytes > images_kept)
		end_session();
	if (!session.dwfl && !begin_session(pid, threads))
		return NULL;
	set_views(maps);
	return session.dwfl;
}

Dwarf_Addr sffi__dwfl_from_worker(uintptr_t address)
{
	for (size_t i = 0; i < session.view_count; i++) {
		const struct view *view = &session.views[i];

		if (address >= view->low && address < view->high)
			return view->module->place + (address - view->low);
	}
	return address >= places_low && address < places_high ? 0 : address;
}

uintptr_t sffi__dwfl_to_worker(Dwarf_Addr address)
{
	for (size_t i = 0; i < session.view_count; i++) {
		const struct view *view = &session.views[i];

		if (address >= view->module->place &&
		    address - view->module->place < view->high - view->low)
			return view->low + (address - view->module->place);
	}
	return address;
}

const char *sffi__dwfl_source(Dwfl_Module *dwfl_module, Dwarf_Addr address, int *line)
{
	struct module *module;
	void **data;

	dwfl_module_info(dwfl_module, &data, NULL, NULL, NULL, NULL, NULL, NULL);
	module = *data;
	return sffi__dwfl_line(dwfl_module, &module->lines, address, line);
}
