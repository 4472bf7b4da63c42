/* SPDX-License-Identifier: MIT */
#include "abi/context.h"

#include <cpuid.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <ucontext.h>

enum { FLAG_TRAP = 1 << 8, USER_CODE = 0x33, WORD = sizeof(uint64_t) };

/* Reads a callee's stack from end to end, also where AddressSanitizer has marked it. */
#define READS_STACK __attribute__((no_sanitize("address")))

/* The kernel's sets of signals have one word. */
READS_STACK static uint64_t mask_of(const ucontext_t *context)
{
	uint64_t mask;

	memcpy(&mask, &context->uc_sigmask, sizeof mask);
	return mask;
}

bool sffi__context_blocks(const void *context, int signal)
{
	return mask_of(context) >> (signal - 1) & 1;
}

/* ---- frames of signal handlers --------------------------------------------- */

/* What the kernel pushed for a handler: the address that the handler returns to, then the
 * context. The former is glibc's, the same for all handlers; anything may look like it, so
 * the context must make sense too: the stack goes on above it, the registers of the vector
 * unit lie in between, and a handler runs with more signals blocked than what it interrupted. */
READS_STACK static bool is_frame(const char *at, uint64_t restorer, uint64_t blocked, uintptr_t high)
{
	const ucontext_t *saved = (const void *)(at + WORD);
	uintptr_t here = (uintptr_t)at, sp, fp;
	uint64_t word;

	memcpy(&word, at, WORD);
	if (word != restorer || high - here < WORD + offsetof(ucontext_t, uc_sigmask) + WORD)
		return false;
	sp = (uintptr_t)saved->uc_mcontext.gregs[REG_RSP];
	fp = (uintptr_t)saved->uc_mcontext.fpregs;
	return sp > here && sp <= high && fp > here && fp < sp && fp % 16 == 0 &&
	       (saved->uc_mcontext.gregs[REG_CSGSFS] & 0xffff) == USER_CODE &&
	       (blocked & mask_of(saved)) == mask_of(saved) && blocked != mask_of(saved);
}

bool sffi__context_in_handler(const void *context, uintptr_t low, uintptr_t high)
{
	enum { GUARD = 4096 };

	const ucontext_t *here = context;
	uintptr_t sp = (uintptr_t)here->uc_mcontext.gregs[REG_RSP];
	uintptr_t alternate = (uintptr_t)here->uc_stack.ss_sp;
	uint64_t restorer;

	if (!(here->uc_stack.ss_flags & SS_DISABLE) && sp >= alternate &&
	    sp - alternate < here->uc_stack.ss_size)
		return true;
	/* The stack pointer of a callee may be anything; of one that overflowed it is in the guard
	 * page, below what can be read. */
	if (sp + GUARD < low || sp >= high)
		return false;
	sp = sp < low ? low : sp;
	memcpy(&restorer, (const char *)context - WORD, WORD);
	for (uintptr_t at = sp & -(uintptr_t)WORD; at < high; at += WORD)
		if (is_frame((const char *)at, restorer, mask_of(here), high))
			return true;
	return false;
}

/* ---- one step --------------------------------------------------------------- */

bool sffi__context_step(void *context)
{
	((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] |= FLAG_TRAP;
	return true;
}

bool sffi__context_is_stepping(const void *context)
{
	return ((const ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] & FLAG_TRAP;
}

void sffi__context_end_step(void *context)
{
	((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)FLAG_TRAP;
}

/* ---- PKRU: two bits for each key (Intel SDM vol. 3, 4.6.2) ----------------------- */

static const uint32_t bits[] = { [KEY_FREE] = 0, [KEY_READ] = 2, [KEY_NONE] = 1 };

static uint32_t with(uint32_t rights, int key, enum key_access access)
{
	return (rights & ~(3u << 2 * key)) | bits[access] << 2 * key;
}

bool sffi__keys_known(void)
{
	return true;
}

static enum key_access access_in(uint32_t rights, int key)
{
	rights = rights >> 2 * key & 3;
	return rights & 1 ? KEY_NONE : rights ? KEY_READ : KEY_FREE;
}

/* As bytes: an assembler needs no flag for them. */

static uint32_t read_pkru(void)
{
	uint32_t rights, high;

	__asm__ volatile(".byte 0x0f, 0x01, 0xee" : "=a"(rights), "=d"(high) : "c"(0));
	return rights;
}

static void write_pkru(uint32_t rights)
{
	__asm__ volatile(".byte 0x0f, 0x01, 0xef" : : "a"(rights), "c"(0), "d"(0) : "memory");
}

void sffi__key_allow(int key, enum key_access access)
{
	write_pkru(with(read_pkru(), key, access));
}

enum key_access sffi__key_allowed(int key)
{
	return access_in(read_pkru(), key);
}

/* In a context, PKRU is component 9 of what XSAVE saved, if the kernel says that this is there:
 * in the words that it keeps for itself behind the legacy part. */
enum { LEGACY_SIZE = 512, KERNEL_WORDS = 464, PKRU_COMPONENT = 9, MAGIC = 0x46505853 };

struct kernel_words {
	uint32_t magic, extended_size;
	uint64_t features;
};

/* CPUID leaf 13: where the component lies in the standard format. */
static uint32_t pkru_offset(void)
{
	static uint32_t known;
	uint32_t size, offset, c, d;

	if (!known && __get_cpuid_count(13, PKRU_COMPONENT, &size, &offset, &c, &d))
		known = offset;
	return known;
}

/* NULL: not there. The header behind the legacy part says which components are as saved; the
 * others are as at first, PKRU 0. */
static char *pkru_in(const void *context, uint64_t *present)
{
	char *area = (char *)((const ucontext_t *)context)->uc_mcontext.fpregs;
	struct kernel_words words;
	uint32_t offset = pkru_offset();

	if (!area || !offset)
		return NULL;
	memcpy(&words, area + KERNEL_WORDS, sizeof words);
	if (words.magic != MAGIC || !(words.features >> PKRU_COMPONENT & 1) ||
	    words.extended_size < offset + sizeof(uint32_t))
		return NULL;
	memcpy(present, area + LEGACY_SIZE, sizeof *present);
	return area + offset;
}

bool sffi__context_key(const void *context, int key, enum key_access *access)
{
	uint64_t present;
	uint32_t rights = 0;
	const char *at = pkru_in(context, &present);

	if (!at)
		return false;
	if (present >> PKRU_COMPONENT & 1)
		memcpy(&rights, at, sizeof rights);
	*access = access_in(rights, key);
	return true;
}

bool sffi__context_key_allow(void *context, int key, enum key_access access)
{
	uint64_t present;
	uint32_t rights = 0;
	char *at = pkru_in(context, &present);

	if (!at)
		return false;
	if (present >> PKRU_COMPONENT & 1)
		memcpy(&rights, at, sizeof rights);
	rights = with(rights, key, access);
	present |= 1u << PKRU_COMPONENT;
	memcpy(at, &rights, sizeof rights);
	memcpy((char *)((ucontext_t *)context)->uc_mcontext.fpregs + LEGACY_SIZE, &present,
	       sizeof present);
	return true;
}
