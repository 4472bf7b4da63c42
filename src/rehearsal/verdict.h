/* SPDX-License-Identifier: MIT */
/* What a rehearsal found: the object behind sffi_last_rehearsal(). */
#ifndef SFFI_VERDICT_H
#define SFFI_VERDICT_H

#include "fault/maps.h"
#include "safeffi.h"

enum { VERDICT_WRITES_MAX = 65536 };

struct sffi_rehearsal {
	unsigned references; /* atomic */
	sffi_rehearsal_kind kind;
	char function[128];
	char call[1024];
	char text[512];
	char operation[64];  /* STOPPED: "write", or "" */
	sffi_rehearsal_write *writes; /* ascending; names belong to maps */
	size_t write_count;
	size_t writes_left_off;
	size_t bytes;        /* of all of them */
	size_t threads, children;
	unsigned upcalls;
	struct maps maps;    /* the host's, when it began */
	sffi_fault *fault;   /* referenced; or NULL */
};

sffi_rehearsal *sffi__verdict_new(void);
/* This thread's last one; takes over the reference. */
void sffi__set_last_rehearsal(sffi_rehearsal *);

#endif
