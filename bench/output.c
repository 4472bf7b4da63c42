/* SPDX-License-Identifier: MIT */
#include "output.h"

#include "machine.h"

#include <string.h>
#include <sys/utsname.h>

enum { FIGURE_SIZE = 32 };

static const char *const verdicts[] = {
	[FOR_INFORMATION] = "",
	[MET] = "yes",
	[MISSED] = "NO",
	[NOT_OFFERED] = "n/a",
	[NOT_WORKING] = "FAILED",
};

/* ---- figures as text --------------------------------------------------- */

static void figure_text(enum unit unit, double value, char text[FIGURE_SIZE])
{
	if (unit == KIBIBYTES)
		snprintf(text, FIGURE_SIZE, "%.0f KiB", value);
	else if (value < 10)
		snprintf(text, FIGURE_SIZE, "%.1f ns", value);
	else if (value < 1e3)
		snprintf(text, FIGURE_SIZE, "%.0f ns", value);
	else if (value < 1e5)
		snprintf(text, FIGURE_SIZE, "%.2f us", value / 1e3);
	else if (value < 1e6)
		snprintf(text, FIGURE_SIZE, "%.0f us", value / 1e3);
	else
		snprintf(text, FIGURE_SIZE, "%.2f ms", value / 1e6);
}

static void side_text(const struct result *result, const struct side *side,
		      const struct figure *figure, char text[FIGURE_SIZE])
{
	text[0] = '\0';
	if (side->agent && figure->chunks)
		figure_text(result->row->unit, figure->median, text);
	else if (side->agent)
		snprintf(text, FIGURE_SIZE, "-");
}

/* What the target is about, in its own unit. */
static void compared_text(const struct row *row, double value, char text[FIGURE_SIZE])
{
	if (row->baseline.agent)
		snprintf(text, FIGURE_SIZE, value < 0.1 ? "%.3fx" : "%.2fx", value);
	else
		figure_text(row->unit, value, text);
}

/* ---- the table --------------------------------------------------------- */

static const char columns[] = "%-41s %10s  %-31s %10s  %7s  %9s  %s\n";

void table_head(FILE *to)
{
	fprintf(to, columns, "measure", "median", "against", "median", "ratio", "at most", "met");
}

void table_row(FILE *to, const struct result *result)
{
	const struct row *row = result->row;
	char subject[FIGURE_SIZE], baseline[FIGURE_SIZE];
	char ratio[FIGURE_SIZE] = "", target[FIGURE_SIZE] = "";
	const char *why = result_why(result);

	side_text(result, &row->subject, &result->subject, subject);
	side_text(result, &row->baseline, &result->baseline, baseline);
	if (result->ratio > 0)
		compared_text(row, result->ratio, ratio);
	if (row->target > 0)
		compared_text(row, row->target, target);
	fprintf(to, columns, row->title, subject, row->against ? row->against : "", baseline,
		ratio, target, verdicts[result_verdict(result)]);
	if (why)
		fprintf(to, "    %s: %s\n", row->name, why);
	fflush(to);
}

void table_foot(FILE *to, const struct result *results, unsigned count)
{
	unsigned counts[NOT_WORKING + 1] = { 0 };

	for (unsigned i = 0; i < count; i++)
		counts[result_verdict(&results[i])]++;
	fprintf(to, "%u targets met, %u missed; %u rows for information, %u not offered here, "
		    "%u failed.\n",
		counts[MET], counts[MISSED], counts[FOR_INFORMATION], counts[NOT_OFFERED],
		counts[NOT_WORKING]);
	fprintf(to, "Medians of chunks; the ratio is the median of the ratios of pairs of "
		    "chunks, measured in turn.\n");
}

/* ---- JSON -------------------------------------------------------------- */

static void json_string(FILE *to, const char *text)
{
	fputc('"', to);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fprintf(to, "\\%c", *text);
		else if ((unsigned char)*text < ' ')
			fprintf(to, "\\u%04x", (unsigned char)*text);
		else
			fputc(*text, to);
	}
	fputc('"', to);
}

static void json_member(FILE *to, const char *name, const char *text)
{
	fprintf(to, ", \"%s\": ", name);
	if (text)
		json_string(to, text);
	else
		fputs("null", to);
}

