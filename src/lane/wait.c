/* SPDX-License-Identifier: MIT */
#include "lane/wait.h"

#include "abi/abi.h"
#include "os/os.h"

static bool arrived(const struct lane_side *side, uint32_t wanted)
{
	return atomic_load_explicit(side->post, memory_order_acquire) == wanted;
}

/* Publishes this side's CPU; whether the peer was last seen on the same one. */
static bool same_cpu(const struct lane_side *side)
{
	uint16_t cpu = (uint16_t)sffi__os_cpu();

	/* Only a change is written: the line is the peer's to read. */
	if (atomic_load_explicit(side->cpu, memory_order_relaxed) != cpu)
		atomic_store_explicit(side->cpu, cpu, memory_order_relaxed);
	return atomic_load_explicit(side->peer_cpu, memory_order_relaxed) == cpu;
}

bool sffi__lane_spin(const struct lane_side *side, uint32_t wanted)
{
	enum { LOOKS = 64 };
	uint64_t end = 0;

	if (arrived(side, wanted))
		return true;
	while (!same_cpu(side)) {
		uint64_t now;

		for (int i = 0; i < LOOKS; i++) {
			if (arrived(side, wanted))
				return true;
			cpu_relax();
		}
		/* The clock is only read when the answer was not there at once. */
		now = sffi__os_now_ns();
		if (!end)
			end = now + side->spin_ns;
		else if (now >= end)
			break;
	}
	return arrived(side, wanted);
}

void sffi__lane_post(_Atomic uint32_t *post, uint32_t value, _Atomic uint8_t *peer_sleeping)
{
	atomic_store(post, value);
	if (atomic_load(peer_sleeping))
		sffi__os_futex_wake(post, 1);
}
