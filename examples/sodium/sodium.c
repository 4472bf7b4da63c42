/* SPDX-License-Identifier: MIT */
/* Hashes a file, seals it with a password, opens it again:
 *
 *	sodium hash FILE                  SHA-256 and BLAKE2b, as sha256sum and b2sum have them
 *	sodium seal FILE PASSWORD         to FILE.sealed
 *	sodium open FILE.sealed PASSWORD  to the standard output
 *
 * The file is read into the arena: the worker works on it where it lies, nothing is copied. */
#include "../must.h"

#include <string.h>
#include <sys/stat.h>

enum { SALT = 16, NONCE = 24, KEY = 32, TAG = 16, HEAD = SALT + NONCE, ARGON2ID = 2 };

static sffi_domain *domain;
static sffi_function *init, *random_bytes, *sha256, *blake2b, *derive, *seal, *open_box;

static const sffi_symbol symbols[] = {
	{ &init, "sodium_init" },
	{ &random_bytes, "randombytes_buf" },
	{ &sha256, "crypto_hash_sha256" },
	{ &blake2b, "crypto_generichash" },
	{ &derive, "crypto_pwhash" },
	{ &seal, "crypto_secretbox_easy" },
	{ &open_box, "crypto_secretbox_open_easy" },
	{ 0 },
};

struct file {
	uint8_t *bytes; /* in the arena */
	size_t size;
};

static void give_up(const char *what, const char *path)
{
	fprintf(stderr, "sodium: %s: %s\n", path, what);
	exit(1);
}

static struct file read_file(const char *path)
{
	FILE *stream = fopen(path, "rb");
	struct file file = { 0 };
	void *block = NULL;
	struct stat status;

	if (!stream || fstat(fileno(stream), &status) || !S_ISREG(status.st_mode))
		give_up("cannot be read", path);
	file.size = (size_t)status.st_size;
	must(sffi_alloc(domain, &block, file.size + 1));
	file.bytes = block;
	if (fread(file.bytes, 1, file.size, stream) != file.size)
		give_up("cannot be read", path);
	fclose(stream);
	return file;
}

static void print_hash(const char *name, const uint8_t *hash, size_t size, const char *path)
{
	printf("%s ", name);
	for (size_t i = 0; i < size; i++)
		printf("%02x", hash[i]);
	printf("  %s\n", path);
}

static int print_hashes(char **words)
{
	struct file file = read_file(words[0]);
	uint8_t hash[64];
	int code;

	must(sffi_call(sha256, &code, hash, file.bytes, (unsigned long long)file.size));
	print_hash("sha256", hash, 32, words[0]);
	must(sffi_call(blake2b, &code, hash, (size_t)64, file.bytes, (unsigned long long)file.size, NULL,
		       (size_t)0));
	print_hash("blake2b", hash, 64, words[0]);
	return 0;
}

static void key_of(uint8_t *key, const char *password, const uint8_t *salt)
{
	int code;

	must(sffi_call(derive, &code, key, (unsigned long long)KEY, password,
		       (unsigned long long)strlen(password), salt, 2ull, (size_t)64 << 20, ARGON2ID));
	if (code)
		give_up("no memory for it", "password");
}

/* The sealed file: salt, nonce, box. */
static int seal_file(char **words)
{
	struct file file = read_file(words[0]);
	uint8_t head[HEAD], key[KEY];
	void *box = NULL;
	char path[4096];
	FILE *stream;
	int code;

	must(sffi_call(random_bytes, NULL, head, sizeof head));
	key_of(key, words[1], head);
	must(sffi_alloc(domain, &box, file.size + TAG));
	must(sffi_call(seal, &code, box, file.bytes, (unsigned long long)file.size, head + SALT, key));
	snprintf(path, sizeof path, "%s.sealed", words[0]);
	stream = fopen(path, "wb");
	if (!stream || fwrite(head, 1, HEAD, stream) != HEAD ||
	    fwrite(box, 1, file.size + TAG, stream) != file.size + TAG || fclose(stream))
		give_up("cannot be written", path);
	return 0;
}

static int open_file(char **words)
{
	struct file file = read_file(words[0]);
	uint8_t key[KEY];
	void *message = NULL;
	size_t size;
	int code;

	if (file.size < HEAD + TAG)
		give_up("not sealed by this program", words[0]);
	size = file.size - HEAD;
	key_of(key, words[1], file.bytes);
	must(sffi_alloc(domain, &message, size));
	must(sffi_call(open_box, &code, message, file.bytes + HEAD, (unsigned long long)size,
		       file.bytes + SALT, key));
	if (code)
		give_up("another password, or the file was changed", words[0]);
	return fwrite(message, 1, size - TAG, stdout) == size - TAG ? 0 : 1;
}

static const struct command {
	const char *name;
	int words;
	int (*run)(char **words);
} commands[] = {
	{ "hash", 1, print_hashes },
	{ "seal", 2, seal_file },
	{ "open", 2, open_file },
};

int main(int argc, char **argv)
{
	sffi_library *sodium;
	int code, status;

	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		if (argc < 2 || strcmp(argv[1], commands[i].name) != 0 || argc != 2 + commands[i].words)
			continue;
		must(sffi_init());
		must(sffi_domain_open(&domain, NULL));
		sodium = must_load(domain, "sodium", EXAMPLES "/sodium/sodium.ffi", symbols);
		must(sffi_call(init, &code));
		status = code < 0 ? 1 : commands[i].run(argv + 2);
		sffi_functions_release(symbols);
		sffi_library_close(&sodium);
		sffi_domain_close(&domain);
		return status;
	}
	fprintf(stderr, "usage: sodium hash FILE | seal FILE PASSWORD | open FILE PASSWORD\n");
	return 2;
}
