/* SPDX-License-Identifier: MIT */
/* libsodium: published test vectors, and coreutils. */
#include "library.h"

#include <signal.h>

static sffi_domain *domain;
static sffi_library *sodium;

static void open_sodium(void)
{
	int code = -1;

	library_enter_scratch();
	domain = test_open();
	sodium = library_load(domain, "sodium", "sodium/sodium.ffi");
	called(sodium, "sodium_init", &code);
	ck_assert_int_eq(code, 0);
}

static void close_sodium(void)
{
	sffi_library_close(&sodium);
	sffi_domain_close(&domain);
	library_leave_scratch();
}

static size_t bytes_of(uint8_t *bytes, const char *hex)
{
	size_t size = strlen(hex) / 2;

	for (size_t i = 0; i < size; i++) {
		unsigned byte;

		ck_assert_int_eq(sscanf(hex + 2 * i, "%2x", &byte), 1);
		bytes[i] = (uint8_t)byte;
	}
	return size;
}

static void are_bytes(const uint8_t *bytes, const char *hex)
{
	uint8_t expected[256];

	ck_assert_mem_eq(bytes, expected, bytes_of(expected, hex));
}

START_TEST(hashes_are_coreutils_hashes)
{
	library_write(library_scratch("file"), "abc", 3);
	library_same(PROGRAM " hash file | sed -n 's/^sha256 //p'", "sha256sum file");
	library_same(PROGRAM " hash file | sed -n 's/^blake2b //p'", "b2sum file");
	library_write(library_scratch("file"), "", 0);
	library_same(PROGRAM " hash file | sed -n 's/^blake2b //p'", "b2sum file");
	free(library_run("head -c 5000000 /dev/urandom >file"));
	library_same(PROGRAM " hash file | sed -n 's/^sha256 //p'", "sha256sum file");
	library_same(PROGRAM " hash file | sed -n 's/^blake2b //p'", "b2sum file");
	free(library_run_failing(PROGRAM " hash nothing 2>&1"));
}
END_TEST

START_TEST(what_is_sealed_is_opened_by_its_password_only)
{
	char *bytes;
	size_t size;

	free(library_run("head -c 100000 /dev/urandom >file"));
	free(library_run(PROGRAM " seal file 'a password'"));
	free(library_run(PROGRAM " open file.sealed 'a password' | cmp - file"));
	free(library_run_failing(PROGRAM " open file.sealed another 2>&1"));
	/* One bit of the file. */
	bytes = library_read(library_scratch("file.sealed"), &size);
	bytes[size / 2] ^= 1;
	library_write(library_scratch("file.sealed"), bytes, size);
	free(bytes);
	free(library_run_failing(PROGRAM " open file.sealed 'a password' 2>&1"));
}
END_TEST

