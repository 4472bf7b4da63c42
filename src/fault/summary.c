/* SPDX-License-Identifier: MIT */
/* A fault in one sentence: the headline of its report, and sffi_error() of its call. */
#include "fault/report.h"
#include "fault/signals.h"
#include "fault/text.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>

const char *sffi__report_access(const sffi_fault *fault)
{
	if (fault->signal != SIGSEGV || fault->code <= 0 || !fault->address_known)
		return "";
	return fault->access_is_execute ? "executing"
	       : fault->access_is_write ? "writing"
					: "reading";
}

static void append_signal(char *to, size_t size, const sffi_fault *fault)
{
	const char *code = sffi__code_words(fault->signal, fault->code);
	const char *access = sffi__report_access(fault);
	struct address_report address;
	struct maps maps;

	sffi__text_append(to, size, "%s (%s%s%s)", sffi__signal_words(fault->signal),
			  sffi__signal_name(fault->signal), *code ? ", " : "", code);
	sffi__maps_parse(&maps, sffi__fault_maps(fault));
	sffi__classify(fault, &maps, &address);
	sffi__maps_free(&maps);
	if (address.class == ADDRESS_NONE)
		return;
	if (fault->address_known)
		sffi__text_append(to, size, "%s%s%s address 0x%" PRIxPTR " (%s)",
				  *access ? " " : "", access, *access ? "" : " at", fault->address,
				  address.words);
	else
		sffi__text_append(to, size, ", address %s", address.words);
}

static void append_overrun(char *to, size_t size, const sffi_fault *fault)
{
	const struct fault_overrun *overrun = &fault->overrun;
	char name[96];

	if (overrun->name[0])
		snprintf(name, sizeof name, "argument `%s`", overrun->name);
	else
		snprintf(name, sizeof name, "argument %zu", overrun->parameter + 1);
	if (overrun->bytes < 0)
		sffi__text_append(to, size,
				  "overrun: wrote at least %lu bytes before the start of "
				  "%s (%zu bytes)",
				  -(unsigned long)overrun->bytes, name, overrun->size);
	else
		sffi__text_append(to, size, "overrun: wrote at least %ld bytes past the end of %s "
				  "(%zu bytes)", overrun->bytes, name, overrun->size);
}

static void append_killed(char *to, size_t size, const sffi_fault *fault)
{
	if (!fault->signal)
		sffi__text_append(to, size,
				  "the worker is gone: it was ended from outside, or replaced "
				  "itself by another program (execve)");
	else
		sffi__text_append(to, size, "the worker was killed by %s%s",
				  sffi__signal_name(fault->signal), fault->signal == SIGKILL ?
				  ", from outside or for lack of memory" : "");
}

static void append_overflow(char *to, size_t size, const sffi_fault *fault)
{
	sffi__text_append(to, size, "stack overflow");
	if (fault->stack_high > fault->stack_low)
		sffi__text_append(to, size, ": it used all %zu KiB of its stack",
				  (size_t)(fault->stack_high - fault->stack_low) / 1024);
	if (fault->address_known && fault->signal)
		sffi__text_append(to, size, " (%s %s address 0x%" PRIxPTR ")",
				  sffi__signal_name(fault->signal), sffi__report_access(fault),
				  fault->address);
}

static const char *const fixed_words[] = {
	[SFFI_FAULT_UNWOUND] = "did not return: a longjmp or an exception left it",
	[SFFI_FAULT_THREAD_EXIT] = "ended its thread (pthread_exit)",
	[SFFI_FAULT_STALE_CALLBACK] = "called a callback that was released",
	[SFFI_FAULT_POISONED] = "was not called: an earlier fault damaged this domain",
};

static void append_kind(char *to, size_t size, const sffi_fault *fault)
{
	switch (fault->kind) {
	case SFFI_FAULT_SIGNAL:
		append_signal(to, size, fault);
		break;
	case SFFI_FAULT_STACK_OVERFLOW:
		append_overflow(to, size, fault);
		break;
	case SFFI_FAULT_EXIT:
		sffi__text_append(to, size, "ended its process with exit status %d", fault->code);
		break;
	case SFFI_FAULT_KILLED:
		append_killed(to, size, fault);
		break;
	case SFFI_FAULT_TIMEOUT:
		sffi__text_append(to, size, "timed out: did not return within %u ms",
				  fault->timeout_ms);
		break;
	case SFFI_FAULT_OVERRUN:
		append_overrun(to, size, fault);
		break;
	default:
		sffi__text_append(to, size, "%s", *sffi_fault_kind_name(fault->kind) ?
				  fixed_words[fault->kind] : "unknown fault");
	}
}

void sffi__fault_summarize(const sffi_fault *fault, char *to, size_t size)
{
	char raw[1024] = "", call[200];

	if (!size)
		return;
	if (fault->collateral)
		sffi__text_append(raw, sizeof raw, "another call brought the worker down: ");
	/* A long call is shown whole in the report; what happened must fit in here. */
	sffi__text_clean(call, sizeof call, fault->call[0] ? fault->call : fault->function);
	if (fault->call[0] && strlen(call) >= sizeof call - 5)
		snprintf(call, sizeof call, "%.150s(...)", fault->function);
	sffi__text_append(raw, sizeof raw, "%s: ", call[0] ? call : "outside of a call");
	append_kind(raw, sizeof raw, fault);
	sffi__text_clean(to, size, raw);
}
