/* SPDX-License-Identifier: MIT */
/* What the address of a memory fault is: NULL, a guard page, past an argument's end... */
#ifndef SFFI_FAULT_CLASSIFY_H
#define SFFI_FAULT_CLASSIFY_H

#include "fault/fault.h"
#include "fault/maps.h"

enum address_class {
	ADDRESS_NONE,           /* this fault has no address */
	ADDRESS_UNKNOWN,        /* the CPU does not say it */
	ADDRESS_NULL,           /* NULL, or little more */
	ADDRESS_ERROR_VALUE,    /* -1 or little less, used as a pointer */
	ADDRESS_STACK_GUARD,    /* below the callee's stack */
	ADDRESS_OTHER_GUARD,    /* another stack's, or memory reserved but not in use */
	ADDRESS_PAST_ARGUMENT,
	ADDRESS_BEFORE_ARGUMENT,
	ADDRESS_IN_ARGUMENT,
	ADDRESS_REGION,         /* memory that sffi_region_add protects */
	ADDRESS_READ_ONLY,
	ADDRESS_NOT_EXECUTABLE,
	ADDRESS_PROTECTION_KEY,
	ADDRESS_PAST_MAPPING,   /* just behind memory that is there */
	ADDRESS_PAST_FILE,      /* a mapped file that is too short */
	ADDRESS_MISALIGNED,
	ADDRESS_MAPPED,         /* nothing wrong with it that is known here */
	ADDRESS_ARENA,          /* in the arena, but in no argument */
	ADDRESS_HOST,           /* memory that only the host has */
	ADDRESS_UNMAPPED,       /* freed, or never there */
	ADDRESS_CLASS_COUNT
};

struct address_report {
	enum address_class class;
	/* A phrase: "NULL plus 8: a member of a NULL struct"; "" for ADDRESS_NONE. May
	 * contain names from the worker as they are: see sffi__text_clean. */
	char words[384];
};

void sffi__classify(const sffi_fault *, const struct maps *, struct address_report *);

/* "past_argument": stable, for JSON. */
const char *sffi__address_class_name(enum address_class);

/* Whether a 64-bit value cannot be an address on this CPU. */
bool sffi__is_non_canonical(uint64_t value);

/* A name for what is mapped there: "libz.so.1", "[heap]", "anonymous memory". */
const char *sffi__mapping_name(const struct mapping *);

/* What the functions on the stack tell about a fault, as a sentence, or NULL. Needs the
 * frames: see sffi__fault_symbolize. */
const char *sffi__classify_frames(const sffi_fault *);

#endif
