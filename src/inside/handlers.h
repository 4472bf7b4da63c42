/* SPDX-License-Identifier: MIT */
/*
 * A program, and any library in it, may install handlers for the signals of faults whenever it
 * likes, after the guard has installed its own. It is to have them: for its own faults, behind
 * the guard's. So what the loaded objects call as sigaction(2) and its like are functions that
 * keep the handler for the guard (os/rebind.h).
 */
#ifndef SFFI_HANDLERS_H
#define SFFI_HANDLERS_H

/* In all objects that are loaded by now. What calls the kernel itself is not noticed before its
 * handler passes a fault on. */
void sffi__handlers_keep(void);

#endif
