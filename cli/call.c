/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include "error.h"
#include "values.h"

#include <argp.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct request {
	sffi_options options;
	bool json;
	const char *library, *declaration;
	char **arguments;
	size_t count;
};

/* Everything that one call needs, so that there is one place that gives it back. */
struct session {
	struct scope *scope;
	const struct function_type *type;
	char *types;          /* the declarations before the function's; owned */
	const char *function; /* the function's own declaration */
	struct cli_values values;
	sffi_domain *domain;
	sffi_library *library;
	sffi_function *handle;
	void *result;
};

enum { KEY_MODE = 'm', KEY_JSON = 'j', KEY_TIMEOUT = 't', KEY_SPAWN = 's' };

static const struct argp_option options[] = {
	{ "mode", KEY_MODE, "MODE", 0,
	  "direct, guarded, shielded, rehearsed or isolated (default: SAFEFFI_MODE, else isolated)", 0 },
	{ "spawn", KEY_SPAWN, "KIND", 0, "make the worker by clone (default) or exec", 0 },
	{ "timeout", KEY_TIMEOUT, "MS", 0, "end the call after MS milliseconds", 0 },
	{ "json", KEY_JSON, NULL, 0, "print the result, or the report, as JSON", 0 },
	{ 0 },
};

static const char documentation[] =
	"Call one function of a library in a domain of its own and print its result."
	"\vLIBRARY is a name (z), a file name (libz.so.1) or a path. DECLARATION is the function's, "
	"in C, after the types that it needs: see safeffi(7). There is one ARGUMENT for each "
	"parameter:\n\n"
	"  3, -3, 0x10, 'c', 2.5, true   numbers\n"
	"  text, \"text\\n\", NULL         strings\n"
	"  1,2,3                         an array, or one value for a pointer to one\n"
	"  hex:00ff, @FILE, \"text\"       the bytes of an array or a buffer\n"
	"  -                             an array of zeros in its declared length; a\n"
	"                                length: the number of elements of its array\n"
	"  {1,{2,3}}                     a struct\n"
	"  zeros:SIZE                    a buffer of zeros\n"
	"\nExit status: 0 the call returned, 1 it could not be made, 2 bad usage, 3 the callee "
	"faulted.\n\n"
	"Examples:\n"
	"  safeffi call libm.so.6 'double cos(double x)' 0.5\n"
	"  safeffi call z 'unsigned long crc32(unsigned long, const uint8_t d[n], unsigned n)' "
	"0 @README.md -\n"
	"  safeffi call libc.so.6 'size_t strlen(const char *s)' NULL";

static sffi_spawn parse_spawn(const char *text, struct argp_state *state)
{
	if (strcmp(text, "exec") == 0)
		return SFFI_SPAWN_EXEC;
	if (strcmp(text, "clone") != 0)
		argp_error(state, "there is no way to make a worker called '%s': clone or exec", text);
	return SFFI_SPAWN_CLONE;
}

static unsigned parse_timeout(const char *text, struct argp_state *state)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || value > UINT_MAX)
		argp_error(state, "'%s' is not a number of milliseconds", text);
	return (unsigned)value;
}

static void take_arguments(struct request *request, struct argp_state *state)
{
	/* What follows the library is ours, though it may look like an option: -3. */
	if (state->next >= state->argc)
		argp_error(state, "give the function's declaration after the library");
	request->declaration = state->argv[state->next++];
	request->arguments = state->argv + state->next;
	request->count = (size_t)(state->argc - state->next);
	state->next = state->argc;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct request *request = state->input;

	switch (key) {
	case KEY_MODE:
		if (!cli_mode_named(argument, &request->options.mode))
			argp_error(state, "there is no mode '%s': direct, guarded, shielded, rehearsed "
					  "or isolated", argument);
		return 0;
	case KEY_SPAWN:
		request->options.spawn = parse_spawn(argument, state);
		return 0;
	case KEY_TIMEOUT:
		request->options.timeout_ms = parse_timeout(argument, state);
		return 0;
	case KEY_JSON:
		request->json = true;
		return 0;
	case ARGP_KEY_ARG:
		request->library = argument;
		take_arguments(request, state);
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "give a library and a declaration");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "LIBRARY DECLARATION [ARGUMENT...]",
	.doc = documentation,
};

/* "struct p { int x; }; int f(struct p *);": the last declaration is the function's, what comes
 * before it is declared first. Braces and comments may hold semicolons of their own. */
static size_t last_declaration(const char *text)
{
	size_t start = 0, pending = 0;
	int depth = 0;

	for (size_t i = 0; text[i] != '\0'; i++) {
		if (text[i] == '/' && text[i + 1] == '*') {
			const char *end = strstr(text + i + 2, "*/");

			if (!end)
				return start;
			i = (size_t)(end - text) + 1;
			continue;
		}
		depth += text[i] == '{' ? 1 : text[i] == '}' ? -1 : 0;
		if (text[i] == ';' && depth == 0)
			pending = i + 1;
		else if (pending > 0 && strchr(" \t\n\r", text[i]) == NULL) {
			start = pending;
			pending = 0;
		}
	}
	return start;
}

