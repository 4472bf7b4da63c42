/* SPDX-License-Identifier: MIT */
#include "inside/handlers.h"

#include "inside/guard.h"
#include "os/rebind.h"
#include "worker/worker.h"

#include <signal.h>

/* In a worker, which is a clone, handlers are the worker's own affair. */
static bool is_kept(int signal)
{
	return !sffi__worker.control && signal > 0 && signal < NSIG && sffi__guard_owns(signal);
}

static int kept_sigaction(int signal, const struct sigaction *action, struct sigaction *former)
{
	return is_kept(signal) ? sffi__guard_sigaction(signal, action, former)
			       : sigaction(signal, action, former);
}

static sighandler_t install(int signal, sighandler_t handler, int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags }, former;

	if (kept_sigaction(signal, &action, &former))
		return SIG_ERR;
	return former.sa_handler;
}

static sighandler_t kept_signal(int number, sighandler_t handler)
{
	return is_kept(number) ? install(number, handler, SA_RESTART) : signal(number, handler);
}

static sighandler_t kept_sysv_signal(int number, sighandler_t handler)
{
	return is_kept(number) ? install(number, handler, SA_RESETHAND | SA_NODEFER)
			       : sysv_signal(number, handler);
}

static const struct replacement replacements[] = {
	{ "sigaction", (void *)kept_sigaction },    { "__sigaction", (void *)kept_sigaction },
	{ "signal", (void *)kept_signal },	    { "bsd_signal", (void *)kept_signal },
	{ "ssignal", (void *)kept_signal },	    { "sysv_signal", (void *)kept_sysv_signal },
	{ "__sysv_signal", (void *)kept_sysv_signal },
};

void sffi__handlers_keep(void)
{
	static struct rebinding rebinding = {
		.replacements = replacements,
		.count = sizeof replacements / sizeof *replacements,
	};

	rebinding.seen = 0;
	sffi__rebind(&rebinding);
}
