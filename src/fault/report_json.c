/* SPDX-License-Identifier: MIT */
/*
 * The report as one line of JSON. Every key is always there; what is not known, or
 * does not apply, is null. Addresses, registers and offsets are strings, "0x7f12": JavaScript's
 * numbers cannot hold them. Bytes that are no printable text appear as \xNN.
 *
 *   kind          "signal", "stack overflow", ...: sffi_fault_kind_name
 *   summary       what happened, one sentence
 *   cause         what the functions on the stack tell about it, a sentence
 *   function      the function called         call        "strlen(s = NULL)"
 *   collateral    true: that was another thread's call
 *   signal        {number, name, words, code, code_name, code_words}
 *   exit_status   of kind "exit"              timeout_ms  of kind "time-out"
 *   address       of the memory access        access      "reading", "writing", "executing"
 *   address_class "null", "past_argument", ...: sffi__address_class_name
 *   address_words the same in words
 *   pc            at the fault                symbol, library  there
 *   frames        [{pc, library, offset, function, function_offset, file, line}], the
 *                 fault first, the function called last
 *   registers     {rax: "0x0", ..., flags}
 *   stack         {address, words: ["0x0", ...]}: the topmost words
 *   overrun       {parameter, name, bytes, size}: parameter counts from 0
 *   arguments     [{parameter, name, address, host_address, size}]: as the callee saw them
 *   pid, tid, generation, held
 *   inside        true: the callee ran in the host's own process
 *   descriptors   [{number, target, state}]: what changed in the host since the worker started
 *                 that shared its descriptors: "open" (the callee's, or the host's own), "closed"
 *                 (the callee's, with its worker), "gone" (was open then)
 *   own_descriptors {lost, regained}: of SafeFFI's, how many a callee had closed
 *   note          a further sentence
 */
#include "error.h"
#include "fault/report.h"
#include "fault/signals.h"
#include "fault/text.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

enum { STACK_WORDS = 64 };

static json_t *text_or_null(const char *text)
{
	char clean[4096];

	if (!text || !*text)
		return json_null();
	return json_string(sffi__text_clean(clean, sizeof clean, text));
}

static json_t *hexadecimal(uint64_t value)
{
	char text[24];

	snprintf(text, sizeof text, "0x%" PRIx64, value);
	return json_string(text);
}

static json_t *hexadecimal_if(bool known, uint64_t value)
{
	return known ? hexadecimal(value) : json_null();
}

static json_t *signal_object(const sffi_fault *fault)
{
	if (!fault->signal)
		return json_null();
	return json_pack("{s:i, s:s, s:s, s:i, s:o, s:o}", "number", fault->signal, "name",
			 sffi__signal_name(fault->signal), "words",
			 sffi__signal_words(fault->signal), "code", fault->code, "code_name",
			 text_or_null(sffi__code_name(fault->signal, fault->code)), "code_words",
			 text_or_null(sffi__code_words(fault->signal, fault->code)));
}

static json_t *frame_object(const sffi_frame *frame)
{
	bool has_library = frame->library, has_function = frame->function;

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "pc", hexadecimal(frame->pc),
			 "library", text_or_null(frame->library), "offset",
			 hexadecimal_if(has_library, frame->offset), "function",
			 text_or_null(frame->function), "function_offset",
			 hexadecimal_if(has_function, frame->function_offset), "file",
			 text_or_null(frame->file), "line",
			 frame->line ? json_integer(frame->line) : json_null());
}

static json_t *frame_array(const sffi_fault *fault)
{
	json_t *array = json_array();

	for (size_t i = 0; i < fault->frame_count; i++)
		json_array_append_new(array, frame_object(&fault->frames[i]));
	return array;
}

static json_t *register_object(const sffi_fault *fault)
{
	json_t *object;

	if (!fault->has_registers || fault_was_noticed(fault))
		return json_null();
	object = json_object();
	for (unsigned i = 0; i < REGISTER_COUNT; i++)
		json_object_set_new(object, sffi__register_names[i],
				    hexadecimal(fault->registers.value[i]));
	json_object_set_new(object, "flags", hexadecimal(fault->registers.flags));
	return object;
}

static json_t *stack_object(const sffi_fault *fault)
{
	size_t count = fault->stack ? fault->stack_size / sizeof(uint64_t) : 0;
	json_t *words;

	if (!count || fault_was_noticed(fault))
		return json_null();
	words = json_array();
	for (size_t i = 0; i < count && i < STACK_WORDS; i++) {
		uint64_t word;

		memcpy(&word, fault->stack + i * sizeof word, sizeof word);
		json_array_append_new(words, hexadecimal(word));
	}
	return json_pack("{s:o, s:o}", "address", hexadecimal(fault->stack_address), "words",
			 words);
}

static json_t *overrun_object(const sffi_fault *fault)
{
	const struct fault_overrun *overrun = &fault->overrun;

	if (fault->kind != SFFI_FAULT_OVERRUN)
		return json_null();
	return json_pack("{s:I, s:o, s:I, s:I}", "parameter", (json_int_t)overrun->parameter,
			 "name", text_or_null(overrun->name), "bytes", (json_int_t)overrun->bytes,
			 "size", (json_int_t)overrun->size);
}

