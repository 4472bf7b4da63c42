/* SPDX-License-Identifier: MIT */
#ifndef TEST_MAKE_PDF_H
#define TEST_MAKE_PDF_H

#include <stdbool.h>

/* Writes a PDF with that many pages of text and vector graphics; false: errno. */
bool make_pdf(const char *path, unsigned pages);

#endif
