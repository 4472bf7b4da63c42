/* SPDX-License-Identifier: MIT */
#include "row.h"

#include "calls.h"
#include "flights.h"
#include "inside.h"
#include "libraries.h"
#include "life.h"
#include "memory.h"
#include "rehearsal.h"
#include "report.h"
#include "shield.h"

static const struct agent_kind tiny = { .program = "bench-tiny" };

#define SPIN "spin ping-pong, two cores"
#define ONE_CALL "add(int, int)"
#define FUTEX "futex ping-pong, one core"
#define SOCKET "unix socket, 64 bytes, one core"
#define FORK "fork and wait, tiny process"
#define SPAWN "posix_spawn /bin/true and wait"
#define LIBFFI "libffi, prepared"
#define TINY_HOST "the same in a tiny host"

#define HERE "the same in process"

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
	{ "upcall-two-cores", "a call with one upcall, two cores", ONE_CALL,
	  { &calls_two_cores, "upcall", 10000 }, { &calls_two_cores, "call", 10000 },
	  51, NANOSECONDS, 2.2 },
	{ "upcall-plain-two-cores", "the same, a plain function, two cores", ONE_CALL,
	  { &calls_two_cores, "upcall-plain", 10000 }, { &calls_two_cores, "call", 10000 },
	  21, NANOSECONDS, 0 },
	{ "mixed-two-cores", "16 mixed arguments, two cores", ONE_CALL,
	  { &calls_two_cores, "mixed", 10000 }, { &calls_two_cores, "call", 10000 },
	  51, NANOSECONDS, 1.3 },
	{ "struct-two-cores", "a 64-byte struct, two cores", ONE_CALL,
	  { &calls_two_cores, "struct", 10000 }, { &calls_two_cores, "call", 10000 },
	  51, NANOSECONDS, 1.2 },
	{ "struct-result-two-cores", "a 64-byte struct as result, two cores", ONE_CALL,
	  { &calls_two_cores, "struct-result", 10000 }, { &calls_two_cores, "call", 10000 },
	  21, NANOSECONDS, 0 },
	{ "state-two-cores", "the host's state followed, two cores", "the same, not followed",
	  { &calls_two_cores, "call", 10000 }, { &calls_without_mirror, "call", 10000 },
	  51, NANOSECONDS, 1.1 },
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
	{ "upcall-one-core", "a call with one upcall, one core", ONE_CALL,
	  { &calls_one_core, "upcall", 1000 }, { &calls_one_core, "call", 1000 },
	  51, NANOSECONDS, 2.2 },
	{ "upcall-plain-one-core", "the same, a plain function, one core", ONE_CALL,
	  { &calls_one_core, "upcall-plain", 1000 }, { &calls_one_core, "call", 1000 },
	  21, NANOSECONDS, 0 },
	{ "mixed-one-core", "16 mixed arguments, one core", ONE_CALL,
	  { &calls_one_core, "mixed", 1000 }, { &calls_one_core, "call", 1000 },
	  51, NANOSECONDS, 1.3 },
	{ "struct-one-core", "a 64-byte struct, one core", ONE_CALL,
	  { &calls_one_core, "struct", 1000 }, { &calls_one_core, "call", 1000 },
	  51, NANOSECONDS, 1.2 },
	{ "struct-result-one-core", "a 64-byte struct as result, one core", ONE_CALL,
	  { &calls_one_core, "struct-result", 1000 }, { &calls_one_core, "call", 1000 },
	  21, NANOSECONDS, 0 },
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

	{ "flights-nap", "of 100 in flight, each, 1 ms in the callee", "one after the other",
	  { &flights_two_cores, "naps", 1 }, { &flights_two_cores, "nap", 3 },
	  11, NANOSECONDS, 0 },
	{ "flights-add", "of 100 adds in flight, each", "one after the other",
	  { &flights_two_cores, "adds", 10 }, { &flights_two_cores, "add", 1000 },
	  11, NANOSECONDS, 0 },

	{ "direct", "direct, int add(int, int)", LIBFFI,
	  { &inside_direct, "call", 100000 }, { &inside_direct, "ffi", 100000 },
	  51, NANOSECONDS, 0.5 },
	{ "direct-mixed", "direct, 16 mixed arguments", LIBFFI,
	  { &inside_direct, "mixed", 100000 }, { &inside_direct, "ffi-mixed", 100000 },
	  51, NANOSECONDS, 0.4 },
	{ "direct-step", "direct, a call in steps, one upcall", NULL,
	  { &inside_direct, "step", 100000 }, { 0 }, 51, NANOSECONDS, 100 },
	{ "guarded", "guarded, int add(int, int)", LIBFFI,
	  { &inside_guarded, "call", 100000 }, { &inside_guarded, "ffi", 100000 },
	  51, NANOSECONDS, 0.7 },
	{ "guarded-mixed", "guarded, 16 mixed arguments", LIBFFI,
	  { &inside_guarded, "mixed", 100000 }, { &inside_guarded, "ffi-mixed", 100000 },
	  21, NANOSECONDS, 0 },
	{ "guarded-step", "guarded, a call in steps, one upcall", NULL,
	  { &inside_guarded, "step", 100000 }, { 0 }, 51, NANOSECONDS, 100 },
	{ "guarded-fault", "guarded, a fault caught and returned", "a bare signal and return",
	  { &inside_guarded, "fault", 5000 }, { &inside_bare, "signal", 5000 },
	  51, NANOSECONDS, 1.6 },

	{ "rehearsed-big", "rehearsed, 10 pages of 1 GiB written", FORK,
	  { &rehearsal_big_host, "call", 3 }, FORKS, 51, NANOSECONDS, 2.5 },

	{ "mode-pointer", "a function pointer", LIBFFI,
	  { &inside_bare, "pointer", 100000 }, { &inside_bare, "ffi", 100000 },
	  21, NANOSECONDS, 0 },
	{ "mode-direct", "direct", LIBFFI,
	  { &inside_direct, "call", 100000 }, { &inside_bare, "ffi", 100000 },
	  21, NANOSECONDS, 0 },
	{ "mode-guarded", "guarded", LIBFFI,
	  { &inside_guarded, "call", 100000 }, { &inside_bare, "ffi", 100000 },
	  21, NANOSECONDS, 0 },
	{ "mode-libffi", "libffi", NULL,
	  { &inside_bare, "ffi", 100000 }, { 0 }, 21, NANOSECONDS, 0 },
	{ "mode-shielded", "shielded", LIBFFI,
	  { &inside_shielded, "call", 10000 }, { &inside_bare, "ffi", 100000 },
	  21, NANOSECONDS, 0 },
	{ "mode-isolated", "isolated, two cores", LIBFFI,
	  { &inside_isolated, "call", 10000 }, { &inside_bare, "ffi", 100000 },
	  21, NANOSECONDS, 0 },
	{ "mode-isolated-one-core", "isolated, one core", LIBFFI,
	  { &calls_one_core, "call-array", 1000 }, { &inside_bare, "ffi", 100000 },
	  21, NANOSECONDS, 0 },
	{ "mode-rehearsed", "rehearsed", LIBFFI,
	  { &inside_rehearsed, "call", 10 }, { &inside_bare, "ffi", 100000 },
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

	{ "library-hash", "BLAKE2b of 100 MB, libsodium", HERE,
	  { &library_sodium, "isolated", 1 }, { &library_sodium, "here", 1 }, 9, NANOSECONDS, 1.05 },
	{ "library-pdf", "20 pages rendered, pdfium", HERE,
	  { &library_pdf, "isolated", 1 }, { &library_pdf, "here", 1 }, 9, NANOSECONDS, 1.1 },
	{ "library-sqlite", "100,000 rows inserted, SQLite", HERE,
	  { &library_sqlite, "isolated", 1 }, { &library_sqlite, "here", 1 }, 9, NANOSECONDS, 2.2 },
	{ "library-sqlite-batch", "the same with sffi_call_batch", HERE,
	  { &library_sqlite, "batch", 1 }, { &library_sqlite, "here", 1 }, 9, NANOSECONDS, 1.3 },
	{ "library-git", "log of 10,000 commits, libgit2", HERE,
	  { &library_git, "isolated", 1 }, { &library_git, "here", 1 }, 9, NANOSECONDS, 2 },

	{ "shielded-huge", "a shielded call, 64 MiB in huge pages", "two mprotect of them",
	  { &shield_huge, "call", 20 }, { &shield_huge, "bare", 20 }, 101, NANOSECONDS, 1.3 },
	{ "shielded-pages", "a shielded call, 1 MiB in pages", "two mprotect of them",
	  { &shield_pages, "call", 20 }, { &shield_pages, "bare", 20 }, 51, NANOSECONDS, 0 },

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
