/* SPDX-License-Identifier: MIT */
#include "fault/classify.h"
#include "fault/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	NULL_RANGE = 64 * 1024,  /* vm.mmap_min_addr keeps it free of mappings */
	ERROR_RANGE = 4096,      /* as the kernel's MAX_ERRNO */
	NEAR = 64 * 1024         /* how far behind something counts as past its end */
};

static const char *const class_names[ADDRESS_CLASS_COUNT] = {
	[ADDRESS_NONE] = "none",
	[ADDRESS_UNKNOWN] = "unknown",
	[ADDRESS_NULL] = "null",
	[ADDRESS_ERROR_VALUE] = "error_value",
	[ADDRESS_STACK_GUARD] = "stack_guard",
	[ADDRESS_OTHER_GUARD] = "other_guard",
	[ADDRESS_PAST_ARGUMENT] = "past_argument",
	[ADDRESS_BEFORE_ARGUMENT] = "before_argument",
	[ADDRESS_IN_ARGUMENT] = "in_argument",
	[ADDRESS_REGION] = "region",
	[ADDRESS_READ_ONLY] = "read_only",
	[ADDRESS_NOT_EXECUTABLE] = "not_executable",
	[ADDRESS_PROTECTION_KEY] = "protection_key",
	[ADDRESS_PAST_MAPPING] = "past_mapping",
	[ADDRESS_PAST_FILE] = "past_file",
	[ADDRESS_MISALIGNED] = "misaligned",
	[ADDRESS_MAPPED] = "mapped",
	[ADDRESS_ARENA] = "arena",
	[ADDRESS_HOST] = "host",
	[ADDRESS_UNMAPPED] = "unmapped",
};

const char *sffi__address_class_name(enum address_class class)
{
	return (unsigned)class < ADDRESS_CLASS_COUNT ? class_names[class] : "none";
}

/* User addresses have 47 bits (Intel SDM volume 1, 3.3.7.1: the bits above repeat the
 * highest), unless a program asks the kernel for more by mmap's hint. */
bool sffi__is_non_canonical(uint64_t value)
{
	uint64_t top = value >> 47;

	return top != 0 && top != (UINT64_MAX >> 47);
}

const char *sffi__mapping_name(const struct mapping *mapping)
{
	return mapping->name[0] ? sffi__text_file_name(mapping->name) : "anonymous memory";
}

static bool within(uintptr_t address, uintptr_t low, uintptr_t high)
{
	return address >= low && address < high;
}

/* ---- one question each: true, and the report filled, if that is what the address is ---- */

struct question {
	const sffi_fault *fault;
	const struct maps *maps;
	const struct mapping *mapping; /* that contains the address, or NULL */
	struct address_report *report;
};

