/* SPDX-License-Identifier: MIT */
#include "domain.h"

#include "error.h"
#include "fault/symbolize.h"
#include "inside/inside.h"
#include "memory/callbacks.h"
#include "worker/notifier.h"
#include "worker/own.h"
#include "memory/region.h"
#include "memory/shield.h"
#include "memory/zone.h"
#include "os/os.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

enum { SPIN_DEFAULT_NS = 50000 };

/* The kernel clears it in a child that the host forks, whatever the fork was called. */
static const uint8_t *host_mark(void)
{
	static _Atomic(uint8_t *) mark;
	uint8_t *page = atomic_load(&mark), *none = NULL;

	if (page && *page)
		return page;
	page = sffi__os_map(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	if (sffi__os_failed(page))
		return NULL;
	sffi__os_advise(page, 4096, MADV_WIPEONFORK);
	*page = 1;
	none = atomic_load(&mark);
	/* In a fork's child the parent's page stays as it is: wiped. */
	if (atomic_compare_exchange_strong(&mark, &none, page))
		return page;
	sffi__os_unmap(page, 4096);
	return atomic_load(&mark);
}

/* How the environment wants workers made, where the program does not care. */
static sffi_status spawn_by_environment(sffi_options *options)
{
	const char *wanted = getenv("SAFEFFI_SPAWN");

	if (options->spawn != SFFI_SPAWN_DEFAULT || !wanted || !*wanted || !strcmp(wanted, "clone"))
		return SFFI_OK;
	if (strcmp(wanted, "exec") != 0)
		return sffi__fail(SFFI_EINVAL, "SAFEFFI_SPAWN is '%.40s'; it must be clone or exec", wanted);
	/* What only a clone can share was asked for by the program. */
	if (!options->share)
		options->spawn = SFFI_SPAWN_EXEC;
	return SFFI_OK;
}

static sffi_status check_options(const sffi_options *options)
{
	for (size_t i = 0; i < sizeof options->reserved / sizeof *options->reserved; i++)
		if (options->reserved[i])
			return sffi__fail(SFFI_EINVAL, "the options' reserved fields must be NULL; call "
						       "sffi_options_init first");
	if (options->share & ~(unsigned)SFFI_SHARE_ALL)
		return sffi__fail(SFFI_EINVAL, "share is %#x; it is made of SFFI_SHARE_FILES and "
					       "SFFI_SHARE_CWD", options->share);
	if ((unsigned)options->spawn > SFFI_SPAWN_EXEC || (unsigned)options->on_fault > SFFI_ON_FAULT_HOLD)
		return sffi__fail(SFFI_EINVAL, "spawn is %d and on_fault is %d; one of them is no value "
					       "of its type", options->spawn, options->on_fault);
	if (options->share && options->spawn == SFFI_SPAWN_EXEC)
		return sffi__fail(SFFI_ENOTSUP, "a worker that is a program of its own (SFFI_SPAWN_EXEC) "
						"cannot share; use SFFI_SPAWN_CLONE");
	if (options->share && (options->spare || options->on_fault == SFFI_ON_FAULT_HOLD))
		return sffi__fail(SFFI_ENOTSUP, "of a domain that shares only one worker may exist: no "
						"spare, and none held for a debugger");
	return SFFI_OK;
}

/* At most one worker of the program shares. */
static _Atomic(sffi_domain *) sharing;

static sffi_status claim_sharing(sffi_domain *domain)
{
	sffi_domain *nobody = NULL;

	if (!domain->options.share || atomic_compare_exchange_strong(&sharing, &nobody, domain))
		return SFFI_OK;
	/* The other one was the parent's, of which this is a forked child. */
	if (!*nobody->mark) {
		atomic_store(&sharing, domain);
		return SFFI_OK;
	}
	return sffi__fail(SFFI_EINVAL, "another domain shares descriptors or the working directory "
				       "already; two would take each other's record locks for their own. "
				       "Close it first");
}

sffi_status sffi__domain_check(const sffi_domain *domain)
{
	if (!*domain->mark)
		return sffi__fail(SFFI_ECLOSED, "the domain belongs to the process that this one was "
						"forked from; open another one here");
	return domain->closed ? sffi__fail(SFFI_ECLOSED, "the domain is closed") : SFFI_OK;
}

void sffi__domain_retain(sffi_domain *domain)
{
	atomic_fetch_add(&domain->references, 1);
}

void sffi__domain_release(sffi_domain *domain)
{
	if (!domain || atomic_fetch_sub(&domain->references, 1) > 1)
		return;
	if (domain->notifier)
		sffi__notifier_close(domain->notifier);
	free(domain->notifier);
	sffi__callbacks_free(domain->callbacks);
	sffi__inside_free(domain->inside);
	sffi__arena_free(domain->arena);
	for (size_t i = 0; i < domain->lent_count; i++)
		sffi__own_close(domain->lents[i].fd);
	free(domain->lents);
	free(domain->libraries);
	pthread_mutex_destroy(&domain->lock);
	free(domain);
}

void sffi_options_init(sffi_options *options)
{
	if (options)
		*options = (sffi_options){ 0 };
}

sffi_status sffi_init(void)
{
	return sffi__zygote_start(0);
}

/* A fork while another thread holds one of these would leave the child a lock that nobody
 * opens. In the order in which they are taken. */
static void before_fork(void)
{
	if (sffi__os_is_clone())
		return;
	sffi__symbolize_lock();
	sffi__peers_lock();
	sffi__regions_lock();
	sffi__zones_lock();
	sffi__shield_before_fork();
}

static void after_fork(bool in_child)
{
	if (sffi__os_is_clone())
		return;
	sffi__shield_after_fork(in_child);
	sffi__zones_unlock();
	sffi__regions_unlock();
	sffi__peers_unlock();
	sffi__symbolize_unlock();
}

static void in_parent(void)
{
	after_fork(false);
}

static void in_child(void)
{
	after_fork(true);
}

static void guard_forks(void)
{
	pthread_atfork(before_fork, in_parent, in_child);
}

static sffi_domain *new_domain(const sffi_options *options, const struct mode_ops *ops)
{
	static _Atomic uint64_t next_id;
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	sffi_domain *domain = calloc(1, sizeof *domain);

	if (!domain)
		return NULL;
	pthread_once(&once, guard_forks);
	domain->references = 1;
	domain->id = atomic_fetch_add(&next_id, 1);
	domain->mark = host_mark();
	domain->ops = ops;
	domain->options = *options;
	if (!domain->options.spin_ns)
		domain->options.spin_ns = SPIN_DEFAULT_NS;
	pthread_mutex_init(&domain->lock, NULL);
	if (!domain->mark) {
		free(domain);
		return NULL;
	}
	return domain;
}

sffi_status sffi_domain_open(sffi_domain **result, const sffi_options *given)
{
	sffi_options options = { 0 };
	const struct mode_ops *ops;
	sffi_domain *domain;
	sffi_status status;

	if (!result)
		return sffi__fail(SFFI_EINVAL, "sffi_domain_open needs a place for the domain; it got NULL");
	*result = NULL;
	if (given)
		options = *given;
	status = sffi__mode(options.mode, &ops);
	if (!status)
		status = spawn_by_environment(&options);
	if (!status)
		status = check_options(&options);
	if (status)
		return status;
	domain = new_domain(&options, ops);
	if (!domain)
		return sffi__fail(SFFI_ENOMEM, "out of memory for a domain");
	status = claim_sharing(domain);
	if (!status)
		status = ops->open(domain);
	if (status) {
		char sentence[1024];

		snprintf(sentence, sizeof sentence, "%s", sffi_error());
		sffi_domain_close(&domain);
		return sffi__fail(status, "%s", sentence);
	}
	*result = domain;
	return SFFI_OK;
}

void sffi_domain_close(sffi_domain **handle)
{
	sffi_domain *domain = handle ? *handle : NULL;
	sffi_domain *self = domain;

	if (!domain)
		return;
	*handle = NULL;
	/* In a forked child there is nothing that is this process's. */
	if (*domain->mark)
		domain->ops->close(domain);
	domain->closed = true;
	atomic_compare_exchange_strong(&sharing, &self, NULL);
	sffi__zone_forget(domain);
	sffi__callbacks_close(domain->callbacks);
	sffi__domain_release(domain);
}

sffi_status sffi_domain_restart(sffi_domain *domain)
{
	sffi_status status;

	if (!domain)
		return sffi__fail(SFFI_EINVAL, "sffi_domain_restart needs a domain; it got NULL");
	status = sffi__domain_check(domain);
	return status ? status : domain->ops->restart(domain);
}

sffi_mode sffi_domain_mode(const sffi_domain *domain)
{
	return domain ? domain->ops->mode : SFFI_MODE_DEFAULT;
}

const char *sffi_domain_mechanism(const sffi_domain *domain)
{
	if (!domain || !domain->ops->mechanism || sffi__domain_check(domain))
		return NULL;
	return domain->ops->mechanism((sffi_domain *)domain);
}

pid_t sffi_domain_pid(const sffi_domain *domain)
{
	return domain && !sffi__domain_check(domain) ? domain->ops->pid((sffi_domain *)domain) : 0;
}

uint64_t sffi_domain_generation(const sffi_domain *domain)
{
	sffi_domain *locked = (sffi_domain *)domain;
	uint64_t generation;

	/* In a forked child the lock may be another thread's, which is not there. */
	if (!domain || !*domain->mark)
		return 0;
	pthread_mutex_lock(&locked->lock);
	generation = domain->generation;
	pthread_mutex_unlock(&locked->lock);
	return generation;
}
