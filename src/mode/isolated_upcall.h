/* SPDX-License-Identifier: MIT */
/*
 * A callee in a worker calls the host. Its thread waits there, on its lane, and serves
 * whatever the host asks it meanwhile; the host thread that waits for that lane runs the
 * handler.
 */
#ifndef SFFI_ISOLATED_UPCALL_H
#define SFFI_ISOLATED_UPCALL_H

#include "mode/isolated.h"
#include "mode/upcall.h"

/* sffi__upcall_take, of what the lane has told of. */
sffi_status sffi__isolated_upcall_take(struct upcall *, struct lane *);
/* Posts the result. SFFI_ETYPE: as sffi__upcall_result; then nothing was posted. */
sffi_status sffi__isolated_upcall_answer(struct upcall *);
/* The call that the upcall was made in ends, for the reason that sffi_error tells. */
void sffi__isolated_upcall_abandon(struct upcall *, const char *reason);

/* Serves the upcall in place: LANE_DONE when it was answered or abandoned, and the lane may
 * be waited on again; LANE_STALE_CALLBACK, LANE_REPLACED. */
enum lane_outcome sffi__upcall_serve(struct lane *);
/* The part of it after sffi__isolated_upcall_take, whose status is given. */
enum lane_outcome sffi__upcall_deal(struct upcall *, sffi_status taken);
/* A lane to a thread of the library's own that has an upcall; NULL: none has. */
struct lane *sffi__guest_take(sffi_domain *, struct peer *);
/* Serves one of those. */
void sffi__upcall_serve_guest(struct lane *);

/* A request, with all upcalls that come meanwhile: in what lane_request has none of. */
enum lane_outcome sffi__isolated_converse(struct lane *, enum lane_operation, uint64_t deadline_ns);

#endif
