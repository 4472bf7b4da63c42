/* SPDX-License-Identifier: MIT */
/* Renders a page of a PDF as a PNG: `pdf FILE.pdf PAGE FILE.png`.
 *
 * Two libraries that read what strangers wrote, each in a domain of its own. pdfium draws into a
 * block of its domain's arena; the block is lent to libpng's domain, which finds the pixels at the
 * same address. They are never copied, and a crash of either leaves the other alone. */
#include "../must.h"

#include <string.h>

#define PDFIUM "/usr/lib/libreoffice/program/libpdfiumlo.so"

enum { BGRA = 4, WITH_ANNOTATIONS = 1, REVERSE_BYTES = 16, PNG_VERSION = 1, PNG_RGBA = 3 };
static const double SCALE = 96.0 / 72; /* dots for a point */

typedef struct fpdf_document fpdf_document;
typedef struct fpdf_page fpdf_page;
typedef struct fpdf_bitmap fpdf_bitmap;
typedef struct {
	void *control;
	uint32_t version, width, height, format, flags, colors;
	uint32_t warning_or_error;
	char message[64];
} png_image;

static sffi_function *init, *last_error, *load_document, *load_page, *page_width, *page_height, *make_bitmap,
	*fill, *render, *destroy_bitmap, *close_page, *close_document, *write_png;

static const sffi_symbol pdf_symbols[] = {
	{ &init, "FPDF_InitLibrary" },
	{ &last_error, "FPDF_GetLastError" },
	{ &load_document, "FPDF_LoadDocument" },
	{ &load_page, "FPDF_LoadPage" },
	{ &page_width, "FPDF_GetPageWidth" },
	{ &page_height, "FPDF_GetPageHeight" },
	{ &make_bitmap, "FPDFBitmap_CreateEx" },
	{ &fill, "FPDFBitmap_FillRect" },
	{ &render, "FPDF_RenderPageBitmap" },
	{ &destroy_bitmap, "FPDFBitmap_Destroy" },
	{ &close_page, "FPDF_ClosePage" },
	{ &close_document, "FPDF_CloseDocument" },
	{ 0 },
};
static const sffi_symbol png_symbols[] = { { &write_png, "png_image_write_to_file" }, { 0 } };

struct picture {
	void *pixels; /* in the arena of pdfium's domain */
	int width, height;
};

static void give_up(const char *what)
{
	unsigned long code = 0;

	must(sffi_call(last_error, &code));
	fprintf(stderr, "pdf: %s (pdfium's error %lu)\n", what, code);
	exit(1);
}

static struct picture render_page(sffi_domain *domain, fpdf_page *page)
{
	struct picture picture = { 0 };
	fpdf_bitmap *bitmap = NULL;
	double width, height;

	must(sffi_call(page_width, &width, page));
	must(sffi_call(page_height, &height, page));
	picture.width = (int)(width * SCALE + 0.5);
	picture.height = (int)(height * SCALE + 0.5);
	must(sffi_alloc(domain, &picture.pixels, (size_t)picture.width * 4 * (size_t)picture.height));
	must(sffi_call(make_bitmap, &bitmap, picture.width, picture.height, BGRA, picture.pixels,
		       picture.width * 4));
	if (!bitmap)
		give_up("a picture of that size cannot be made");
	must(sffi_call(fill, NULL, bitmap, 0, 0, picture.width, picture.height, 0xfffffffful));
	must(sffi_call(render, NULL, bitmap, page, 0, 0, picture.width, picture.height, 0,
		       WITH_ANNOTATIONS | REVERSE_BYTES));
	must(sffi_call(destroy_bitmap, NULL, bitmap));
	return picture;
}

static struct picture render_file(sffi_domain *domain, const char *path, int index)
{
	fpdf_document *document = NULL;
	fpdf_page *page = NULL;
	struct picture picture;

	must(sffi_call(init, NULL));
	must(sffi_call(load_document, &document, path, NULL));
	if (!document)
		give_up("the document cannot be opened");
	must(sffi_call(load_page, &page, document, index));
	if (!page)
		give_up("there is no such page");
	picture = render_page(domain, page);
	must(sffi_call(close_page, NULL, page));
	must(sffi_call(close_document, NULL, document));
	return picture;
}

static void write_picture(sffi_domain *domain, const struct picture *picture, const char *path)
{
	png_image image = { .version = PNG_VERSION,
			    .width = (uint32_t)picture->width,
			    .height = (uint32_t)picture->height,
			    .format = PNG_RGBA };
	int good = 0;

	must(sffi_lend(domain, picture->pixels));
	must(sffi_call(write_png, &good, &image, path, 0, picture->pixels, 0, NULL));
	if (good)
		return;
	fprintf(stderr, "pdf: %s: %.64s\n", path, image.message);
	exit(1);
}

int main(int argc, char **argv)
{
	sffi_domain *pdf_domain = NULL, *png_domain = NULL;
	sffi_library *pdfium, *png;
	struct picture picture;

	if (argc != 4) {
		fprintf(stderr, "usage: pdf FILE.pdf PAGE FILE.png\n");
		return 2;
	}
	must(sffi_init());
	must(sffi_domain_open(&pdf_domain, NULL));
	must(sffi_domain_open(&png_domain, NULL));
	pdfium = must_load(pdf_domain, PDFIUM, EXAMPLES "/pdf/pdfium.ffi", pdf_symbols);
	png = must_load(png_domain, "png16", EXAMPLES "/pdf/png.ffi", png_symbols);
	picture = render_file(pdf_domain, argv[1], atoi(argv[2]) - 1);
	write_picture(png_domain, &picture, argv[3]);
	sffi_functions_release(pdf_symbols);
	sffi_functions_release(png_symbols);
	sffi_library_close(&pdfium);
	sffi_library_close(&png);
	sffi_domain_close(&pdf_domain);
	sffi_domain_close(&png_domain);
	return 0;
}
