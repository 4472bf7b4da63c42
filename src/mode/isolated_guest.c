/* SPDX-License-Identifier: MIT */
/* Upcalls from threads that the library made itself: whichever host thread waits serves them. */
#include "mode/isolated_upcall.h"

static struct lane *guest_lane(sffi_domain *domain, struct peer *peer, unsigned guest)
{
	struct lane *lane = sffi__lane_new(domain);

	if (!lane)
		return NULL;
	sffi__peer_retain(peer);
	lane->peer = peer;
	lane->index = LANE_FIRST_GUEST + guest;
	lane->is_guest = true;
	lane->slot = worker_slot(peer->control, lane->index);
	lane->sequence = atomic_load(&lane->slot->reply.post);
	sffi__lane_set_side(lane, domain->options.spin_ns);
	return lane;
}

struct lane *sffi__guest_take(sffi_domain *domain, struct peer *peer)
{
	int guest = sffi__peer_take_guest(peer);
	struct lane *lane;

	if (guest < 0)
		return NULL;
	lane = guest_lane(domain, peer, (unsigned)guest);
	/* It cannot come again before it has its answer. */
	sffi__peer_leave_guest(peer, (unsigned)guest);
	return lane;
}

/* The guest's lane is this thread's for the domain meanwhile: what the handler calls runs on
 * the library's own thread. */
void sffi__upcall_serve_guest(struct lane *lane)
{
	struct lane *guest = sffi__guest_take(lane->work.domain, lane->peer);

	if (!guest)
		return;
	sffi__lane_push(guest);
	/* The callee may have set the bit without a word. */
	if (guest->slot->reply.event == LANE_UPCALLED &&
	    sffi__upcall_serve(guest) == LANE_STALE_CALLBACK)
		sffi__worker_failed(guest, LANE_STALE_CALLBACK,
				    &(struct fault_scene){ .doing = "a thread of the library's own" });
	sffi__lane_pop(guest);
}