static bool answer(struct question *q, enum address_class class, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static bool answer(struct question *q, enum address_class class, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(q->report->words, sizeof q->report->words, format, arguments);
	va_end(arguments);
	q->report->class = class;
	return true;
}

/* On x86 the address of a general protection fault is lost; a register or the word that
 * `ret` would take may still hold it. */
static bool is_unknown(struct question *q)
{
	const sffi_fault *fault = q->fault;
	char text[9];
	bool found = false;

	if (fault->address_known)
		return false;
	answer(q, ADDRESS_UNKNOWN, "not known: the CPU does not say non-canonical addresses");
	if (!fault->has_registers)
		return true;
	for (unsigned i = 0; i < REGISTER_COUNT; i++) {
		uint64_t value = fault->registers.value[i];

		if (!sffi__is_non_canonical(value))
			continue;
		sffi__text_append(q->report->words, sizeof q->report->words,
				  "%s %s holds 0x%" PRIx64, found ? "," : ";",
				  sffi__register_names[i], value);
		if (*sffi__text_of_word(text, value))
			sffi__text_append(q->report->words, sizeof q->report->words,
					  ", the text \"%s\"", text);
		found = true;
	}
	if (fault->stack_size >= sizeof(uint64_t) &&
	    fault->stack_address == fault->registers.value[REGISTER_SP]) {
		uint64_t top;

		memcpy(&top, fault->stack, sizeof top);
		if (sffi__is_non_canonical(top)) {
			sffi__text_append(q->report->words, sizeof q->report->words,
					  "; the top of the stack, where a return address would be,"
					  " holds 0x%" PRIx64, top);
			found = true;
		}
	}
	if (!found)
		sffi__text_append(q->report->words, sizeof q->report->words,
				  "; no register holds one: perhaps an instruction that needs "
				  "aligned data, or a privileged one");
	return true;
}

static bool is_null(struct question *q)
{
	uintptr_t address = q->fault->address;

	if (address == 0)
		return answer(q, ADDRESS_NULL, q->fault->access_is_execute ?
			      "NULL, called as a function" : "NULL");
	if (address < NULL_RANGE)
		return answer(q, ADDRESS_NULL, "NULL plus %" PRIuPTR ": a member of a NULL struct, "
			      "or an element of a NULL array", address);
	if (address >= (uintptr_t)-ERROR_RANGE)
		return answer(q, ADDRESS_ERROR_VALUE, "-%" PRIuPTR ": an error value such as "
			      "MAP_FAILED used as a pointer", -address);
	return false;
}

static bool is_stack_guard(struct question *q)
{
	const sffi_fault *fault = q->fault;
	uintptr_t sp = fault->has_registers ? fault->registers.value[REGISTER_SP] : 0;
	const struct mapping *above;

	if (fault->stack_guard && within(fault->address, fault->stack_guard, fault->stack_low))
		return answer(q, ADDRESS_STACK_GUARD,
			      "the guard page of the callee's stack of %zu KiB: stack overflow",
			      (size_t)(fault->stack_high - fault->stack_low) / 1024);
	/* The stack of a thread that the callee made: writable memory, the stack pointer at
	 * its low end, the address just below it. */
	if (q->mapping && q->mapping->readable)
		return false;
	above = sffi__maps_after(q->maps, q->mapping ? q->mapping->high - 1 : fault->address);
	if (!sp || !above || !above->writable || above->is_file ||
	    above->low - fault->address > NEAR || sp < fault->address - NEAR ||
	    sp > above->low + NEAR || sp >= above->high)
		return false;
	return answer(q, ADDRESS_STACK_GUARD,
		      "just below the stack of this thread: stack overflow");
}

/* How far outside of the buffer the address is: 0 inside, negative before. */
static intptr_t distance(const struct fault_buffer *buffer, uintptr_t address)
{
	uintptr_t end = buffer->address + buffer->size;

	if (address < buffer->address)
		return (intptr_t)(address - buffer->address);
	return address < end ? 0 : (intptr_t)(address - end + 1);
}

static intptr_t magnitude(intptr_t value)
{
	return value < 0 ? -value : value;
}

static bool is_argument(struct question *q)
{
	const struct fault_buffer *nearest = NULL;
	char name[96];
	intptr_t away = 0;

	for (size_t i = 0; i < q->fault->buffer_count; i++) {
		const struct fault_buffer *buffer = &q->fault->buffers[i];
		intptr_t d = distance(buffer, q->fault->address);

		if (d <= -NEAR || d > NEAR || (nearest && magnitude(d) >= magnitude(away)))
			continue;
		nearest = buffer;
		away = d;
	}
	/* Memory that is there for something else is not an argument's fence. */
	if (!nearest || (away && q->mapping && q->mapping->readable &&
			 !within(q->fault->address, q->fault->arena_low, q->fault->arena_high)))
		return false;
	if (nearest->name[0])
		snprintf(name, sizeof name, "argument `%s` (%zu bytes)", nearest->name,
			 nearest->size);
	else
		snprintf(name, sizeof name, "argument %zu (%zu bytes)", nearest->parameter + 1,
			 nearest->size);
	if (away > 0)
		return answer(q, ADDRESS_PAST_ARGUMENT, "%" PRIdPTR " bytes past the end of %s",
			      away - 1, name);
	if (away < 0)
		return answer(q, ADDRESS_BEFORE_ARGUMENT,
			      "%" PRIdPTR " bytes before the start of %s", -away, name);
	return answer(q, ADDRESS_IN_ARGUMENT, "byte %" PRIuPTR " of %s",
		      q->fault->address - nearest->address, name);
}

static bool is_bus_error(struct question *q)
{
	if (q->fault->signal != SIGBUS)
		return false;
	if (q->fault->code == BUS_ADRALN)
		return answer(q, ADDRESS_MISALIGNED, "not aligned as the instruction needs it");
	if (q->fault->code == BUS_ADRERR && q->mapping && q->mapping->is_file)
		return answer(q, ADDRESS_PAST_FILE, "past the end of the mapped file %.100s: it is "
			      "shorter than its mapping", sffi__mapping_name(q->mapping));
	if (q->fault->code == BUS_ADRERR && q->mapping)
		return answer(q, ADDRESS_PAST_FILE, "in %.100s, which has no memory behind it",
			      sffi__mapping_name(q->mapping));
	return false;
}

static bool is_shielded(struct question *q)
{
	if (!q->fault->is_shielded || q->fault->access_is_execute)
		return false;
	return answer(q, ADDRESS_REGION, "in memory that sffi_region_add protects");
}

static bool is_forbidden(struct question *q)
{
	const struct mapping *mapping = q->mapping;
	const sffi_fault *fault = q->fault;
	const char *name;

	if (!mapping)
		return false;
	name = sffi__mapping_name(mapping);
	if (fault->signal == SIGSEGV && fault->code == SEGV_PKUERR)
		return answer(q, ADDRESS_PROTECTION_KEY, "in %.100s, kept by a protection key",
			      name);
	if (!mapping->readable && !mapping->writable && !mapping->executable) {
		if (within(fault->address, fault->arena_low, fault->arena_high))
			return answer(q, ADDRESS_ARENA,
				      "in the arena, where no block is: freed, or "
				      "a fence");
		return answer(q, ADDRESS_OTHER_GUARD, "in memory without any access (%.100s): the "
			      "guard page of another stack, or reserved only", name);
	}
	if (fault->access_is_execute && !mapping->executable)
		return answer(q, ADDRESS_NOT_EXECUTABLE, "in %.100s, which is no code: a wrong "
			      "function pointer or return address", name);
	if (fault->access_is_write && !mapping->writable)
		return answer(q, ADDRESS_READ_ONLY, "in read-only memory of %.100s", name);
	return answer(q, ADDRESS_MAPPED, "in %.100s", name);
}

static bool is_past_mapping(struct question *q)
{
	const struct mapping *before = sffi__maps_before(q->maps, q->fault->address);

	if (q->mapping || !before || q->fault->address - before->high >= NEAR || !before->readable)
		return false;
	return answer(q, ADDRESS_PAST_MAPPING, "%" PRIuPTR " bytes past the end of %.100s",
		      q->fault->address - before->high, sffi__mapping_name(before));
}

/* mincore fails with ENOMEM for a page that is not mapped; it touches no memory of it. */
static bool host_has(uintptr_t address)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	unsigned char residence;

	return mincore((void *)(address & ~(page - 1)), page, &residence) == 0 || errno != ENOMEM;
}

