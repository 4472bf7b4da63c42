/* SPDX-License-Identifier: MIT */
#ifndef SFFI_TELL_H
#define SFFI_TELL_H

#include "safeffi.h"

/* sffi_error() of this thread becomes the fault's sentence: when it is asked for, since it tells
 * where the address lies, which takes a while to find out. what: the call that fails; of another
 * one's fault (SFFI_ECOLLATERAL) it was in work. fault: may be NULL. Returns the status. */
sffi_status sffi__fault_tell(sffi_status, const sffi_fault *, const char *what);

#endif
