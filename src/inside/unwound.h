/* SPDX-License-Identifier: MIT */
#ifndef SFFI_UNWOUND_H
#define SFFI_UNWOUND_H

/* Frees an exception that left a callee (registers.exception). */
void sffi__exception_end(void *exception);
/* exit() of a callee fails its call. Good for one exit: to be watched for again then. Handlers
 * that the program has registered since run first. */
void sffi__exit_watch(void);

#endif
