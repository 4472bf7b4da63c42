/* SPDX-License-Identifier: MIT */
#include "inside/poison.h"

#include "domain.h"
#include "error.h"
#include "fault/fault.h"

#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <unwind.h>

/* Those that hold a lock while they work on what others share. What they call inside of the C
 * library has them on the stack. */
static const char *const names[] = {
	"malloc", "free", "calloc", "realloc", "memalign", "aligned_alloc", "posix_memalign", "valloc",
	"pvalloc", "reallocarray", "malloc_trim", "malloc_info", "mallinfo", "mallinfo2", "malloc_stats",
	"dlopen", "dlclose", "dlmopen", "dl_iterate_phdr",
	"printf", "fprintf", "vprintf", "vfprintf", "__printf_chk", "__fprintf_chk", "__vprintf_chk",
	"__vfprintf_chk", "puts", "fputs", "fputc", "putc", "putchar", "fwrite", "perror", "fread",
	"fgets", "fgetc", "getc", "getchar", "getline", "getdelim", "ungetc", "scanf", "fscanf", "vfscanf",
	"__isoc99_scanf", "__isoc99_fscanf", "__isoc99_vfscanf", "fflush", "fclose", "fopen", "fopen64",
	"freopen", "fdopen", "fseek", "fseeko", "rewind", "ftell", "setvbuf",
	"setenv", "putenv", "unsetenv", "localtime", "localtime_r", "mktime", "tzset", "strftime",
	"rand", "srand", "random", "srandom",
};

enum { NAMES = sizeof names / sizeof *names, PLACES = 2 };

static struct range {
	uintptr_t low, high;
} ranges[NAMES * PLACES];
static size_t count;
/* All of them: most words on a stack are nowhere near. */
static struct range hull = { UINTPTR_MAX, 0 };

static int compare(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return (x->low > y->low) - (x->low < y->low);
}

static void add(void *function)
{
	const ElfW(Sym) *symbol = NULL;
	struct range range;
	Dl_info info;

	if (!function || !dladdr1(function, &info, (void **)&symbol, RTLD_DL_SYMENT) || !symbol)
		return;
	range = (struct range){ (uintptr_t)function, (uintptr_t)function + symbol->st_size };
	for (size_t i = 0; i < count; i++)
		if (ranges[i].low == range.low)
			return;
	ranges[count++] = range;
	hull.low = range.low < hull.low ? range.low : hull.low;
	hull.high = range.high > hull.high ? range.high : hull.high;
}

static _Unwind_Reason_Code visit_none(struct _Unwind_Context *context, void *data)
{
	(void)context, (void)data;
	return _URC_END_OF_STACK;
}

sffi_status sffi__poison_open(void)
{
	void *libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);

	/* The C library's, and what has been put before it. */
	for (size_t i = 0; i < NAMES; i++) {
		add(dlsym(RTLD_DEFAULT, names[i]));
		if (libc)
			add(dlsym(libc, names[i]));
	}
	if (libc)
		dlclose(libc);
	qsort(ranges, count, sizeof *ranges, compare);
	/* Its first use binds and allocates, which a handler must not. */
	_Unwind_Backtrace(visit_none, NULL);
	return SFFI_OK;
}

/* ---- in a handler ------------------------------------------------------------------- */

static bool is_locked_code(uintptr_t pc)
{
	size_t low = 0, high = count;

	if (pc < hull.low || pc >= hull.high)
		return false;
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (pc >= ranges[middle].high)
			low = middle + 1;
		else if (pc < ranges[middle].low)
			high = middle;
		else
			return true;
	}
	return false;
}

/* Whether any word there could be a return address into one of them: walking the stack costs
 * twenty times as much as the fault. (Not for AddressSanitizer, in whose eyes not all of the
 * stack is to be read.) */
static __attribute__((no_sanitize("address"))) bool may_be_locked(const struct fiber *fiber, uintptr_t sp)
{
	enum { WORDS_MAX = 16384 };
	const uintptr_t *word, *end;

	/* In the guard page, if the stack ran over. */
	if (sp < fiber->low)
		sp = fiber->low;
	word = (const uintptr_t *)((sp + 7) & ~(uintptr_t)7);
	end = (const uintptr_t *)fiber->high;
	if (end - word > WORDS_MAX)
		end = word + WORDS_MAX;
	for (; word < end; word++)
		if (is_locked_code(*word))
			return true;
	return false;
}

struct walk {
	const struct fiber *fiber;
	bool is_on_fiber, found;
	unsigned frames;
};

static _Unwind_Reason_Code visit(struct _Unwind_Context *context, void *data)
{
	enum { FRAMES_MAX = 4096 };
	struct walk *walk = data;
	bool on_fiber = fiber_has(walk->fiber, _Unwind_GetCFA(context));

	/* From the handler's frames to the callee's, and no further. */
	if ((walk->is_on_fiber && !on_fiber) || ++walk->frames > FRAMES_MAX)
		return _URC_END_OF_STACK;
	walk->is_on_fiber = on_fiber;
	walk->found = on_fiber && is_locked_code(_Unwind_GetIP(context));
	return walk->found ? _URC_END_OF_STACK : _URC_NO_REASON;
}

bool sffi__poison_judge(const struct fiber *fiber, const struct fault_record *record)
{
	struct walk walk = { .fiber = fiber };
	uintptr_t sp = record->registers.value[REGISTER_SP];

	if (is_locked_code(record->registers.value[REGISTER_PC]))
		return true;
	/* A callee that has switched to a stack of its own: nothing is known of it. */
	if (!fiber_has(fiber, sp) || !may_be_locked(fiber, sp))
		return false;
	_Unwind_Backtrace(visit, &walk);
	return walk.found;
}

/* ---- afterwards ------------------------------------------------------------------------ */

_Atomic(const sffi_fault *) sffi__poison_fault;
/* Of all calls from then on. */
static sffi_fault refused = { .references = 1, .lock = PTHREAD_MUTEX_INITIALIZER,
			      .kind = SFFI_FAULT_POISONED, .is_inside = true, .is_frugal = true,
			      .symbolized = true };

void sffi__poison(const sffi_fault *fault)
{
	const sffi_fault *none = NULL;

	snprintf(refused.summary, sizeof refused.summary, "not called, after %.400s",
		 sffi_fault_get_summary(fault));
	atomic_compare_exchange_strong(&sffi__poison_fault, &none, fault);
}

sffi_status sffi__poison_refuse(void)
{
	sffi__set_last_fault(sffi_fault_retain(&refused));
	return sffi__fail(SFFI_EPOISONED,
			  "nothing more is called in this process, after %.300s: it still holds the lock, and "
			  "what it protects may be damaged. Save what must be saved and end the program, or "
			  "use the mode 'isolated'",
			  sffi_fault_get_summary(atomic_load(&sffi__poison_fault)));
}
