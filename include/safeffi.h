/* SPDX-License-Identifier: MIT */
/*
 * SafeFFI: call any C function without letting it take the program down.
 *
 * A callee runs in a domain. In the mode SFFI_ISOLATED, the default, that is a
 * worker process: a memory violation of the callee becomes a failed call
 * (SFFI_EFAULT) with a report, the worker is replaced, the program goes on.
 *
 * Rules that hold everywhere:
 * - Every function may be called by any thread at any time, unless it says
 *   otherwise; none may be called from a signal handler.
 * - A function that returns sffi_status returns SFFI_OK or a negative code, and
 *   then leaves one full sentence for sffi_error() of the calling thread. Every
 *   such function returns SFFI_EINVAL for a NULL argument that it needs.
 * - Functions that close or release take the address of the handle and set it
 *   to NULL; NULL, or a handle that is NULL already, is allowed.
 * - Times are in the unit that their name ends with, sizes are in bytes.
 */
#ifndef SAFEFFI_H
#define SAFEFFI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SFFI_API __attribute__((visibility("default")))

/* ---- status ------------------------------------------------------------ */

typedef enum {
	SFFI_OK = 0,
	SFFI_EFAULT = -1,    /* the callee faulted: see sffi_last_fault() */
	SFFI_ETIMEOUT = -2,  /* the call's time was up; its worker was replaced */
	SFFI_ECANCELED = -3, /* the call was cancelled */
	SFFI_ESTALE = -4,    /* an address of a worker that is gone */
	SFFI_ECLOSED = -5,   /* the domain or library was closed, or stopped after a fault */
	SFFI_EDECL = -6,     /* the declaration is not right: line, column, what was expected */
	SFFI_ETYPE = -7,     /* the argument cannot be passed as it is declared */
	SFFI_ENOLIB = -8,    /* no such library */
	SFFI_ENOSYM = -9,    /* no such symbol, or not declared */
	SFFI_EINVAL = -10,   /* a bad argument of the SafeFFI function itself */
	SFFI_ENOMEM = -11,   /* out of memory, here or in the arena */
	SFFI_ENOTSUP = -12,  /* this version, CPU or machine cannot do it */
	SFFI_ESYSTEM = -13,  /* a system call failed: the sentence names it */
	SFFI_EADDRESS = -14, /* an address that cannot be read or written, or is another domain's */
	SFFI_EPOISONED = -15, /* a fault in process left the C library's locks held: nothing more is called */
	SFFI_ECOLLATERAL = -16, /* another call brought the worker down: the fault names it */
	SFFI_EUPCALL = -17   /* a callback's handler refused */
} sffi_status;

/* The name of a status, "SFFI_ENOLIB"; static. */
SFFI_API const char *sffi_status_name(sffi_status);

/* This thread's last failure in one sentence, or "". Valid until this thread's
 * next call of a SafeFFI function. */
SFFI_API const char *sffi_error(void);

/* ---- domains ----------------------------------------------------------- */

typedef struct sffi_domain sffi_domain;
typedef struct sffi_library sffi_library;
typedef struct sffi_function sffi_function;
typedef struct sffi_fault sffi_fault;

typedef enum {
	SFFI_MODE_DEFAULT, /* what SAFEFFI_MODE names, else SFFI_ISOLATED */
	SFFI_DIRECT,       /* in process, as a plain call: a fault ends the host */
	SFFI_GUARDED,      /* in process: a fault fails the call, its damage is not undone */
	SFFI_SHIELDED,     /* likewise, with the regions of sffi_region_add write-protected */
	SFFI_REHEARSED,    /* tried out in a copy of the host first, then as SFFI_GUARDED */
	SFFI_ISOLATED      /* in a worker process */
} sffi_mode;

typedef enum {
	SFFI_SPAWN_DEFAULT, /* what SAFEFFI_SPAWN names, "clone" or "exec", else SFFI_SPAWN_CLONE */
	SFFI_SPAWN_CLONE,   /* a clone of this program, as it was at sffi_init() */
	SFFI_SPAWN_EXEC     /* a program of its own: no copy of the host's memory */
} sffi_spawn;