static sffi_status read_declaration(struct session *session, const struct request *request)
{
	size_t split = last_declaration(request->declaration);
	const char *name;
	sffi_status status = SFFI_OK;

	session->types = strndup(request->declaration, split);
	session->scope = sffi__scope_new(NULL);
	if (!session->types || !session->scope)
		return sffi__fail(SFFI_ENOMEM, "out of memory for the declaration");
	session->function = request->declaration + split;
	if (split > 0)
		status = sffi__scope_declare(session->scope, session->types);
	if (status == SFFI_OK)
		status = sffi__scope_declare_function(session->scope, session->function, &name,
						      &session->type);
	if (status != SFFI_OK)
		return status;
	if (session->type->count != request->count)
		return sffi__fail(SFFI_EINVAL, "%s takes %zu argument%s, %zu %s given", name,
				  session->type->count, session->type->count == 1 ? "" : "s",
				  request->count, request->count == 1 ? "was" : "were");
	return cli_values_new(&session->values, session->type, request->arguments);
}

static sffi_status make_call(struct session *session, const struct request *request)
{
	sffi_status status = sffi_domain_open(&session->domain, &request->options);

	if (status == SFFI_OK)
		status = sffi_library_open(&session->library, session->domain, request->library);
	if (status == SFFI_OK && *session->types)
		status = sffi_library_declare(session->library, session->types);
	if (status == SFFI_OK)
		status = sffi_function_get(&session->handle, session->library, session->function);
	if (status != SFFI_OK)
		return status;
	session->result = calloc(1, session->type->result->size + 32);
	if (!session->result)
		return sffi__fail(SFFI_ENOMEM, "out of memory for the result");
	return sffi_call_array(session->handle, session->result, session->values.addresses);
}

/* "dest", or "argument 1" for a parameter without a name. */
static const char *output_name(const struct session *session, size_t index)
{
	static char number[32];

	if (session->type->parameters[index].name)
		return session->type->parameters[index].name;
	snprintf(number, sizeof number, "argument %zu", index + 1);
	return number;
}

static void print_output(const struct session *session, size_t index)
{
	const struct cli_value *value = &session->values.values[index];
	const struct type *type = value->parameter->type;

	printf("%s = ", output_name(session, index));
	if (type->kind == TYPE_BUFFER) {
		fputs("hex:", stdout);
		for (size_t i = 0; i < value->count; i++)
			printf("%02x", ((unsigned char *)value->data)[i]);
	} else {
		cli_print_elements(stdout, type->target, value->data,
				   cli_values_length(&session->values, index));
	}
	putchar('\n');
}

static int print_result(const struct session *session)
{
	int error = sffi_errno();

	if (session->type->result->kind != TYPE_VOID) {
		cli_print_value(stdout, session->type->result, session->result, true);
		putchar('\n');
	}
	for (size_t i = 0; i < session->values.count; i++)
		if (cli_value_is_output(&session->values.values[i]))
			print_output(session, i);
	if (error != 0)
		fprintf(stderr, "errno = %d, %s\n", error, strerror(error));
	return CLI_OK;
}

static json_t *json_output(const struct session *session, size_t index)
{
	static const struct type byte = {
		.kind = TYPE_INTEGER, .is_character = true, .is_complete = true, .size = 1,
		.alignment = 1, .name = "unsigned char",
	};
	const struct cli_value *value = &session->values.values[index];

	if (value->parameter->type->kind == TYPE_BUFFER)
		return cli_json_elements(&byte, value->data, value->count);
	return cli_json_elements(value->parameter->type->target, value->data,
				 cli_values_length(&session->values, index));
}

static int print_result_json(const struct session *session)
{
	json_t *out = json_object();
	json_t *object = json_pack("{s:o, s:i, s:o}", "result",
				   cli_json_value(session->type->result, session->result, true),
				   "errno", sffi_errno(), "out", out);

	for (size_t i = 0; object && i < session->values.count; i++)
		if (cli_value_is_output(&session->values.values[i]))
			json_object_set_new(out, output_name(session, i), json_output(session, i));
	if (!object || json_dumpf(object, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY) != 0) {
		fprintf(stderr, "safeffi: out of memory for the result as JSON\n");
		json_decref(object);
		return CLI_FAILED;
	}
	putchar('\n');
	json_decref(object);
	return CLI_OK;
}

static int print_failure(sffi_status status, bool json)
{
	const sffi_fault *fault = sffi_last_fault();
	bool faulted = status == SFFI_EFAULT || status == SFFI_ETIMEOUT ||
		       status == SFFI_ECANCELED || status == SFFI_ECOLLATERAL;

	if (!faulted || !fault)
		return cli_failed();
	status = json ? sffi_fault_print_json(fault, stdout) : sffi_fault_print(fault, stderr);
	return status == SFFI_OK ? CLI_FAULT : cli_failed();
}

static void end(struct session *session)
{
	sffi_function_release(&session->handle);
	sffi_library_close(&session->library);
	sffi_domain_close(&session->domain);
	cli_values_free(&session->values);
	sffi__scope_free(session->scope);
	free(session->types);
	free(session->result);
}

int cli_call(int argc, char **argv)
{
	struct request request = { .json = false };
	struct session session = { 0 };
	sffi_status status;
	int code;

	sffi_options_init(&request.options);
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &request);

	status = read_declaration(&session, &request);
	if (status != SFFI_OK)
		code = cli_failed();
	else if ((status = make_call(&session, &request)) != SFFI_OK)
		code = print_failure(status, request.json);
	else
		code = request.json ? print_result_json(&session) : print_result(&session);
	/* In the mode that has them. */
	if (sffi_last_rehearsal() && !request.json)
		sffi_rehearsal_print(sffi_last_rehearsal(), stderr);
	end(&session);
	return code;
}