static bool is_elsewhere(struct question *q)
{
	const sffi_fault *fault = q->fault;
	uintptr_t address = fault->address;

	if (q->mapping)
		return false;
	if (within(address, fault->arena_low, fault->arena_high))
		return answer(q, ADDRESS_ARENA,
			      "in the arena, where no block is: freed, or a fence");
	if (within(address, fault->zone_low, fault->zone_high))
		return answer(q, ADDRESS_UNMAPPED, "in the worker's own range, where nothing is "
			      "mapped: freed, or never allocated");
	if (fault->zone_high && address >> 47 == 0 && host_has(address))
		return answer(q, ADDRESS_HOST, "memory of the host that the worker does not have: "
			      "registered, or made after the worker");
	return answer(q, ADDRESS_UNMAPPED,
		      q->maps->count
			      ? "where nothing is mapped: freed, or no "
				"pointer at all"
			      : "of unknown memory: the worker's mappings could not be read");
}

static void add_text(struct address_report *report, uintptr_t address)
{
	char text[9];

	if (*sffi__text_of_word(text, address))
		sffi__text_append(report->words, sizeof report->words,
				  "; its bytes are the text \"%s\"", text);
}

void sffi__classify(const sffi_fault *fault, const struct maps *maps, struct address_report *report)
{
	/* The first that says yes; the order is from the surest to the vaguest. */
	static bool (*const questions[])(struct question *) = {
		is_unknown, is_null, is_shielded, is_bus_error, is_stack_guard, is_argument, is_forbidden,
		is_past_mapping, is_elsewhere,
	};
	struct question q = { fault, maps, NULL, report };

	report->class = ADDRESS_NONE;
	report->words[0] = '\0';
	/* si_addr is an address of data only for these, and only if the CPU raised them. */
	if ((fault->signal != SIGSEGV && fault->signal != SIGBUS) || fault->code <= 0)
		return;
	if (fault->kind != SFFI_FAULT_SIGNAL && fault->kind != SFFI_FAULT_STACK_OVERFLOW)
		return;
	q.mapping = fault->address_known ? sffi__maps_find(maps, fault->address) : NULL;
	for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
		if (questions[i](&q))
			break;
	}
	if (report->class == ADDRESS_UNMAPPED || report->class == ADDRESS_HOST)
		add_text(report, fault->address);
}