typedef enum {
	SFFI_ON_FAULT_RESTART, /* replace the worker: the next call works */
	SFFI_ON_FAULT_STOP,    /* further calls get SFFI_ECLOSED until sffi_domain_restart() */
	SFFI_ON_FAULT_HOLD     /* as RESTART; the faulted worker stays, stopped, for a debugger */
} sffi_on_fault;

/* What a worker shares with the host. With either, what a callee changes of environment,
 * locale, limits, priority and processors is the host's too when its call returns. Sharing gives
 * away part of the promise: a callee can then close the host's descriptors or change its
 * directory. Only one worker of the program may share at a time (a second one: SFFI_EINVAL). */
enum { SFFI_SHARE_FILES = 1, SFFI_SHARE_CWD = 2, SFFI_SHARE_ALL = 3 };

typedef struct {
	sffi_mode mode;
	sffi_spawn spawn;
	sffi_on_fault on_fault;
	unsigned share;      /* SFFI_SHARE_*; clone workers only */
	unsigned timeout_ms; /* of every call; 0: none */
	unsigned spin_ns;    /* how long to spin before sleeping; 0: default (50000) */
	bool one_thread;     /* run every callee on the worker's main thread */
	bool spare;          /* keep a second worker ready */
	/* Called with every worker's start, the first included, its libraries loaded, on
	 * the thread that needed it. It may call into the domain. */
	void (*on_start)(sffi_domain *, uint64_t generation, void *data);
	void *data;
	void *reserved[8]; /* must be NULL */
} sffi_options;

/* Fills in the defaults. */
SFFI_API void sffi_options_init(sffi_options *);

/* Makes the zygote, from which workers are made: best as the first thing in main,
 * before there are threads. Opening a domain does it otherwise; a zygote of a host
 * that has threads must first prove itself, which costs milliseconds. Idempotent.
 * SFFI_ESYSTEM: the zygote could not be made. */
SFFI_API sffi_status sffi_init(void);

/* Opens a domain. NULL options: the defaults. The caller owns the domain. Its worker
 * ends with it, and with the host, however the host ends. A child that the host forks
 * does not have the domain (SFFI_ECLOSED), it can open its own.
 * SFFI_ENOTSUP: a mode or option that this machine or version cannot give. */
SFFI_API sffi_status sffi_domain_open(sffi_domain **, const sffi_options *);
/* Ends the worker at once: destructors of its libraries do not run. Functions and
 * libraries of the domain stay valid handles that answer SFFI_ECLOSED. */
SFFI_API void sffi_domain_close(sffi_domain **);
/* Replaces the worker. Calls in flight get SFFI_ECOLLATERAL. */
SFFI_API sffi_status sffi_domain_restart(sffi_domain *);
SFFI_API sffi_mode sffi_domain_mode(const sffi_domain *);
/* How the mode is done on this machine, where there is a choice, in words for people: of
 * SFFI_SHIELDED "memory protection keys", "huge-page mprotect" or "page mprotect". Static, or NULL. */
SFFI_API const char *sffi_domain_mechanism(const sffi_domain *);
/* The worker's process id; 0 if there is none. */
SFFI_API pid_t sffi_domain_pid(const sffi_domain *);
/* Counts the domain's workers, from 1. */
SFFI_API uint64_t sffi_domain_generation(const sffi_domain *);

/* Memory of the host that workers are not to have, such as an object heap: whole
 * pages inside the range. In SFFI_SHIELDED, callees can read it, not write it; then the
 * protection that it had when it was added is what it gets back after every call: memory
 * that is unmapped or protected otherwise is to be removed first. All domains, those made
 * before too. A call for which the kernel refuses the protection fails with SFFI_ESYSTEM.
 * SFFI_EINVAL: the range is not mapped memory, or (remove) no region begins there. SFFI_ENOMEM.
 * SFFI_ESYSTEM: there is no room for its mappings, or (remove) for those of another region that shares
 * pages with it: that has lost its shield then. */
SFFI_API sffi_status sffi_region_add(void *address, size_t size);
SFFI_API sffi_status sffi_region_remove(void *address);

