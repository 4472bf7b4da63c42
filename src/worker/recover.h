/* SPDX-License-Identifier: MIT */
/* A domain's worker over its lifetime: brought up, brought down by a fault, replaced. */
#ifndef SFFI_RECOVER_H
#define SFFI_RECOVER_H

#include "fault/capture.h"

/* Brings up the first worker. */
sffi_status sffi__workers_open(sffi_domain *);
void sffi__workers_close(sffi_domain *);
sffi_status sffi__workers_restart(sffi_domain *);

/* Sees to it that the lane is attached to a worker that serves; replaces one that died
 * while nobody called. */
sffi_status sffi__worker_ready(struct lane *);
/* A request on the lane did not come back: takes the fault down, replaces the worker, says
 * what the call is to return. */
sffi_status sffi__worker_failed(struct lane *, enum lane_outcome, const struct fault_scene *);

/* The host gives up a call in the worker, which may be in it for ever. */
void sffi__worker_cancel(sffi_domain *, struct peer *, const sffi_function *);

/* Sees to it that the domain has a pipe for upcalls without a call, and the worker its end;
 * the domain's lock is held. */
sffi_status sffi__domain_notifier(sffi_domain *);

/* Does what was put off; called when chores_due is not zero. */
void sffi__worker_chores(sffi_domain *);

sffi_status sffi__worker_map_lent(struct peer *, struct lent *);

/* After the list of libraries changed: a spare has the old one. */
void sffi__spare_renew(sffi_domain *);

#endif
