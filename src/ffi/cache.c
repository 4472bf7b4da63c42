/* SPDX-License-Identifier: MIT */
/*
 * The functions that were called, by domain, address and signature; the one used longest ago
 * makes room.
 *
 * A function keeps its domain's handle from being freed, and so from being another domain's:
 * an entry is never found for a domain that it was not made for. That a domain was closed
 * nobody tells; it is asked for when a domain comes that has no entries yet, so that a program
 * which opens and closes domains keeps no more than the last ones.
 */
#include "entry.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KNOWN_MAX = 4096, BUCKETS = 4096 };

struct known {
	struct known *next;          /* in the bucket; of those dropped, the next one */
	struct known *newer, *older; /* by their last use */
	_Atomic unsigned references; /* the cache's, and those of calls in work */
	sffi_domain *domain;
	void *address;
	uint64_t hash;
	sffi_function *function;
	size_t size;
	uint8_t signature[];
};

static struct {
	pthread_mutex_t lock; /* nothing of SafeFFI is called with it held but sffi_alloc */
	struct known *buckets[BUCKETS];
	struct known *newest, *oldest;
	unsigned count;
} cache = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* A forked child must not find the lock held by a thread that it has not got. A worker in which a
 * callee forks has the handlers too, but is a copy of the host that came about without them: the
 * lock may be held in it for ever. It is told by its number. */
static pid_t host;
static bool is_locked;

static void before_fork(void)
{
	is_locked = getpid() == host;
	if (is_locked)
		pthread_mutex_lock(&cache.lock);
}

static void in_parent(void)
{
	if (is_locked)
		pthread_mutex_unlock(&cache.lock);
}

static void in_child(void)
{
	if (!is_locked)
		return;
	host = getpid();
	pthread_mutex_unlock(&cache.lock);
}

static void guard_forks(void)
{
	host = getpid();
	pthread_atfork(before_fork, in_parent, in_child);
}

/* ---- the lists; the lock is held ---------------------------------------------------------- */

struct key {
	sffi_domain *domain;
	void *address;
	const struct signature *signature;
	uint64_t hash;
};

/* Eight bytes at a time: of a signature that the caller chose, who harms only himself by
 * choosing badly. */
static uint64_t hash(const struct key *key)
{
	const uint64_t multiplier = 0x9e3779b97f4a7c15u;
	const struct signature *signature = key->signature;
	uint64_t state = (uintptr_t)key->domain * multiplier ^ (uintptr_t)key->address, word;

	for (size_t i = 0; i < signature->size; i += sizeof word) {
		size_t left = signature->size - i;

		word = 0;
		memcpy(&word, signature->bytes + i, left < sizeof word ? left : sizeof word);
		state = (state ^ state >> 29 ^ word) * multiplier;
	}
	return state ^ state >> 32;
}

static struct known **bucket(uint64_t hash)
{
	return &cache.buckets[hash % BUCKETS];
}

static void link_newest(struct known *known)
{
	known->newer = NULL;
	known->older = cache.newest;
	*(cache.newest ? &cache.newest->newer : &cache.oldest) = known;
	cache.newest = known;
}

static void unlink_use(struct known *known)
{
	*(known->newer ? &known->newer->older : &cache.newest) = known->older;
	*(known->older ? &known->older->newer : &cache.oldest) = known->newer;
}

static bool is(const struct known *known, const struct key *key)
{
	return known->hash == key->hash && known->domain == key->domain &&
	       known->address == key->address && known->size == key->signature->size &&
	       !memcmp(known->signature, key->signature->bytes, known->size);
}

/* In use, if it is found. */
static struct known *find(const struct key *key)
{
	struct known *known = *bucket(key->hash);

	while (known && !is(known, key))
		known = known->next;
	if (!known)
		return NULL;
	atomic_fetch_add_explicit(&known->references, 1, memory_order_relaxed);
	if (known != cache.newest) {
		unlink_use(known);
		link_newest(known);
	}
	return known;
}

static void enter(struct known *known)
{
	struct known **list = bucket(known->hash);

	known->next = *list;
	*list = known;
	link_newest(known);
	cache.count++;
	atomic_fetch_add(&known->references, 1);
}

/* Takes it out and puts it on a list: it is left without the lock. */
static void drop(struct known *known, struct known **dropped)
{
	struct known **link = bucket(known->hash);

	while (*link != known)
		link = &(*link)->next;
	*link = known->next;
	unlink_use(known);
	cache.count--;
	known->next = *dropped;
	*dropped = known;
}

