/* SPDX-License-Identifier: MIT */
/*
 * A fault: what went wrong in a callee.
 *
 * Made by the host at the fault (capture.c) as a copy of everything that the report will
 * need; the worker may be gone when it is read. Unwinding and symbols wait until somebody
 * asks (symbolize.c), then stay. All of it came from a hostile process: the maps text, the
 * stack, the registers and any address may be garbage.
 */
#ifndef SFFI_FAULT_H
#define SFFI_FAULT_H

#include "abi/abi.h"
#include "safeffi.h"

#include <pthread.h>

enum { FAULT_STACK_MAX = 64 * 1024, FAULT_FRAMES_MAX = 128 };

struct fault_overrun {
	size_t parameter;     /* 0-based */
	char name[64];        /* the parameter's, or "" */
	long bytes;           /* past the end, at least; negative: before the start */
	size_t size;          /* of the buffer */
};

/* An argument's copy in the arena at the time of the fault: [address, address + size)
 * with a fence on both sides. */
struct fault_buffer {
	size_t parameter;
	char name[64];
	uintptr_t address; /* of the copy, that the callee saw */
	uintptr_t host;    /* of the caller's own */
	size_t size;
};

/* What is not as it was in the host when the worker was made, which shared its table. */
struct fault_descriptor {
	int number;
	enum fault_descriptor_state {
		DESCRIPTOR_OPEN,   /* since then, by the callee or the host; still */
		DESCRIPTOR_CLOSED, /* the callee had opened it; closed with the worker */
		DESCRIPTOR_GONE,   /* was open then: closed by the callee or the host */
		DESCRIPTOR_STATES
	} state;
	char target[256]; /* what /proc/self/fd says, cut; of what is gone "" */
};
enum { FAULT_DESCRIPTORS_MAX = 64 };

struct sffi_fault {
	unsigned references; /* atomic */
	sffi_fault_kind kind;
	int signal, code;
	uintptr_t address;
	bool address_known;  /* false: the CPU does not say (x86: non-canonical address) */
	bool has_registers;  /* false: died without a handler */
	bool access_is_write; /* of a SIGSEGV, where the CPU says */
	bool access_is_execute;
	bool is_shielded;      /* the address is in a region that is write-protected in calls */
	struct machine_registers registers; /* abi/<cpu>/regs.h; pc and sp through abi.h */
	pid_t pid, tid;
	uint64_t generation;
	unsigned timeout_ms;   /* TIMEOUT */
	bool held;             /* the worker still stands, for gdb -p */
	bool is_inside;        /* the callee ran in the host's own process */
	bool is_frugal;        /* the allocator may be locked: nothing is worked out that needs it */
	bool collateral;       /* another call's fault: call and function are the culprit's */
	char function[128];    /* the function called; "" if none was */
	char call[1024];       /* "strlen(s = NULL)" */
	char note[256];        /* a further sentence, or "" */
	struct fault_overrun overrun;
	struct fault_buffer *buffers; /* owned */
	size_t buffer_count;
	struct fault_descriptor *descriptors; /* owned */
	size_t descriptor_count; /* more than FAULT_DESCRIPTORS_MAX are counted only */
	size_t own_lost, own_regained; /* SafeFFI's own descriptors that were closed; open again */
	uintptr_t stack_guard, stack_low, stack_high; /* the callee's; 0: unknown */
	uintptr_t zone_low, zone_high;   /* the worker's zone */
	uintptr_t arena_low, arena_high;
	/* Owned: the stack from sp upwards; from stack_low if sp is in the guard page, as it
	 * is after most overflows. stack_address is its first byte's in the worker. */
	uintptr_t stack_address;
	unsigned char *stack;
	size_t stack_size;
	char *maps;            /* owned: /proc/<pid>/maps as text, NUL-terminated, or NULL */
	/* Not NULL: maps and the stack's bounds are to be had from it; see sffi__fault_maps. */
	struct peer *peer;
	/* Worked out on demand, under `lock`: */
	pthread_mutex_t lock;
	bool symbolized;
	sffi_frame frames[FAULT_FRAMES_MAX];
	size_t frame_count;
	char summary[512];
	void *strings;         /* owner of the frames' strings; symbolize.c */
};

/* Whether the worker's own code noticed it, and the registers and the stack pointer are that
 * code's: where the callee was, only the frames tell. */
static inline bool fault_was_noticed(const sffi_fault *fault)
{
	return fault->kind == SFFI_FAULT_EXIT || fault->kind == SFFI_FAULT_UNWOUND ||
	       fault->kind == SFFI_FAULT_THREAD_EXIT;
}

/* One reference, all zero otherwise; NULL: out of memory. */
sffi_fault *sffi__fault_new(void);

/* fault->maps, which are fetched first if they were not yet. */
const char *sffi__fault_maps(const sffi_fault *);
/* How: set by capture.c, which knows workers; NULL in programs that only read faults. */
extern void (*sffi__fault_fetch_maps)(sffi_fault *);

/* Fills frames and summary; locks. Never fails: what is not known stays NULL. */
void sffi__fault_symbolize(sffi_fault *);
/* What happened, in one sentence; needs no symbols. */
void sffi__fault_summarize(const sffi_fault *, char *to, size_t size);

#endif
