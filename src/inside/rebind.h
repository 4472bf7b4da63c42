/* SPDX-License-Identifier: MIT */
/*
 * A program, and any library in it, may install handlers for the signals of faults whenever it
 * likes, after the guard has installed its own. It is to have them: for its own faults, behind
 * the guard's. So the places through which the loaded objects call sigaction(2) and its like
 * (the entries of their global offset tables: gABI, Procedure Linkage Table) are led to
 * functions that keep the handler for the guard. A call costs nothing by that.
 */
#ifndef SFFI_REBIND_H
#define SFFI_REBIND_H

/* In all objects that are loaded by now. What calls the kernel itself is not noticed before its
 * handler passes a fault on. */
void sffi__rebind_sigaction(void);

#endif
