/* SPDX-License-Identifier: MIT */
/* Operations of the modes in the host's own process that are no calls; all of them alike. */
#ifndef SFFI_MODE_INSIDE_H
#define SFFI_MODE_INSIDE_H

#include "mode/inside_call.h"

sffi_status sffi__inside_open(sffi_domain *);
void sffi__inside_end_domain(sffi_domain *);
sffi_status sffi__inside_restart(sffi_domain *);
pid_t sffi__inside_pid(sffi_domain *);
sffi_status sffi__inside_load(sffi_library *);
void sffi__inside_unload(sffi_library *);
void sffi__inside_let_go(sffi_library *);
void sffi__inside_libraries_changed(sffi_domain *);
sffi_status sffi__inside_resolve(sffi_function *);
sffi_status sffi__inside_global(sffi_library *, const char *name, void **address);
sffi_status sffi__inside_read_memory(sffi_domain *, void *to, uintptr_t from, size_t size);
sffi_status sffi__inside_write_memory(sffi_domain *, uintptr_t to, const void *from, size_t size);
void sffi__inside_callback_made(sffi_domain *);
sffi_status sffi__inside_lend(sffi_domain *to, sffi_domain *from, uintptr_t low, size_t size);

/* What the tables of these modes have in common. */
#define INSIDE_OPERATIONS					\
	.open = sffi__inside_open,				\
	.close = sffi__inside_end_domain,			\
	.restart = sffi__inside_restart,			\
	.pid = sffi__inside_pid,				\
	.load = sffi__inside_load,				\
	.unload = sffi__inside_unload,				\
	.let_go = sffi__inside_let_go,				\
	.libraries_changed = sffi__inside_libraries_changed,	\
	.resolve = sffi__inside_resolve,			\
	.batch = sffi__inside_batch,				\
	.global = sffi__inside_global,				\
	.read = sffi__inside_read_memory,			\
	.write = sffi__inside_write_memory,			\
	.callback_made = sffi__inside_callback_made,		\
	.steps = &sffi__inside_steps,				\
	.lend = sffi__inside_lend

#endif
