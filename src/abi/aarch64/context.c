/* SPDX-License-Identifier: MIT */
#include "abi/context.h"

#include <signal.h>
#include <string.h>
#include <ucontext.h>

bool sffi__context_blocks(const void *context, int signal)
{
	uint64_t mask;

	memcpy(&mask, &((const ucontext_t *)context)->uc_sigmask, sizeof mask);
	return mask >> (signal - 1) & 1;
}

/* Handlers on the alternate stack only: what the kernel pushes for the others has no address on
 * this CPU that could be told from any other. */
bool sffi__context_in_handler(const void *context, uintptr_t low, uintptr_t high)
{
	const ucontext_t *here = context;
	uintptr_t sp = here->uc_mcontext.sp, alternate = (uintptr_t)here->uc_stack.ss_sp;

	(void)low, (void)high;
	return !(here->uc_stack.ss_flags & SS_DISABLE) && sp >= alternate &&
	       sp - alternate < here->uc_stack.ss_size;
}

/* User programs cannot single-step themselves here, and have no protection keys (Linux 6.12
 * has, where the CPU has permission overlays: not known to this version). */

bool sffi__context_step(void *context)
{
	(void)context;
	return false;
}

bool sffi__context_is_stepping(const void *context)
{
	(void)context;
	return false;
}

void sffi__context_end_step(void *context)
{
	(void)context;
}

bool sffi__keys_known(void)
{
	return false;
}

void sffi__key_allow(int key, enum key_access access)
{
	(void)key;
	(void)access;
}

enum key_access sffi__key_allowed(int key)
{
	(void)key;
	return KEY_FREE;
}

bool sffi__context_key(const void *context, int key, enum key_access *access)
{
	(void)context;
	(void)key;
	(void)access;
	return false;
}

bool sffi__context_key_allow(void *context, int key, enum key_access access)
{
	(void)context;
	(void)key;
	(void)access;
	return false;
}