/* What changes in the host, its environment, locale, working directory, file mode mask, limits,
 * priority, and which files its descriptors 0 to 2 are, is the callee's when the next call starts.
 * SafeFFI notices it by itself, in a program that is linked with it: dup2(), dup3() and freopen(),
 * too, but not close(), after which the program says so. One that loads SafeFFI by dlopen, as
 * bindings do, says so when it has changed any of the last five. */
SFFI_API void sffi_state_changed(void);

/* ---- libraries and functions ------------------------------------------- */

/* Loads a library into the domain's worker: "z" (libz.so or its newest version),
 * "libz.so.1", or a path; NULL: the host's own program (clone workers). Loaded again in
 * every later worker, in the order of opening.
 * SFFI_ENOLIB: not found or not loadable, with the loader's words. SFFI_EFAULT: a
 * constructor of the library faulted. */
SFFI_API sffi_status sffi_library_open(sffi_library **, sffi_domain *, const char *name);
/* Adds C declarations to the library: see safeffi(7). SFFI_EDECL; SFFI_ENOMEM. */
SFFI_API sffi_status sffi_library_declare(sffi_library *, const char *c_declarations);
/* The same, from a file of declarations; what is wrong in it is said with its name.
 * SFFI_ESYSTEM: it cannot be read. */
SFFI_API sffi_status sffi_library_declare_file(sffi_library *, const char *path);
/* Unloads it; its functions answer SFFI_ECLOSED. */
SFFI_API void sffi_library_close(sffi_library **);

/* A function by the name that it was declared with, or by a declaration of its own,
 * which may use the library's types. Of a variadic function the types of one call follow
 * the ellipsis: "int printf(const char *format, ..., int, double)", "..., void" for none.
 * SFFI_ENOSYM; SFFI_EDECL; SFFI_ETYPE: a type cannot be passed by value, and why, or the
 * types after `...` are not said; SFFI_ENOTSUP: the declaration needs what this version
 * cannot pass. */
SFFI_API sffi_status sffi_function_get(sffi_function **, sffi_library *, const char *name_or_declaration);
/* Several at once, each into its place, up to one without a place: all of them, or none. */
typedef struct {
	sffi_function **place;
	const char *declaration; /* or a name */
} sffi_symbol;
SFFI_API sffi_status sffi_functions_get(sffi_library *, const sffi_symbol *);
/* Releases them all. */
SFFI_API void sffi_functions_release(const sffi_symbol *);
/* A function by its address in the host or in the worker. SFFI_EADDRESS: no code there. */
SFFI_API sffi_status sffi_function_at(sffi_function **, sffi_domain *, void *address, const char *declaration);
/* Instead of the domain's time-out; 0: none. */
SFFI_API void sffi_function_set_timeout(sffi_function *, unsigned timeout_ms);
SFFI_API void sffi_function_release(sffi_function **);

/* ---- calls ------------------------------------------------------------- */

/* The argument of a parameter declared `buffer`, passed by value. Size 0: the address
 * itself is passed. direction 0: SFFI_IN | SFFI_OUT. */
enum { SFFI_IN = 1, SFFI_OUT = 2 };
typedef struct {
	void *address;
	size_t size;
	unsigned direction;
} sffi_buffer;

/* Calls the function with arguments of the C types as declared; the result, of the
 * declared type, is stored at *result (may be NULL). A string result is valid until
 * this thread's next call in the domain. Nothing is written to the host's memory
 * unless the call returns SFFI_OK, or SFFI_ENOTSUP after the call: a callee has made its
 * worker another user than the host, or given it another root directory.
 * SFFI_EFAULT, SFFI_ETIMEOUT, SFFI_ECANCELED, SFFI_ECOLLATERAL: see sffi_last_fault();
 * SFFI_ETYPE, SFFI_EADDRESS, SFFI_ESTALE: an argument was refused, nothing was called;
 * SFFI_ECLOSED; SFFI_ENOSYM: no longer there in a new worker; SFFI_ENOMEM; SFFI_ENOTSUP. */
SFFI_API sffi_status sffi_call(sffi_function *, void *result, ...);
/* The same, with the addresses of the argument values: of the types as declared, also those
 * that are promoted on their way, after `...`. */