static bool has_entries(const sffi_domain *domain)
{
	const struct known *known = cache.newest;

	while (known && known->domain != domain)
		known = known->older;
	return known;
}

/* An open domain has something else to complain of. The call leaves a sentence, but no call
 * that came so far ends with it. */
static bool is_closed(sffi_domain *domain)
{
	return sffi_alloc(domain, NULL, 1) == SFFI_ECLOSED;
}

static void drop_closed(struct known **dropped)
{
	const sffi_domain *asked = NULL;
	bool closed = false;

	for (struct known *known = cache.newest, *older; known; known = older) {
		older = known->older;
		if (known->domain != asked)
			closed = is_closed(known->domain);
		asked = known->domain;
		if (closed)
			drop(known, dropped);
	}
}

/* ---- entries --------------------------------------------------------------------------------- */

void sffi__ffi_leave(struct known *known)
{
	if (!known || atomic_fetch_sub(&known->references, 1) > 1)
		return;
	sffi_function_release(&known->function);
	free(known);
}

static void leave_all(struct known *dropped)
{
	while (dropped) {
		struct known *next = dropped->next;

		sffi__ffi_leave(dropped);
		dropped = next;
	}
}

sffi_function *sffi__ffi_function(const struct known *known)
{
	return known->function;
}

static sffi_status declare(struct known *known, const struct key *key, const char *name)
{
	char *text = sffi__ffi_declaration(key->signature, name);
	sffi_status status;

	if (!text)
		return sffi__ffi_fail(SFFI_ENOMEM, "out of memory for a declaration");
	status = sffi_function_at(&known->function, key->domain, key->address, text);
	free(text);
	return status;
}

/* Reports call the function by its name, if it has one that a declaration can have. */
static sffi_status get_function(struct known *known, const struct key *key)
{
	Dl_info info;
	sffi_status status = SFFI_EDECL;

	if (dladdr(key->address, &info) && info.dli_sname && info.dli_saddr == key->address)
		status = declare(known, key, info.dli_sname);
	return status == SFFI_EDECL ? declare(known, key, "function") : status;
}

static sffi_status make(struct known **result, const struct key *key)
{
	struct known *known = calloc(1, sizeof *known + key->signature->size);
	sffi_status status;

	if (!known)
		return sffi__ffi_fail(SFFI_ENOMEM, "out of memory for a function");
	known->references = 1;
	known->domain = key->domain;
	known->address = key->address;
	known->hash = key->hash;
	known->size = key->signature->size;
	memcpy(known->signature, key->signature->bytes, known->size);
	status = get_function(known, key);
	if (status) {
		free(known);
		return status;
	}
	*result = known;
	return SFFI_OK;
}

static sffi_status learn(struct known **result, const struct key *key)
{
	struct known *made = NULL, *dropped = NULL;
	sffi_status status = make(&made, key);

	if (status)
		return status;
	pthread_mutex_lock(&cache.lock);
	if (!has_entries(key->domain))
		drop_closed(&dropped);
	/* Another thread may have been faster. */
	*result = find(key);
	if (!*result) {
		enter(made);
		*result = made;
		made = NULL;
	}
	if (cache.count > KNOWN_MAX)
		drop(cache.oldest, &dropped);
	pthread_mutex_unlock(&cache.lock);
	sffi__ffi_leave(made);
	leave_all(dropped);
	return SFFI_OK;
}

sffi_status sffi__ffi_know(struct known **result, sffi_domain *domain, void *address,
			   const struct signature *signature)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct key key = { domain, address, signature, 0 };

	pthread_once(&once, guard_forks);
	key.hash = hash(&key);
	pthread_mutex_lock(&cache.lock);
	*result = find(&key);
	pthread_mutex_unlock(&cache.lock);
	return *result ? SFFI_OK : learn(result, &key);
}

void sffi_ffi_release(sffi_domain *domain)
{
	struct known *dropped = NULL;

	pthread_mutex_lock(&cache.lock);
	for (struct known *known = cache.newest, *older; known; known = older) {
		older = known->older;
		if (known->domain == domain)
			drop(known, &dropped);
	}
	pthread_mutex_unlock(&cache.lock);
	leave_all(dropped);
}