static void json_number(FILE *to, const char *name, double value, bool present)
{
	if (present)
		fprintf(to, ", \"%s\": %.6g", name, value);
	else
		fprintf(to, ", \"%s\": null", name);
}

static void json_figure(FILE *to, const char *name, const struct figure *figure)
{
	if (!figure->chunks) {
		fprintf(to, ", \"%s\": null", name);
		return;
	}
	fprintf(to, ", \"%s\": {\"median\": %.6g, \"quartiles\": [%.6g, %.6g], \"chunks\": %u}",
		name, figure->median, figure->low, figure->high, figure->chunks);
}

static void json_row(FILE *to, const struct result *result)
{
	const struct row *row = result->row;
	enum verdict verdict = result_verdict(result);

	fputs("    {\"name\": ", to);
	json_string(to, row->name);
	json_member(to, "measure", row->title);
	json_member(to, "against", row->against);
	json_member(to, "unit", row->unit == KIBIBYTES ? "KiB" : "ns");
	json_figure(to, "subject", &result->subject);
	json_figure(to, "baseline", &result->baseline);
	json_number(to, "ratio", result->ratio, result->ratio > 0);
	json_number(to, "at_most", row->target, row->target > 0);
	fprintf(to, ", \"met\": %s", verdict == MET ? "true" :
				     verdict == MISSED ? "false" : "null");
	json_member(to, verdict == NOT_OFFERED ? "not_offered" : "failure", result_why(result));
	fputc('}', to);
}

/* The CPU's name as Linux gives it on x86-64; elsewhere the machine's. */
static void cpu_name(char *name, size_t size, const char *otherwise)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	char line[256];

	snprintf(name, size, "%s", otherwise);
	while (file && fgets(line, sizeof(line), file)) {
		char *colon = strchr(line, ':');

		if (!colon || strncmp(line, "model name", strlen("model name")))
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(name, size, "%s", colon + 2);
		break;
	}
	if (file)
		fclose(file);
}

bool write_json(FILE *to, const struct result *results, unsigned count)
{
	struct utsname system;
	char cpu[128];

	uname(&system);
	cpu_name(cpu, sizeof(cpu), system.machine);
	fputs("{\n  \"kernel\": ", to);
	json_string(to, system.release);
	json_member(to, "cpu", cpu);
	fprintf(to, ", \"pinned_to\": [%d, %d],\n  \"rows\": [\n", machine.host, machine.peer);
	for (unsigned i = 0; i < count; i++) {
		json_row(to, &results[i]);
		fputs(i + 1 < count ? ",\n" : "\n", to);
	}
	fputs("  ]\n}\n", to);
	return fflush(to) == 0 && !ferror(to);
}

/* ---- columns for the plots --------------------------------------------- */

bool write_columns(FILE *to, const struct result *results, unsigned count)
{
	char value[FIGURE_SIZE], target[FIGURE_SIZE];

	fputs("name\tmeasure\tvalue\ttarget\tvalue_text\ttarget_text\tmet\n", to);
	for (unsigned i = 0; i < count; i++) {
		const struct row *row = results[i].row;
		enum verdict verdict = result_verdict(&results[i]);

		if (verdict != MET && verdict != MISSED)
			continue;
		compared_text(row, result_compared(&results[i]), value);
		compared_text(row, row->target, target);
		fprintf(to, "%s\t%s%s%s\t%.6g\t%.6g\t%s\t%s\t%d\n", row->name, row->title,
			row->against ? " / " : "", row->against ? row->against : "",
			result_compared(&results[i]), row->target, value, target, verdict == MET);
	}
	return fflush(to) == 0 && !ferror(to);
}

bool write_figures(FILE *to, const struct result *results, unsigned count)
{
	char text[FIGURE_SIZE];

	fputs("name\tmeasure\tvalue\tvalue_text\n", to);
	for (unsigned i = 0; i < count; i++) {
		const struct row *row = results[i].row;

		if (row->unit != NANOSECONDS || !results[i].subject.chunks)
			continue;
		figure_text(row->unit, results[i].subject.median, text);
		fprintf(to, "%s\t%s\t%.6g\t%s\n", row->name, row->title,
			results[i].subject.median, text);
	}
	return fflush(to) == 0 && !ferror(to);
}