SFFI_API sffi_status sffi_call_array(sffi_function *, void *result, void *const *arguments);
/* The callee's errno after this thread's last call; every call starts with 0. */
SFFI_API int sffi_errno(void);

/* Several calls of one domain in one crossing, in order; stops at the first that
 * fails. Later calls keep their status SFFI_ECANCELED. Returns the first failure. */
typedef struct {
	sffi_function *function;
	void *result;
	void *const *arguments;
	sffi_status status; /* out */
	int error;          /* out: errno */
} sffi_batch;
SFFI_API sffi_status sffi_call_batch(sffi_batch *calls, size_t count);

/* ---- faults ------------------------------------------------------------ */

typedef enum {
	SFFI_FAULT_SIGNAL,
	SFFI_FAULT_STACK_OVERFLOW,
	SFFI_FAULT_EXIT,   /* exit(), _exit(), or replaced by execve; the status is sffi_fault_get_code() */
	SFFI_FAULT_KILLED, /* by SIGKILL or SIGTERM */
	SFFI_FAULT_TIMEOUT,
	SFFI_FAULT_OVERRUN,
	SFFI_FAULT_UNWOUND, /* a longjmp or an exception left the callee */
	SFFI_FAULT_THREAD_EXIT,
	SFFI_FAULT_STALE_CALLBACK,
	SFFI_FAULT_POISONED
} sffi_fault_kind;

typedef struct {
	uintptr_t pc;
	const char *library;      /* path, or NULL */
	uint64_t offset;          /* of pc from the library's load address */
	const char *function;     /* or NULL */
	uint64_t function_offset; /* of pc from the function's start */
	const char *file;         /* source, or NULL */
	unsigned line;            /* 0: unknown */
} sffi_frame;

/* The fault of this thread's last call, or NULL; borrowed until its next call. After a
 * call that succeeded on a new worker because the former one had died in between, it is
 * that worker's fault. */
SFFI_API const sffi_fault *sffi_last_fault(void);
/* Keeps a fault. */
SFFI_API sffi_fault *sffi_fault_retain(const sffi_fault *);
SFFI_API void sffi_fault_release(sffi_fault **);

/* Accessors; strings and frames belong to the fault. The ones that need symbols
 * (symbol, frames, print) work them out when first asked. */
SFFI_API sffi_fault_kind sffi_fault_get_kind(const sffi_fault *);
SFFI_API const char *sffi_fault_kind_name(sffi_fault_kind); /* "stack overflow" */
SFFI_API int sffi_fault_get_signal(const sffi_fault *);     /* 0: none */
SFFI_API int sffi_fault_get_code(const sffi_fault *);       /* si_code, or the exit status */
SFFI_API void *sffi_fault_get_address(const sffi_fault *);  /* si_addr; NULL also if unknown */
SFFI_API void *sffi_fault_get_pc(const sffi_fault *);
SFFI_API pid_t sffi_fault_get_pid(const sffi_fault *);
SFFI_API uint64_t sffi_fault_get_generation(const sffi_fault *);
SFFI_API const char *sffi_fault_get_function(const sffi_fault *);  /* the function that was called */
SFFI_API const char *sffi_fault_get_call(const sffi_fault *);      /* "strlen(s = NULL)" */
SFFI_API const char *sffi_fault_get_summary(const sffi_fault *);   /* what happened, one sentence */
SFFI_API const char *sffi_fault_get_symbol(const sffi_fault *);    /* the function at pc, or NULL */
SFFI_API const char *sffi_fault_get_library(const sffi_fault *);   /* the library at pc, or NULL */
SFFI_API size_t sffi_fault_frame_count(const sffi_fault *);
SFFI_API bool sffi_fault_get_frame(const sffi_fault *, size_t index, sffi_frame *);
/* The whole report. SFFI_ESYSTEM: the stream refused it. */
SFFI_API sffi_status sffi_fault_print(const sffi_fault *, FILE *);
SFFI_API sffi_status sffi_fault_print_json(const sffi_fault *, FILE *);

