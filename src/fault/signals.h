/* SPDX-License-Identifier: MIT */
/* Signals and their si_code, in words. All strings are static. */
#ifndef SFFI_FAULT_SIGNALS_H
#define SFFI_FAULT_SIGNALS_H

const char *sffi__signal_name(int signal);  /* "SIGSEGV"; "unknown signal" */
const char *sffi__signal_words(int signal); /* "segmentation fault" */
const char *sffi__code_name(int signal, int code);  /* "SEGV_MAPERR"; "" if it has none */
const char *sffi__code_words(int signal, int code); /* "address not mapped"; "" */

#endif