/* ---- what the functions tell ---------------------------------------------- */

struct tell {
	const char *function; /* somewhere on the stack */
	bool top_only;        /* as the function at the fault */
	int signal;
	const char *sentence;
};

#define CORRUPT "the heap is corrupt: the allocator noticed it in this call, but an earlier one " \
	"may have written there"
#define BAD_FREE "inside the allocator: the heap is corrupt, or free() or realloc() was given " \
	"an address that is not a live block's"

static const struct tell tells[] = {
	{ "malloc_printerr", false, SIGABRT, CORRUPT },
	{ "__malloc_assert", false, SIGABRT, CORRUPT },
	{ "__stack_chk_fail", false, SIGABRT,
	  "a function's stack frame was written past the end of a local array" },
	{ "__chk_fail", false, SIGABRT,
	  "a checked C library function refused to write past the end of a buffer" },
	{ "__assert_fail", false, SIGABRT, "an assertion of the library does not hold" },
	{ "__cxa_throw", false, SIGABRT, "a C++ exception was thrown that nothing catches" },
	{ "_ZSt9terminatev", false, SIGABRT, "the C++ library gave up: std::terminate" },
	{ "_int_free", true, SIGSEGV, BAD_FREE },
	{ "__libc_free", true, SIGSEGV, BAD_FREE },
	{ "free", true, SIGSEGV, BAD_FREE },
	{ "cfree", true, SIGSEGV, BAD_FREE },
	{ "_int_malloc", true, SIGSEGV, BAD_FREE },
	{ "_int_realloc", true, SIGSEGV, BAD_FREE },
	{ "realloc", true, SIGSEGV, BAD_FREE },
	{ "malloc_consolidate", true, SIGSEGV, BAD_FREE },
	{ "unlink_chunk", true, SIGSEGV, BAD_FREE },
	{ "tcache_get", true, SIGSEGV, BAD_FREE },
};

/* glibc's own names for its functions: __GI___assert_fail, malloc_printerr.constprop.0. */
static bool is_function(const char *name, const char *wanted)
{
	size_t length = strlen(wanted);

	if (!strncmp(name, "__GI_", 5))
		name += 5;
	return !strncmp(name, wanted, length) && (name[length] == '\0' || name[length] == '.');
}

const char *sffi__classify_frames(const sffi_fault *fault)
{
	for (size_t i = 0; i < sizeof tells / sizeof *tells; i++) {
		const struct tell *tell = &tells[i];

		if (tell->signal != fault->signal)
			continue;
		for (size_t j = 0; j < (tell->top_only ? 1 : 16) && j < fault->frame_count; j++) {
			const char *function = fault->frames[j].function;

			if (function && is_function(function, tell->function))
				return tell->sentence;
		}
	}
	return NULL;
}
