/* SPDX-License-Identifier: MIT */
/*
 * For tests of the shield alone: threads that raise and lower it, as the modes do, with a signal
 * handler that asks it for repair, as the guard does. A "callee" is a function on a stack of its own.
 */
#ifndef TEST_SHIELD_GUARD_H
#define TEST_SHIELD_GUARD_H

#include "memory/region.h"
#include "memory/shield.h"
#include "os/os.h"
#include "test_main.h"

#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

enum { PAGE = 4096, HEAP_SIZE = 8 << 20, STACK_SIZE = 256 * 1024, LOOPS = 20000 };

extern volatile char *heap;
extern _Atomic int passed_on; /* faults that were not the shield's */
extern __thread sigjmp_buf *recover; /* where to go on after a fault; NULL: there must be none */

/* What threads of a test have come to. */
extern _Atomic int stage;
void wait_for(_Atomic int *word, int value);

/* With the heap as its one region; and again without it, when the heap must be writable. */
void open_shield(void);
void close_shield(void);
/* Runs it as a callee. True: it returned; false: it faulted. */
bool call(void (*function)(void));
/* What a callee does to call back. */
void upcall(void (*function)(void));
/* The guard's handler. */
void on_fault(int signal, siginfo_t *info, void *context);
/* For the calling thread. */
void own_alternate_stack(void);
void handle(int signal, void (*handler)(int, siginfo_t *, void *), int flags);
bool has_keys(void);
/* A store opens the place for its own instruction only. */
bool is_exact(void);
/* Callees. */
void store_first(void);
void store_in_middle(void);

TCase *region_tests(void);

#endif