/* ---- rehearsals -------------------------------------------------------- */

/* In SFFI_REHEARSED every call is tried out in a copy of the host first. What the copy could not
 * take back (output, sends, operations on files and processes) is stopped at the first one; the
 * call is then made for real, guarded, as after a rehearsal that survived. If it faults there,
 * overruns a buffer or is out of its time, the call fails, and nothing has happened. Without a
 * time-out it is given up after 3 s, and the call made. */
typedef struct sffi_rehearsal sffi_rehearsal;
typedef enum {
	SFFI_REHEARSAL_SURVIVED,
	SFFI_REHEARSAL_STOPPED,   /* at what could not be taken back */
	SFFI_REHEARSAL_FAULTED,   /* the call failed with SFFI_EFAULT */
	SFFI_REHEARSAL_TIMEOUT,   /* ... with SFFI_ETIMEOUT */
	SFFI_REHEARSAL_UNFINISHED /* given up, or could not be made: the text says why */
} sffi_rehearsal_kind;

/* What the callee wrote outside of its declared buffers and its own stack: bytes that changed. */
typedef struct {
	uintptr_t address;
	size_t size;
	const char *mapping; /* "[heap]", a library's path, "": anonymous memory */
	size_t offset;       /* in the mapping */
	bool is_region;      /* in what sffi_region_add registered */
} sffi_rehearsal_write;

/* The verdict on this thread's last rehearsed call, or NULL; borrowed until its next one. */
SFFI_API const sffi_rehearsal *sffi_last_rehearsal(void);
SFFI_API sffi_rehearsal *sffi_rehearsal_retain(const sffi_rehearsal *);
SFFI_API void sffi_rehearsal_release(sffi_rehearsal **);

/* Accessors; strings belong to the rehearsal. */
SFFI_API sffi_rehearsal_kind sffi_rehearsal_get_kind(const sffi_rehearsal *);
SFFI_API const char *sffi_rehearsal_kind_name(sffi_rehearsal_kind); /* "survived" */
/* "sound up to `write` to descriptor 1 (/dev/pts/0)" */
SFFI_API const char *sffi_rehearsal_get_text(const sffi_rehearsal *);
SFFI_API const char *sffi_rehearsal_get_function(const sffi_rehearsal *);
SFFI_API const char *sffi_rehearsal_get_call(const sffi_rehearsal *);
SFFI_API const char *sffi_rehearsal_get_operation(const sffi_rehearsal *); /* "write", or NULL */
SFFI_API const sffi_fault *sffi_rehearsal_get_fault(const sffi_rehearsal *); /* or NULL */
SFFI_API size_t sffi_rehearsal_write_count(const sffi_rehearsal *);
SFFI_API bool sffi_rehearsal_get_write(const sffi_rehearsal *, size_t index, sffi_rehearsal_write *);
/* Of what there is no room in that list: bytes. */
SFFI_API size_t sffi_rehearsal_left_off(const sffi_rehearsal *);
/* Handlers of the host that ran: what they wrote is in the list, too. */
SFFI_API size_t sffi_rehearsal_upcall_count(const sffi_rehearsal *);
/* What the call would have left running. */
SFFI_API size_t sffi_rehearsal_thread_count(const sffi_rehearsal *);
SFFI_API size_t sffi_rehearsal_child_count(const sffi_rehearsal *);
/* The whole verdict. SFFI_ESYSTEM: the stream refused it. */
SFFI_API sffi_status sffi_rehearsal_print(const sffi_rehearsal *, FILE *);
SFFI_API sffi_status sffi_rehearsal_print_json(const sffi_rehearsal *, FILE *);

/* ---- memory ------------------------------------------------------------ */

/* A block of the domain's arena: at the same address in host and worker, passed without
 * a copy; outlives the worker. Zeroed. SFFI_ENOMEM. */
SFFI_API sffi_status sffi_alloc(sffi_domain *, void **address, size_t size);
SFFI_API void sffi_free(sffi_domain *, void *address);
/* Makes another domain's arena block, in whole pages, usable by callees of this one, at
 * the same address, until it is freed there. SFFI_EADDRESS: not an arena block. */
