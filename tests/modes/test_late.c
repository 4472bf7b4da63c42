/* SPDX-License-Identifier: MIT */
/* A host that has threads, which hammer the C library's locks, when the first domain is
 * opened: the zygote proves itself, and every domain works. */
#include "helper.h"

#include <dlfcn.h>
#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

enum { HAMMERS = 3, OPENS = 200, NAMES = 16 };

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

/* The names are there before the threads are: what else is in this program asks getenv, and
 * only a value may change under it (POSIX: getenv need not be thread-safe). */
static void hammer_setenv(unsigned turn)
{
	char name[32], value[32];

	snprintf(name, sizeof name, "HAMMER_%u", turn % NAMES);
	snprintf(value, sizeof value, "%u", turn / NAMES % 16);
	setenv(name, value, 1);
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

/* One lock may be held nearly always, but not all of them, nor one that AddressSanitizer makes
 * slow: then there is no moment at which a copy would be sound, and the hammers pause. */
static bool pauses;

static void *run(void *data)
{
	static const struct timespec pause = { .tv_nsec = 2000000 };
	hammer *blow = *(hammer *const *)data;

	for (unsigned turn = 0; !stop; turn++) {
		blow(turn);
		if (pauses)
			nanosleep(&pause, NULL);
	}
	return NULL;
}

static void open_many(void)
{
	for (int i = 0; i < OPENS; i++) {
		sffi_domain *domain = test_open();

		test_still_works(domain);
		sffi_domain_close(&domain);
	}
}

START_TEST(all_at_once)
{
	enum { ALL = sizeof hammers / sizeof *hammers };
	pthread_t threads[ALL];

	pauses = true;
	for (unsigned i = 0; i < NAMES; i++)
		hammer_setenv(i);
	for (int i = 0; i < ALL; i++)
		pthread_create(&threads[i], NULL, run, (void *)&hammers[i]);
	open_many();
	stop = true;
	for (int i = 0; i < ALL; i++)
		pthread_join(threads[i], NULL);
}
END_TEST

START_TEST(late)
{
	pthread_t threads[HAMMERS];

	pauses = test_is_sanitized();
	for (unsigned i = 0; i < NAMES; i++)
		hammer_setenv(i);
	for (int i = 0; i < HAMMERS; i++)
		pthread_create(&threads[i], NULL, run, (void *)&hammers[_i]);
	open_many();
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
	/* With AddressSanitizer, seven slow locks on busy CPUs are hardly ever free together. */
	if (!test_is_sanitized())
		tcase_add_test(tests, all_at_once);
	/* Its allocator, the first, has locks that only it takes: a copy cannot be proved to be sound. */
	tcase_add_loop_test(tests, late, test_is_sanitized(), sizeof hammers / sizeof *hammers);
	suite_add_tcase(suite, tests);
	return test_main(argc, argv, suite);
}
