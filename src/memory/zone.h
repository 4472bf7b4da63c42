/* SPDX-License-Identifier: MIT */
/*
 * Who owns an address, told from the number alone.
 *
 * [32 TiB, 48 TiB) is used by no default layout of a program, nor by valgrind's or
 * AddressSanitizer's. The host leaves it empty and deals it out: a zone to every worker,
 * where all of its new memory lies, an arena to every domain. Numbers are dealt in turn, so
 * that one comes back as late as possible: a handle of a worker that is gone is then told
 * as stale.
 */
#ifndef SFFI_ZONE_H
#define SFFI_ZONE_H

#include "safeffi.h"

#define ZONE_AREA_LOW 0x200000000000ul
#define ZONE_SIZE (32ul << 30)
#define ARENA_AREA_LOW (ZONE_AREA_LOW + ZONES_MAX * ZONE_SIZE)
#define ARENA_RANGE (16ul << 30)
enum { ZONES_MAX = 384, ARENAS_MAX = 256 };

static inline uintptr_t zone_low(unsigned zone)
{
	return ZONE_AREA_LOW + zone * ZONE_SIZE;
}

static inline uintptr_t arena_range_low(unsigned arena)
{
	return ARENA_AREA_LOW + arena * ARENA_RANGE;
}

/* Keeps a zone back for a worker to be; -1: all are in use. */
int sffi__zone_reserve(void);
/* It is the domain's worker of that generation from now on. */
void sffi__zone_assign(unsigned zone, sffi_domain *, uint64_t generation);
/* The worker has ended: its addresses are stale from now on. The number is kept back until
 * sffi__zone_release, since the host still has it mapped. */
void sffi__zone_stale(unsigned zone);
void sffi__zone_release(unsigned zone);

int sffi__arena_range_take(sffi_domain *);
void sffi__arena_range_release(unsigned range);

/* Forgets a domain that is closing: its addresses stay stale. */
void sffi__zone_forget(const sffi_domain *);

/* As sffi_address_owner, without asking whether the host has the address mapped: HOST
 * means outside of all zones. */
sffi_owner sffi__zone_owner(uintptr_t address, sffi_domain **owner, uint64_t *generation);

/* Around a fork of the host's: a child must find the lock open. */
void sffi__zones_lock(void);
void sffi__zones_unlock(void);

#endif