static json_t *argument_array(const sffi_fault *fault)
{
	json_t *array = json_array();

	for (size_t i = 0; i < fault->buffer_count; i++) {
		const struct fault_buffer *buffer = &fault->buffers[i];

		json_array_append_new(array, json_pack("{s:I, s:o, s:o, s:o, s:I}", "parameter",
			(json_int_t)buffer->parameter, "name", text_or_null(buffer->name),
			"address", hexadecimal(buffer->address), "host_address",
			hexadecimal_if(buffer->host != 0, buffer->host), "size",
			(json_int_t)buffer->size));
	}
	return array;
}

static json_t *descriptor_array(const sffi_fault *fault)
{
	static const char *const states[DESCRIPTOR_STATES] = { "open", "closed", "gone" };
	json_t *array = json_array();

	for (size_t i = 0; i < fault->descriptor_count && i < FAULT_DESCRIPTORS_MAX; i++) {
		const struct fault_descriptor *descriptor = &fault->descriptors[i];

		json_array_append_new(array, json_pack("{s:i, s:o, s:s}", "number", descriptor->number,
						       "target", text_or_null(descriptor->target),
						       "state", states[descriptor->state]));
	}
	return array;
}

static void set_what(json_t *report, const sffi_fault *fault)
{
	struct address_report address;
	struct maps maps;
	bool has_address;

	sffi__maps_parse(&maps, sffi__fault_maps(fault));
	sffi__classify(fault, &maps, &address);
	sffi__maps_free(&maps);
	has_address = address.class != ADDRESS_NONE && fault->address_known;
	json_object_set_new(report, "kind", json_string(sffi_fault_kind_name(fault->kind)));
	json_object_set_new(report, "summary", text_or_null(fault->summary));
	json_object_set_new(report, "cause", text_or_null(sffi__classify_frames(fault)));
	json_object_set_new(report, "function", text_or_null(fault->function));
	json_object_set_new(report, "call", text_or_null(fault->call));
	json_object_set_new(report, "collateral", json_boolean(fault->collateral));
	json_object_set_new(report, "signal", signal_object(fault));
	json_object_set_new(report, "exit_status", fault->kind == SFFI_FAULT_EXIT ?
			    json_integer(fault->code) : json_null());
	json_object_set_new(report, "timeout_ms", fault->kind == SFFI_FAULT_TIMEOUT ?
			    json_integer(fault->timeout_ms) : json_null());
	json_object_set_new(report, "address", hexadecimal_if(has_address, fault->address));
	json_object_set_new(report, "access", text_or_null(sffi__report_access(fault)));
	json_object_set_new(report, "address_class",
			    json_string(sffi__address_class_name(address.class)));
	json_object_set_new(report, "address_words", text_or_null(address.words));
}

static void set_where(json_t *report, const sffi_fault *fault)
{
	const sffi_frame *top = fault->frame_count ? &fault->frames[0] : NULL;

	void *pc = sffi_fault_get_pc(fault);

	json_object_set_new(report, "pc", hexadecimal_if(pc != NULL, (uintptr_t)pc));
	json_object_set_new(report, "symbol", text_or_null(top ? top->function : NULL));
	json_object_set_new(report, "library", text_or_null(top ? top->library : NULL));
	json_object_set_new(report, "frames", frame_array(fault));
	json_object_set_new(report, "registers", register_object(fault));
	json_object_set_new(report, "stack", stack_object(fault));
	json_object_set_new(report, "overrun", overrun_object(fault));
	json_object_set_new(report, "arguments", argument_array(fault));
	json_object_set_new(report, "pid", json_integer(fault->pid));
	json_object_set_new(report, "tid", json_integer(fault->tid));
	json_object_set_new(report, "inside", json_boolean(fault->is_inside));
	json_object_set_new(report, "generation", json_integer((json_int_t)fault->generation));
	json_object_set_new(report, "held", json_boolean(fault->held));
	json_object_set_new(report, "descriptors", descriptor_array(fault));
	json_object_set_new(report, "own_descriptors",
			    json_pack("{s:I, s:I}", "lost", (json_int_t)fault->own_lost, "regained",
				      (json_int_t)fault->own_regained));
	json_object_set_new(report, "note", text_or_null(fault->note));
}

json_t *sffi__report_json(const sffi_fault *fault)
{
	json_t *report = json_object();

	sffi__fault_symbolize((sffi_fault *)fault);
	set_what(report, fault);
	set_where(report, fault);
	return report;
}

sffi_status sffi_fault_print_json(const sffi_fault *fault, FILE *out)
{
	sffi_status status = SFFI_OK;
	json_t *report;
	char *text;

	if (!fault || !out)
		return sffi__fail(SFFI_EINVAL, "sffi_fault_print_json needs a fault and a stream");
	report = sffi__report_json(fault);
	text = json_dumps(report, JSON_COMPACT | JSON_PRESERVE_ORDER);
	json_decref(report);
	if (!text)
		return sffi__fail(SFFI_ENOMEM, "out of memory for the fault report");
	if (fprintf(out, "%s\n", text) < 0 || fflush(out) != 0)
		status = sffi__fail(SFFI_ESYSTEM,
				    "cannot write the fault report: the stream refused it");
	free(text);
	return status;
}
