/* SPDX-License-Identifier: MIT */
/*
 * What a callee may ask of the kernel while it is rehearsed. A call that changes nothing but the
 * clone is let through by the filter itself. One where it depends (on a descriptor, a path, a
 * target) is trapped, looked at, and made for the callee if it is harmless. All others end the
 * rehearsal: a clone could not take them back.
 */
#ifndef SFFI_RULES_H
#define SFFI_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rule_kind {
	RULE_END,         /* the rehearsal ends here */
	RULE_ALLOW,       /* by the filter, without asking */
	RULE_ALLOW_IF,    /* likewise, if argument & mask == value; else as the next rule of it says */
	RULE_LOOK,        /* reads what anybody can read any time: made, its buffers brought in */
	RULE_LOOK_VECTOR, /* likewise, into the buffers that it lists (iovec) */
	RULE_WAIT,        /* made with the callee's signal mask, or with the one at the argument */
	RULE_WAIT_PACKED, /* the argument leads to where that mask is: pselect6 */
	RULE_OPEN,        /* of a path: made, if nothing comes of it */
	RULE_MAKE,        /* new descriptors: made, they are the rehearsal's own */
	RULE_MAKE_PAIR,   /* two, at the address of the argument */
	RULE_OWN,         /* made on a descriptor of the rehearsal's own */
	RULE_OWN_VECTOR,
	RULE_OWN_MEMORY,  /* made on one that leads nowhere outside of the rehearsal */
	RULE_OWN_MEMORY_VECTOR,
	RULE_OWN_WAIT,
	RULE_SEEK,
	RULE_CLOSE,
	RULE_DUP,
	RULE_DUP_TO,
	RULE_FCNTL,
	RULE_IOCTL,
	RULE_KILL,        /* of the rehearsal's own processes */
	RULE_SELF,        /* made for 0 or the process itself */
	RULE_FORK,
	RULE_EXIT,
	RULE_ACTION,      /* sigaction: but for the signals that the rehearsal needs */
	RULE_MASK,        /* sigprocmask: without those */
	RULE_PRCTL,
	RULE_MISSING,     /* as if this kernel did not have it: the library does without */
};

/* Where the bytes are that the kernel reads or writes: as many as an argument says, in units, or
 * in any case `least`. */
struct rule_buffer {
	uint8_t address, count; /* indices of arguments */
	uint16_t unit, least;   /* bytes; both 0: there is no such buffer */
	bool writes;
};

enum { RULE_BUFFERS = 4 };

struct rule {
	int number;
	enum rule_kind kind;
	uint8_t argument; /* the descriptor's, path's or target's */
	uint32_t mask, value;
	uint8_t mask_argument; /* of what waits; 0: none */
	struct rule_buffer buffers[RULE_BUFFERS];
	/* For people: "to descriptor", followed by that argument; NULL: the name says it all. */
	const char *words;
	bool is_path;
};

extern const struct rule sffi__rules[];
extern const size_t sffi__rule_count;

/* The rule of a call that the filter did not let through; NULL: it ends the rehearsal. */
const struct rule *sffi__rule_of(int number);
/* Whether calls of that kind are made for the callee, with the pass word. */
bool sffi__rule_is_made(enum rule_kind);

#endif
