/* SPDX-License-Identifier: MIT */
/* Compresses a file with zlib in a worker process: `compress FILE`.
 *
 * The declarations say what C leaves to the manual: `out` buffers are only written, and the length
 * of each array is an expression over the other parameters. So nothing is copied that need not be,
 * and a write past the end of `dest` would be found out. */
#include <safeffi.h>

#include <stdlib.h>
#include <string.h>

static const char zlib[] =
	"unsigned long compressBound(unsigned long sourceLen);\n"
	"int compress(out uint8_t dest[*destLen], unsigned long *destLen,\n"
	"             const uint8_t source[sourceLen], unsigned long sourceLen);\n";

static int fail(const char *what)
{
	fprintf(stderr, "compress: %s: %s\n", what, sffi_error());
	return 1;
}

static unsigned char *read_file(const char *path, unsigned long *size)
{
	FILE *file = fopen(path, "rb");
	unsigned char *bytes = NULL;
	long end;

	if (!file)
		return NULL;
	if (fseek(file, 0, SEEK_END) == 0 && (end = ftell(file)) >= 0) {
		rewind(file);
		bytes = malloc((size_t)end + 1);
		*size = bytes ? fread(bytes, 1, (size_t)end, file) : 0;
	}
	fclose(file);
	return bytes;
}

static int compress_file(sffi_library *library, const unsigned char *source, unsigned long size)
{
	sffi_function *bound = NULL, *compress = NULL;
	unsigned long packed = 0;
	unsigned char *dest;
	int result = -1;

	if (sffi_function_get(&bound, library, "compressBound") != SFFI_OK ||
	    sffi_function_get(&compress, library, "compress") != SFFI_OK ||
	    sffi_call(bound, &packed, size) != SFFI_OK)
		return fail("zlib");
	dest = malloc(packed);
	if (!dest)
		return 1;
	if (sffi_call(compress, &result, dest, &packed, source, size) != SFFI_OK)
		fail("compress");
	else if (result != 0)
		fprintf(stderr, "compress: zlib's error %d\n", result);
	else
		printf("%lu bytes became %lu\n", size, packed);
	free(dest);
	sffi_function_release(&bound);
	sffi_function_release(&compress);
	return result == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	sffi_domain *domain = NULL;
	sffi_library *library = NULL;
	unsigned long size = 0;
	unsigned char *source;
	int status;

	/* First, while there is little to clone and there are no threads. */
	if (sffi_init() != SFFI_OK)
		return fail("sffi_init");
	source = read_file(argc > 1 ? argv[1] : argv[0], &size);
	if (!source) {
		fprintf(stderr, "compress: cannot read the file\n");
		return 1;
	}
	if (sffi_domain_open(&domain, NULL) != SFFI_OK ||
	    sffi_library_open(&library, domain, "z") != SFFI_OK ||
	    sffi_library_declare(library, zlib) != SFFI_OK)
		status = fail("libz");
	else
		status = compress_file(library, source, size);
	sffi_library_close(&library);
	sffi_domain_close(&domain);
	free(source);
	return status;
}
