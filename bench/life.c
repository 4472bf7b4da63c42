/* SPDX-License-Identifier: MIT */
#include "life.h"

#include "host.h"
#include "machine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const size_t GIB = (size_t)1 << 30;

enum { SETTLE_MS = 1, SPARE_MS = 10 };

/* ---- opening ----------------------------------------------------------- */

/* What a program does that wants one function of one library. */
struct opening {
	sffi_spawn spawn;
	const char *library; /* NULL: the host's program */
	const char *function;
};

struct opened {
	sffi_domain *domain;
	sffi_library *library;
	sffi_function *function;
};

static bool open_and_call(struct opened *opened, const struct opening *opening)
{
	sffi_options options;
	sffi_status status;
	int result = 0;

	sffi_options_init(&options);
	options.spawn = opening->spawn;
	status = sffi_domain_open(&opened->domain, &options);
	if (status != SFFI_OK)
		return host_cannot("sffi_domain_open", status);
	status = sffi_library_open(&opened->library, opened->domain, opening->library);
	if (status != SFFI_OK)
		return host_cannot("sffi_library_open", status);
	status = sffi_function_get(&opened->function, opened->library, opening->function);
	if (status != SFFI_OK)
		return host_cannot("sffi_function_get", status);
	status = sffi_call(opened->function, &result, 42, 0);
	if (status != SFFI_OK || result != 42)
		return host_cannot("the first call", status);
	return true;
}

static void close_opened(struct opened *opened)
{
	sffi_function_release(&opened->function);
	sffi_library_close(&opened->library);
	sffi_domain_close(&opened->domain);
}

/* closing: is it part of what is measured. */
static double open_repeatedly(const struct opening *opening, unsigned count, bool closing)
{
	double total = 0;

	for (unsigned i = 0; i < count; i++) {
		struct opened opened = { NULL, NULL, NULL };
		uint64_t start, answered, closed;
		bool ok;

		pause_ms(SETTLE_MS);
		start = now_ns();
		ok = open_and_call(&opened, opening);
		answered = now_ns();
		close_opened(&opened);
		closed = now_ns();
		if (!ok)
			return NAN;
		total += (double)((closing ? closed : answered) - start);
	}
	return total / count;
}

static const char add_declaration[] = "int add(int a, int b)";

static double op_open(unsigned count)
{
	struct opening opening = { SFFI_SPAWN_CLONE, callee_path(), add_declaration };

	return open_repeatedly(&opening, count, false);
}

static double op_cycle(unsigned count)
{
	struct opening opening = { SFFI_SPAWN_CLONE, callee_path(), add_declaration };

	return open_repeatedly(&opening, count, true);
}

static double op_open_exec(unsigned count)
{
	struct opening opening = { SFFI_SPAWN_EXEC, callee_path(), add_declaration };

	return open_repeatedly(&opening, count, false);
}

static double op_cycle_exec(unsigned count)
{
	struct opening opening = { SFFI_SPAWN_EXEC, callee_path(), add_declaration };

	return open_repeatedly(&opening, count, true);
}

/* Nothing to load: the library is in every worker. The second argument, which the call
 * passes too, is not looked at. */
static double op_open_libc(unsigned count)
{
	struct opening opening = { SFFI_SPAWN_CLONE, NULL, "int abs(int j)" };

	return open_repeatedly(&opening, count, false);
}

/* ---- crashing ---------------------------------------------------------- */

/* One domain of each kind for all the crashes, opened when first asked for. */
struct patient {
	sffi_spawn spawn;
	bool spare;
	struct host host;
};

static bool open_patient(struct patient *patient)
{
	sffi_options options;

	if (patient->host.domain)
		return true;
	sffi_options_init(&options);
	options.spawn = patient->spawn;
	options.spare = patient->spare;
	return host_open(&patient->host, &options);
}

/* The program goes about its business for a while: it sleeps and calls. */
static bool live_on(struct host *host, unsigned milliseconds)
{
	for (unsigned i = 0; i < milliseconds; i++) {
		pause_ms(1);
		if (!host_call(host))
			return false;
	}
	return true;
}

static double crash_repeatedly(struct patient *patient, unsigned count)
{
	unsigned between_ms = patient->spare ? SPARE_MS : SETTLE_MS;
	double total = 0;

	if (!open_patient(patient))
		return NAN;
	for (unsigned i = 0; i < count; i++) {
		uint64_t start;

		if (!live_on(&patient->host, between_ms))
			return NAN;
		start = now_ns();
		if (!host_crash_null(&patient->host) || !host_call(&patient->host))
			return NAN;
		total += (double)(now_ns() - start);
	}
	return total / count;
}

static double op_crash(unsigned count)
{
	static struct patient patient = { .spawn = SFFI_SPAWN_CLONE };

	return crash_repeatedly(&patient, count);
}

static double op_crash_exec(unsigned count)
{
	static struct patient patient = { .spawn = SFFI_SPAWN_EXEC };

	return crash_repeatedly(&patient, count);
}

static double op_crash_spare(unsigned count)
{
	static struct patient patient = { .spawn = SFFI_SPAWN_CLONE, .spare = true };

	return crash_repeatedly(&patient, count);
}

/* ---- the agents -------------------------------------------------------- */

static bool begin(void)
{
	sffi_status status = sffi_init();

	return status == SFFI_OK || host_cannot("sffi_init", status);
}

static bool set_up_one_core(void)
{
	return pin_self(machine.host) && begin();
}

/* Every page is written, or it would not be there. */
static bool set_up_big_host(void)
{
	char *memory;

	if (!pin_self(machine.host) || !begin())
		return false;
	memory = malloc(GIB);
	if (!memory)
		return cannot("there is not 1 GiB of memory here");
	memset(memory, 1, GIB);
	__asm__ volatile("" : : "r"(memory) : "memory");
	return true;
}

/* The zygote is made on the workers' processor, and they inherit it. */
static bool set_up_two_cores(void)
{
	if (machine.peer == CPU_ANY)
		return cannot("there is only one processor here");
	return pin_self(machine.peer) && begin() && pin_self(machine.host);
}

static const struct operation operations[] = {
	{ "open", op_open },
	{ "open-libc", op_open_libc },
	{ "open-exec", op_open_exec },
	{ "cycle", op_cycle },
	{ "cycle-exec", op_cycle_exec },
	{ "crash", op_crash },
	{ "crash-exec", op_crash_exec },
	{ "crash-spare", op_crash_spare },
	{ NULL, NULL },
};

const struct agent_kind life_one_core = { .set_up = set_up_one_core, .operations = operations };
const struct agent_kind life_big_host = { .set_up = set_up_big_host, .operations = operations };
const struct agent_kind life_two_cores = { .set_up = set_up_two_cores, .operations = operations };
