/* SPDX-License-Identifier: MIT */
/*
 * The verdict for people, and as one line of JSON, in which every key is always there:
 *
 *   kind       "survived", "stopped", ...: sffi_rehearsal_kind_name
 *   text       the verdict, "sound up to `write` to descriptor 1"
 *   function   the function called        call      "strlen(s = NULL)"
 *   operation  "write", or null
 *   writes     [{address, size, mapping, offset, region}]
 *   writes_left_off, bytes
 *   threads, children: that the call would leave
 *   upcalls    handlers of the host that ran in the rehearsal
 *   fault      as sffi_fault_print_json has it, or null
 */
#include "rehearsal/verdict.h"

#include "error.h"
#include "fault/report.h"
#include "fault/text.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

static const char *name_of(const sffi_rehearsal_write *write, char *to, size_t size)
{
	return *write->mapping ? sffi__text_clean(to, size, write->mapping) : "anonymous memory";
}

static sffi_status told(FILE *out, int written)
{
	if (written < 0 || fflush(out) != 0)
		return sffi__fail(SFFI_ESYSTEM, "cannot write the verdict: the stream refused it");
	return SFFI_OK;
}

sffi_status sffi_rehearsal_print(const sffi_rehearsal *rehearsal, FILE *out)
{
	char clean[512], said[2048];

	if (!rehearsal || !out)
		return sffi__fail(SFFI_EINVAL, "sffi_rehearsal_print needs a rehearsal and a stream");
	fprintf(out, "rehearsal of %s: %s\n", sffi__text_clean(clean, sizeof clean, rehearsal->call),
		sffi__text_clean(said, sizeof said, rehearsal->text));
	for (size_t i = 0; i < rehearsal->write_count; i++) {
		const sffi_rehearsal_write *write = &rehearsal->writes[i];

		fprintf(out, "  wrote    %zu byte%s at %#" PRIxPTR ": %s+%#zx%s\n", write->size,
			write->size == 1 ? "" : "s", write->address, name_of(write, clean, sizeof clean),
			write->offset, write->is_region ? ", a registered region" : "");
	}
	if (rehearsal->writes_left_off)
		fprintf(out, "  wrote    %zu bytes more, in other places\n", rehearsal->writes_left_off);
	if (rehearsal->threads || rehearsal->children)
		fprintf(out, "  leaves   threads: %zu, processes: %zu\n", rehearsal->threads,
			rehearsal->children);
	if (rehearsal->upcalls)
		fprintf(out, "  upcalls  %u: what the host's handlers wrote is among it\n",
			rehearsal->upcalls);
	return told(out, 0);
}

static json_t *write_array(const sffi_rehearsal *rehearsal)
{
	json_t *array = json_array();

	for (size_t i = 0; i < rehearsal->write_count; i++) {
		const sffi_rehearsal_write *write = &rehearsal->writes[i];
		char address[24], clean[4096];

		snprintf(address, sizeof address, "%#" PRIxPTR, write->address);
		json_array_append_new(array, json_pack("{s:s, s:I, s:s, s:I, s:b}", "address", address,
			"size", (json_int_t)write->size, "mapping", name_of(write, clean, sizeof clean),
			"offset", (json_int_t)write->offset, "region", write->is_region));
	}
	return array;
}

sffi_status sffi_rehearsal_print_json(const sffi_rehearsal *rehearsal, FILE *out)
{
	const sffi_fault *fault = sffi_rehearsal_get_fault(rehearsal);
	char call[4096], said[2048];
	sffi_status status;
	json_t *object;
	char *text;

	if (!rehearsal || !out)
		return sffi__fail(SFFI_EINVAL, "sffi_rehearsal_print_json needs a rehearsal and a stream");
	object = json_pack("{s:s, s:s, s:s, s:s, s:s?, s:o, s:I, s:I, s:I, s:I, s:I, s:o}", "kind",
			   sffi_rehearsal_kind_name(rehearsal->kind), "text",
			   sffi__text_clean(said, sizeof said, rehearsal->text), "function",
			   rehearsal->function, "call", sffi__text_clean(call, sizeof call, rehearsal->call),
			   "operation", sffi_rehearsal_get_operation(rehearsal), "writes",
			   write_array(rehearsal), "writes_left_off",
			   (json_int_t)rehearsal->writes_left_off, "bytes", (json_int_t)rehearsal->bytes,
			   "threads", (json_int_t)rehearsal->threads, "children",
			   (json_int_t)rehearsal->children, "upcalls", (json_int_t)rehearsal->upcalls,
			   "fault", fault ? sffi__report_json(fault) : json_null());
	text = object ? json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;
	json_decref(object);
	if (!text)
		return sffi__fail(SFFI_ENOMEM, "out of memory for the verdict");
	status = told(out, fprintf(out, "%s\n", text));
	free(text);
	return status;
}
