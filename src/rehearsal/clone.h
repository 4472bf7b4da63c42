/* SPDX-License-Identifier: MIT */
#ifndef SFFI_CLONE_H
#define SFFI_CLONE_H

#include "rehearsal/stage.h"

/* The clone's whole life: no memory of the host's that may be withheld is touched before the
 * handlers are there. mask: the thread's own, before all signals were blocked. */
_Noreturn void sffi__clone_main(struct stage *, const sigset_t *mask, void (*perform)(void *),
				void *context);
_Noreturn void sffi__stage_fault(const struct fault_record *);
/* Whether this process is a clone in a rehearsal. */
bool sffi__rehearsal_is_here(void);

#endif