SFFI_API sffi_status sffi_lend(sffi_domain *to, const void *address);

/* Memory of the domain, wherever it is; never a crash. All or nothing, except that a
 * string may be cut: read_string always terminates, SFFI_EINVAL if it had to cut.
 * SFFI_EADDRESS: not mapped there; SFFI_ESTALE: of a worker that is gone. */
SFFI_API sffi_status sffi_read(sffi_domain *, void *to, const void *from, size_t size);
SFFI_API sffi_status sffi_write(sffi_domain *, void *to, const void *from, size_t size);
SFFI_API sffi_status sffi_read_string(sffi_domain *, char *to, const char *from, size_t capacity);
/* The address of a global variable in the worker, for sffi_read and sffi_write; valid
 * for this generation. The name need not be declared. SFFI_ENOSYM. */
SFFI_API sffi_status sffi_global(sffi_library *, const char *name, void **address);

/* Whose an address is, from the number alone. For ARENA, CALLEE and STALE the domain (if
 * it is still open, else NULL) and generation are stored, where asked for. */
typedef enum {
	SFFI_OWNER_NONE,
	SFFI_OWNER_HOST,
	SFFI_OWNER_ARENA,
	SFFI_OWNER_CALLEE,
	SFFI_OWNER_STALE
} sffi_owner;
SFFI_API sffi_owner sffi_address_owner(const void *address, sffi_domain **owner, uint64_t *generation);

/* ---- callbacks ---------------------------------------------------------- */

/* The callee calls the host. A plain C function of the host needs nothing but to be passed
 * where a function pointer is declared, as an argument or as a member of a struct: the
 * callee gets a thunk in its place, the same one whenever it is passed as that type. (A
 * function of the C library passes as the worker's own.) A virtual machine makes callbacks,
 * whose handler gets the addresses of the arguments' values.
 *
 * A handler runs on the host thread that waits for the call; one for a thread that the
 * library made itself on any host thread that waits in the domain. It may call, also into
 * the domain, to any depth. Arguments: what has an extent by the callback's declaration
 * (strings, `const T *`, arrays with a length) is a copy, for the time of the handler; a
 * `T *` goes back to the callee afterwards; what lies in the arena is there itself. Any
 * other address is the callee's, for sffi_read: a handler, or a plain function, that follows
 * it is the host's own danger. What the handler gives, as a result or through a pointer, must
 * be the callee's or the arena's; strings and host functions are lent to the callee until its
 * call ends. */
typedef struct sffi_callback sffi_callback;
/* result: room for the result, zeroed; NULL is never passed. */
typedef void (*sffi_handler)(void *result, void *const *arguments, void *data);

/* The declaration is a function's, with or without a name: "int (*)(const char *line, void
 * *data)"; it sees the types of the domain's libraries. The address is the same in every
 * worker of the domain, until the release; 65,280 callbacks live at once. A released one that
 * the callee still calls is a fault (SFFI_FAULT_STALE_CALLBACK). Any thread.
 * SFFI_EDECL, SFFI_ETYPE, SFFI_ENOTSUP (`fd`), SFFI_ENOMEM, SFFI_ECLOSED, SFFI_EINVAL. */
SFFI_API sffi_status sffi_callback_new(sffi_callback **, sffi_domain *, const char *declaration,
				       sffi_handler, void *data);
/* To be passed as a function pointer; NULL after the release. */
SFFI_API void *sffi_callback_address(const sffi_callback *);
/* Inside a handler, also one that is a plain function: when it returns, the callee is
 * abandoned where it stands, its frames dropped as by longjmp, and the host's call returns
 * SFFI_EUPCALL with the reason in sffi_error(). The worker goes on. A thread that the library
 * made itself has no call to fail: it goes on with the result 0. */
SFFI_API void sffi_upcall_fail(const char *reason);
SFFI_API void sffi_callback_release(sffi_callback **);

/* ---- calls in steps ------------------------------------------------------ */