/* FIPS 180-4 and RFC 7693, appendix A: "abc". */
START_TEST(hashes_by_the_book)
{
	const char *sha512 = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
			     "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";
	const char *blake2b = "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
			      "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923";
	uint8_t hash[64] = { 0 };
	void *state = NULL;
	int code;

	called(sodium, "crypto_hash_sha256", &code, hash, "abc", 3ull);
	are_bytes(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	called(sodium, "crypto_hash_sha512", &code, hash, "abc", 3ull);
	are_bytes(hash, sha512);
	called(sodium, "crypto_generichash", &code, hash, (size_t)64, "abc", 3ull, NULL, (size_t)0);
	are_bytes(hash, blake2b);
	/* In parts, with the state in the arena. */
	memset(hash, 0, sizeof hash);
	ck_ok(sffi_alloc(domain, &state, 384));
	called(sodium, "crypto_generichash_init", &code, state, NULL, (size_t)0, (size_t)64);
	called(sodium, "crypto_generichash_update", &code, state, "a", 1ull);
	called(sodium, "crypto_generichash_update", &code, state, "bc", 2ull);
	called(sodium, "crypto_generichash_final", &code, state, hash, (size_t)64);
	are_bytes(hash, blake2b);
	sffi_free(domain, state);
}
END_TEST

/* RFC 8032, 7.1: TEST 1 to 3. */
static const struct {
	const char *seed, *public, *message, *signature;
} signatures[] = {
	{ "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
	  "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
	  "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e3970"
	  "1cf9b46bd25bf5f0595bbe24655141438e7a100b" },
	{ "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
	  "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
	  "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613"
	  "d0f11d8c387b2eaeb4302aeeb00d291612bb0c00" },
	{ "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
	  "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
	  "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760"
	  "984dc6594a7c15e9716ed28dc027beceea1ec40a" },
};

START_TEST(signatures_by_the_book)
{
	uint8_t seed[32], public[32], secret[64], message[8], signature[64];
	unsigned long long size, length;
	int code;

	bytes_of(seed, signatures[_i].seed);
	size = bytes_of(message, signatures[_i].message);
	called(sodium, "crypto_sign_seed_keypair", &code, public, secret, seed);
	are_bytes(public, signatures[_i].public);
	called(sodium, "crypto_sign_detached", &code, signature, &length, message, size, secret);
	ck_assert_uint_eq(length, 64);
	are_bytes(signature, signatures[_i].signature);
	called(sodium, "crypto_sign_verify_detached", &code, signature, message, size, public);
	ck_assert_int_eq(code, 0);
	signature[7] ^= 1;
	called(sodium, "crypto_sign_verify_detached", &code, signature, message, size, public);
	ck_assert_int_eq(code, -1);
}
END_TEST

/* "Cryptography in NaCl", section 10. */
static const char *const box_key = "1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389";
static const char *const box_nonce = "69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37";
static const char *const box_message =
	"be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a"
	"1ac728d45e6c61296cdc3c01233561f41db66cce314adb310e3be8250c46f06dceea3a7fa1348057"
	"e2f6556ad6b1318a024a838f21af1fde048977eb48f59ffd4924ca1c60902e52f0a089bc76897040"
	"e082f937763848645e0705";
static const char *const box_sealed =
	"f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce48332ea7164d96a4"
	"476fb8c531a1186ac0dfc17c98dce87b4da7f011ec48c97271d2c20f9b928fe2270d6fb863d51738"
	"b48eeee314a7cc8ab932164548e526ae90224368517acfeabd6bb3732bc0e9da99832b61ca01b6de"
	"56244a9e88d5f9b37973f622a43d14a6599b1f654cb45a74e355a5";

START_TEST(boxes_by_the_book)
{
	uint8_t key[32], nonce[24], message[131], box[147], opened[131];
	unsigned long long size = bytes_of(message, box_message);
	int code;

	bytes_of(key, box_key);
	bytes_of(nonce, box_nonce);
	called(sodium, "crypto_secretbox_easy", &code, box, message, size, nonce, key);
	are_bytes(box, box_sealed);
	called(sodium, "crypto_secretbox_open_easy", &code, opened, box, size + 16, nonce, key);
	ck_assert_int_eq(code, 0);
	ck_assert_mem_eq(opened, message, sizeof message);
	box[20] ^= 1;
	called(sodium, "crypto_secretbox_open_easy", &code, opened, box, size + 16, nonce, key);
	ck_assert_int_eq(code, -1);
}
END_TEST

/* From the test suite of the Argon2 reference implementation. */
START_TEST(passwords_by_the_book)
{
	const char *known = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$"
			    "nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
	char own[128] = "";
	int code;

	called(sodium, "crypto_pwhash_str_verify", &code, known, "password", 8ull);
	ck_assert_int_eq(code, 0);
	called(sodium, "crypto_pwhash_str_verify", &code, known, "passwort", 8ull);
	ck_assert_int_eq(code, -1);
	called(sodium, "crypto_pwhash_str", &code, own, "password", 8ull, 1ull, (size_t)1 << 20);
	ck_assert_int_eq(code, 0);
	ck_assert_int_eq(strncmp(own, "$argon2id$v=19$m=1024,t=1,p=1$", 30), 0);
	called(sodium, "crypto_pwhash_str_verify", &code, own, "password", 8ull);
	ck_assert_int_eq(code, 0);
}
END_TEST

/* ---- misuse -------------------------------------------------------------------- */

static void recover(void)
{
	int code = -1;

	library_recover(domain);
	called(sodium, "sodium_init", &code);
	ck_assert_int_ge(code, 0);
}

START_TEST(no_key)
{
	uint8_t nonce[24] = { 0 }, box[19] = { 0 }, none[19] = { 0 };
	int code;

	library_crashed(library_call(sodium, "crypto_secretbox_easy", &code, box, "abc", 3ull, nonce, NULL),
			"crypto_secretbox_easy", "libsodium");
	ck_assert_mem_eq(box, none, sizeof box);
	recover();
}
END_TEST

START_TEST(a_state_after_its_end)
{
	void *state = NULL;
	int code;

	called(sodium, "sodium_malloc", &state, (size_t)384);
	called(sodium, "crypto_generichash_init", &code, state, NULL, (size_t)0, (size_t)64);
	called(sodium, "sodium_free", NULL, state);
	library_crashed(library_call(sodium, "crypto_generichash_update", &code, state, "abc", 3ull),
			"crypto_generichash_update", "libsodium");
	recover();
	/* The handle is the former worker's. */
	if (sffi_domain_mode(domain) == SFFI_ISOLATED)
		ck_refused(library_call(sodium, "sodium_free", NULL, state), SFFI_ESTALE, "gone");
}
END_TEST

START_TEST(guarded_memory)
{
	void *block = NULL;

	called(sodium, "sodium_malloc", &block, (size_t)32);
	/* It jumps to the C library's function, and leaves no frame. */
	library_crashed(library_call(sodium, "sodium_memzero", NULL, block, (size_t)64), "sodium_memzero",
			NULL);
	ck_assert_ptr_eq(sffi_fault_get_address(sffi_last_fault()), (char *)block + 32);
	recover();
	called(sodium, "sodium_malloc", &block, (size_t)32);
	called(sodium, "sodium_free", NULL, block);
	library_crashed(library_call(sodium, "sodium_free", NULL, block), "sodium_free", "libsodium");
	recover();
}
END_TEST

START_TEST(a_buffer_that_is_too_small)
{
	const char declaration[] = "int crypto_hash_sha512(out uint8_t hash[32], const uint8_t in[size], "
				   "unsigned long long size)";
	uint8_t hash[64] = { 0 }, none[64] = { 0 };
	int code;

	library_crashed(library_call(sodium, declaration, &code, hash, "abc", 3ull), "crypto_hash_sha512",
			NULL);
	ck_assert_int_eq(sffi_fault_get_kind(sffi_last_fault()), SFFI_FAULT_OVERRUN);
	ck_assert_mem_eq(hash, none, sizeof hash);
	recover();
}
END_TEST

static void object(void)
{
	sffi_upcall_fail("that is no use of libsodium");
}

/* libsodium ends the program when it is asked for the impossible; unless its handler refuses. */
START_TEST(misuse_ends_the_call_only)
{
	const char declaration[] = "int crypto_secretbox_easy(void *, const void *, unsigned long long, "
				   "const void *, const void *)";
	int code;

	library_crashed(library_call(sodium, declaration, &code, NULL, NULL, ~0ull, NULL, NULL),
			"crypto_secretbox_easy", "libsodium");
	ck_assert_int_eq(sffi_fault_get_signal(sffi_last_fault()), SIGABRT);
	recover();
	called(sodium, "sodium_set_misuse_handler", NULL, object);
	ck_refused(library_call(sodium, declaration, &code, NULL, NULL, ~0ull, NULL, NULL), SFFI_EUPCALL,
		   "that is no use");
	test_still_works(domain);
}
END_TEST

int main(int argc, char **argv)
{
	static const char *const libraries[] = { "libsodium.so.23", NULL };
	Suite *suite = suite_create("sodium");
	TCase *tests = tcase_create("sodium");

	tcase_add_checked_fixture(tests, open_sodium, close_sodium);
	tcase_add_test(tests, hashes_are_coreutils_hashes);
	tcase_add_test(tests, what_is_sealed_is_opened_by_its_password_only);
	tcase_add_test(tests, hashes_by_the_book);
	tcase_add_loop_test(tests, signatures_by_the_book, 0, 3);
	tcase_add_test(tests, boxes_by_the_book);
	tcase_add_test(tests, passwords_by_the_book);
	if (library_may_crash()) {
		tcase_add_test(tests, no_key);
		if (library_keeps_what_is_freed())
			tcase_add_test(tests, a_state_after_its_end);
		tcase_add_test(tests, guarded_memory);
		tcase_add_test(tests, a_buffer_that_is_too_small);
		tcase_add_test(tests, misuse_ends_the_call_only);
	}
	suite_add_tcase(suite, tests);
	return library_main(argc, argv, suite, libraries);
}
