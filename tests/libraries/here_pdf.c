/* SPDX-License-Identifier: MIT */
/* `here-pdf FILE.pdf PAGE`: the pixels that the example pdf draws, by pdfium in this process. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static void *pdfium;

#define SYMBOL(type, name, ...) type (*name)(__VA_ARGS__) = (type (*)(__VA_ARGS__))dlsym(pdfium, #name)

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	pdfium = dlopen("/usr/lib/libreoffice/program/libpdfiumlo.so", RTLD_NOW);
	if (!pdfium)
		return 1;
	SYMBOL(void, FPDF_InitLibrary, void);
	SYMBOL(void *, FPDF_LoadDocument, const char *, const char *);
	SYMBOL(void *, FPDF_LoadPage, void *, int);
	SYMBOL(double, FPDF_GetPageWidth, void *);
	SYMBOL(double, FPDF_GetPageHeight, void *);
	SYMBOL(void *, FPDFBitmap_CreateEx, int, int, int, void *, int);
	SYMBOL(int, FPDFBitmap_FillRect, void *, int, int, int, int, unsigned long);
	SYMBOL(void, FPDF_RenderPageBitmap, void *, void *, int, int, int, int, int, int);

	FPDF_InitLibrary();
	void *page = FPDF_LoadPage(FPDF_LoadDocument(argv[1], NULL), atoi(argv[2]) - 1);
	int width = (int)(FPDF_GetPageWidth(page) * 96 / 72 + 0.5);
	int height = (int)(FPDF_GetPageHeight(page) * 96 / 72 + 0.5);
	uint8_t *pixels = calloc((size_t)width * height, 4);
	void *bitmap = FPDFBitmap_CreateEx(width, height, 4, pixels, width * 4);

	FPDFBitmap_FillRect(bitmap, 0, 0, width, height, 0xffffffff);
	FPDF_RenderPageBitmap(bitmap, page, 0, 0, width, height, 0, 17);
	return fwrite(pixels, 4, (size_t)width * height, stdout) == (size_t)width * height ? 0 : 1;
}
