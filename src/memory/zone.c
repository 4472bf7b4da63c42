/* SPDX-License-Identifier: MIT */
#include "memory/zone.h"

#include <pthread.h>

enum zone_state { ZONE_UNUSED, ZONE_LIVE, ZONE_STALE };

struct zone {
	enum zone_state state;
	bool held;           /* not to be dealt out */
	sffi_domain *domain; /* NULL: closed */
	uint64_t generation;
};

static struct zone zones[ZONES_MAX];
static struct zone arenas[ARENAS_MAX];
static unsigned next_zone, next_arena;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void sffi__zones_lock(void)
{
	pthread_mutex_lock(&lock);
}

void sffi__zones_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

/* The next number in turn that is not held; the lock is held. */
static int hold_next(struct zone *table, unsigned count, unsigned *next)
{
	for (unsigned i = 0; i < count; i++) {
		unsigned index = (*next + i) % count;

		if (table[index].held)
			continue;
		table[index].held = true;
		*next = index + 1;
		return (int)index;
	}
	return -1;
}

int sffi__zone_reserve(void)
{
	int zone;

	pthread_mutex_lock(&lock);
	zone = hold_next(zones, ZONES_MAX, &next_zone);
	pthread_mutex_unlock(&lock);
	return zone;
}

void sffi__zone_assign(unsigned zone, sffi_domain *domain, uint64_t generation)
{
	pthread_mutex_lock(&lock);
	zones[zone] = (struct zone){ ZONE_LIVE, true, domain, generation };
	pthread_mutex_unlock(&lock);
}

int sffi__arena_range_take(sffi_domain *domain)
{
	int range;

	pthread_mutex_lock(&lock);
	range = hold_next(arenas, ARENAS_MAX, &next_arena);
	if (range >= 0)
		arenas[range] = (struct zone){ ZONE_LIVE, true, domain, 0 };
	pthread_mutex_unlock(&lock);
	return range;
}

/* One that was never assigned had no addresses that could be stale. */
static void set(struct zone *zone, bool held)
{
	pthread_mutex_lock(&lock);
	if (zone->state == ZONE_LIVE)
		zone->state = ZONE_STALE;
	zone->held = held;
	pthread_mutex_unlock(&lock);
}

void sffi__zone_stale(unsigned zone)
{
	set(&zones[zone], true);
}

void sffi__zone_release(unsigned zone)
{
	set(&zones[zone], false);
}

void sffi__arena_range_release(unsigned range)
{
	set(&arenas[range], false);
}

void sffi__zone_forget(const sffi_domain *domain)
{
	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < ZONES_MAX; i++)
		if (zones[i].domain == domain)
			zones[i].domain = NULL;
	for (unsigned i = 0; i < ARENAS_MAX; i++)
		if (arenas[i].domain == domain)
			arenas[i].domain = NULL;
	pthread_mutex_unlock(&lock);
}

sffi_owner sffi__zone_owner(uintptr_t address, sffi_domain **owner, uint64_t *generation)
{
	bool in_zone = address >= ZONE_AREA_LOW && address < ARENA_AREA_LOW;
	bool in_arena = address >= ARENA_AREA_LOW && address < arena_range_low(ARENAS_MAX);
	struct zone zone;

	if (!in_zone && !in_arena)
		return SFFI_OWNER_HOST;
	pthread_mutex_lock(&lock);
	zone = in_zone ? zones[(address - ZONE_AREA_LOW) / ZONE_SIZE]
		       : arenas[(address - ARENA_AREA_LOW) / ARENA_RANGE];
	pthread_mutex_unlock(&lock);
	if (zone.state == ZONE_UNUSED)
		return SFFI_OWNER_NONE;
	if (owner)
		*owner = zone.domain;
	if (generation)
		*generation = zone.generation;
	if (zone.state == ZONE_STALE)
		return SFFI_OWNER_STALE;
	return in_zone ? SFFI_OWNER_CALLEE : SFFI_OWNER_ARENA;
}
