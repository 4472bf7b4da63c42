/* SPDX-License-Identifier: MIT */
#include "libraries.h"

#include "job.h"
#include "make_pdf.h"

#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define PDFIUM "/usr/lib/libreoffice/program/libpdfiumlo.so"

enum { PAGES = 20, WIDTH = 960, HEIGHT = 640, BGRA = 4 };

static struct job job;
static sffi_function *init_there, *open_there, *page_there, *bitmap_there, *fill_there, *render_there,
	*end_bitmap_there, *end_page_there, *close_there;
static const sffi_symbol symbols[] = {
	{ &init_there, "FPDF_InitLibrary" },
	{ &open_there, "FPDF_LoadDocument" },
	{ &page_there, "FPDF_LoadPage" },
	{ &bitmap_there, "FPDFBitmap_CreateEx" },
	{ &fill_there, "FPDFBitmap_FillRect" },
	{ &render_there, "FPDF_RenderPageBitmap" },
	{ &end_bitmap_there, "FPDFBitmap_Destroy" },
	{ &end_page_there, "FPDF_ClosePage" },
	{ &close_there, "FPDF_CloseDocument" },
	{ 0 },
};

static void *(*open_here)(const char *, const char *);
static void *(*page_here)(void *, int);
static void *(*bitmap_here)(int, int, int, void *, int);
static int (*fill_here)(void *, int, int, int, int, unsigned long);
static void (*render_here)(void *, void *, int, int, int, int, int, int);
static void (*end_bitmap_here)(void *);
static void (*end_page_here)(void *);
static void (*close_here)(void *);

static char path[100];
static uint8_t *pixels;

static bool find_here(void)
{
	void *here = job_here(PDFIUM);

	if (!here)
		return false;
	open_here = job_symbol(here, void *(*)(const char *, const char *), "FPDF_LoadDocument");
	page_here = job_symbol(here, void *(*)(void *, int), "FPDF_LoadPage");
	bitmap_here = job_symbol(here, void *(*)(int, int, int, void *, int), "FPDFBitmap_CreateEx");
	fill_here = job_symbol(here, int (*)(void *, int, int, int, int, unsigned long), "FPDFBitmap_FillRect");
	render_here = job_symbol(here, void (*)(void *, void *, int, int, int, int, int, int),
				 "FPDF_RenderPageBitmap");
	end_bitmap_here = job_symbol(here, void (*)(void *), "FPDFBitmap_Destroy");
	end_page_here = job_symbol(here, void (*)(void *), "FPDF_ClosePage");
	close_here = job_symbol(here, void (*)(void *), "FPDF_CloseDocument");
	job_symbol(here, void (*)(void), "FPDF_InitLibrary")();
	return true;
}

static bool set_up(void)
{
	const char *directory = job_directory();
	void *block = NULL;

	if (!directory)
		return false;
	snprintf(path, sizeof path, "%s/a.pdf", directory);
	if (!make_pdf(path, PAGES))
		return cannot("%s cannot be written", path);
	if (!job_open(&job, PDFIUM, "pdf/pdfium.ffi", symbols) || !find_here())
		return false;
	if (sffi_alloc(job.domain, &block, (size_t)WIDTH * HEIGHT * 4) != SFFI_OK ||
	    sffi_call(init_there, NULL) != SFFI_OK)
		return cannot("pdfium: %s", sffi_error());
	pixels = block;
	return true;
}

/* Something was drawn in the middle of the rosette. */
static bool is_drawn(void)
{
	const uint8_t *middle = pixels + 4 * ((size_t)HEIGHT / 2 * WIDTH + 300);

	return middle[0] != 0xff || middle[1] != 0xff || middle[2] != 0xff;
}

static sffi_status draw_there(void *document, int index)
{
	void *page = NULL, *bitmap = NULL;
	sffi_status status = sffi_call(page_there, &page, document, index);

	if (!status)
		status = sffi_call(bitmap_there, &bitmap, WIDTH, HEIGHT, BGRA, pixels, WIDTH * 4);
	if (!status)
		status = sffi_call(fill_there, NULL, bitmap, 0, 0, WIDTH, HEIGHT, 0xfffffffful);
	if (!status)
		status = sffi_call(render_there, NULL, bitmap, page, 0, 0, WIDTH, HEIGHT, 0, 0);
	if (!status)
		status = sffi_call(end_bitmap_there, NULL, bitmap);
	return status ? status : sffi_call(end_page_there, NULL, page);
}

static double op_isolated(unsigned count)
{
	uint64_t start = now_ns();

	for (unsigned i = 0; i < count; i++) {
		void *document = NULL;
		sffi_status status = sffi_call(open_there, &document, path, NULL);

		for (int page = 0; page < PAGES && !status; page++)
			status = draw_there(document, page);
		if (!status)
			status = sffi_call(close_there, NULL, document);
		if (status || !is_drawn())
			return host_failed("a document", status);
	}
	return (double)(now_ns() - start) / count;
}

static double op_here(unsigned count)
{
	uint64_t start = now_ns();

	for (unsigned i = 0; i < count; i++) {
		void *document = open_here(path, NULL);

		for (int index = 0; index < PAGES && document; index++) {
			void *page = page_here(document, index);
			void *bitmap = bitmap_here(WIDTH, HEIGHT, BGRA, pixels, WIDTH * 4);

			fill_here(bitmap, 0, 0, WIDTH, HEIGHT, 0xffffffff);
			render_here(bitmap, page, 0, 0, WIDTH, HEIGHT, 0, 0);
			end_bitmap_here(bitmap);
			end_page_here(page);
		}
		if (!document || !is_drawn())
			return failed("a document in process was not drawn");
		close_here(document);
	}
	return (double)(now_ns() - start) / count;
}

static const struct operation operations[] = {
	{ "isolated", op_isolated },
	{ "here", op_here },
	{ NULL, NULL },
};

const struct agent_kind library_pdf = { .set_up = set_up, .operations = operations,
				     .tear_down = job_remove_directory };
