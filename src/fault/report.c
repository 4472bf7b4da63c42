/* SPDX-License-Identifier: MIT */
/* The report as text for people. */
#include "error.h"
#include "fault/report.h"
#include "fault/signals.h"
#include "fault/text.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum {
	FRAMES_SHOWN = 64,
	STACK_WORDS_SHOWN = 16
};

static void print_clean(FILE *out, const char *text)
{
	char clean[4096];

	fputs(sffi__text_clean(clean, sizeof clean, text), out);
}

/* "__strlen_evex+0x15 at strlen.S:76 (libc.so.6+0x15b2a5)" */
static void print_place(FILE *out, const sffi_frame *frame)
{
	if (frame->function) {
		print_clean(out, frame->function);
		fprintf(out, "+0x%" PRIx64, frame->function_offset);
	} else {
		fputs(frame->library ? "unknown function" : "no known code", out);
	}
	if (frame->file) {
		fputs(" at ", out);
		print_clean(out, frame->file);
		fprintf(out, ":%u", frame->line);
	}
	if (frame->library) {
		fputs(" (", out);
		print_clean(out, sffi__text_file_name(frame->library));
		fprintf(out, "+0x%" PRIx64 ")", frame->offset);
	}
}

static void print_what(FILE *out, const sffi_fault *fault)
{
	const char *hint = sffi__classify_frames(fault);
	struct address_report address;
	struct maps maps;

	print_clean(out, fault->summary);
	fputc('\n', out);
	if (fault->frame_count) {
		fputs("  at       ", out);
		print_place(out, &fault->frames[0]);
		fputc('\n', out);
	}
	sffi__maps_parse(&maps, sffi__fault_maps(fault));
	sffi__classify(fault, &maps, &address);
	sffi__maps_free(&maps);
	/* Unless the headline had room for it. */
	if (address.class != ADDRESS_NONE && !strstr(fault->summary, address.words)) {
		fputs("  address  ", out);
		if (fault->address_known)
			fprintf(out, "0x%" PRIxPTR ": ", fault->address);
		print_clean(out, address.words);
		fputc('\n', out);
	}
	if (hint)
		fprintf(out, "  cause    %s\n", hint);
}

static size_t in_state(const sffi_fault *fault, enum fault_descriptor_state state)
{
	size_t count = 0;

	for (size_t i = 0; i < fault->descriptor_count && i < FAULT_DESCRIPTORS_MAX; i++)
		count += fault->descriptors[i].state == state;
	return count;
}

static void print_state(FILE *out, const sffi_fault *fault, enum fault_descriptor_state state,
			const char *title)
{
	enum { SHOWN = 8 };
	size_t count = in_state(fault, state), shown = 0;

	if (!count)
		return;
	fputs(title, out);
	for (size_t i = 0; i < fault->descriptor_count && i < FAULT_DESCRIPTORS_MAX; i++) {
		const struct fault_descriptor *descriptor = &fault->descriptors[i];

		if (descriptor->state != state || shown == SHOWN)
			continue;
		fprintf(out, "%s%d", shown++ ? ", " : "", descriptor->number);
		if (descriptor->target[0])
			fputs(" -> ", out);
		print_clean(out, descriptor->target);
	}
	if (count > shown)
		fprintf(out, ", and %zu more", count - shown);
	fputc('\n', out);
}

static void print_descriptors(FILE *out, const sffi_fault *fault)
{
	print_state(out, fault, DESCRIPTOR_CLOSED,
		    "  closed   opened by the callee, closed with its worker: ");
	print_state(out, fault, DESCRIPTOR_OPEN,
		    "  open     since the worker started, by the callee or the host: ");
	print_state(out, fault, DESCRIPTOR_GONE,
		    "  gone     closed since the worker started, by the callee or the host: ");
	if (fault->descriptor_count > FAULT_DESCRIPTORS_MAX)
		fprintf(out, "  more     %zu further descriptors are not as they were\n",
			fault->descriptor_count - FAULT_DESCRIPTORS_MAX);
	if (fault->own_lost)
		fprintf(out, "  lost     %zu descriptors of SafeFFI's own, closed by a callee; %s\n",
			fault->own_lost, fault->own_regained == fault->own_lost
						 ? "they are open again"
						 : "those whose numbers are other files' by now come "
						   "back at others");
}

