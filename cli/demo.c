/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <argp.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static error_t parse(int key, char *argument, struct argp_state *state)
{
	(void)argument;
	if (key == ARGP_KEY_ARG)
		argp_error(state, "demo takes no arguments");
	return key == ARGP_KEY_ARG ? 0 : ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.parser = parse,
	.doc = "Call real libraries (libm, libz, libsodium), crash in eight ways, print every report, "
	       "and go on calling."
	       "\vExit status: 0 if everything was as promised, else 1.",
};

int cli_demo_check(bool good, const char *format, ...)
{
	va_list arguments;

	printf("   %s ", good ? "ok:" : "FAILED:");
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
	fflush(stdout);
	return good ? 0 : 1;
}

static int broken(const char *what)
{
	return cli_demo_check(false, "%s: %s", what, cli_error());
}

/* ---- 1. numbers: libm ------------------------------------------------------------ */

static int compute(sffi_domain *domain)
{
	sffi_library *math = NULL;
	sffi_function *cosine = NULL;
	int failures = 0;

	puts("\n1. Numbers: libm's cos, in a process of its own");
	puts("   double cos(double x)");
	if (sffi_library_open(&math, domain, "libm.so.6") != SFFI_OK ||
	    sffi_function_get(&cosine, math, "double cos(double x)") != SFFI_OK)
		failures = broken("cos");
	for (double x = 0.0; failures == 0 && x < 2.5; x += 1.0) {
		double here = cos(x), there = NAN;

		if (sffi_call(cosine, &there, x) != SFFI_OK)
			failures = broken("cos");
		else
			failures = cli_demo_check(here == there, "cos(%g) is %.15g there, %.15g here", x,
						  there, here);
	}
	sffi_function_release(&cosine);
	sffi_library_close(&math);
	return failures;
}

/* ---- 2. buffers: libz ------------------------------------------------------------ */

static const char zlib_declarations[] =
	"int compress(out uint8_t dest[*destLen], unsigned long *destLen,\n"
	"             const uint8_t source[sourceLen], unsigned long sourceLen);\n"
	"int uncompress(out uint8_t dest[*destLen], unsigned long *destLen,\n"
	"               const uint8_t source[sourceLen], unsigned long sourceLen);\n"
	"unsigned long compressBound(unsigned long sourceLen);\n";

struct bytes {
	unsigned char *data;
	size_t size;
};

/* The licence that Debian ships; else this very program. */
static struct bytes read_sample(const char **name)
{
	static const char *const names[] = { "/usr/share/common-licenses/GPL-3", "/proc/self/exe" };
	struct bytes bytes = { NULL, 0 };
	FILE *file = NULL;

	for (size_t i = 0; !file && i < sizeof names / sizeof *names; i++)
		file = fopen(*name = names[i], "re");
	if (!file)
		return bytes;
	bytes.data = malloc(1 << 20);
	if (bytes.data)
		bytes.size = fread(bytes.data, 1, 1 << 20, file);
	fclose(file);
	return bytes;
}

/* Both functions have the same parameters, and give how much they wrote through destLen. */
static int transform(sffi_library *zlib, const char *name, struct bytes from, struct bytes *to)
{
	sffi_function *function = NULL;
	unsigned long size = to->size;
	int result = -1, failures = 0;

	if (sffi_function_get(&function, zlib, name) != SFFI_OK ||
	    sffi_call(function, &result, to->data, &size, from.data, (unsigned long)from.size) !=
		    SFFI_OK)
		failures = broken(name);
	else if (result != 0)
		failures = cli_demo_check(false, "%s returned %d", name, result);
	to->size = size;
	sffi_function_release(&function);
	return failures;
}

static int compress_sample(sffi_library *zlib, const char *name, struct bytes sample)
{
	struct bytes packed, back;
	int failures = 0;

	packed.size = sample.size + sample.size / 1000 + 64;
	packed.data = malloc(packed.size);
	back.size = sample.size;
	back.data = calloc(1, sample.size + 1);
	if (!packed.data || !back.data)
		failures = cli_demo_check(false, "out of memory");
	if (failures == 0)
		failures = transform(zlib, "compress", sample, &packed);
	if (failures == 0)
		failures = cli_demo_check(packed.size > 0 && packed.size < sample.size,
					  "%s: %zu bytes became %zu", name, sample.size, packed.size);
	if (failures == 0)
		failures = transform(zlib, "uncompress", packed, &back);
	if (failures == 0)
		failures = cli_demo_check(back.size == sample.size &&
						  memcmp(back.data, sample.data, sample.size) == 0,
					  "uncompressed, all %zu bytes are the file's", back.size);
	free(packed.data);
	free(back.data);
	return failures;
}

