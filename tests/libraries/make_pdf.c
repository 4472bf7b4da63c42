/* SPDX-License-Identifier: MIT */
/* A PDF by hand (ISO 32000-1): two fonts that every reader has, a rosette of Bezier curves, text. */
#include "make_pdf.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { PAGES_MAX = 100, WIDTH = 360, HEIGHT = 240, PETALS = 36 };

struct pdf {
	FILE *file;
	long offsets[2 * PAGES_MAX + 8];
	int objects;
};

static void begin(struct pdf *pdf)
{
	pdf->offsets[++pdf->objects] = ftell(pdf->file);
	fprintf(pdf->file, "%d 0 obj\n", pdf->objects);
}

static void draw_petal(FILE *file, double turn)
{
	const double c = cos(turn), s = sin(turn), shade = turn / (2 * M_PI);

	fprintf(file, "q %.3f %.3f %.3f %.3f 96 120 cm ", c, s, -s, c);
	fprintf(file, "%.3f %.3f %.3f rg /G0 gs 0 0 m 30 40 70 30 84 0 c 70 -30 30 -40 0 0 c f\n",
		0.5 + 0.5 * cos(2 * M_PI * shade), 0.5 + 0.5 * cos(2 * M_PI * (shade - 1.0 / 3)),
		0.5 + 0.5 * cos(2 * M_PI * (shade - 2.0 / 3)));
	fprintf(file, "0.2 0.2 0.3 RG 0.4 w 0 0 m 30 40 70 30 84 0 c S Q\n");
}

static void draw_text(FILE *file, unsigned page)
{
	static const char *const lines[] = {
		"pdfium drew this page in a worker", "process; libpng wrote it in another,",
		"with the pixels lent, not copied.",
	};

	fprintf(file, "BT 0.1 0.15 0.3 rg /F1 26 Tf 192 168 Td (SafeFFI) Tj ET\n");
	for (int i = 0; i < 3; i++)
		fprintf(file, "BT 0 g /F2 9.5 Tf 192 %d Td (%s) Tj ET\n", 144 - 13 * i, lines[i]);
	fprintf(file, "BT 0.4 g /F2 8 Tf 192 60 Td (page %u) Tj ET\n", page + 1);
}

static void draw_page(FILE *file, unsigned page)
{
	fprintf(file, "0.6 0.6 0.7 RG 1 w 8 8 %d %d re S [4 2] 0 d 192 90 m 336 90 l S [] 0 d\n",
		WIDTH - 16, HEIGHT - 16);
	for (int i = 0; i < PETALS; i++)
		draw_petal(file, 2 * M_PI * (i + page * 0.3) / PETALS);
	draw_text(file, page);
}

/* A page's content has its length said before it. */
static void write_page(struct pdf *pdf, unsigned page)
{
	char *content = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&content, &size);

	draw_page(stream, page);
	fclose(stream);
	begin(pdf);
	fprintf(pdf->file, "<< /Length %zu >>\nstream\n", size);
	fwrite(content, 1, size, pdf->file);
	fprintf(pdf->file, "endstream\nendobj\n");
	free(content);
	begin(pdf);
	fprintf(pdf->file, "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Contents %d 0 R\n"
		"/Resources << /Font << /F1 3 0 R /F2 4 0 R >> /ExtGState << /G0 5 0 R >> >> >>\nendobj\n",
		WIDTH, HEIGHT, pdf->objects - 1);
}

static void write_head(struct pdf *pdf, unsigned pages)
{
	fprintf(pdf->file, "%%PDF-1.4\n");
	begin(pdf);
	fprintf(pdf->file, "<< /Type /Catalog /Pages 2 0 R >>\nendobj\n");
	begin(pdf);
	fprintf(pdf->file, "<< /Type /Pages /Count %u /Kids [", pages);
	for (unsigned i = 0; i < pages; i++)
		fprintf(pdf->file, " %u 0 R", 7 + 2 * i);
	fprintf(pdf->file, " ] >>\nendobj\n");
	begin(pdf);
	fprintf(pdf->file, "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold >>\nendobj\n");
	begin(pdf);
	fprintf(pdf->file, "<< /Type /Font /Subtype /Type1 /BaseFont /Times-Roman >>\nendobj\n");
	begin(pdf);
	fprintf(pdf->file, "<< /Type /ExtGState /ca 0.35 >>\nendobj\n");
}

static void write_tail(struct pdf *pdf)
{
	long start = ftell(pdf->file);

	fprintf(pdf->file, "xref\n0 %d\n0000000000 65535 f \n", pdf->objects + 1);
	for (int i = 1; i <= pdf->objects; i++)
		fprintf(pdf->file, "%010ld 00000 n \n", pdf->offsets[i]);
	fprintf(pdf->file, "trailer << /Size %d /Root 1 0 R >>\nstartxref\n%ld\n%%%%EOF\n",
		pdf->objects + 1, start);
}

bool make_pdf(const char *path, unsigned pages)
{
	int failed;
	struct pdf pdf = { .file = fopen(path, "wb") };

	if (!pdf.file || pages > PAGES_MAX)
		return false;
	write_head(&pdf, pages);
	for (unsigned i = 0; i < pages; i++)
		write_page(&pdf, i);
	write_tail(&pdf);
	failed = ferror(pdf.file);
	return !fclose(pdf.file) && !failed;
}
