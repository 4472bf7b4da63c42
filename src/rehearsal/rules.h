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
	RULE_LOOK,        /* reads what anybody can read any time: made, its buffer brought in */
	RULE_OPEN,        /* of a path: made, if nothing comes of it */
	RULE_MAKE,        /* new descriptors: made, they are the rehearsal's own */
	RULE_MAKE_PAIR,   /* two, at the address of the argument */
	RULE_OWN,         /* made on a descriptor of the rehearsal's own */
	RULE_OWN_MEMORY,  /* made on one that leads nowhere outside of the rehearsal */
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

/* Where the bytes are that the kernel reads or writes. */
struct rule_buffer {
	int8_t address;   /* the argument's index; -1: none */
	int8_t size;      /* the argument's index; -1: `least` bytes */
	uint16_t least;
	bool writes;
};

struct rule {
	int number;
	enum rule_kind kind;
	uint8_t argument; /* the descriptor's, path's or target's */
	uint32_t mask, value;
	struct rule_buffer buffer;
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
