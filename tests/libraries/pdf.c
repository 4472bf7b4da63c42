/* SPDX-License-Identifier: MIT */
/* pdfium and libpng: compared with pdfium in process, pixel by pixel. */
#include "library.h"
#include "make_pdf.h"

#define PDFIUM "/usr/lib/libreoffice/program/libpdfiumlo.so"

enum { PAGES = 3, WIDTH = 480, HEIGHT = 320, BGRA = 4, ERROR_FILE = 2, ERROR_FORMAT = 3, PNG_RGBA = 3 };

typedef struct {
	void *control;
	uint32_t version, width, height, format, flags, colors;
	uint32_t warning_or_error;
	char message[64];
} png_image;

static sffi_domain *domain;
static sffi_library *pdfium, *png;

static void open_pdf(void)
{
	library_enter_scratch();
	ck_assert(make_pdf(library_scratch("a.pdf"), PAGES));
	domain = test_open();
	pdfium = library_load(domain, PDFIUM, "pdf/pdfium.ffi");
	png = library_load(domain, "png16", "pdf/png.ffi");
	called(pdfium, "FPDF_InitLibrary", NULL);
}

static void close_pdf(void)
{
	sffi_library_close(&pdfium);
	sffi_library_close(&png);
	sffi_domain_close(&domain);
	library_leave_scratch();
}

static uint8_t *read_png(const char *path)
{
	png_image image = { .version = 1 };
	void *pixels = NULL;
	int good = 0;

	called(png, "png_image_begin_read_from_file", &good, &image, path);
	ck_assert_msg(good, "%s", image.message);
	ck_assert_uint_eq(image.width, WIDTH);
	ck_assert_uint_eq(image.height, HEIGHT);
	image.format = PNG_RGBA;
	ck_ok(sffi_alloc(domain, &pixels, (size_t)WIDTH * HEIGHT * 4));
	called(png, "png_image_finish_read", &good, &image, NULL, pixels, 0, NULL);
	ck_assert_msg(good, "%s", image.message);
	return pixels;
}

/* The test's own page is not blank, and has all kinds of colours. */
static unsigned colours(const uint8_t *pixels)
{
	static bool seen[1 << 15];
	unsigned count = 0;

	memset(seen, 0, sizeof seen);
	for (size_t i = 0; i < (size_t)WIDTH * HEIGHT; i++) {
		const uint8_t *pixel = pixels + 4 * i;
		unsigned at = (unsigned)(pixel[0] >> 3) << 10 | (unsigned)(pixel[1] >> 3) << 5 | pixel[2] >> 3;

		count += !seen[at];
		seen[at] = true;
	}
	return count;
}

START_TEST(every_pixel_is_as_in_process)
{
	for (int page = 1; page <= PAGES; page++) {
		uint8_t *pixels;
		char *expected;
		size_t size;

		free(library_run(PROGRAM " a.pdf %d a.png && " HERE " a.pdf %d >a.rgba", page, page));
		expected = library_read(library_scratch("a.rgba"), &size);
		ck_assert_uint_eq(size, (size_t)WIDTH * HEIGHT * 4);
		pixels = read_png(library_scratch("a.png"));
		ck_assert_mem_eq(pixels, expected, size);
		ck_assert_uint_gt(colours(pixels), 1000);
		free(expected);
	}
	free(library_run_failing(PROGRAM " a.pdf 4 a.png 2>&1"));
	free(library_run_failing(PROGRAM " nothing.pdf 1 a.png 2>&1"));
	free(library_run_failing(PROGRAM " a.pdf 1 /nowhere/a.png 2>&1"));
}
END_TEST

/* ---- a document that the host serves ------------------------------------------------ */

struct served {
	char *bytes;
	size_t size;
	int reads, patience;
	bool refuse;
};

static int serve(void *parameter, unsigned long position, uint8_t *bytes, unsigned long size)
{
	struct served *served = parameter;

	if (++served->reads > served->patience) {
		if (served->refuse)
			sffi_upcall_fail("the document is no more");
		return 0;
	}
	ck_assert_uint_le(position + size, served->size);
	memcpy(bytes, served->bytes + position, size);
	return 1;
}

typedef struct {
	unsigned long size;
	int (*read)(void *parameter, unsigned long position, uint8_t *bytes, unsigned long size);
	void *parameter;
} file_access;

static const char access_type[] =
	"typedef struct { unsigned long size;"
	"  int (*read)(token parameter, unsigned long position, uint8_t bytes[size], unsigned long size);"
	"  token parameter; } file_access;"
	"fpdf_document *FPDF_LoadCustomDocument(keep file_access *access, const char *password);";

START_TEST(the_host_serves_the_document)
{
	struct served served = { .patience = 1000000 };
	file_access access = { 0, serve, &served };
	void *document = NULL;
	unsigned long error = 0;
	int pages = 0;

	served.bytes = library_read(library_scratch("a.pdf"), &served.size);
	access.size = served.size;
	ck_ok(sffi_library_declare(pdfium, access_type));
	called(pdfium, "FPDF_LoadCustomDocument", &document, &access, NULL);
	ck_assert_ptr_nonnull(document);
	called(pdfium, "FPDF_GetPageCount", &pages, document);
	ck_assert_int_eq(pages, PAGES);
	ck_assert_int_gt(served.reads, 2);
	called(pdfium, "FPDF_CloseDocument", NULL, document);

	/* It says that it cannot: so does pdfium. */
	served.patience = 1;
	served.reads = 0;
	called(pdfium, "FPDF_LoadCustomDocument", &document, &access, NULL);
	ck_assert_ptr_null(document);
	called(pdfium, "FPDF_GetLastError", &error);
	ck_assert_msg(error == ERROR_FILE || error == ERROR_FORMAT, "%lu", error);
	served.reads = 0;
	served.refuse = true;
	ck_refused(library_call(pdfium, "FPDF_LoadCustomDocument", &document, &access, NULL), SFFI_EUPCALL,
		   "the document is no more");
	ck_ok(sffi_domain_restart(domain));
	test_still_works(domain);
	free(served.bytes);
}
END_TEST

