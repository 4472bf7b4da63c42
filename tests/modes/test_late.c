/* SPDX-License-Identifier: MIT */
/* A host that has threads, which hammer the C library's locks, when the first domain is
 * opened: the zygote proves itself, and every domain works. */
#include "helper.h"

#include <dlfcn.h>
#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

enum { HAMMERS = 3, OPENS = 200 };

static _Atomic bool stop;

static void hammer_malloc(unsigned turn)
{
	void *blocks[32];

	for (unsigned i = 0; i < 32; i++)
		blocks[i] = malloc(16 + (turn * 7 + i * 131) % 6000);
	for (unsigned i = 0; i < 32; i++)
		free(blocks[i]);
}

static void hammer_stdio(unsigned turn)
{
	FILE *null = fopen("/dev/null", "w");

	if (null) {
		fprintf(null, "%u", turn);
		fclose(null);
	}
}

static void hammer_setenv(unsigned turn)
{
	char name[32];

	snprintf(name, sizeof name, "HAMMER_%u", turn % 16);
	setenv(name, "x", 1);
	unsetenv(name);
}

static void hammer_localtime(unsigned turn)
{
	time_t when = (time_t)turn * 86400;
	struct tm fields;

	tzset();
	localtime_r(&when, &fields);
	localtime(&when);
}

static void hammer_setlocale(unsigned turn)
{
	setlocale(LC_ALL, turn % 2 ? "C" : "C.UTF-8");
}

static void hammer_rand(unsigned turn)
{
	for (int i = 0; i < 100; i++)
		turn += (unsigned)rand();
	srand(turn);
}

static void hammer_dlopen(unsigned turn)
{
	void *library = dlopen(turn % 2 ? "libm.so.6" : "libz.so.1", RTLD_NOW);

	if (library)
		dlclose(library);
}

typedef void hammer(unsigned turn);

static hammer *const hammers[] = { hammer_malloc, hammer_stdio, hammer_setenv, hammer_localtime,
				   hammer_setlocale, hammer_rand, hammer_dlopen };

static void *run(void *data)
{
	hammer *blow = *(hammer *const *)data;

	for (unsigned turn = 0; !stop; turn++)
		blow(turn);
	return NULL;
}

START_TEST(late)
{
	pthread_t threads[HAMMERS];

	for (int i = 0; i < HAMMERS; i++)
		pthread_create(&threads[i], NULL, run, (void *)&hammers[_i]);
	for (int i = 0; i < OPENS; i++) {
		sffi_domain *domain = test_open();

		test_still_works(domain);
		sffi_domain_close(&domain);
	}
	stop = true;
	for (int i = 0; i < HAMMERS; i++)
		pthread_join(threads[i], NULL);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("late");
	TCase *tests = tcase_create("late");

	tcase_set_timeout(tests, 240);
	tcase_add_loop_test(tests, late, 0, sizeof hammers / sizeof *hammers);
	suite_add_tcase(suite, tests);
	return test_main(argc, argv, suite);
}
