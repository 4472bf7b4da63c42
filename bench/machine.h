/* SPDX-License-Identifier: MIT */
/* Clock, processors and paths: what the agents need of the machine. */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { CPU_ANY = -1 };

/* The two processors that things are pinned to: the first two that this program may
 * use. peer is CPU_ANY where there is only one. */
struct machine {
	int host;
	int peer;
};
extern struct machine machine;

void machine_find(void);

static const uint64_t MILLISECOND = 1000 * 1000;

uint64_t now_ns(void);
void pause_ms(unsigned milliseconds);

/* Pins the calling thread; CPU_ANY: to both processors again. */
bool pin_self(int cpu);
/* Pins every thread that the process has now. */
bool pin_process(pid_t pid, int cpu);

/* The path of a file beside this program; static. */
const char *path_beside(const char *name);

/* Memory that is mapped by this process alone; -1: cannot be read. */
long private_memory_kib(pid_t pid);

#endif