/* ---- misuse -------------------------------------------------------------------- */

static void *open_document(void)
{
	void *document = NULL;

	called(pdfium, "FPDF_LoadDocument", &document, library_scratch("a.pdf"), NULL);
	ck_assert_ptr_nonnull(document);
	return document;
}

static void recover(void)
{
	int pages = 0;

	library_recover(domain);
	called(pdfium, "FPDF_InitLibrary", NULL);
	called(pdfium, "FPDF_GetPageCount", &pages, open_document());
	ck_assert_int_eq(pages, PAGES);
}

START_TEST(no_document)
{
	void *document;

	library_crashed(library_call(pdfium, "FPDF_LoadMemDocument64", &document, NULL, (size_t)1000, NULL),
			"FPDF_LoadMemDocument64", "libpdfiumlo");
	recover();
}
END_TEST

START_TEST(a_document_after_its_end)
{
	void *document = open_document(), *page = NULL;
	double width;

	called(pdfium, "FPDF_LoadPage", &page, document, 0);
	called(pdfium, "FPDF_ClosePage", NULL, page);
	called(pdfium, "FPDF_CloseDocument", NULL, document);
	library_crashed(library_call(pdfium, "FPDF_LoadPage", &page, document, 0), "FPDF_LoadPage",
			"libpdfiumlo");
	recover();
	if (sffi_domain_mode(domain) == SFFI_ISOLATED)
		ck_refused(library_call(pdfium, "FPDF_GetPageWidth", &width, page), SFFI_ESTALE, "gone");
}
END_TEST

START_TEST(pixels_that_are_nowhere)
{
	void *bitmap = NULL, *page = NULL;

	called(pdfium, "FPDF_LoadPage", &page, open_document(), 0);
	called(pdfium, "FPDFBitmap_CreateEx", &bitmap, WIDTH, HEIGHT, BGRA, (void *)0x1000, WIDTH * 4);
	library_crashed(library_call(pdfium, "FPDF_RenderPageBitmap", NULL, bitmap, page, 0, 0, WIDTH, HEIGHT, 0, 0),
			"FPDF_RenderPageBitmap", "libpdfiumlo");
	recover();
}
END_TEST

START_TEST(a_buffer_that_is_too_small)
{
	const char declaration[] = "int png_image_finish_read(png_image *image, const void *background, "
				   "out uint8_t pixels[1000], int stride, void *colors)";
	png_image image = { .version = 1 };
	uint8_t pixels[1000] = { 0 };
	int good = 0;

	free(library_run(PROGRAM " a.pdf 1 a.png"));
	called(png, "png_image_begin_read_from_file", &good, &image, library_scratch("a.png"));
	ck_assert(good);
	image.format = PNG_RGBA;
	library_crashed(library_call(png, declaration, &good, &image, NULL, pixels, 0, NULL),
			"png_image_finish_read", NULL);
	ck_assert_uint_eq(pixels[0], 0);
	recover();
	sffi_free(domain, read_png(library_scratch("a.png")));
}
END_TEST

/* Bytes of the document that are wrong: pdfium says so, draws what it can, or crashes. */
START_TEST(corrupt_documents)
{
	char *bytes;
	size_t size;
	int opened = 0, refused = 0;

	bytes = library_read(library_scratch("a.pdf"), &size);
	for (size_t i = 0; i < 60; i++) {
		void *document = NULL, *page = NULL, *copy = NULL;
		size_t cut = i % 2 ? size - i * 97 % size : size;

		ck_ok(sffi_alloc(domain, &copy, size));
		memcpy(copy, bytes, size);
		memset((char *)copy + i * 7919 % (size - 4), "x(<0"[i % 4], 4);
		called(pdfium, "FPDF_LoadMemDocument64", &document, copy, cut, NULL);
		opened += document != NULL;
		refused += document == NULL;
		if (document) {
			called(pdfium, "FPDF_LoadPage", &page, document, 0);
			if (page)
				called(pdfium, "FPDF_ClosePage", NULL, page);
			called(pdfium, "FPDF_CloseDocument", NULL, document);
		}
		sffi_free(domain, copy);
	}
	free(bytes);
	ck_assert_int_gt(opened, 0);
	ck_assert_int_gt(refused, 0);
}
END_TEST

int main(int argc, char **argv)
{
	static const char *const libraries[] = { PDFIUM, "libpng16.so.16", NULL };
	Suite *suite = suite_create("pdf");
	TCase *tests = tcase_create("pdf");

	tcase_add_checked_fixture(tests, open_pdf, close_pdf);
	tcase_add_test(tests, every_pixel_is_as_in_process);
	tcase_add_test(tests, the_host_serves_the_document);
	tcase_add_test(tests, corrupt_documents);
	if (library_may_crash()) {
		tcase_add_test(tests, no_document);
		if (library_keeps_what_is_freed())
			tcase_add_test(tests, a_document_after_its_end);
		tcase_add_test(tests, pixels_that_are_nowhere);
		tcase_add_test(tests, a_buffer_that_is_too_small);
	}
	suite_add_tcase(suite, tests);
	return library_main(argc, argv, suite, libraries);
}