static int compress_file(sffi_domain *domain)
{
	sffi_library *zlib = NULL;
	const char *name;
	struct bytes sample = read_sample(&name);
	int failures = 0;

	puts("\n2. Buffers: libz compresses a file; the declarations say how long each buffer is");
	puts("   int compress(out uint8_t dest[*destLen], unsigned long *destLen,");
	puts("                const uint8_t source[sourceLen], unsigned long sourceLen)");
	if (sample.size == 0)
		failures = cli_demo_check(false, "no file to compress");
	else if (sffi_library_open(&zlib, domain, "libz.so.1") != SFFI_OK ||
		 sffi_library_declare(zlib, zlib_declarations) != SFFI_OK)
		failures = broken("libz");
	else
		failures = compress_sample(zlib, name, sample);
	sffi_library_close(&zlib);
	free(sample.data);
	return failures;
}

/* ---- 3. a known answer: libsodium ------------------------------------------------- */

/* FIPS 180-2, appendix B.1: SHA-256 of "abc". */
static const char sha256_of_abc[] =
	"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
/* RFC 7693, appendix A: BLAKE2b-512 of "abc" begins so. */
static const char blake2b_of_abc[] = "ba80a53f981c4d0d";

static int check_digest(const char *name, const uint8_t *digest, const char *expected)
{
	char text[2 * 64 + 1] = "";

	for (size_t i = 0; 2 * i < strlen(expected); i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
	return cli_demo_check(strcmp(text, expected) == 0, "%s(\"abc\") is %s%s", name, text,
			      strlen(expected) < 64 ? "..." : "");
}

static int hash(sffi_domain *domain)
{
	static const uint8_t message[] = { 'a', 'b', 'c' };
	uint8_t digest[64] = { 0 };
	sffi_library *sodium = NULL;
	sffi_function *sha256 = NULL, *blake2b = NULL;
	int failures = 0, result = -1;

	puts("\n3. A known answer: libsodium's hashes of \"abc\"");
	puts("   int crypto_hash_sha256(out uint8_t hash[32], const uint8_t in[n], unsigned long long n)");
	if (sffi_library_open(&sodium, domain, "sodium") != SFFI_OK ||
	    sffi_function_get(&sha256, sodium,
			      "int crypto_hash_sha256(out uint8_t hash[32], const uint8_t in[n],"
			      " unsigned long long n)") != SFFI_OK ||
	    sffi_function_get(&blake2b, sodium,
			      "int crypto_generichash(out uint8_t hash[size], size_t size,"
			      " const uint8_t in[n], unsigned long long n,"
			      " const uint8_t key[keySize], size_t keySize)") != SFFI_OK)
		failures = broken("libsodium");
	else if (sffi_call(sha256, &result, digest, message, 3ULL) != SFFI_OK)
		failures = broken("crypto_hash_sha256");
	else
		failures = check_digest("SHA-256", digest, sha256_of_abc);
	if (failures == 0) {
		if (sffi_call(blake2b, &result, digest, (size_t)64, message, 3ULL, NULL, (size_t)0) !=
		    SFFI_OK)
			failures = broken("crypto_generichash");
		else
			failures = check_digest("BLAKE2b", digest, blake2b_of_abc);
	}
	sffi_function_release(&sha256);
	sffi_function_release(&blake2b);
	sffi_library_close(&sodium);
	return failures;
}

/* ---- all of it --------------------------------------------------------------------- */

static sffi_status open_domain(sffi_domain **domain)
{
	sffi_options options;
	sffi_status status = sffi_init();

	if (status != SFFI_OK)
		return status;
	sffi_options_init(&options);
	options.mode = SFFI_ISOLATED;
	return sffi_domain_open(domain, &options);
}

int cli_demo(int argc, char **argv)
{
	sffi_domain *domain = NULL;
	pid_t worker;
	int failures = 0;

	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	if (open_domain(&domain) != SFFI_OK)
		return cli_failed();

	worker = sffi_domain_pid(domain);
	puts("SafeFFI calls C functions in a worker process. This program is the host.");
	printf("The host is process %d, its worker is process %d.\n", (int)getpid(), (int)worker);
	failures += compute(domain);
	failures += compress_file(domain);
	failures += hash(domain);
	failures += cli_demo_crashes(domain);

	puts("\nAfter all that");
	failures += cli_demo_check(sffi_domain_pid(domain) != worker,
				   "the worker is process %d, number %llu; the host is still process %d",
				   (int)sffi_domain_pid(domain),
				   (unsigned long long)sffi_domain_generation(domain), (int)getpid());
	sffi_domain_close(&domain);
	if (failures > 0)
		printf("\n%d promise%s broken.\n", failures, failures == 1 ? " was" : "s were");
	else
		puts("\nEverything was as promised. Now try: safeffi doctor");
	return failures == 0 ? CLI_OK : CLI_FAILED;
}