static void print_call(FILE *out, const sffi_fault *fault)
{
	if (fault->call[0] || fault->function[0]) {
		fputs(fault->collateral ? "  culprit  " : "  call     ", out);
		print_clean(out, fault->call[0] ? fault->call : fault->function);
		fputc('\n', out);
	}
	if (fault->signal)
		fprintf(out, "  signal   %d %s, code %d %s\n", fault->signal,
			sffi__signal_name(fault->signal), fault->code,
			sffi__code_name(fault->signal, fault->code));
	if (fault->pid) {
		fprintf(out, fault->is_inside ? "  process  %d, the host's own" : "  worker   process %d",
			(int)fault->pid);
		if (fault->tid)
			fprintf(out, ", thread %d", (int)fault->tid);
		if (fault->generation)
			fprintf(out, ", generation %" PRIu64, fault->generation);
		fputc('\n', out);
	}
	if (fault->note[0]) {
		fputs("  note     ", out);
		print_clean(out, fault->note);
		fputc('\n', out);
	}
	print_descriptors(out, fault);
	if (fault->held)
		fprintf(out, "  held     the worker is held for a debugger: gdb -p %d\n",
			(int)fault->pid);
}

/* How many frames from `first` on are at the same pc: a recursion. */
static size_t count_same(const sffi_fault *fault, size_t first)
{
	size_t next = first + 1;

	while (next < fault->frame_count && fault->frames[next].pc == fault->frames[first].pc)
		next++;
	return next - first;
}

static void print_frames(FILE *out, const sffi_fault *fault)
{
	size_t count = fault->frame_count, shown = 0;

	if (!count)
		return;
	fputs("frames:\n", out);
	for (size_t i = 0, same; i < count; i += same) {
		same = count_same(fault, i);
		if (shown++ == FRAMES_SHOWN) {
			fprintf(out, "  ...  %zu more\n", count - i);
			break;
		}
		fprintf(out, "  #%-3zu 0x%012" PRIxPTR " ", i, fault->frames[i].pc);
		print_place(out, &fault->frames[i]);
		if (same > 1)
			fprintf(out, ", %zu times", same);
		fputc('\n', out);
	}
	if (count == FAULT_FRAMES_MAX)
		fputs("  ...  and more that were not looked at\n", out);
}

static void print_registers(FILE *out, const sffi_fault *fault)
{
	if (!fault->has_registers || fault_was_noticed(fault))
		return;
	fputs("registers:", out);
	for (unsigned i = 0; i < REGISTER_COUNT; i++)
		fprintf(out, "%s%-3s 0x%016" PRIx64, i % 4 ? "  " : "\n  ", sffi__register_names[i],
			fault->registers.value[i]);
	fprintf(out, "  flags 0x%" PRIx64 "\n", fault->registers.flags);
}

static void print_stack(FILE *out, const sffi_fault *fault)
{
	size_t count = fault->stack_size / sizeof(uint64_t);

	if (!fault->stack || !count || fault_was_noticed(fault))
		return;
	fputs("stack:", out);
	for (size_t i = 0; i < count && i < STACK_WORDS_SHOWN; i++) {
		uint64_t word;

		memcpy(&word, fault->stack + i * sizeof word, sizeof word);
		if (i % 4 == 0)
			fprintf(out, "\n  0x%012" PRIxPTR ":",
				fault->stack_address + i * sizeof word);
		fprintf(out, " 0x%016" PRIx64, word);
	}
	fputc('\n', out);
}

/* All at once: reports of several threads on one stream do not mix. */
static sffi_status deliver(FILE *out, const char *text, size_t size)
{
	if (fwrite(text, 1, size, out) != size || fflush(out) != 0)
		return sffi__fail(SFFI_ESYSTEM,
				  "cannot write the fault report: the stream refused it");
	return SFFI_OK;
}

sffi_status sffi_fault_print(const sffi_fault *fault, FILE *out)
{
	char *text = NULL;
	size_t size = 0;
	sffi_status status;
	FILE *buffer;

	if (!fault || !out)
		return sffi__fail(SFFI_EINVAL, "sffi_fault_print needs a fault and a stream");
	sffi__fault_symbolize((sffi_fault *)fault);
	buffer = open_memstream(&text, &size);
	if (!buffer)
		return sffi__fail(SFFI_ENOMEM, "out of memory for the fault report");
	print_what(buffer, fault);
	print_call(buffer, fault);
	print_frames(buffer, fault);
	print_registers(buffer, fault);
	print_stack(buffer, fault);
	if (fclose(buffer) != 0)
		status = sffi__fail(SFFI_ENOMEM, "out of memory for the fault report");
	else
		status = deliver(out, text, size);
	free(text);
	return status;
}
