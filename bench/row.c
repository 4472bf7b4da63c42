/* SPDX-License-Identifier: MIT */
#include "row.h"

#include "calls.h"
#include "life.h"
#include "memory.h"
#include "report.h"

static const struct agent_kind tiny = { .program = "bench-tiny" };

#define SPIN "spin ping-pong, two cores"
#define FUTEX "futex ping-pong, one core"
#define SOCKET "unix socket, 64 bytes, one core"
#define FORK "fork and wait, tiny process"
#define SPAWN "posix_spawn /bin/true and wait"
#define TINY_HOST "the same in a tiny host"

#define FORKS { &tiny, "fork", 3 }
#define SPAWNS { &tiny, "spawn", 2 }

static const double MILLISECONDS = 1e6;

/* Rows that share an agent stand together: an agent ends after its last row. */
const struct row rows[] = {
	{ "call-two-cores", "int add(int, int), two cores", SPIN,
	  { &calls_two_cores, "call", 10000 }, { &calls_two_cores, "spin", 10000 },
	  51, NANOSECONDS, 1.5 },
	{ "batch-two-cores", "100 in a batch, each, two cores", "one call alone",
	  { &calls_two_cores, "batch", 10000 }, { &calls_two_cores, "call", 10000 },
	  31, NANOSECONDS, 0.3 },
	{ "call-array", "add by sffi_call_array, two cores", SPIN,
	  { &calls_two_cores, "call-array", 10000 }, { &calls_two_cores, "spin", 10000 },
	  21, NANOSECONDS, 0 },
	{ "call-direct", "int add(int, int), two cores", "a pointer, in process",
	  { &calls_two_cores, "call", 10000 }, { &calls_two_cores, "direct", 100000 },
	  11, NANOSECONDS, 0 },
	{ "buffer-two-cores", "1 MiB in and out, two cores", "two memcpy of it",
	  { &calls_two_cores, "touch", 20 }, { &calls_two_cores, "memcpy", 20 },
	  21, NANOSECONDS, 0 },

	{ "call-one-core", "int add(int, int), one core", FUTEX,
	  { &calls_one_core, "call", 1000 }, { &calls_one_core, "futex", 1000 },
	  51, NANOSECONDS, 1.15 },
	{ "call-socket", "int add(int, int), one core", SOCKET,
	  { &calls_one_core, "call", 1000 }, { &calls_one_core, "socket", 1000 },
	  51, NANOSECONDS, 0.65 },
	{ "batch-one-core", "100 in a batch, each, one core", "one call alone",
	  { &calls_one_core, "batch", 10000 }, { &calls_one_core, "call", 1000 },
	  31, NANOSECONDS, 0.3 },
	{ "buffer", "1 MiB in and out, one core", "two memcpy of it",
	  { &calls_one_core, "touch", 20 }, { &calls_one_core, "memcpy", 20 },
	  31, NANOSECONDS, 1.5 },

	{ "call-unpinned", "int add(int, int), where the kernel likes", NULL,
	  { &calls_unpinned, "call", 1000 }, { 0 }, 31, NANOSECONDS, 0 },
	{ "threads-2", "each call of 2 threads at once", "one thread",
	  { &calls_unpinned, "threads-2", 1000 }, { &calls_unpinned, "call", 1000 },
	  21, NANOSECONDS, 0 },
	{ "threads-4", "each call of 4 threads at once", "one thread",
	  { &calls_unpinned, "threads-4", 1000 }, { &calls_unpinned, "call", 1000 },
	  21, NANOSECONDS, 0 },

	{ "open-clone", "open a clone domain, first call", FORK,
	  { &life_one_core, "open", 3 }, FORKS, 51, NANOSECONDS, 1.5 },
	{ "open-exec", "open an exec domain, first call", SPAWN,
	  { &life_one_core, "open-exec", 2 }, SPAWNS, 31, NANOSECONDS, 1.4 },
	{ "crash", "crash to next good call", FORK,
	  { &life_one_core, "crash", 3 }, FORKS, 51, NANOSECONDS, 2 },
	{ "crash-spare", "crash to next good call, with a spare", FORK,
	  { &life_one_core, "crash-spare", 3 }, FORKS, 41, NANOSECONDS, 1 },

	{ "open-clone-big", "open a clone domain, 1 GiB host", TINY_HOST,
	  { &life_big_host, "open", 3 }, { &life_one_core, "open", 3 }, 41, NANOSECONDS, 1.2 },
	{ "open-exec-big", "open an exec domain, 1 GiB host", TINY_HOST,
	  { &life_big_host, "open-exec", 2 }, { &life_one_core, "open-exec", 2 },
	  31, NANOSECONDS, 1.2 },
	{ "crash-big", "crash to next good call, 1 GiB host", TINY_HOST,
	  { &life_big_host, "crash", 3 }, { &life_one_core, "crash", 3 },
	  41, NANOSECONDS, 1.2 },
	{ "crash-spare-big", "crash to good call, spare, 1 GiB host", TINY_HOST,
	  { &life_big_host, "crash-spare", 3 }, { &life_one_core, "crash-spare", 3 },
	  41, NANOSECONDS, 1.2 },

	{ "open-libc", "open a clone domain, call abs of libc", FORK,
	  { &life_one_core, "open-libc", 3 }, FORKS, 31, NANOSECONDS, 0 },
	{ "open-back-to-back", "open a clone domain, first call", "fork and wait, back to back",
	  { &life_one_core, "open", 3 }, { &tiny, "fork-back-to-back", 3 }, 31, NANOSECONDS, 0 },
	{ "cycle-clone", "open, call, close a clone domain", FORK,
	  { &life_one_core, "cycle", 3 }, FORKS, 31, NANOSECONDS, 0 },
	{ "cycle-exec", "open, call, close an exec domain", SPAWN,
	  { &life_one_core, "cycle-exec", 2 }, SPAWNS, 21, NANOSECONDS, 0 },
	{ "crash-exec", "crash to next good call, exec domain", SPAWN,
	  { &life_one_core, "crash-exec", 2 }, SPAWNS, 21, NANOSECONDS, 0 },
	{ "open-two-cores", "open a clone domain, two cores", FORK,
	  { &life_two_cores, "open", 3 }, FORKS, 31, NANOSECONDS, 0 },
	{ "crash-two-cores", "crash to next good call, two cores", FORK,
	  { &life_two_cores, "crash", 3 }, FORKS, 31, NANOSECONDS, 0 },
	{ "crash-spare-two-cores", "crash to good call, spare, two cores", FORK,
	  { &life_two_cores, "crash-spare", 3 }, FORKS, 31, NANOSECONDS, 0 },

	{ "sum", "1 GiB in the arena, summed by the callee", "summed in process",
	  { &memory_arena, "sum", 1 }, { &memory_arena, "sum-here", 1 }, 9, NANOSECONDS, 1.1 },

	{ "report-first", "the first report of a program", NULL,
	  { &reports, "first-null", 1 }, { 0 }, 1, NANOSECONDS, 0 },
	{ "report-null", "one report with symbols: null pointer", NULL,
	  { &reports, "null", 1 }, { 0 }, 31, NANOSECONDS, 1 * MILLISECONDS },
	{ "report-abort", "one report with symbols: malloc abort", NULL,
	  { &reports, "abort", 1 }, { 0 }, 31, NANOSECONDS, 5 * MILLISECONDS },

	{ "idle-before", "private memory of an idle worker", NULL,
	  { &memory_idle, "private-before", 1 }, { 0 }, 1, KIBIBYTES, 0 },
	{ "idle", "idle worker, host rewrote 256 MiB", NULL,
	  { &memory_idle, "private", 1 }, { 0 }, 5, KIBIBYTES, 512 },
	{ 0 },
};