/* For hosts that must not block, must not be re-entered, or whose objects move. A call is
 * started, asked for its next event, and finished with the addresses that are valid then; an
 * upcall is an event that is answered. sffi_call is that, run to the end. (A plain function of
 * the host has nobody to be told: sffi_next runs it.)
 *
 * An sffi_thread is a thread of the callee's, with its own thread-local state: one for each
 * green thread of the host that calls. A call that is started in an upcall nests on its stack;
 * calls of one thread end in the order of a stack. One thread and its invocations are used by
 * one host thread at a time; sffi_cancel may come from any. With the option one_thread there
 * is one thread only, and one call at a time (SFFI_EINVAL). */
typedef struct sffi_thread sffi_thread;
typedef struct sffi_invocation sffi_invocation;
typedef enum {
	SFFI_RETURNED, /* finish it */
	SFFI_FAULTED,  /* likewise; sffi_invocation_fault, and the status of sffi_finish */
	SFFI_UPCALL,   /* answer it */
	SFFI_PENDING   /* nothing has happened in time */
} sffi_event;

SFFI_API sffi_status sffi_thread_new(sffi_thread **, sffi_domain *);
SFFI_API void sffi_thread_release(sffi_thread **);

/* Copies the arguments, as sffi_call does: the host's memory is not looked at any more before
 * sffi_finish. All that sffi_call refuses is refused here. SFFI_EINVAL: the thread is in a
 * call that is in no upcall. */
SFFI_API sffi_status sffi_start(sffi_invocation **, sffi_thread *, sffi_function *,
				void *const *arguments);
/* 0: does not wait; negative: as long as it takes; in process always until the next event, since
 * the callee has this thread. An event is told until it is dealt with.
 * The function's time-out counts, but not while the host has an upcall to answer. */
SFFI_API sffi_status sffi_next(sffi_invocation *, int timeout_ms, sffi_event *);
/* For poll(): readable when an event waits, now and then without one. The thread's: the same
 * for all its invocations. Closed with the thread. -1: SFFI_ESYSTEM, by sffi_error(). */
SFFI_API int sffi_invocation_fd(sffi_invocation *);
/* The thread on which to start what nests in its upcall; borrowed. */
SFFI_API sffi_thread *sffi_invocation_thread(const sffi_invocation *);
/* The callback and the addresses of the arguments' values, valid until the answer; see
 * sffi_callback_new. Either place may be NULL. */
SFFI_API sffi_status sffi_upcall_get(sffi_invocation *, sffi_callback **, void *const **arguments);
/* SFFI_ETYPE, SFFI_EADDRESS: the result cannot be given; the upcall waits still. */
SFFI_API sffi_status sffi_upcall_answer(sffi_invocation *, const void *result);
/* As sffi_upcall_fail in a handler: the call ends with SFFI_EUPCALL, if there is one. */
SFFI_API sffi_status sffi_upcall_refuse(sffi_invocation *, const char *reason);
/* What sffi_call would have returned. result: may be NULL. arguments: the addresses of the
 * arguments' values, whose pointers lead to where everything is by now; NULL: nothing but the
 * result is wanted. SFFI_EADDRESS: a place cannot be written; to be tried again. */
SFFI_API sffi_status sffi_finish(sffi_invocation *, void *result, void *const *arguments);
SFFI_API int sffi_invocation_errno(sffi_invocation *);
/* Until the invocation is released; NULL: there was none. */
SFFI_API const sffi_fault *sffi_invocation_fault(sffi_invocation *);
/* If the callee has not returned, its worker is replaced and the call ends with
 * SFFI_ECANCELED; other calls in the worker with SFFI_ECOLLATERAL. */
SFFI_API sffi_status sffi_cancel(sffi_invocation *);
/* One that is not finished is cancelled. */
SFFI_API void sffi_invocation_release(sffi_invocation **);

/* Upcalls from threads that the library made itself, while no sffi_call is in work that would
 * serve them. Readable when one waits, now and then without; closed with the domain. */
SFFI_API int sffi_domain_fd(sffi_domain *);
/* An invocation that is an upcall only: get, answer, release. NULL: none came in time. */
SFFI_API sffi_status sffi_domain_next(sffi_domain *, int timeout_ms, sffi_invocation **upcall);

#ifdef __cplusplus
}
#endif
#endif
